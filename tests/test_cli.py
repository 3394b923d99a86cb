"""The command line, on a real photograph and a rendered clip, with a tiny pack."""

import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylexfer.cli import main
from stylexfer.marks import Source
from stylexfer.marks.xmp import read_source_type
from stylexfer.media import open_picture, probe, read_frames
from stylexfer.media.probe import ffmpeg
from stylexfer.packs import save_pack
from tests.media.clips import unsigned
from tests.tiny import tiny_pack

ROOT = Path(__file__).resolve().parents[1]
PHOTO = ROOT / "examples" / "photos" / "grace_hopper.jpg"
OTHER = ROOT / "examples" / "photos" / "collins_astronaut.png"
CLIP = ROOT / "examples" / "clips" / "clip_a.mp4"
FRAMES = 20


def make(*args) -> None:
    subprocess.run(ffmpeg("-v", "error", *map(str, args)), check=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """A tiny pack, a short clip at 29.97 with sound, and files that are not what they should be."""
    folder = tmp_path_factory.mktemp("cli")
    pack = tiny_pack()
    pack.mapper.linear.weight *= 8  # so that a motion shows in the bytes of so small a picture
    save_pack(pack, folder / "pack")
    tone = ("-f", "lavfi", "-i", "sine=440")
    coded = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest")
    rate = ("-r", "30000/1001", "-i", CLIP)
    make(*rate, *tone, "-frames:v", FRAMES, *coded, folder / "clip.mp4")
    make("-f", "lavfi", "-i", "testsrc2", "-frames:v", FRAMES, folder / "nobody.mp4")
    make(*tone, "-t", 1, "-c:a", "aac", folder / "sound.mp4")
    whole = (folder / "clip.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    (folder / "text.jpg").write_text("Not a picture.\n")
    Image.new("RGB", (300, 300), "teal").save(folder / "nobody.png")
    pair = [Image.open(path).convert("RGB").resize((400, 400)) for path in (PHOTO, OTHER)]
    Image.fromarray(np.hstack([np.asarray(picture) for picture in pair])).save(folder / "two.png")
    return folder


@pytest.fixture
def run(files, monkeypatch, capfd):
    """One command in `files`, in this process: (exit code, stdout, stderr)."""
    monkeypatch.chdir(files)

    def call(command: str) -> tuple[int, str, str]:
        code = main([word.replace("PHOTO", str(PHOTO)) for word in command.split()])
        return code, *capfd.readouterr()

    return call


def start(*args, **options) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "stylexfer", *map(str, args)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment, **pipes, **options)


def test_animate_as_a_process(files, tmp_path):
    output = tmp_path / "new" / "folder" / "out.mp4"
    process = start(
        *("animate", "--pack", files / "pack", "--identity", PHOTO),
        *("--driving", files / "clip.mp4", "-o", output),
    )
    stdout, stderr = process.communicate(timeout=120)
    assert (process.returncode, stderr) == (0, "")
    assert f"{FRAMES} frames, 0 without a face" in stdout
    assert "frames/s" in stdout
    info, driver = probe(output), probe(files / "clip.mp4")
    assert (info.frames, info.fps) == (driver.frames, driver.fps) == (FRAMES, Fraction(30000, 1001))
    assert (info.width, info.height) == (32, 32)
    assert info.audio_codec == driver.audio_codec == "aac"
    assert read_source_type(output) == Source.GENERATED
    assert [path.name for path in output.parent.iterdir()] == ["out.mp4"]
    frames = np.stack(list(read_frames(output, info)))
    assert len(frames) == FRAMES
    assert frames.std(axis=0).mean() > 0  # it moves


def test_an_error_as_a_process(files, tmp_path):
    process = start(
        *("animate", "--pack", files / "pack", "--identity", files / "text.jpg"),
        *("--driving", files / "clip.mp4", "-o", tmp_path / "out.mp4"),
    )
    stdout, stderr = process.communicate(timeout=120)
    assert (process.returncode, stdout) == (2, "")
    assert stderr.startswith("stylexfer: ")
    assert stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_ctrl_c_keeps_what_there_is(files, tmp_path):
    long = files / "long.mp4"
    make("-stream_loop", 9, "-i", CLIP, "-c", "copy", long)
    process = start(
        *("animate", "--pack", files / "pack", "--identity", PHOTO),
        *("--driving", long, "-o", tmp_path / "out.mp4"),
        # a test run started in the background has Ctrl-C ignored, and so would its children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    end = time.monotonic() + 60
    while not list(tmp_path.glob(".stylexfer-*/.*.part.mp4")):  # it has begun to write
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr.startswith("Stopped: the first ")
    kept = int(stderr.split()[3])
    assert 0 < kept < 2500
    info = probe(tmp_path / "out.mp4")
    assert info.frames == len(list(read_frames(tmp_path / "out.mp4", info))) == kept
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_layouts(run, files):
    command = "animate --pack pack --identity PHOTO --driving clip.mp4 --relative --pose 0.5"
    assert run(f"{command} --output side-by-side -o row.mp4")[0] == 0
    info = probe(files / "row.mp4")
    assert (info.width, info.height, info.frames) == (3 * 256, 256, FRAMES)
    assert run(f"{command} --output pasted -o pasted.mp4")[0] == 0
    info = probe(files / "pasted.mp4")
    assert (info.height, info.width) == open_picture(PHOTO).shape[:2]
    assert read_source_type(files / "pasted.mp4") == Source.COMPOSITE
    first = next(read_frames(files / "pasted.mp4", info)).astype(int)
    corner = np.abs(first - open_picture(PHOTO))[-40:, :40]
    assert corner.mean() < 4  # outside the face it is the photograph


def test_a_picture_drives(run, files):
    command = f"animate --pack pack --identity random:4 --driving {OTHER}"
    assert run(f"{command} -o one.png")[:2] == (0, "one.png\n")
    assert open_picture(files / "one.png").shape == (32, 32, 3)
    code, _, stderr = run(f"{command} -o one.mp4")
    assert code == 2
    assert "driver is a picture" in stderr


def test_a_clip_that_was_cut_short_gives_what_it_holds(run, files):
    make("-i", CLIP, "-t", 3, "-c", "copy", "-movflags", "+faststart", files / "fast.mp4")
    whole = (files / "fast.mp4").read_bytes()
    (files / "start.mp4").write_bytes(whole[: len(whole) // 2])
    code, stdout, stderr = run("animate --pack pack --identity PHOTO --driving start.mp4 -o s.mp4")
    assert code == 0
    assert stderr == "start.mp4 was cut short: what it holds was used.\n"
    assert 20 < int(stdout.split()[1]) < 75


def test_random(run, files):
    assert run("random --pack pack --seed 7 -o seven.png")[0] == 0
    assert run("random --pack pack --seed 7 8 9 --truncation 0.9 --no-label -o sheet.png")[0] == 0
    one, sheet = open_picture(files / "seven.png"), open_picture(files / "sheet.png")
    assert sheet.shape == (2 * one.shape[0], 2 * one.shape[1], 3)
    assert sheet[one.shape[0] :, one.shape[1] :].mean() < 3  # the fourth place is empty
    assert read_source_type(files / "sheet.png") == Source.GENERATED


def test_invert(run, files):
    assert run("invert --pack pack --identity PHOTO -o inverted.jpg")[0] == 0
    assert open_picture(files / "inverted.jpg").shape == (256, 512, 3)
    assert run("invert --pack pack --identity two.png --which 2 -o second.png")[0] == 0


def test_methods(run, files):
    command = "animate --pack pack --identity PHOTO --driving clip.mp4"
    assert run(f"{command} --method transfer -o t.mp4")[0] == 0
    assert run(f"{command} -o d.mp4")[0] == 0
    assert run(f"{command} --method psp -o p.mp4")[0] == 0
    t, d, p = (unsigned(files / f"{name}.mp4") for name in "tdp")
    assert t == d and t != p
    code, _, stderr = run(f"{command} --method e4e -o e.mp4")
    assert code == 2
    assert "transfer, psp" in stderr


def test_faithful(run, files):
    """The rows that the released demo shows, and none of the controls it does not have."""
    command = f"animate --pack pack --identity random:4 --driving {OTHER} --faithful"
    assert run(f"{command} -o f.png")[0] == 0
    assert open_picture(files / "f.png").shape == (26, 32, 3)
    for option in ("--pose 0.5", "--relative", "--output side-by-side", "--method psp"):
        code, _, stderr = run(f"{command} {option} -o g.png")
        assert (code, stderr.count("\n")) == (2, 1)
        assert "--faithful is the released code's inference" in stderr


def test_the_variable_chooses_the_pack(run, monkeypatch):
    monkeypatch.setenv("STYLEXFER_PACK", "pack")
    assert run("random --seed 7 -o v.png")[0] == 0
    monkeypatch.setenv("STYLEXFER_PACK", "no/pack")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "no/pack" in run("random --seed 7 -o v.png")[2]


def test_pack(run, files):
    code, shown, _ = run("pack show pack")
    assert code == 0
    assert "tiny" in shown
    assert "32 px" in shown
    assert run("pack verify pack")[0] == 0
    broken = files / "broken"
    save_pack(tiny_pack(), broken)
    (broken / "mapper.safetensors").write_bytes(b"")
    assert run("pack show broken")[0] == 0
    code, _, stderr = run("pack verify broken")
    assert code == 2
    assert "mapper.safetensors" in stderr


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("animate --identity nobody.png --driving clip.mp4 -o x.mp4", "No face was found"),
        ("animate --identity two.png --driving clip.mp4 -o x.mp4", "2 faces"),
        ("animate --identity two.png --which 5 --driving clip.mp4 -o x.mp4", "no face number 5"),
        ("animate --identity PHOTO --which 0 --driving clip.mp4 -o x.mp4", "--which counts from 1"),
        ("animate --identity text.jpg --driving clip.mp4 -o x.mp4", "not a picture"),
        ("animate --identity clip.mp4 --driving clip.mp4 -o x.mp4", "video"),
        ("animate --identity absent.png --driving clip.mp4 -o x.mp4", "absent.png"),
        ("animate --identity random:x --driving clip.mp4 -o x.mp4", "no seed"),
        (f"animate --identity random:{2**64} --driving clip.mp4 -o x.mp4", "no seed"),
        ("animate --identity PHOTO --driving absent.mp4 -o x.mp4", "absent.mp4"),
        ("animate --identity PHOTO --driving text.jpg -o x.mp4", "not a picture"),
        ("animate --identity PHOTO --driving cut.mp4 -o x.mp4", "damaged"),
        ("animate --identity PHOTO --driving sound.mp4 -o x.mp4", "sound but no picture"),
        ("animate --identity PHOTO --driving nobody.mp4 -o x.mp4", "No face was found"),
        ("animate --identity PHOTO --driving nobody.png -o x.png", "No face was found"),
        ("animate --identity PHOTO --driving clip.mp4 -o x.png", "video"),
        ("animate --identity PHOTO --driving clip.mp4 -o x.avi", ".mp4"),
        ("animate --identity PHOTO --driving clip.mp4 -o clip.mp4", "an input"),
        ("animate --identity PHOTO --driving clip.mp4 -o ./pack/../clip.mp4", "an input"),
        ("animate --identity PHOTO --driving clip.mp4 -o text.jpg/x.mp4", "cannot be made"),
        ("animate --identity PHOTO --driving clip.mp4 -o x.mp4 --device toaster", "toaster"),
        ("animate --identity random:1 --driving clip.mp4 --output pasted -o x.mp4", "random"),
        ("random --seed 1 -o x.mp4", ".png"),
        ("invert --identity two.png -o x.png", "2 faces"),
        ("invert --identity two.png -o two.png", "an input"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(run, files, command, message):
    before = {path: path.stat().st_size for path in files.iterdir()}
    code, stdout, stderr = run(f"{command} --pack pack")
    assert (code, stdout) == (2, "")
    assert stderr.startswith("stylexfer: ")
    assert stderr.count("\n") == 1
    assert message in stderr
    assert before == {path: path.stat().st_size for path in files.iterdir()}


def test_an_older_output_survives_a_failure(run, files):
    (files / "old.mp4").write_bytes(b"old")
    assert run("animate --pack pack --identity PHOTO --driving nobody.mp4 -o old.mp4")[0] == 2
    assert (files / "old.mp4").read_bytes() == b"old"


def test_no_such_pack(run, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for command in ("random --seed 1 -o x.png --pack no/pack", "pack show no/pack"):
        code, _, stderr = run(command)
        assert code == 2
        assert "no/pack" in stderr


@pytest.mark.parametrize(
    "arguments",
    [[], ["animate"], ["random", "--seed", "1", "-o", "x.png", "--truncation", "2"], ["pack"]],
)
def test_wrong_arguments(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage" in capsys.readouterr().err
