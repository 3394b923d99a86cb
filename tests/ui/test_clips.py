from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylexfer.errors import NoFaceFound, TooLong
from stylexfer.faces.detect import find_face
from stylexfer.marks import Source
from stylexfer.marks.xmp import read_source_type
from stylexfer.media import open_picture, probe, read_frames, write_video
from stylexfer.transfer import FaceTransfer
from stylexfer.ui import clips, texts
from stylexfer.ui.engine import Engine, Motion, driver_frame
from stylexfer.ui.examples import FOLDER
from stylexfer.ui.session import Run
from tests.tiny import tiny_pack

MOTION = Motion(pose=1, expression=1, relative=False, steadiness=0.5)
PORTRAIT = FOLDER / "photos/grace_hopper.jpg"
_PEOPLE = ("grace_hopper.jpg", "collins_astronaut.png")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(FaceTransfer(tiny_pack(size=64), device="cpu"))


@pytest.fixture(scope="module")
def identity(engine):
    return engine.identify(open_picture(PORTRAIT))


@pytest.fixture
def clip(tmp_path) -> str:
    """Twelve frames: three of nothing, nine of a face."""
    source = FOLDER / "clips/clip_a.mp4"
    frames = read_frames(source, probe(source))
    shown = [next(frames) for _ in range(9)]
    frames.close()
    path = tmp_path / "clip.mp4"
    write_video(path, [np.zeros_like(shown[0])] * 3 + shown, Fraction(30000, 1001))
    return str(path)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _render(
    engine,
    identity,
    clip,
    view=texts.SHOW_FACE,
    run=None,
    progress=lambda *a, **k: None,
    part=(None, None),
    follow=False,
):
    picture = open_picture(PORTRAIT)
    info = clips.checked_clip(clip, *part)
    parts = clips.render_clip(
        engine, identity, picture, clip, info, MOTION, view, follow, run or Run(), progress
    )
    return [part for part in parts if part is not None][-1]


def test_counts_frames_without_a_face(engine, identity, clip):
    path, account = _render(engine, identity, clip)
    info = probe(path)
    assert (info.frames, info.fps) == (12, Fraction(30000, 1001))
    assert account.startswith("12 of 12 frames at 29.97")
    assert "3 frames show no face (from 0.0 s to 0.1 s)" in account


@pytest.mark.parametrize(
    ("view", "shape", "source"),
    [
        (texts.SHOW_FACE, (64, 64), Source.GENERATED),
        (texts.SHOW_SIDE, (256, 768), Source.COMPOSITE),
        (texts.SHOW_PASTED, (600, 512), Source.COMPOSITE),
    ],
)
def test_views(engine, identity, clip, view, shape, source):
    path, _ = _render(engine, identity, clip, view)
    info = probe(path)
    assert (info.height, info.width) == shape
    assert read_source_type(path) == source


def test_a_part_and_a_head_that_moves(engine, identity, clip):
    path, account = _render(engine, identity, clip, texts.SHOW_PASTED, part=(0.1, 0.3), follow=True)
    info = probe(path)
    assert (info.frames, info.height, info.width) == (6, 600, 512)
    assert account.startswith("6 of 6 frames") and "no face" not in account


def test_a_cut_is_told(engine, identity, tmp_path):
    shown = [open_picture(FOLDER / "photos" / name) for name in _PEOPLE]
    frames = [np.asarray(Image.fromarray(face).resize((300, 300))) for face in shown]
    path = tmp_path / "cut.mp4"
    write_video(path, [frames[0]] * 5 + [frames[1]] * 5, Fraction(25))
    _, account = _render(engine, identity, str(path))
    assert "Another view or person at 0.2 s" in account


def test_stop_keeps_what_is_done(engine, identity, clip):
    run, seen = Run(), []

    def progress(done, desc, unit):
        seen.append(desc)
        run.stopped = done[0] == 5

    path, account = _render(engine, identity, clip, run=run, progress=progress)
    assert probe(path).frames == 5
    assert account.startswith("Stopped: 5 of 12 frames")
    assert seen[4].startswith("Frame 5 of 12, about ")


def test_stopped_before_the_first_frame(engine, identity, clip, cache):
    run = Run()
    run.stopped = True
    assert _render(engine, identity, clip, run=run) == (None, texts.STOPPED_EMPTY)
    assert not cache.exists()


def test_no_face_at_all(engine, identity, tmp_path):
    path = tmp_path / "black.mp4"
    write_video(path, [np.zeros((240, 320, 3), np.uint8)] * 4, Fraction(25))
    with pytest.raises(NoFaceFound):
        _render(engine, identity, str(path))


def test_limit_of_seconds(tmp_path):
    path = tmp_path / "long.mp4"
    write_video(path, [np.zeros((32, 32, 3), np.uint8)] * 70, Fraction(1))
    with pytest.raises(TooLong, match="From and To"):
        clips.checked_clip(str(path))
    assert clips.checked_clip(str(path), 10, 30).duration == 20
    assert clips.checked_clip(str(path), 30, 0).duration == 40  # 0: to its end


def test_driver_is_cut_to_its_surroundings(engine, identity):
    picture = np.zeros((1500, 2500, 3), np.uint8)
    face = open_picture(FOLDER / "photos/collins_astronaut.png")
    picture[800 : 800 + face.shape[0], 1800 : 1800 + face.shape[1]] = face
    frame = driver_frame(picture)
    assert max(frame.shape) <= 640
    assert find_face(frame).side > 0.2 * max(frame.shape)
    animated = engine.drive_picture(identity, frame, 1.0, 1.0)
    assert animated.face and animated.image.shape == (64, 64, 3)
