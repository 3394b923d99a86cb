"""What is read of faces, beside what is known of them: rendered clips with exact pose and lids."""

import csv
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from stylexfer.faces.detect import find_face
from stylexfer.faces.pose import head_pose
from stylexfer.media import open_picture, probe, read_frames
from stylexfer.metrics.blinks import count_blinks, runs
from stylexfer.metrics.identity import SAME_PERSON, distance
from stylexfer.metrics.reading import Reader, Reading

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "examples" / "evaluation"
CLIPS = ("00", "01", "02")
EVERY = 5


@cache
def truth(clip: str) -> np.ndarray:
    """yaw, pitch, roll in degrees and lids (1 is shut), `[frames, 4]`."""
    rows = csv.DictReader((LIST / "truth.csv").read_text().splitlines())
    names = ("yaw", "pitch", "roll", "lids")
    return np.array([[float(r[n]) for n in names] for r in rows if r["clip"] == clip])


@cache
def frames(clip: str) -> list[np.ndarray]:
    path = LIST / "clips" / f"{clip}.mp4"
    return list(read_frames(path, probe(path)))


@cache
def read(clip: str) -> Reading:
    return Reader().read(frames(clip)[::EVERY], every=5)


def test_the_known_pose_is_read():
    errors = [read(c).pose - truth(c)[::EVERY, :3] for c in CLIPS]
    assert all(read(c).faces.mean() > 0.9 for c in CLIPS)
    yaw, pitch, _ = np.nanmean(np.abs(np.concatenate(errors)), axis=0)
    assert yaw < 2.5 and pitch < 6
    # a person's own proportions taken out
    yaw, pitch, _ = np.nanmean([np.abs(e - np.nanmean(e, axis=0)).mean(0) for e in errors], axis=0)
    assert yaw < 2 and pitch < 2


def test_a_mirror_turns_yaw_around():
    some = frames("01")[::12]
    seen = Reader().read(some, every=None).pose
    mirrored = Reader().read([np.ascontiguousarray(f[:, ::-1]) for f in some], every=None).pose
    assert np.abs(seen + mirrored)[:, [0, 2]].mean() < 2
    assert np.abs(seen - mirrored)[:, 1].mean() < 3


def test_pose_of_a_photograph_changes_sign_in_the_mirror():
    picture = open_picture(ROOT / "examples" / "photos" / "einstein_1921.jpg")
    ours, mirrored = (head_pose(find_face(p).landmarks) for p in (picture, picture[:, ::-1]))
    assert ours[0] < -15  # he looks to his right, the left of the picture
    assert np.allclose(np.multiply(mirrored, (-1, 1, -1)), ours, atol=5)


def test_place_size_and_turn_in_the_picture_do_not_matter():
    points = find_face(frames("00")[0]).landmarks.astype(float)
    turn = np.radians(15)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    yaw, pitch, roll = head_pose(points)
    moved = head_pose(3 * points @ rotation.T - 40)
    assert moved == pytest.approx((yaw, pitch, roll + 15))


@pytest.mark.parametrize("clip", CLIPS)
def test_shut_eyes_are_seen_in_the_pixels(clip):
    shut = truth(clip)[:, 3] >= 0.95
    assert shut.any()
    near = [k for a, b in runs(shut) for k in range(a, b)]
    chosen = [*near[:4], *np.flatnonzero(truth(clip)[:, 3] < 0.1)[::10]]
    lids = Reader().read([frames(clip)[k] for k in chosen], every=None).lids.mean(axis=1)
    closed = shut[chosen]
    assert np.nanmax(lids[closed]) < 0.6 * np.nanmedian(lids[~closed])


def test_a_blink_of_a_clip_is_recalled_in_itself():
    lids = Reader().read(frames("02"), every=None).lids.mean(axis=1)
    blinks = count_blinks(lids, lids, 25.0)
    assert blinks.driver >= 1 and blinks.recall == blinks.precision == 1


def test_two_moments_of_a_person_are_closer_than_two_people():
    people = [read(c).dlib[::5] for c in CLIPS]
    same = [distance(p[0], p[-1]) for p in people]
    other = [distance(people[k][0], people[k - 1][0]) for k in range(3)]
    assert max(same) < min(other) and max(same) < SAME_PERSON


def test_a_picture_without_a_face_reads_as_nothing():
    reading = Reader().read([np.zeros((64, 64, 3), np.uint8)])
    assert not reading.faces.any()
    assert all(np.isnan(getattr(reading, n)).all() for n in ("pose", "lids", "dlib"))
    assert reading.trained.shape == (1, 0)
