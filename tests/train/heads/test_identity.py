"""Sampling of people: deterministic, of all ages, within the ranges the renderer is made for."""

import numpy as np
import pytest

from train.heads.head import HeadModel
from train.heads.identity import age_of, sample_identity


@pytest.fixture(scope="module")
def head():
    return HeadModel()


@pytest.fixture(scope="module")
def people(head):
    return [sample_identity(head, seed) for seed in range(300)]


def test_deterministic(head, people):
    other = HeadModel()
    assert sample_identity(head, 7) == people[7] == sample_identity(other, 7)
    assert people[7] != people[8]
    assert np.array_equal(head.neutral(people[7].shape), other.neutral(people[7].shape))


def test_ranges(head, people):
    for p in people:
        s = p.shape
        assert (
            0 <= s.gender <= 1 and age_of(4) <= s.age <= 1 and sum(s.ancestry) == pytest.approx(1)
        )
        assert all(abs(x) <= 1 for x in s.local.values()) and set(s.local) == set(head.locals)
        assert all(s.local[n] >= 0 for n in head.locals if not head.has_negative(n))
        assert set(s.asymmetry) <= set(head.asym)
        for rgb in (p.hair_rgb, p.brows.rgb, p.eyes.iris_rgb, p.teeth_rgb):
            assert len(rgb) == 3 and 0 <= min(rgb) and max(rgb) <= 1
        assert 0.1 <= p.complexion.melanin <= 2.8


def test_left_and_right_are_alike_but_not_the_same(people):
    left = np.array([[x for n, x in p.shape.local.items() if n.endswith(".L")] for p in people])
    right = np.array([[x for n, x in p.shape.local.items() if n.endswith(".R")] for p in people])
    assert np.corrcoef(left.ravel(), right.ravel())[0, 1] > 0.9
    assert np.abs(left - right).mean() > 0.01


def test_who_there_is(people):
    ages = np.array([p.shape.age for p in people])
    assert 0.04 < (ages < age_of(16)).mean() < 0.13, "children"
    assert (ages > age_of(60)).mean() > 0.05, "old people"
    women = np.array([p.shape.gender > 0.5 for p in people])
    assert 0.4 < women.mean() < 0.6
    assert np.ptp([p.complexion.melanin for p in people]) > 1.5
    children = [p for p in people if p.shape.age < age_of(15)]
    assert all(not p.facial_hair.zones and not p.complexion.lipstick for p in children)
    assert all(not p.facial_hair.zones for p in people if p.shape.gender > 0.5)


def test_people_differ(head, people):
    """Landmarks of two people lie further apart than one person's smile moves them."""
    points = np.array([head.landmark_points(head.neutral(p.shape))[17:] for p in people[:40]])
    points -= points.mean(1, keepdims=True)
    apart = np.linalg.norm(points[:, None] - points[None], axis=-1).mean(-1)
    assert apart[np.triu_indices(40, 1)].min() > 0.08, "cm"
