"""The head: lids that close, teeth behind lips, actions that move what their names say."""

from dataclasses import replace

import numpy as np
import pytest

from train.heads.brows import ROWS, TOP, decal
from train.heads.brows import SCALE as PX_PER_CM
from train.heads.head import TEETH, HeadModel, rotation
from train.heads.identity import sample_identity
from train.heads.lids import opening
from train.heads.mouth import gap
from train.heads.params import Shape
from train.heads.raster import Buffer, indices, vectors

PEOPLE = range(50)
SIDE, SCALE = 300, 15.0  # px, px a cm

# where an action acts on the template, cm: x, y ranges of the subject's left side, or of both
REGIONS = {
    "brow": (0.0, 7.0, 72.5, 82.0),
    "eye": (0.5, 7.0, 68.0, 77.0),
    "cheek": (0.0, 8.0, 61.0, 75.0),
    "nose": (0.0, 5.0, 64.0, 76.5),
    "mouth": (0.0, 8.0, 59.0, 72.0),
    "jaw": (0.0, 9.0, 45.0, 73.0),
    "tongue": (0.0, 3.0, 60.0, 68.0),
}


@pytest.fixture(scope="module")
def head():
    return HeadModel()


@pytest.fixture(scope="module")
def neutrals(head):
    return [head.neutral(sample_identity(head, seed).shape) for seed in PEOPLE]


def coeffs(head, **values):
    """`eyeWide_` stands for left and right."""
    out = np.zeros(len(head.actions), np.float32)
    for name, value in values.items():
        sides = ("Left", "Right") if name.endswith("_") else ("",)
        for side in sides:
            out[head.actions.index(name.rstrip("_") + side)] = value
    return out


def seen(head, v, extra=None):
    """Numbers of the faces seen from the front [SIDE, SIDE], -1: none; then `extra` triangles."""
    fine = head.smooth(v[: head.V])
    lashes = np.isin(head.part, (3, 4))
    faces = [np.where(lashes[:, None], 0, head.faces)]
    if extra is not None:
        faces.append(extra[1] + len(fine))
        fine = np.concatenate([fine, extra[0]])
    points = np.stack(
        [SIDE / 2 + fine[:, 0] * SCALE, SIDE / 2 - (fine[:, 1] - 70) * SCALE, 60 - fine[:, 2]], 1
    )
    buffer = Buffer(SIDE, "cpu")
    buffer.triangles(vectors(points, "cpu"), indices(np.concatenate(faces), "cpu"))
    keys = buffer.keys.numpy().reshape(SIDE, SIDE)
    return np.where(keys == (1 << 63) - 1, -1, keys & 0xFFFFFFFF)


def eyeballs(head, v):
    """Front halves of both eyeballs as (vertices, faces)."""
    t, p = np.meshgrid(np.linspace(0, 1.6, 24), np.linspace(0, 2 * np.pi, 41), indexing="ij")
    unit = np.stack([np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), np.cos(t)], -1).reshape(-1, 3)
    i = (np.arange(23)[:, None] * 41 + np.arange(40)).ravel()
    faces = np.concatenate([np.stack([i, i + 1, i + 41], 1), np.stack([i + 1, i + 42, i + 41], 1)])
    balls = []
    for k in (0, 1):
        centre = v[head.V + 4 + k]
        balls.append(unit * np.linalg.norm(v[head.eye_ids[k]] - centre, axis=1).mean() + centre)
    return np.concatenate(balls), np.concatenate([faces, faces + len(unit)])


def test_rotation_convention():
    forward, up = np.array([0.0, 0, 1]), np.array([0.0, 1, 0])
    assert (rotation(30, 0, 0) @ forward)[0] > 0.4, "yaw > 0: to the subject's left, image right"
    assert (rotation(0, 30, 0) @ forward)[1] > 0.4, "pitch > 0: up"
    assert (rotation(0, 0, 30) @ up)[0] > 0.4, "roll > 0: clockwise for the viewer"
    r = rotation(20, -10, 5)
    assert np.allclose(r @ r.T, np.eye(3), atol=1e-6) and np.isclose(np.linalg.det(r), 1)


def test_the_head_turns_as_told_and_the_chest_stays(head):
    v = head.neutral(Shape(0.5, 0.5, 0.5, 0.5, (0.0, 0.0, 1.0)))
    r = rotation(35, 12, -8)
    t = head.neck_transforms(v[head.V :], r)
    posed = head.pose(v, t)
    assert np.allclose(t[4, :, :3], r, atol=1e-5)
    skull = head.weights[:, 4] > 0.999
    assert np.allclose(posed[skull], v[: head.V][skull] @ r.T + t[4, :, 3], atol=0.01)
    chest = head.weights[:, 0] > 0.999
    assert chest.any() and np.allclose(posed[chest], v[: head.V][chest], atol=1e-4)


def test_every_action_moves_its_own_region(head):
    v = head.neutral(Shape(0.5, 0.5, 0.5, 0.5, (0.0, 0.0, 1.0), lid_lift=0.3))
    rest = head.express(v, coeffs(head))
    x, y = head.base[: head.V, 0], head.base[: head.V, 1]
    for name in head.actions:
        # mouthClose undoes jawOpen
        base = coeffs(head, jawOpen=1) if name == "mouthClose" else coeffs(head)
        before = head.express(v, base)
        moved = head.express(v, base + coeffs(head, **{name: 1}))
        step = np.linalg.norm(moved - before, axis=1)[: head.V]
        kind = next(k for k in REGIONS if name.startswith(k))
        x0, x1, y0, y1 = REGIONS[kind]
        side = 1 if name.endswith("Left") else -1 if name.endswith("Right") else 0
        if name in ("mouthLeft", "mouthRight", "jawLeft", "jawRight"):
            side = 0  # the whole mouth or jaw moves to that side
        across = np.abs(x) if side == 0 else side * x
        inside = (across >= x0) & (across <= x1) & (y >= y0) & (y <= y1)
        assert step.max() > 0.1, f"{name} moves nothing"
        assert inside[step.argmax()], f"{name} acts at {head.base[step.argmax()]}"
        if side:
            other = (-side * x > 1.5) & (step > 0.45 * step.max())
            assert not other.any(), f"{name} moves the other side too"
    assert np.array_equal(rest, head.express(v, coeffs(head))), "express changes its argument"


def test_lids_shut_for_everybody(head, neutrals):
    lifts = ({}, {"eyeWide_": 0.8}, {"eyeSquint_": 0.8, "cheekSquint_": 0.6}, {"eyeLookUp_": 0.7})
    for neutral in neutrals:
        opened = [opening(neutral, lids) for lids in head.lids]
        assert min(opened) > 0.4 and max(opened) < 1.7, "cm"
        for lift in lifts:
            shut = head.express(neutral, coeffs(head, eyeBlink_=1, **lift))
            assert max(opening(shut, lids) for lids in head.lids) <= 0.0, "cm"


def test_shut_lids_hide_the_eyeball(head, neutrals):
    for neutral in neutrals[:8]:
        ball = eyeballs(head, neutral)
        shut = head.express(neutral, coeffs(head, eyeBlink_=1))
        assert (seen(head, shut, ball) >= len(head.faces)).sum() == 0
        assert (seen(head, neutral, ball) >= len(head.faces)).sum() > 200


def test_a_wink_is_of_one_eye(head, neutrals):
    v = head.express(neutrals[0], coeffs(head, eyeBlinkLeft=1))
    left, right = (opening(v, lids) for lids in head.lids)
    assert left <= 0 and right == pytest.approx(opening(neutrals[0], head.lids[1]), abs=1e-3)


def test_lids_slide_over_the_eyeball(head, neutrals):
    for neutral in neutrals[:10]:
        wide = [opening(neutral, lids) for lids in head.lids]
        for amount in (0.25, 0.5, 0.75):
            v = head.express(neutral, coeffs(head, eyeBlink_=amount))
            for lids, full in zip(head.lids, wide, strict=True):
                assert opening(v, lids) / full == pytest.approx(1 - amount, abs=0.1)
                centre = v[lids.joint]
                radius = np.linalg.norm(v[lids.ball] - centre, axis=1).mean()
                outer = lids.rings[1:9]
                assert (np.linalg.norm(v[outer] - centre, axis=-1) > radius).all()


def test_lips_touch_at_rest_and_hide_the_teeth(head, neutrals):
    closed = ({}, {"mouthSmile_": 0.8}, {"mouthPress_": 0.8}, {"mouthFrown_": 0.8, "jawLeft": 0.3})
    for neutral in neutrals[:12]:
        assert max(g[1:-1].max() for g in gap(neutral, head.mouth)) <= 0.0, "cm"
        for values in closed:
            faces = seen(head, head.express(neutral, coeffs(head, **values)))
            assert (head.part[faces[faces >= 0]] == TEETH).sum() == 0, values


def test_teeth_show_in_a_grin_and_only_between_the_lips(head, neutrals):
    grin = coeffs(head, mouthSmile_=0.8, mouthUpperUp_=0.9, mouthLowerDown_=0.7)
    for neutral in neutrals[:12]:
        v = head.express(neutral, grin)
        faces = seen(head, v)
        teeth = np.argwhere((faces >= 0) & (head.part[faces] == TEETH))
        assert len(teeth) > 100
        lips = head.smooth(v[: head.V])[head.mouth.rings[1]]
        x, y = ((teeth[:, ::-1] + 0.5 - SIDE / 2) / SCALE * (1, -1) + (0, 70)).T
        pixel = 1 / SCALE
        for places, edge in ((x, lips[:, 0]), (y, lips[:, 1])):
            assert edge.min() - pixel < places.min() and places.max() < edge.max() + pixel


def test_lower_teeth_follow_the_jaw(head, neutrals):
    v, w = neutrals[0], head.express(neutrals[0], coeffs(head, jawOpen=1))
    upper, lower = head.mouth.upper_teeth, head.mouth.lower_teeth
    assert np.allclose(v[upper], w[upper], atol=0.05)
    assert (w[lower] - v[lower])[:, 1].mean() < -1


def test_landmarks(head, neutrals):
    for v in (head.base, neutrals[3]):
        p = head.landmark_points(v)
        fine = head.landmark_points(head.smooth(v[: head.V]))
        assert p.shape == (68, 3) and np.abs(p - fine).max() < 0.3
        assert (p[:8, 0] < 0).all() and (p[9:17, 0] > 0).all(), "0 is at the image's left"
        assert p[36, 0] < p[39, 0] < p[42, 0] < p[45, 0]
        assert p[[37, 38], 1].min() > p[[40, 41], 1].max()
    camera = (0.0, 72.0, 110.0)
    for yaw in (-30, 0, 30):
        t = head.neck_transforms(neutrals[3][head.V :], rotation(yaw, 0, 0))
        posed = head.pose(neutrals[3], t)
        fixed, visible = head.landmark_points(posed), head.visible_landmarks(posed, yaw, camera)
        assert np.array_equal(fixed[17:], visible[17:])
        far = range(10, 17) if yaw > 0 else range(7)
        out = np.sign(yaw) * (visible - fixed)[list(far), 0]
        assert (out >= -0.02).all() and (yaw == 0 or out.max() > 0.3)


def test_landmarks_of_the_brows_follow_the_drawn_ones(head):
    """Low or high, slanted or not: within the hairs' own spread of their middle."""
    brows = sample_identity(head, 3).brows
    v = head.base[: head.V]
    for change in ({"lift": -0.6}, {"lift": 0.2}, {"arch": 0.6}, {"asymmetry": 0.15}):
        p = head.landmark_points(v, head.landmarks_with(replace(brows, **change)))
        assert np.array_equal(np.delete(p, range(17, 27), 0), _others(head, v))
        drawn = decal(replace(brows, **change), 5)[0]
        for j in (19, 20, 23, 24):
            column = drawn[:, round((p[j, 0] + 6.6) * PX_PER_CM)]
            middle = TOP - (column * np.arange(ROWS)).sum() / column.sum() / PX_PER_CM
            assert -0.1 < p[j, 1] - middle < 0.4, f"{change}: landmark {j}"


def _others(head, v):
    return np.delete(head.landmark_points(v), range(17, 27), 0)
