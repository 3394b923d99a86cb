"""The painted skin: deterministic, in range, and each thing where it belongs on the template."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from train.heads.folds import FOLDS, fold_weights
from train.heads.head import HeadModel
from train.heads.identity import sample_identity
from train.heads.params import FacialHair, Hair
from train.heads.pigment import skin_rgb
from train.heads.skin import skin_maps
from train.heads.texels import SIZE, texels

BALD = Hair(name="bald", kind="none", seed=0, count=0, guides=10, points=3)
CROP = Hair(name="crop", kind="crop", seed=0, count=8000, guides=600, points=7)
PLAIN = {
    "melanin": 0.4, "haemoglobin": 0.6, "blush": 0.2, "eye_dark": 0.4, "freckles": 0.0, "moles": 0,
    "pores": 0.4, "wrinkles": 0.0, "shine": 0.0, "lip_red": 0.5, "lipstick": 0.0, "liner": 0.0,
    "eyeshadow": 0.0, "rouge": 0.0,
}  # fmt: skip
# (x, y) on the front of the template, cm
CHEEK, FOREHEAD, UPPER_LIP, LOWER_LIP = (4.0, 69.5), (0.0, 77.0), (0.6, 66.6), (0.6, 65.4)
CROWN, CHIN, TEMPLE = (0.0, 84.0), (1.0, 63.2), (5.8, 74.0)
MELANIN = (0.1, 0.5, 1.2, 2.0, 2.8)


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel()


@pytest.fixture(scope="module")
def bare(head):
    """Maps of the plain person."""
    return skin_maps(head, person(head), BALD)


def person(head: HeadModel, seed: int = 3, facial_hair=None, **complexion):
    """A young adult without anything special on the skin, then what the test asks for."""
    someone = sample_identity(head, seed)
    return replace(
        someone,
        shape=replace(someone.shape, age=0.5),
        complexion=replace(someone.complexion, **(PLAIN | complexion)),
        facial_hair=facial_hair or FacialHair(),
        brows=replace(someone.brows, rgb=(0.01, 0.01, 0.01)),
        hair_rgb=(0.01, 0.008, 0.006),
    )


def near(head: HeadModel, values: np.ndarray, place, radius: float = 0.5) -> np.ndarray:
    """Texels of a map within `radius` cm of a place, seen from the front, [n] or [n, 3]."""
    chart = texels(head)
    close = np.linalg.norm(chart.position[:, :2] - place, axis=1) < radius
    depth = chart.position[:, 2]
    index = chart.index[close & (depth > depth[close].max() - 1.5)]
    assert len(index) > 20
    return values.reshape(SIZE * SIZE, -1)[index].squeeze(-1 if values.ndim == 2 else ())


def colour(head, maps, place, radius: float = 0.5) -> np.ndarray:
    return near(head, maps.albedo, place, radius).mean(0)


def luminance(rgb) -> float:
    return float(np.dot(rgb, (0.2126, 0.7152, 0.0722)))


def test_maps_repeat_and_differ_between_people(head):
    a, b = (skin_maps(head, sample_identity(head, 5), CROP) for _ in range(2))
    for x, y in zip(vars(a).values(), vars(b).values(), strict=True):
        np.testing.assert_array_equal(x, y)
    c = skin_maps(head, sample_identity(head, 6), CROP)
    assert np.abs(a.albedo - c.albedo).mean() > 0.01
    assert np.abs(a.relief - c.relief).max() > 0.001


@pytest.mark.parametrize("seed", range(3))
def test_maps_stay_in_range(head, seed):
    maps = skin_maps(head, sample_identity(head, seed), CROP)
    assert maps.albedo.shape == (SIZE, SIZE, 3) and maps.albedo.dtype == np.float32
    assert maps.gloss.shape == maps.relief.shape == (SIZE, SIZE)
    assert np.isfinite(maps.albedo).all() and np.isfinite(maps.relief).all()
    assert maps.albedo.min() >= 0.0 and maps.albedo.max() <= 0.95
    assert maps.gloss.min() >= 0.05 and maps.gloss.max() <= 0.95
    assert np.abs(maps.relief).max() < 0.25


def test_every_visible_texel_is_painted(head, bare):
    plain = bare.gloss.ravel()[texels(head).index]
    assert (plain != np.float32(0.4)).mean() > 0.999  # the value of texels the kernel left alone


def test_melanin_darkens_and_the_fairest_skin_is_not_white(head):
    light = []
    for melanin in MELANIN:
        maps = skin_maps(head, person(head, melanin=melanin, haemoglobin=0.2), BALD)
        light.append(luminance(colour(head, maps, FOREHEAD, 1.0)))
    assert light == sorted(light, reverse=True)
    assert light[0] <= 0.75
    assert 0.005 < light[-1] < 0.06


@pytest.mark.parametrize("melanin", MELANIN)
def test_lips_are_redder_than_the_cheek_but_not_painted(head, melanin):
    maps = skin_maps(head, person(head, melanin=melanin), BALD)
    cheek = colour(head, maps, CHEEK)
    for place in (UPPER_LIP, LOWER_LIP):
        lip = colour(head, maps, place, 0.25)
        redness = (lip[0] / lip[1]) / (cheek[0] / cheek[1])
        assert 1.05 < redness < 2.2
        assert 0.35 < luminance(lip) / luminance(cheek) < 1.6
    assert near(head, maps.gloss, LOWER_LIP, 0.25).mean() > near(head, maps.gloss, CHEEK).mean()


def test_lipstick_covers_the_lips_alone(head, bare):
    red = skin_maps(head, person(head, lipstick=0.9, lipstick_rgb=(0.4, 0.02, 0.3)), BALD)
    assert (
        np.abs(colour(head, red, LOWER_LIP, 0.25) - colour(head, bare, LOWER_LIP, 0.25))[2] > 0.05
    )
    np.testing.assert_allclose(colour(head, red, CHEEK), colour(head, bare, CHEEK), atol=1e-6)


def test_both_halves_of_a_face_are_alike_but_not_mirrored(head, bare):
    left, right = (near(head, bare.albedo, (s * CHEEK[0], CHEEK[1]), 1.5) for s in (1, -1))
    np.testing.assert_allclose(left.mean(0), right.mean(0), rtol=0.12)
    flipped = bare.albedo[::-1]  # the chart is symmetric about its middle row
    assert np.abs(bare.albedo - flipped).max() > 0.02


def test_brows_are_dark_bands_above_the_eyes(head, bare):
    brows = sample_identity(head, 3).brows
    skin = luminance(colour(head, bare, FOREHEAD))
    for side in (1, -1):
        brow = near(head, bare.albedo, (side * 3.2, 75.15 + brows.lift), 0.4)
        assert luminance(brow.mean(0)) < 0.65 * skin
        lid = near(head, bare.albedo, (side * 3.0, 73.9), 0.25)
        assert luminance(lid.mean(0)) > 0.7 * skin


def test_stubble_darkens_the_chin_not_the_forehead(head, bare):
    rough = skin_maps(head, person(head, facial_hair=FacialHair(stubble=0.7)), BALD)
    chin = luminance(colour(head, rough, CHIN)) / luminance(colour(head, bare, CHIN))
    assert chin < 0.75
    for place in (FOREHEAD, LOWER_LIP, TEMPLE):
        np.testing.assert_allclose(
            colour(head, rough, place, 0.3), colour(head, bare, place, 0.3), rtol=0.03
        )


def test_a_zone_of_beard_shades_its_own_place(head, bare):
    goatee = FacialHair(length=0.8, zones=("chin",))
    maps = skin_maps(head, person(head, facial_hair=goatee), BALD)
    shade = [luminance(colour(head, m, p)) for p in (CHIN, (5.6, 68.0)) for m in (maps, bare)]
    assert shade[0] < 0.8 * shade[1]
    assert shade[2] > 0.97 * shade[3]


def test_the_scalp_is_shaded_under_hair_and_the_line_fades(head):
    maps = skin_maps(head, person(head), CROP)
    crown = luminance(colour(head, maps, CROWN, 1.0))
    skin = luminance(colour(head, maps, FOREHEAD, 0.5))
    assert crown < 0.35 * skin
    heights = [
        luminance(near(head, maps.albedo, (0.0, y), 0.3).mean(0))
        for y in (79.0, 79.9, 80.5, 81.3, 82.3)
    ]
    assert sum(a > b for a, b in pairwise(heights)) >= 3
    assert (np.array(heights) / skin > 0.5).sum() >= 2  # no clean edge: some skin shows above it


def test_age_leaves_creases_and_children_have_none(head):
    young = skin_maps(head, person(head, wrinkles=0.0, pores=0.0), BALD)
    old = skin_maps(head, person(head, wrinkles=1.0, pores=0.0), BALD)
    place = (3.0, 67.2)  # on the nasolabial fold
    depth = [-near(head, m.relief, place, 0.8).min() for m in (young, old)]
    assert depth[0] < 0.015
    assert depth[1] > 0.03


def test_freckles_and_moles_are_spots(head):
    bare = skin_maps(head, person(head, melanin=0.2), BALD)
    spotted = skin_maps(head, person(head, melanin=0.2, freckles=1.0), BALD)
    place = (3.0, 70.6)
    before, after = (near(head, m.albedo, place, 1.0)[:, 1] for m in (bare, spotted))
    changed = np.abs(after - before) > 0.03
    assert 0.05 < changed.mean() < 0.7


def test_weights_of_folds_follow_their_actions(head):
    def weights(**actions) -> dict[str, float]:
        coeffs = np.zeros(len(head.actions), np.float32)
        for name, value in actions.items():
            coeffs[head.actions.index(name)] = value
        w = fold_weights(head.actions, coeffs, wrinkles=1.0, phase=0.25)
        assert w.shape == (len(FOLDS) + 1,) and w[-1] == 0.25
        return dict(zip(FOLDS, w[:-1].tolist(), strict=True))

    assert not any(weights().values())
    raised = weights(browOuterUpLeft=1, browOuterUpRight=1, browInnerUp=1)
    assert raised["forehead"] == 1 and raised["nasolabial_left"] == 0
    wink = weights(eyeSquintLeft=1, cheekSquintLeft=1)
    assert wink["crow_left"] > 0.8 and wink["crow_right"] == 0
    smile = weights(mouthSmileLeft=1, mouthSmileRight=1)
    assert smile["nasolabial_left"] == smile["nasolabial_right"] == 1
    child = fold_weights(head.actions, np.ones(len(head.actions)), wrinkles=0.0, phase=0.0)
    assert 0 < child.max() < 0.3


def test_skin_colour_of_numbers_agrees_with_the_kernel(head):
    c = person(head, melanin=0.9).complexion
    maps = skin_maps(head, person(head, melanin=0.9), BALD)
    outside = np.ones(SIZE * SIZE, bool)
    outside[texels(head).index] = False
    expected = skin_rgb(c.melanin, c.haemoglobin)
    np.testing.assert_allclose(maps.albedo.reshape(-1, 3)[outside][0], expected, rtol=1e-5)
    np.testing.assert_allclose(colour(head, maps, FOREHEAD, 1.0), expected, rtol=0.25)
