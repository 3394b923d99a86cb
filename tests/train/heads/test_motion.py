"""How heads move: coverage, blinks that close, one motion for one seed, mouths that follow sound."""

import shutil

import numpy as np
import pytest

from tests.train.heads.drawn import ACTIONS
from train.heads.expressions import EXPRESSIONS, VISEMES, mirror_order, plausible, vector
from train.heads.motion import (
    GAZE_LIMIT,
    POSE_LIMIT,
    Track,
    blink,
    hair_sway,
    random_state,
    talking_track,
)

BLINK = [ACTIONS.index("eyeBlinkLeft"), ACTIONS.index("eyeBlinkRight")]


@pytest.fixture(scope="module")
def states():
    return [random_state(ACTIONS, seed) for seed in range(4000)]


@pytest.fixture(scope="module")
def tracks():
    return [talking_track(ACTIONS, 1500, 25.0, seed) for seed in range(6)]


def same(a: Track, b: Track) -> bool:
    return all(np.array_equal(getattr(a, k), getattr(b, k)) for k in a.__dataclass_fields__)


def test_a_seed_is_a_motion():
    assert same(talking_track(ACTIONS, 60, 25.0, 5), talking_track(ACTIONS, 60, 25.0, 5))
    assert not same(talking_track(ACTIONS, 60, 25.0, 5), talking_track(ACTIONS, 60, 25.0, 6))
    a, b = random_state(ACTIONS, 5), random_state(ACTIONS, 5)
    assert a.pose == b.pose and np.array_equal(a.coeffs, b.coeffs)
    assert len(talking_track(ACTIONS, 1, 25.0, 5)) == 1


def test_every_action_is_seen_strongly(states):
    strong = np.mean([s.coeffs > 0.3 for s in states], axis=0)
    rare = {a: v for a, v in zip(ACTIONS, strong, strict=True) if v < 0.01}
    assert not rare


def test_random_states_have_the_eyes_and_poses_that_are_asked_for(states):
    lids = np.stack([s.coeffs[BLINK] for s in states])
    assert 0.10 < (lids == 1).all(axis=1).mean() < 0.16
    assert 0.04 < ((lids == 1).sum(axis=1) == 1).mean() < 0.09
    pose, gaze = np.array([s.pose for s in states]), np.array([s.gaze for s in states])
    assert np.abs(pose[:, 0]).max() <= 35 and np.abs(pose).max() <= 35
    share, _ = np.histogram(pose[:, 0], bins=7, range=(-35, 35))
    assert share.min() > 0.11 * len(states)
    assert (np.abs(gaze) <= GAZE_LIMIT).all()
    jaw = np.array([s.coeffs[ACTIONS.index("jawOpen")] for s in states])
    assert (jaw > 0.6).mean() > 0.05


def test_a_blink_closes_completely_in_natural_time():
    seconds = np.arange(0, 0.5, 0.001)
    lids = blink(seconds)
    closed = seconds[lids >= 1]
    assert 0.03 < np.ptp(closed) < 0.05
    assert closed[0] == pytest.approx(0.10, abs=0.002)
    assert lids[seconds > 0.295].max() < 1e-3


def test_every_blink_of_a_track_is_closed_in_a_frame(tracks):
    for track in tracks:
        lids = track.coeffs[:, BLINK].max(axis=1)
        starts = np.flatnonzero((lids[1:] > 0.9) & (lids[:-1] <= 0.9)) + 1
        assert 10 <= len(starts) <= 26  # in a minute
        for k in starts:
            assert lids[k : k + 4].max() == 1


def test_tracks_are_smooth_and_within_limits(tracks):
    for track in tracks:
        assert (np.abs(track.pose) <= POSE_LIMIT).all()
        assert (track.coeffs >= 0).all() and (track.coeffs <= 1).all()
        assert np.abs(np.diff(track.pose, axis=0)).max() < 6  # degrees a frame: 150 a second
        assert np.abs(np.diff(track.gaze, axis=0)).max() > 5  # saccades
        mouth = track.coeffs[:, ACTIONS.index("jawOpen")]
        assert mouth.std() > 0.05


def test_left_and_right_move_by_themselves(tracks):
    left = [k for k, a in enumerate(ACTIONS) if a.endswith("Left") and "Look" not in a]
    right = mirror_order(ACTIONS)[left]
    gap = np.concatenate([t.coeffs[:, left] - t.coeffs[:, right] for t in tracks])
    assert 0.02 < np.abs(gap).max(axis=1).mean() < 0.6
    assert abs(gap.mean()) < 0.01  # neither side is favoured


def test_hair_lags_behind_a_turn_and_comes_to_rest():
    pose = np.zeros((150, 3))
    pose[25:31, 0] = np.linspace(0, 25, 6)
    pose[31:, 0] = 25
    sway = hair_sway(pose, 25.0)
    assert sway[27:30, 0].min() < -1.5 and (sway[:, 1] == 0).all()
    assert np.abs(sway[-10:]).max() < 0.3


def test_faces_can_be_made():
    def both(**values):
        return plausible(ACTIONS, vector(ACTIONS, values))

    def value(coeffs, name):
        return float(coeffs[ACTIONS.index(name)])

    shut = both(eyeBlinkLeft=1, eyeWideLeft=0.8, eyeWideRight=0.8)
    assert value(shut, "eyeWideLeft") == 0 and value(shut, "eyeWideRight") > 0.7
    assert value(both(tongueOut=1), "jawOpen") > 0.3
    assert value(both(mouthClose=1), "mouthClose") == 0
    aside = both(jawLeft=0.8, jawRight=0.3)
    assert value(aside, "jawLeft") == pytest.approx(0.5) and value(aside, "jawRight") == 0


def test_named_expressions_use_known_actions():
    for shape in (*EXPRESSIONS.values(), *VISEMES.values()):
        assert vector(ACTIONS, shape).max() <= 1
    wink = vector(ACTIONS, EXPRESSIONS["wink left"])[mirror_order(ACTIONS)]
    assert np.allclose(wink, vector(ACTIONS, EXPRESSIONS["wink right"]))


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_the_mouth_follows_the_sound():
    from train.heads.speech import EARLY, FPS, LEAD, mouth_track, shapes_of, speak

    speech = speak("Bob saw papa, and moved.")
    assert 1 < speech.seconds < 4
    n = round((speech.seconds + 1) * FPS)
    track = mouth_track(speech, ACTIONS, n)
    jaw = track[:, ACTIONS.index("jawOpen")]
    assert jaw[:5].max() < 0.02 and jaw[-3:].max() < 0.02  # silence
    ends = [start for start, _ in speech.phonemes[1:]] + [speech.seconds]
    opened, met = [], []
    for (start, mnemonic), end in zip(speech.phonemes, ends, strict=True):
        k = round((LEAD - EARLY + (start + end) / 2) * FPS)
        if shapes_of(mnemonic) == ["m"]:
            met.append(jaw[k])
        elif shapes_of(mnemonic)[0] in ("a", "ae", "o"):
            opened.append(jaw[k])
    assert len(met) >= 4 and len(opened) >= 4
    assert max(met) < 0.5 * min(opened)
    assert shapes_of("'eI") == ["e", "i"] and shapes_of("_:") == ["rest"]
