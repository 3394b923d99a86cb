"""A clip from a driver's frames to a file, with a tiny pack: the same as frame by frame, bounded in
memory, and nothing left running however it ends."""

import gc
import json
import os
import threading
import weakref
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from stylexfer.clip import Account, listed, write_clip
from stylexfer.driving import Animated, View
from stylexfer.endurance import endurance
from stylexfer.errors import NoFaceFound, UnreadableMedia
from stylexfer.marks import Mark
from stylexfer.media import probe, read_frames, write_video
from stylexfer.transfer import FaceTransfer
from tests.media.clips import make, number_of, numbered, unsigned
from tests.test_transfer import BLANK, HOPPER, driver, photo
from tests.tiny import tiny_pack

RATE = Fraction(25)


@pytest.fixture(scope="module")
def model() -> FaceTransfer:
    pack = tiny_pack(size=64)
    pack.mapper.linear.weight *= 4
    return FaceTransfer(pack, device="cpu", dtype=torch.float32)


@pytest.fixture(scope="module")
def hopper(model):
    return model.identify(photo(HOPPER))


def children() -> set[str]:
    """Processes that this one has started and that still run."""
    tasks = Path("/proc/self/task").glob("*")  # nothing to see where there is no /proc
    return {child for task in tasks for child in (task / "children").read_text().split()}


@pytest.fixture(autouse=True)
def nothing_left():
    before = children()
    yield
    gc.collect()
    assert not [thread for thread in threading.enumerate() if thread.name == "ahead"]
    assert children() <= before


def result(number: int, face: bool = True, restarted: bool = False) -> Animated:
    view = View(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 2)), restarted) if face else None
    return Animated(numbered(number), view)


def written(path, results, info, driving, stop_after=None) -> Account:
    account = Account(info.fps)
    steps = write_clip(account, path, results, lambda r: r.image, info, driving, Mark.GENERATED)
    with closing(steps):
        for _ in steps:
            if account.frames == stop_after:
                break
    return account


def test_account():
    account = Account(RATE)
    faces = [False] * 5 + [True] * 5 + [False] * 10 + [True] * 5
    for k, face in enumerate(faces):
        account.add(result(k, face, restarted=k in (5, 8, 20)))
    assert (account.frames, account.faceless) == (25, 15)
    assert account.gaps == [(0.0, 0.2), (0.4, 0.8)]
    assert account.changes == [0.32]  # not where a gap says it


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, ""), (1, "0"), (2, "0 and 1"), (3, "0, 1 and 2"), (5, "0, 1, 2 and 2 more")],
)
def test_listed(count, words):
    assert listed([str(k) for k in range(count)]) == words


def test_frames_come_out_in_order_with_the_sound(tmp_path):
    driving = make(tmp_path / "driver.mp4", frames=60, rate="30000/1001", sound=("-c:a", "aac"))
    info = probe(driving)
    account = written(tmp_path / "out.mp4", (result(k) for k in range(60)), info, driving)
    made = probe(tmp_path / "out.mp4")
    assert account.frames == made.frames == 60
    assert (made.fps, made.audio_codec) == (info.fps, "aac")
    shown = [number_of(frame) for frame in read_frames(tmp_path / "out.mp4", made)]
    assert shown == list(range(60))


def test_stopping_half_way_keeps_a_playable_half(tmp_path):
    driving = make(tmp_path / "driver.mp4", frames=60, sound=("-c:a", "aac"))
    info, path = probe(driving), tmp_path / "out.mp4"
    account = written(path, (result(k) for k in range(60)), info, driving, stop_after=30)
    made = probe(path)
    assert account.frames == made.frames == 30
    assert made.has_audio
    assert [number_of(frame) for frame in read_frames(path, made)] == list(range(30))


def test_results_that_raise_keep_what_came_before(tmp_path):
    driving = make(tmp_path / "driver.mp4", frames=20)

    def failing():
        yield from (result(k) for k in range(7))
        raise NoFaceFound("no face")

    with pytest.raises(NoFaceFound):
        written(tmp_path / "out.mp4", failing(), probe(driving), driving)
    assert probe(tmp_path / "out.mp4").frames == 7


@pytest.fixture
def face_clip(tmp_path) -> Path:
    path = tmp_path / "face.mp4"
    write_video(path, [*driver(12), *[BLANK] * 3, *driver(5)], RATE)
    return path


def test_the_pipeline_gives_what_one_step_after_the_other_gives(tmp_path, model, hopper, face_clip):
    """The same file, to the byte, but for the signature."""
    info = probe(face_clip)
    frames = list(read_frames(face_clip, info))
    plain = [r.image for r in model.animate(hopper, frames)]
    write_video(tmp_path / "plain.mp4", plain, info.fps, face_clip)
    results = model.animate(hopper, read_frames(face_clip, info))
    account = written(tmp_path / "overlapped.mp4", results, info, face_clip)
    assert account.gaps == [(0.48, 0.6)]
    assert unsigned(tmp_path / "overlapped.mp4") == unsigned(tmp_path / "plain.mp4")


@pytest.mark.parametrize("after", [0, 1, 9])
def test_leaving_early_ends_every_thread_and_ffmpeg(tmp_path, model, hopper, face_clip, after):
    info = probe(face_clip)
    results = model.animate(hopper, read_frames(face_clip, info), batch_size=2)
    steps = write_clip(
        Account(info.fps),
        tmp_path / "o.mp4",
        results,
        lambda r: r.image,
        info,
        face_clip,
        Mark.GENERATED,
    )
    for _ in range(after):
        next(steps)
    steps.close()
    assert (tmp_path / "o.mp4").exists() == bool(after)


def test_a_file_that_stops_being_a_clip_ends_every_stage(tmp_path, model, hopper, face_clip):
    info = probe(face_clip)
    face_clip.write_bytes(b"nothing")
    with pytest.raises(UnreadableMedia):
        written(
            tmp_path / "o.mp4", model.animate(hopper, read_frames(face_clip, info)), info, face_clip
        )
    assert not (tmp_path / "o.mp4").exists()


class Frame(np.ndarray):
    """A picture that can be counted while it lives."""


def test_memory_is_bounded_whatever_the_length(tmp_path, model, hopper):
    living, most, count = set(), 0, 400
    picture = driver(1)[0]

    def frames():
        nonlocal most
        for k in range(count):
            frame = picture.copy().view(Frame)
            living.add(k)
            weakref.finalize(frame, living.discard, k)
            most = max(most, len(living))
            yield frame

    info = probe(make(tmp_path / "driver.mp4", frames=2))
    results = model.animate(hopper, frames(), batch_size=4)
    pictures = []

    def arrange(r: Animated) -> np.ndarray:
        pictures.append(weakref.ref(r.image.base if r.image.base is not None else r.image))
        assert sum(ref() is not None for ref in pictures[-60:]) <= 8 + 4 * 4
        return r.image

    account = Account(info.fps)
    for _ in write_clip(
        account, tmp_path / "o.mp4", results, arrange, info, tmp_path / "driver.mp4", Mark.GENERATED
    ):
        pass
    assert account.frames == count
    assert most <= 3  # only crops wait; of frames there are the one looked at and the next


def test_endurance(tmp_path, model, hopper, face_clip):
    """The long run, short: its numbers and its plot."""
    numbers = endurance(model, hopper, face_clip, 4 / 60, tmp_path / "run")
    assert (numbers["frames"], numbers["half_frames"]) == (100, 50)
    assert numbers["sound_ms"] < numbers["frame_ms"] == 40
    assert all(np.isfinite(numbers["rss_mb"]))
    json.dumps(numbers)
    names = ["driving.mp4", "half.mp4", "memory.csv", "memory.png", "whole.mp4"]
    assert sorted(os.listdir(tmp_path / "run")) == names
