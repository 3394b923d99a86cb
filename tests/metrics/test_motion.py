import json
import subprocess
import sys
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from stylexfer.faces.detect import find_face
from stylexfer.media import open_picture, probe, read_frames, write_video
from stylexfer.metrics.motion import (
    FACE_SIGNALS,
    SIGNALS,
    correlation,
    face_signals,
    landmark_signals,
)

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CLIP = EXAMPLES / "clips" / "clip_b.mp4"


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    photo = open_picture(EXAMPLES / "photos" / "grace_hopper.jpg")
    return find_face(photo).landmarks.astype(float)


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    return list(islice(read_frames(CLIP, probe(CLIP)), 0, 250, 12))


def test_place_size_and_roll_do_not_matter(points):
    turn = np.radians(20)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = 0.6 * points @ rotation.T + (50, -8)
    before, after = landmark_signals(points), landmark_signals(moved)
    assert set(before) == set(SIGNALS)
    assert after.pop("roll") == pytest.approx(before.pop("roll") + 20)
    assert after == pytest.approx(before)


def test_signals_point_the_way_they_say(points):
    before = landmark_signals(points)

    def change(rows, by) -> dict[str, float]:
        moved = points.copy()
        moved[rows] += by
        after = landmark_signals(moved)
        return {
            name
            for name in SIGNALS
            if abs(after[name] - before[name]) > 1e-3 and after[name] > before[name]
        }

    face = set(FACE_SIGNALS)
    assert change([65, 66, 67], (0, 5)) & face == {"mouth"}
    assert change([37, 38], (0, -2)) & face == {"left_eye"}
    assert change([43, 44], (0, -2)) & face == {"right_eye"}
    assert change(range(17, 22), (0, -4)) & face == {"left_brow"}
    assert change(range(22, 27), (0, -4)) & face == {"right_brow"}


def test_a_mirror_turns_yaw_around(frames):
    seen = face_signals(frames)
    mirrored = face_signals([np.ascontiguousarray(frame[:, ::-1]) for frame in frames])
    assert not np.isnan(seen["yaw"]).any()
    assert correlation(seen["yaw"], mirrored["yaw"]) < -0.9
    assert correlation(seen["roll"], mirrored["roll"]) < -0.95
    assert correlation(seen["pitch"], mirrored["pitch"]) > 0.8
    assert correlation(seen["left_eye"], mirrored["right_eye"]) > 0.8


def test_small_pictures_tell_the_same(frames):
    seen, small = face_signals(frames), face_signals([frame[::3, ::3] for frame in frames])
    for name in ("yaw", "pitch", "roll", "mouth"):
        assert correlation(seen[name], small[name]) > 0.8, name


def test_no_face_is_nan(frames):
    signals = face_signals([frames[0], np.zeros_like(frames[0])])
    assert all(np.isfinite(signals[name][0]) and np.isnan(signals[name][1]) for name in SIGNALS)
    assert face_signals([])["yaw"].shape == (0,)


def test_correlation():
    a = np.array([1.0, 2.0, np.nan, 4.0, 3.0])
    assert correlation(a, 3 * a - 7) == pytest.approx(1)
    assert correlation(a, -a) == pytest.approx(-1)
    assert np.isnan(correlation(a, np.ones(5)))
    assert np.isnan(correlation([1.0, 2.0], [1.0, 2.0]))


def test_command(frames, tmp_path):
    clip, none = tmp_path / "clip.mp4", tmp_path / "none.mp4"
    write_video(clip, frames[:12], Fraction(25))
    none.write_text("no video")

    def run(*paths) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "stylexfer.metrics.motion", *map(str, paths)]
        return subprocess.run(
            command, cwd=EXAMPLES.parent, capture_output=True, text=True, check=False
        )

    done = run(clip, clip)
    assert done.stdout.count("\n") == 1
    found = json.loads(done.stdout)
    assert found["yaw"] == found["mouth"] == 1
    assert (found["frames"], found["faceless_driver"], found["faceless_output"]) == (12, 0, 0)
    done = run(clip, none)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
