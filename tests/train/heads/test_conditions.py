"""Light, camera and backdrops of a clip."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from train.heads.backdrop import KINDS, paint
from train.heads.conditions import BACKDROPS, sample_conditions
from train.heads.head import HeadModel
from train.heads.identity import sample_identity
from train.heads.params import Backdrop

GREY = Backdrop("plain", seed=3, hue=0.6, saturation=0.2, value=0.5, blur=2.0)


@pytest.fixture(scope="module")
def clips():
    who = sample_identity(HeadModel(), 3)
    return who, [sample_conditions(who, s) for s in range(400)]


def test_conditions_follow_the_seed(clips):
    who, sampled = clips
    assert sampled[:20] == [sample_conditions(who, s) for s in range(20)]
    assert len({c.key.azimuth for c in sampled}) == len(sampled)


def test_conditions_are_in_range_and_varied(clips):
    _, sampled = clips
    distance = np.array([c.distance for c in sampled])
    assert distance.min() >= 60 and distance.max() <= 200 and np.ptp(distance) > 100
    for c in sampled:
        lamps = [c.key.power, c.rim.power, *(lobe.power for lobe in c.lobes)]
        assert min(lamps) >= 0 and max(lamps) <= 3
        assert all(0 <= x for x in (*c.sky_top, *c.sky_bottom, *c.key.rgb, *c.rim.rgb))
        assert 0 <= c.key.soft <= 1 and 0.7 <= c.exposure <= 1.4 and 0 < c.grain < 0.02
    key = np.array([c.key.power for c in sampled])
    top = np.array([np.mean(c.sky_top) for c in sampled])
    assert (key > 1.7).mean() > 0.08 and (key < 0.6).mean() > 0.08  # hard sun, overcast
    assert (top < 0.26).mean() > 0.03 and (top > 0.8).mean() > 0.08  # low key, open sky
    soft = np.array([c.key.soft for c in sampled])
    assert (soft < 0.2).any() and (soft > 0.8).any()
    assert set(Counter(c.backdrop.kind for c in sampled)) == set(KINDS)


def test_no_light_leaves_half_a_turned_face_black(clips):
    """Strong lamps far to a side come with light from elsewhere."""
    _, sampled = clips
    for c in sampled:
        fill = np.mean(c.sky_top) + sum(lobe.power for lobe in c.lobes)
        if fill < 0.35:
            assert abs(c.key.azimuth) < 55


def test_every_light_has_backdrops_that_exist():
    assert all(set(shares) <= set(KINDS) for shares in BACKDROPS.values())


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_backdrops_are_pictures(kind):
    for seed in range(3):
        b = replace(GREY, kind=kind, seed=seed)
        picture = paint(b, 96)
        assert picture.shape == (96, 96, 3) and picture.dtype == np.float32
        assert np.isfinite(picture).all() and 0 <= picture.min() and 0.01 < picture.max() < 8
        assert np.array_equal(picture, paint(b, 96))
    assert not np.array_equal(picture, paint(replace(b, seed=9), 96))


def test_blur_follows_the_size():
    sharp, soft = (paint(replace(GREY, kind="shelves", blur=b), 128) for b in (0.5, 8.0))
    assert np.abs(np.diff(soft, axis=1)).mean() < 0.4 * np.abs(np.diff(sharp, axis=1)).mean()


def test_an_unknown_backdrop_is_named():
    with pytest.raises(ValueError, match="moon"):
        paint(replace(GREY, kind="moon"), 32)
