"""Clips as phones, browsers and screens make them, through the command line with a tiny pack."""

import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from stylexfer.cli import main
from stylexfer.media import probe, read_frames
from stylexfer.packs import save_pack
from tests.media.clips import run as run_ffmpeg
from tests.test_transfer import BLANK, COLLINS, EINSTEIN, HOPPER, driver, far, photo
from tests.tiny import tiny_pack

H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
HEIGHT, WIDTH = (side // 2 * 2 for side in BLANK.shape[:2])
TONE = ("-f", "lavfi", "-i", "sine=440:duration=30", "-shortest", "-c:a", "aac")


def face_clip(
    path: Path,
    frames: Sequence[np.ndarray],
    rate: str = "25",
    video: Sequence[str] = H264,
    filters: str = "null",
    sound: Sequence[str] = (),
) -> Path:
    data = b"".join(np.ascontiguousarray(frame[:HEIGHT, :WIDTH]).tobytes() for frame in frames)
    source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", rate)
    shown = ("-vf", filters, "-fps_mode", "passthrough")
    # inputs first, then options of the output
    more, rest = sound[:4], sound[4:]
    run_ffmpeg(*source, "-i", "pipe:0", *more, *shown, *video, *rest, str(path), data=data)
    return path


@pytest.fixture(scope="module")
def pack(tmp_path_factory) -> Path:
    pack = tiny_pack(size=64)
    pack.mapper.linear.weight *= 8  # so that a motion shows in so small a picture
    folder = tmp_path_factory.mktemp("pack")
    save_pack(pack, folder)
    return folder


@pytest.fixture
def animate(pack, tmp_path, capfd):
    """Drive Hopper with a clip: (what is in the result, its frames, what was said)."""
    output = tmp_path / "out.mp4"

    def call(clip: Path, *options: str):
        capfd.readouterr()  # what an encoder said
        command = ["animate", "--pack", pack, "--identity", HOPPER, "--driving", clip]
        code = main([str(word) for word in (*command, "-o", output, *options)])
        out, err = capfd.readouterr()
        assert (code, err) == (0, "")
        info = probe(output)
        return info, list(read_frames(output, info)), out

    return call


@pytest.mark.parametrize("rate", ["30000/1001", "15", "60"])
def test_rates(animate, tmp_path, rate):
    clip = face_clip(tmp_path / "a.mp4", driver(12), rate, sound=TONE)
    info, frames, said = animate(clip)
    assert (info.fps, len(frames), info.has_audio) == (Fraction(rate), 12, True)
    assert "12 frames, 0 without a face" in said


def test_variable_rate_keeps_time(animate, tmp_path):
    """Ten frames in two seconds, then ten without a face in half a second."""
    filters = "settb=1/1000,setpts='if(lt(N,10),N*200,2000+(N-10)*50)'"
    clip = face_clip(tmp_path / "a.mkv", [driver(1)[0]] * 10 + [BLANK] * 10, filters=filters)
    assert probe(clip).variable_rate
    info, frames, said = animate(clip)
    assert len(frames) / info.fps == pytest.approx(2.5, abs=0.15)
    begin, end = map(float, re.search(r"no face from (\S+) s to (\S+) s", said).groups())
    assert begin == pytest.approx(2.0, abs=0.16)
    assert end == pytest.approx(len(frames) / info.fps, abs=0.06)


@pytest.mark.parametrize(
    ("ending", "video"),
    [
        (
            "mov",
            ("-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-pix_fmt", "yuv420p"),
        ),
        ("mp4", ("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le")),
        ("webm", ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8")),
        ("mp4", ("-c:v", "libsvtav1", "-preset", "12", "-pix_fmt", "yuv420p")),
    ],
    ids=["hevc", "hevc10", "vp9", "av1"],
)
def test_codecs(animate, tmp_path, monkeypatch, ending, video):
    # pixels are compared, and a watermark is fitted to the first frame of each clip
    monkeypatch.setattr("stylexfer.marks.stamp.Watermark", lambda first: lambda picture: picture)
    frames = driver(8)
    _, plain, _ = animate(face_clip(tmp_path / "plain.mp4", frames, video=(*H264, "-crf", "8")))
    info, shown, said = animate(face_clip(tmp_path / f"a.{ending}", frames, "25", video))
    assert (info.frames, info.fps) == (8, 25)
    assert "8 frames, 0 without a face" in said
    assert far(np.stack(shown), np.stack(plain)) < 3


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_phone_held_upright(animate, tmp_path, degrees):
    """The face lies on its side in the file, and the file says how to turn it."""
    upright = face_clip(tmp_path / "a.mp4", driver(6))
    turned, said_so = tmp_path / "turned.mp4", tmp_path / "phone.mp4"
    steps = ",".join(["transpose=clock"] * (degrees // 90))
    run_ffmpeg("-i", str(upright), "-vf", steps, *H264, str(turned))
    run_ffmpeg("-display_rotation", str(degrees), "-i", str(turned), "-c", "copy", str(said_so))
    assert "6 frames, 0 without a face" in animate(said_so)[2]


def test_a_face_that_leaves_and_returns(animate, tmp_path):
    clip = face_clip(tmp_path / "a.mp4", [*driver(10), *[BLANK] * 10, *driver(10)])
    _, frames, said = animate(clip)
    assert "30 frames, 10 without a face" in said
    assert "no face from 0.4 s to 0.8 s" in said
    held = [far(frame, frames[9]) for frame in frames]
    assert max(held[10:20]) < 1
    assert max(held[20:]) > max(held[10:20])


def test_a_face_that_appears_late(animate, tmp_path):
    clip = face_clip(tmp_path / "a.mp4", [*[BLANK] * 15, *driver(5)])
    _, frames, said = animate(clip)
    assert "20 frames, 15 without a face" in said
    assert "no face from 0.0 s to 0.6 s" in said
    assert far(frames[14], frames[0]) < 1 < far(frames[19], frames[0])


def test_another_person_after_a_cut(animate, tmp_path):
    """What comes after the cut is what that person alone would give."""
    other = [photo(COLLINS, 300)] * 10
    height, width = (min(a, b) for a, b in zip(other[0].shape[:2], BLANK.shape[:2], strict=True))
    first = [frame[:height, :width] for frame in driver(10)]
    padded = []
    for frame in [*first, *(frame[:height, :width] for frame in other)]:
        whole = np.full_like(BLANK, 40)
        whole[:height, :width] = frame
        padded.append(whole)
    _, frames, said = animate(face_clip(tmp_path / "a.mp4", padded))
    assert "20 frames, 0 without a face" in said
    assert "another view or person at 0.4 s" in said
    _, alone, _ = animate(face_clip(tmp_path / "b.mp4", padded[10:]))
    assert far(frames[19], alone[9]) < 0.3 * far(frames[9], alone[9])


def test_one_frame_and_no_sound(animate, tmp_path):
    info, frames, said = animate(face_clip(tmp_path / "a.mp4", driver(1)))
    assert (len(frames), info.has_audio) == (1, False)
    assert "1 frames, 0 without a face" in said


def test_a_part_of_a_clip(animate, tmp_path):
    clip = face_clip(tmp_path / "a.mp4", [*[BLANK] * 10, *driver(10), *[BLANK] * 10], sound=TONE)
    info, _, said = animate(clip, "--start", "0.4", "--end", "0.8")
    assert (info.frames, info.has_audio) == (10, True)
    assert "10 frames, 0 without a face" in said


def test_the_best_start(animate, tmp_path):
    """Hopper drives Hopper, after a second of Einstein: relative to that frame of hers which is most
    like the portrait, she keeps her own pose there; relative to the first, to his, she does not."""
    hers = np.full_like(BLANK, 40)
    own = photo(HOPPER, 300)[: BLANK.shape[0], : BLANK.shape[1]]
    hers[: own.shape[0], : own.shape[1]] = own
    clip = face_clip(tmp_path / "a.mp4", [*driver(12, EINSTEIN), *[hers] * 8])
    still = animate(clip, "--pose", "0", "--expression", "0")[1][-1]
    first, best = (animate(clip, "--relative", *more)[1][-1] for more in ((), ("--best-start",)))
    assert far(best, still) < 0.5 * far(first, still)


def test_the_head_moves_in_the_portrait_when_asked(animate, tmp_path):
    swaying = [np.roll(driver(1)[0], 4 * k, axis=1) for k in range(8)]
    clip = face_clip(tmp_path / "a.mp4", swaying)
    still = animate(clip, "--output", "pasted")[1]
    moved = animate(clip, "--output", "pasted", "--follow")[1]
    hat = np.s_[60:110]  # above what is pasted: only a head that moves takes it along
    assert far(still[7][hat], still[0][hat]) < 2 < far(moved[7][hat], moved[0][hat])
    assert far(moved[7][-2:], still[7][-2:]) < 2  # the lower border stays


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--start", "9"), "cannot start at 9 s"),
        (("--start", "0.2", "--end", "0.1"), "before it starts"),
        (("--best-start",), "--relative"),
        (("--follow",), "--output pasted"),
    ],
)
def test_options_that_do_not_fit(pack, tmp_path, capfd, options, message):
    clip = face_clip(tmp_path / "a.mp4", driver(8))
    command = ["animate", "--pack", pack, "--identity", HOPPER, "--driving", clip]
    assert main([str(word) for word in (*command, "-o", tmp_path / "o.mp4", *options)]) == 2
    assert message in capfd.readouterr().err
    assert not (tmp_path / "o.mp4").exists()
