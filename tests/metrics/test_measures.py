"""Intervals, fidelity, jitter and blinks: what the numbers must do whatever they are measured on."""

import numpy as np
import pytest

from stylexfer.metrics.blinks import count_blinks, shut
from stylexfer.metrics.bootstrap import interval
from stylexfer.metrics.fidelity import landmark_error, psnr
from stylexfer.metrics.identity import alike_over_time, cosine, distance
from stylexfer.metrics.jitter import jitter
from stylexfer.metrics.motion import FACE_SIGNALS, fl_corr, pose_error


def test_an_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        # 20 clips of 3 pairs that have much in common
        values = rng.normal(3, 1, 20).repeat(3) + rng.normal(0, 0.2, 60)
        found = interval(values, np.arange(20).repeat(3), seed=seed)
        covered += found.low <= 3 <= found.high
    assert 0.88 <= covered / 200 <= 0.98


def test_an_interval_knows_of_clips_gaps_and_weights():
    values = [1.0, 1.0, 5.0, float("nan")]
    found = interval(values, [0, 0, 1, 2])
    assert (found.value, found.pairs) == (pytest.approx(7 / 3), 3)
    assert found.low == 1 and found.high == 5
    assert interval([0.5, 1.0], [0, 1], weights=[4, 0]).value == 0.5
    assert np.isnan(interval([2.0, 3.0], [7, 7]).low)  # one clip tells nothing about others
    assert interval([float("nan")], [0]).as_dict() == {
        **dict.fromkeys(("value", "low", "high")),
        "pairs": 0,
    }


def test_psnr():
    grey = np.full((8, 8, 3), 100, np.uint8)
    assert psnr(grey, grey) == float("inf")
    assert psnr(grey, grey + 16) == pytest.approx(20 * np.log10(255 / 16))


def face(shift=0.0) -> np.ndarray:
    points = np.zeros((68, 2))
    points[36], points[45] = (0, 0), (80, 0)
    return points + shift


def test_landmark_error_is_in_percent_of_the_eyes_distance():
    assert landmark_error(face(), face((8, 0))) == pytest.approx(10)
    assert np.isnan(landmark_error(face(), np.full((68, 2), np.nan)))


def test_jitter_is_what_alternates():
    still = np.stack([face() for _ in range(9)])
    steady = still + np.arange(9)[:, None, None]
    trembling = still + np.array([0, 0.8] * 4 + [0])[:, None, None] * (1, 0)
    assert jitter(still) == jitter(steady) == 0
    assert jitter(trembling) == pytest.approx(2)  # 1.6 of 80 px
    trembling[4] = np.nan
    assert jitter(trembling) == pytest.approx(2)
    assert np.isnan(jitter(np.full((9, 68, 2), np.nan)))


def lids(*blinks: int, frames: int = 50, depth: float = 0.9) -> np.ndarray:
    openness = np.full(frames, 0.4)
    for start in blinks:
        openness[start : start + 4] *= 1 - depth
    return openness


def test_a_blink_is_recalled():
    driver = lids(10, 30)
    assert count_blinks(driver, driver, 25.0).recall == 1
    assert count_blinks(driver, 0.5 * driver, 25.0).recall == 1  # narrower eyes
    late = count_blinks(driver, lids(12), 25.0)
    assert (late.recall, late.precision) == (0.5, 1)
    assert count_blinks(driver, lids(18, 40), 25.0).recall == 0
    assert count_blinks(driver, lids(10, 30, depth=0.2), 25.0).recall == 0
    assert np.isnan(count_blinks(lids(), driver, 25.0).recall)


def test_a_lost_face_is_no_blink():
    lost = lids(10)
    lost[5:20] = np.nan
    assert count_blinks(lids(10), lost, 25.0).recall == 0
    assert not shut(np.full(5, np.nan)).any()


def test_pose_error_leaves_roll_out():
    driver = np.array([[10.0, 5.0, 40.0], [np.nan] * 3])
    error = pose_error(driver, np.array([[12.0, 1.0, 0.0], [0.0] * 3]))
    assert error[0].tolist() == [2, 4] and np.isnan(error[1]).all()


def test_fl_corr_of_a_clip_with_itself_and_with_its_opposite():
    rng = np.random.default_rng(1)
    signals = {name: rng.normal(size=20) for name in FACE_SIGNALS}
    assert fl_corr(signals, signals) == pytest.approx(1)
    assert fl_corr(signals, {k: -v for k, v in signals.items()}) == pytest.approx(-1)
    flat = signals | dict.fromkeys(FACE_SIGNALS[1:], np.ones(20))
    assert fl_corr(signals, flat) == pytest.approx(1 / len(FACE_SIGNALS))  # follows in one only
    assert fl_corr(flat, signals) == pytest.approx(1)  # the driver has only one
    assert fl_corr(signals, dict.fromkeys(FACE_SIGNALS, np.full(20, np.nan))) == 0  # no faces
    assert np.isnan(fl_corr(dict.fromkeys(FACE_SIGNALS, np.ones(20)), signals))


def test_likeness():
    a, b = np.eye(2)
    assert cosine(a, 3 * a) == pytest.approx(1) and cosine(a, b) == 0
    assert distance(a, b) == pytest.approx(2**0.5)
    rows = np.stack([a, a, b, np.full(2, np.nan), b])
    assert alike_over_time(rows, 3) == (0, pytest.approx(2**0.5))
    assert np.isnan(alike_over_time(rows[:1], 1)).all()
