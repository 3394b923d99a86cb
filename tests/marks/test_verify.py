import json
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylexfer.cli import main
from stylexfer.errors import TooLarge, UnreadableMedia
from stylexfer.marks import LABEL, Mark, Source
from stylexfer.marks.label import Label
from stylexfer.marks.xmp import read_source_type
from stylexfer.media import open_picture, save_picture, write_video
from stylexfer.verify import WORDS, Verdict, verify
from tests.marks.pictures import FACES, FOLDER, square
from tests.media.clips import run


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, Path]:
    """One marked file of each kind."""
    folder, picture = tmp_path_factory.mktemp("made"), square(FACES[0], 256)
    files = {ending: folder / f"made.{ending}" for ending in ("png", "jpg", "webp", "mp4")}
    mark = Mark(Source.COMPOSITE, pack="default")
    for ending, path in files.items():
        if ending != "mp4":
            save_picture(path, picture, mark)
    moving = (np.ascontiguousarray(np.roll(picture, k // 4, axis=1)) for k in range(40))
    write_video(files["mp4"], moving, Fraction(25), mark=mark)
    return files


KINDS = ("png", "jpg", "webp", "mp4")


def _again(path: Path, out: Path) -> Path:
    """Saved by a program that knows nothing of marks."""
    if path.suffix == ".mp4":
        run("-i", str(path), "-map_metadata", "-1", "-c:v", "libx264", "-crf", "28", str(out))
    else:
        Image.open(path).convert("RGB").save(out, quality=80)
    return out


@pytest.mark.parametrize("kind", KINDS)
def test_marked(made, kind):
    report = verify(made[kind])
    assert report.verdict == Verdict.MADE
    assert report.manifest.intact and report.manifest.pack == "default"
    assert report.source_type == report.manifest.source_type == Source.COMPOSITE
    assert report.watermark.marked and report.watermark.scale == 1


@pytest.mark.parametrize("kind", KINDS)
def test_edited(made, kind, tmp_path):
    """Another picture in the old coat, which is what a forger would try."""
    other = tmp_path / f"other.{kind}"
    data = bytearray(made[kind].read_bytes())
    if kind == "mp4":
        data[data.index(b"mdat") + 3000] ^= 1
    elif kind == "png":
        end = data.index(b"IEND") - 4
        data[end:end] = bytes.fromhex("00000004") + b"tEXtA\x00me" + bytes.fromhex("00000000")
    else:
        # More bytes at the end are an edit too, and need no decoder to agree.
        data += b"\x00\x00"
    other.write_bytes(data)
    if kind == "png":  # a chunk with a wrong sum: to be fixed, or no reader opens it
        import zlib

        at = data.index(b"tEXtA")
        data[at + 8 : at + 12] = zlib.crc32(bytes(data[at : at + 8])).to_bytes(4, "big")
        other.write_bytes(data)
    report = verify(other)
    assert report.verdict == Verdict.EDITED
    assert not report.manifest.intact and report.watermark.marked


@pytest.mark.parametrize("kind", KINDS)
def test_saved_again(made, kind, tmp_path):
    report = verify(_again(made[kind], tmp_path / f"again.{kind}"))
    assert report.verdict == Verdict.REENCODED
    assert report.manifest is None and report.source_type is None and report.watermark.marked


def test_foreign(tmp_path):
    clip = FOLDER / "clips/clip_b.mp4"
    for path in (FOLDER / FACES[0], clip):
        report = verify(path)
        assert report.verdict == Verdict.UNKNOWN and report.manifest is None


def test_one_that_only_says_so(tmp_path):
    path = tmp_path / "a.jpg"
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF'
        ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        ' xmlns:I="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"><I:DigitalSourceType>'
        f"{Source.GENERATED.url}</I:DigitalSourceType></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    Image.fromarray(square(FACES[1], 200)).save(path, xmp=packet.encode())
    report = verify(path)
    assert report.source_type == Source.GENERATED and report.verdict == Verdict.SAYS_SO


def test_no_files_of_media(tmp_path):
    for name, data in {
        "a.png": b"",
        "b.png": b"hello",
        "c.mp4": b"\x00\x00\x00\x18ftypisom" + bytes(100),
        "d.webp": b"RIFF" + bytes(60),
    }.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UnreadableMedia):
            verify(tmp_path / name)
    with pytest.raises(UnreadableMedia):
        verify(tmp_path / "none.png")
    huge = tmp_path / "huge.png"
    Image.new("1", (9000, 9000)).save(huge)
    with pytest.raises(TooLarge):
        verify(huge)
    with pytest.raises(TooLarge):
        verify(FOLDER / "clips/clip_b.mp4", max_bytes=1000)


def test_command(made, tmp_path, capsys):
    again = _again(made["jpg"], tmp_path / "again.jpg")
    assert main(["verify", str(made["mp4"]), str(again)]) == 0
    told = capsys.readouterr().out
    assert f"made.mp4: {WORDS[Verdict.MADE]}" in told and "pack default" in told
    assert f"again.jpg: {WORDS[Verdict.REENCODED]}" in told

    (tmp_path / "bad.png").write_bytes(b"hello")
    files = [str(made["png"]), str(again), str(tmp_path / "bad.png")]
    assert main(["verify", "--json", *files]) == 2
    told = json.loads(capsys.readouterr().out)
    assert [told[file].get("verdict") for file in files] == ["made", "re-encoded", None]
    assert told[files[0]]["c2pa"]["intact"] is True
    assert told[files[0]]["watermark"]["found"] is True
    assert "not a picture" in told[files[2]]["error"]
    assert main(["verify", files[2]]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_exiftool_reads_it_too(made):
    if not shutil.which("exiftool"):
        pytest.skip("exiftool is not installed, so no reader but ours and c2pa's has looked")
    import subprocess

    for kind, path in made.items():
        command = ["exiftool", "-j", "-XMP-iptcExt:DigitalSourceType", str(path)]
        (told,) = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        assert told["DigitalSourceType"] == Source.COMPOSITE.url, kind


@pytest.mark.parametrize("ending", ["png", "mp4"])
def test_the_label_is_seen_and_can_be_left_out(tmp_path, ending):
    grey = np.full((256, 256, 3), 90, np.uint8)
    corner = {}
    for label in (LABEL, None):
        path = tmp_path / f"{label}.{ending}"
        if ending == "png":
            save_picture(path, grey, Mark(label=label))
            picture = open_picture(path)
        else:
            write_video(path, [grey] * 3, Fraction(25), mark=Mark(label=label))
            run("-i", str(path), "-frames:v", "1", str(tmp_path / "frame.png"))
            picture = open_picture(tmp_path / "frame.png")
        assert abs(int(picture[:200].mean()) - 90) <= 2
        corner[label] = picture[236:, 160:]
    assert corner[LABEL].max() > 215 and corner[None].max() < 130


@pytest.mark.parametrize("size", [(16, 16), (64, 40), (128, 128), (480, 640), (2000, 3000)])
@pytest.mark.parametrize(
    "text", [LABEL, "KI-generiert", "Vygenerováno AI", "人工智能生成", "x" * 200]
)
def test_the_label_fits(size, text):
    grey = np.full((*size, 3), 90, np.uint8)
    drawn = Label(text, *size)(grey)
    assert drawn.shape == grey.shape and (grey == 90).all()
    changed = (drawn != grey).any(axis=2)
    assert changed[-1, -1] and changed.mean() < (1 if min(size) < 100 else 0.12)


def test_xmp_of_broken_files(tmp_path):
    path = tmp_path / "a.mp4"
    for data in (
        b"\x00\x00\x00\x08ftyp" * 50_000,
        b"\x00\x00\x00\x18ftypisom" + bytes(12) + b"\x00\x00\x00\x01uuid" + b"\xff" * 8 + bytes(99),
        b"\x00\x00\x00\x18ftypisom" + bytes(12) + b"\x00\x00\x00\x04uuid" + bytes(99),
    ):
        path.write_bytes(data)
        assert read_source_type(path) is None
