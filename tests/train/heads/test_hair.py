"""Hair and beards: where they grow, how far they reach, that seeds decide them."""

from dataclasses import replace

import numpy as np
import pytest

from train.heads.facial_hair import beard
from train.heads.hair import grow, sample_hair, scalp_value
from train.heads.head import HeadModel
from train.heads.identity import sample_identity
from train.heads.params import FacialHair
from train.heads.scalp import Clearance, Fit
from train.heads.styles import STYLES

PEOPLE = (3, 11, 24, 35, 52)


@pytest.fixture(scope="module")
def head():
    return HeadModel()


@pytest.fixture(scope="module")
def people(head):
    """(identity, neutral, fit, clearance) of some people."""
    out = []
    for seed in PEOPLE:
        who = sample_identity(head, seed)
        neutral = head.neutral(who.shape)
        fit = Fit(head, neutral)
        out.append((who, neutral, fit, Clearance(fit)))
    return out


def few(name, **more):
    """A style with fewer strands, for speed."""
    style = STYLES[name]
    guides = min(style.guides, 150)
    return replace(style, name=name, seed=5, count=min(style.count, 900), guides=guides, **more)


def template_roots(head, strands):
    return np.einsum("sk,skc->sc", strands.root_weights, head.base[strands.root_ids])


def test_hair_line_separates_face_from_scalp():
    crown, forehead, nose, nape = (0, 84.5, 3), (0, 77.5, 14.5), (0, 70, 16), (0, 62, -1)
    value = scalp_value(np.array([crown, forehead, nose, nape]))
    assert value[0] > 2 and (value[1:] < -1).all()


def test_receding_bares_the_temples_and_seeds_vary_the_line():
    temple = np.array([[5.4, 79.6, 11.5], [-5.4, 79.6, 11.5]])
    assert (scalp_value(temple, recede=1.2) < scalp_value(temple) - 0.8).all()
    line = np.array([[x, 80.0, 14.0] for x in np.linspace(-4, 4, 30)])
    assert np.abs(scalp_value(line, seed=1) - scalp_value(line, seed=2)).max() > 0.1
    assert np.array_equal(scalp_value(line, seed=1), scalp_value(line, seed=1))


@pytest.mark.parametrize("name", sorted(STYLES))
def test_every_style_grows_on_everyone(head, people, name):
    for who, neutral, fit, clearance in people:
        style = few(name)
        strands = grow(head, neutral, style, who)
        if STYLES[name].count == 0:
            assert strands is None
            continue
        n = len(strands.points)
        assert n > 300 and strands.points.shape == (n, style.points, 3)
        for column in ("points", "width", "shade", "root_normal", "grey", "loose"):
            assert np.isfinite(getattr(strands, column)).all(), column
        assert strands.points.dtype == np.float32 and (strands.width > 0).all()
        assert np.allclose(strands.root_weights.sum(1), 1, atol=1e-5)
        # What grows on the scalp starts there; what hangs from a tie starts elsewhere.
        at = np.einsum("sk,skc->sc", strands.root_weights, neutral[strands.root_ids])
        scalp = np.linalg.norm(strands.points[:, 0] - at, axis=1) < 0.05
        assert scalp.sum() > 300
        roots = template_roots(head, strands)[scalp]
        assert (scalp_value(roots, style.recede, style.widow, style.line) > -0.6).all()
        inside = clearance((strands.points - fit.shift) / fit.scale)[0]
        assert (inside < -0.3).mean() < 0.001, f"{name}: {inside.min():.2f} cm inside"


def test_eyes_stay_free(head, people):
    for who, neutral, fit, _ in people[:3]:
        for name in ("fringe", "pixie", "bob", "curlylong"):
            strands = grow(head, neutral, few(name, fringe=1.0), who)
            p = (strands.points - fit.shift) / fit.scale
            for corners in ((36, 39), (42, 45)):
                a, b = (fit.landmark(k) for k in corners)
                low, high = np.minimum(a, b), np.maximum(a, b)
                over = (p[..., 0] > low[0]) & (p[..., 0] < high[0]) & (p[..., 2] > low[2] - 2)
                over &= np.abs(p[..., 1] - (a[1] + b[1]) / 2) < 0.6
                assert over.any(1).mean() < 0.02, name


def test_growth_is_a_function_of_the_seeds(head, people):
    who, neutral = people[0][:2]
    one, two = (grow(head, neutral, few("wavy"), who) for _ in range(2))
    assert (
        one.points.tobytes() == two.points.tobytes() and one.shade.tobytes() == two.shade.tobytes()
    )
    other = grow(head, neutral, replace(few("wavy"), seed=6), who)
    assert not np.array_equal(one.points, other.points)


def test_density_fades_at_the_hair_line(head, people):
    who, neutral = people[1][:2]
    style = replace(STYLES["crop"], name="crop", seed=9, count=9000)
    roots = template_roots(head, grow(head, neutral, style, who))
    front = np.abs(roots[:, 0]) < 3
    front &= roots[:, 2] > 5
    above = scalp_value(roots[front], seed=9)
    edge, dense = ((above > a) & (above < a + 0.4) for a in (-0.4, 1.2))
    assert 0 < edge.sum() < 0.5 * dense.sum()


def test_thinning_bares_the_top(head, people):
    who, neutral = people[1][:2]
    top = [
        (template_roots(head, grow(head, neutral, few("crop", thin=t), who))[:, 1] > 83).mean()
        for t in (0.0, 0.9)
    ]
    assert top[1] < 0.5 * top[0]


def test_styles_follow_the_seed_and_the_person(head):
    people = [sample_identity(head, s) for s in range(150)]
    styles = [sample_hair(who, who.seed) for who in people]
    assert styles == [sample_hair(who, who.seed) for who in people]
    assert len({h.name for h in styles}) > 14
    for who, h in zip(people, styles, strict=True):
        if h.name == "braids":
            assert who.shape.gender > 0.5
        if h.name in ("afro", "locs", "boxbraids", "twa"):
            assert who.complexion.melanin > 1.1


def test_the_hair_line_and_what_is_lost_belong_to_the_person(head):
    people = [sample_identity(head, s) for s in range(80)]
    line = {
        s: {
            (h.line, h.recede, h.widow, h.thin) for h in (sample_hair(w, 100 + k) for k in range(4))
        }
        for s, w in enumerate(people)
    }
    assert all(len(kinds) == 1 for kinds in line.values())
    assert len(set.union(*line.values())) == len(people)
    men = [w for w in people if w.shape.gender < 0.5 and w.shape.age > 0.5]
    thin = [next(iter(line[people.index(w)]))[3] for w in men]
    assert 0.1 < np.mean(np.array(thin) > 0) < 0.7


def test_beards_follow_their_zones(head, people):
    who, neutral, fit, _ = people[0]
    assert beard(head, neutral, replace(who, facial_hair=FacialHair(stubble=0.5))) is None

    def roots(*zones):
        facial = FacialHair(length=0.8, zones=zones)
        strands = beard(head, neutral, replace(who, facial_hair=facial))
        assert np.isfinite(strands.points).all()
        return template_roots(head, strands), strands

    moustache, strands = roots("moustache")
    assert (moustache[:, 1] > 66).all() and (np.abs(moustache[:, 0]) < 4).all()
    seam = fit.to_head(fit.landmark(62, 66))[1]
    assert (strands.points[..., 1] > seam - 0.3).all()
    chin, _ = roots("chin")
    assert (chin[:, 1] < 66).all()
    full, strands = roots("moustache", "chin", "jaw", "cheeks")
    assert len(full) > 2 * len(moustache) and (full[:, 1] < 74).all() and (full[:, 2] > 4).all()
    length = np.linalg.norm(np.diff(strands.points, axis=1), axis=2).sum(1)
    assert 0.3 < np.median(length) < 1.2
