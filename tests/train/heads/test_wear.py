"""Clothes and things worn: that they sit on the head, and how often they come."""

from dataclasses import replace

import numpy as np
import pytest

from train.heads.clothes import NECKLINES
from train.heads.glasses import FORMS, sample_glasses
from train.heads.hair import grow
from train.heads.hats import KINDS, sample_hat
from train.heads.head import HeadModel
from train.heads.identity import sample_identity
from train.heads.jewellery import sample_earrings, sample_necklace
from train.heads.params import Wear
from train.heads.scalp import Fit
from train.heads.shapes import Skin
from train.heads.styles import STYLES
from train.heads.wear import above_neckline, dressed, meshes, nearest_skin, sample_wear, tucked

PLAIN = Wear(neckline="crew", cloth_rgb=(0.1, 0.1, 0.1))
CROP = replace(STYLES["crop"], name="crop", seed=1, count=800, guides=100)
PEOPLE = (3, 11, 24)


@pytest.fixture(scope="module")
def head():
    return HeadModel()


@pytest.fixture(scope="module")
def people(head):
    who = [sample_identity(head, s) for s in PEOPLE]
    return [(w, head.neutral(w.shape)) for w in who]


def worn(head, neutral, wear):
    """The meshes of `wear` without those of its clothes."""
    bare = replace(wear, glasses=None, hat=None, earrings=None, necklace=None)
    dress = dressed(head, neutral, wear)
    return meshes(head, dress, wear)[len(meshes(head, dress, bare)) :]


def drawn(sample, kind):
    """The first thing of `kind` that a sampler draws."""
    things = (sample(np.random.default_rng(s)) for s in range(100))
    return next(t for t in things if t["kind"] == kind)


def check(mesh):
    assert mesh.vertices.dtype == np.float32 and np.isfinite(mesh.vertices).all()
    assert mesh.faces.dtype == np.int32
    assert 0 <= mesh.faces.min() and mesh.faces.max() < len(mesh.vertices)


@pytest.mark.parametrize("form", sorted(FORMS))
def test_glasses_stand_before_the_eyes_and_clear_the_skin(head, people, form):
    for _, neutral in people:
        wear = replace(PLAIN, glasses=sample_glasses(np.random.default_rng(1)) | {"form": form})
        frame, lens = worn(head, neutral, wear)
        check(frame), check(lens)
        fit = Fit(head, dressed(head, neutral, wear))
        skin = Skin(fit)
        glass = (lens.vertices - fit.shift) / fit.scale
        assert lens.opacity < 0.3 and skin.distance(glass)[0].min() > 0.0
        rims = (frame.vertices - fit.shift) / fit.scale
        rims = rims[rims[:, 2] > 11]
        assert skin.distance(rims)[0].min() > -0.1
        for pupil in (fit.landmark(37, 38, 40, 41), fit.landmark(43, 44, 46, 47)):
            near = np.abs(glass - pupil)
            assert (near[:, :2].max(1) < 0.7).any() and near.min(0)[2] < 2.5


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_hats_fit_and_leave_the_brows_free(head, people, kind):
    for (who, neutral), seed in zip(people, range(5), strict=False):
        hat = sample_hat(np.random.default_rng(seed), True) | {"kind": kind}
        wear = replace(PLAIN, hat=hat)
        fit = Fit(head, neutral)
        brow = fit.landmark(18, 19, 24, 25)[1]
        for mesh in worn(head, neutral, wear):
            check(mesh)
            p = (mesh.vertices - fit.shift) / fit.scale
            face = (np.abs(p[:, 0]) < 4.5) & (p[:, 2] > 8) & (p[:, 1] > 67)
            assert (p[face, 1] > brow + 0.3).all()
            assert np.linalg.norm(p - [0, 74, 3], axis=1).max() < 26
        strands = tucked(grow(head, neutral, CROP, who), head, neutral, wear)
        if kind == "scarf":
            assert strands is None
            continue
        assert np.isfinite(strands.points).all()
        if kind in ("cap", "beanie", "brim"):  # no strand comes through the top
            tip = (strands.points - fit.shift) / fit.scale
            before = (grow(head, neutral, CROP, who).points - fit.shift) / fit.scale
            assert tip[..., 1].max() < before[..., 1].max()


def test_without_a_hat_hair_is_left_alone(head, people):
    who, neutral = people[0]
    strands = grow(head, neutral, CROP, who)
    assert tucked(strands, head, neutral, PLAIN) is strands
    assert tucked(None, head, neutral, replace(PLAIN, hat={"kind": "cap"})) is None


def test_jewellery_hangs_from_the_ears_and_lies_on_the_neck(head, people):
    for _, neutral in people:
        for kind in ("stud", "pearl", "hoop", "drop"):
            wear = replace(PLAIN, earrings=drawn(sample_earrings, kind))
            v = np.concatenate([m.vertices for m in worn(head, neutral, wear)])
            fit = Fit(head, neutral)
            p = (v - fit.shift) / fit.scale
            assert (np.abs(p[:, 0]) > 6).all() and (p[:, 1] < 71.5).all() and (p[:, 1] > 62).all()
        for kind in ("chain", "beads", "pearls", "pendant"):
            wear = replace(PLAIN, neckline="scoop", necklace=drawn(sample_necklace, kind))
            for mesh in worn(head, neutral, wear):
                check(mesh)
                fit = Fit(head, dressed(head, neutral, wear))
                d = Skin(fit).distance((mesh.vertices - fit.shift) / fit.scale)[0]
                assert mesh.skinned and np.abs(d).max() < 1.5


@pytest.mark.parametrize("neckline", NECKLINES)
def test_clothes_cover_the_torso_and_leave_the_face(head, people, neckline):
    template = head.base[: head.V]
    above = above_neckline(template, neckline)
    chest = (template[:, 1] < 50) & (np.abs(template[:, 0]) < 15)
    assert (above[template[:, 1] > 66] > 0).all() and (above[chest] < 0).all()
    wear = replace(PLAIN, neckline=neckline)
    for _, neutral in people:
        moved = np.linalg.norm(dressed(head, neutral, wear) - neutral, axis=1)
        assert moved[: head.V][template[:, 1] > 66].max() == 0 and 0.4 < moved.max() < 1
        for mesh in meshes(head, dressed(head, neutral, wear), wear):
            check(mesh)
            assert mesh.skinned and mesh.vertices[:, 1].max() < neutral[head.landmarks[8], 1] + 3
            near = neutral[nearest_skin(head, neutral, mesh.vertices)]
            assert np.linalg.norm(near - mesh.vertices, axis=1).max() < 8


def test_rates_are_natural(head):
    people = [sample_identity(head, s) for s in range(60)]
    wear = [
        (w, sample_wear(w, np.random.default_rng([s, k])))
        for s, w in enumerate(people)
        for k in range(40)
    ]
    women = [x for w, x in wear if w.shape.gender > 0.5]
    men = [x for w, x in wear if w.shape.gender <= 0.5]

    def rate(group, name):
        return np.mean([getattr(x, name) is not None for x in group])

    everyone = women + men
    assert 0.10 < rate(everyone, "glasses") < 0.22
    assert 0.04 < rate(everyone, "hat") < 0.09
    assert 0.25 < rate(women, "earrings") < 0.42 and rate(men, "earrings") < 0.09
    assert 0.03 < rate(women, "necklace") < 0.2
    assert {x.neckline for x in everyone} == set(NECKLINES)
    assert sample_wear(people[0], np.random.default_rng(7)) == sample_wear(
        people[0], np.random.default_rng(7)
    )
