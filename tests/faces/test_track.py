from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylexfer.faces import FaceTracker, find_face, track
from stylexfer.faces.track import OneEuroFilter, box_of, overlap

EXAMPLES = Path(__file__).parents[2] / "examples" / "photos"
FPS = 25


def load(name: str, shape: tuple[int, int] = (480, 480)) -> np.ndarray:
    picture = Image.open(EXAMPLES / name).convert("RGB")
    return np.asarray(picture.resize(shape, Image.Resampling.LANCZOS))


def moved(image: np.ndarray, x: int, y: int) -> np.ndarray:
    """The picture shifted, its border repeated."""
    padded = np.pad(image, ((60, 60), (60, 60), (0, 0)), mode="edge")
    height, width = image.shape[:2]
    return padded[60 - y : 60 - y + height, 60 - x : 60 - x + width]


HOPPER, EINSTEIN = load("grace_hopper.jpg", (410, 480)), load("einstein_1921.jpg", (410, 480))
EMPTY = np.full_like(HOPPER, 90)


@pytest.fixture
def looks(monkeypatch):
    """Counts the runs of the detector."""
    sizes = []
    original = track.detect_boxes

    def counted(image, side, threshold=0.0):
        sizes.append(side)
        return original(image, side, threshold)

    monkeypatch.setattr(track, "detect_boxes", counted)
    return sizes


def test_follows_a_moving_face_with_few_detections(looks):
    tracker = FaceTracker(FPS, steadiness=0)
    start = None
    for k in range(50):
        x, y = round(40 * np.sin(k / 8)), round(15 * np.sin(k / 5))
        face = tracker.update(moved(HOPPER, x, y))
        assert face is not None
        assert face.restarted == (k == 0)
        start = face.landmarks - (x, y) if k == 0 else start
        side = face.box[2] - face.box[0]
        assert np.abs(face.landmarks - (x, y) - start).mean() < 0.04 * side
    assert len(looks) < 18


def test_landmarks_agree_with_those_of_the_detector():
    tracker = FaceTracker(FPS)
    for _ in range(8):
        face = tracker.update(HOPPER)
    want = find_face(HOPPER)
    assert overlap(face.box, want.box) > 0.6
    assert np.abs(face.landmarks - want.landmarks).mean() < 0.03 * want.side


def test_a_face_that_appears_late_and_leaves():
    tracker = FaceTracker(FPS)
    seen = [tracker.update(frame) for frame in [EMPTY] * 6 + [HOPPER] * 12 + [EMPTY] * 3]
    assert [face is not None for face in seen] == [False] * 6 + [True] * 12 + [False] * 3
    assert [k for k, face in enumerate(seen) if face and face.restarted] == [6]


def test_a_face_that_fades_away_is_given_up():
    tracker = FaceTracker(FPS)
    fade = [np.uint8(HOPPER * (1 - a) + EMPTY * a) for a in np.linspace(0, 1, 40)]
    seen = [tracker.update(frame) for frame in [*fade, *[EMPTY] * 10]]
    assert seen[0] is not None
    assert all(face is None for face in seen[-5:])


def test_a_cut_to_another_person_starts_anew():
    tracker = FaceTracker(FPS, steadiness=1)
    seen = [tracker.update(frame) for frame in [HOPPER] * 10 + [EINSTEIN] * 10]
    assert [k for k, face in enumerate(seen) if face.restarted] == [0, 10]
    want = find_face(EINSTEIN)
    assert np.abs(seen[10].landmarks - want.landmarks).mean() < 0.05 * want.side


def test_follows_the_first_of_two_people():
    both = np.hstack([HOPPER, EINSTEIN])
    tracker = FaceTracker(FPS)
    boxes = [tracker.update(moved(both, k, 0)).box for k in range(20)]
    assert all(overlap(a, b) > 0.7 for a, b in pairwise(boxes))


def test_frames_of_any_size():
    tracker = FaceTracker(FPS)
    for shape in [(1, 1), (5, 900), (480, 410), (64, 64)]:
        tracker.update(np.zeros((*shape, 3), dtype=np.uint8))


def test_box_of_a_turned_face_lies_on_the_side_it_turns_to():
    points = find_face(HOPPER).landmarks.astype(float)
    turned = points.copy()
    turned[17:, 0] -= 0.1 * np.ptp(points[:, 0])
    assert box_of(turned)[0] < box_of(points)[0]


def noisy(points: int = 68, frames: int = 200) -> np.ndarray:
    noise = np.random.RandomState(0).normal(0, 1, (frames, points, 2))
    return np.random.RandomState(1).uniform(0, 200, (points, 2)) + noise


def test_one_euro_steadies_a_still_face_more_with_steadiness():
    shake = []
    for steadiness in (0.0, 0.3, 0.6, 1.0):
        smooth = OneEuroFilter(FPS, steadiness)
        out = np.array([smooth(points, 200) for points in noisy()])
        shake.append(np.diff(out[50:], axis=0).std())
    assert shake[0] > 2 * shake[1] and shake[1] > 1.3 * shake[2] and shake[2] > 1.3 * shake[3]


def test_one_euro_at_zero_is_the_input():
    smooth = OneEuroFilter(FPS, 0.0)
    for points in noisy(frames=5):
        assert np.array_equal(smooth(points, 200), points)


def test_one_euro_keeps_up_with_a_quick_head():
    smooth = OneEuroFilter(FPS, 0.5)
    still = np.random.RandomState(2).uniform(0, 200, (68, 2))
    for k in range(50):
        where = still + (k * 8, 0)  # a face side a second
        lag = np.abs(smooth(where, 200) - where)[:, 0].mean()
    assert lag < 0.06 * 200


def test_one_euro_is_independent_of_resolution():
    small, large = OneEuroFilter(FPS, 0.5), OneEuroFilter(FPS, 0.5)
    for points in noisy(frames=20):
        assert np.allclose(small(points, 200) * 3, large(points * 3, 600))
