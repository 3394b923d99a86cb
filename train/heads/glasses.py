"""Spectacles: rims, bridge, arms, pads and lenses, fitted to a face."""

import numpy as np

from train.heads.params import Mesh
from train.heads.shapes import ball, joined, sheet, tube

# Half width and half height of a lens in cm, exponent of its super-ellipse, droop of the outer
# lower corner, lift of the outer upper corner.
FORMS = {
    "round": (2.30, 2.15, 2.1, 0.00, 0.00),
    "oval": (2.50, 1.75, 2.3, 0.00, 0.00),
    "rectangle": (2.65, 1.65, 4.2, 0.00, 0.05),
    "square": (2.60, 2.10, 3.6, 0.00, 0.05),
    "aviator": (2.70, 2.20, 2.6, 0.35, 0.00),
    "cat eye": (2.65, 1.85, 2.8, -0.10, 0.40),
}
FRAMES = {  # linear RGB, gloss, metal, radius of the rim in cm
    "black": ((0.006, 0.006, 0.007), 0.8, 0.0, 0.12),
    "tortoise": ((0.075, 0.028, 0.010), 0.75, 0.0, 0.12),
    "brown": ((0.040, 0.018, 0.010), 0.6, 0.0, 0.12),
    "blue": ((0.012, 0.018, 0.060), 0.7, 0.0, 0.12),
    "red": ((0.150, 0.012, 0.015), 0.7, 0.0, 0.12),
    "clear": ((0.450, 0.430, 0.400), 0.8, 0.0, 0.13),
    "gold": ((0.650, 0.450, 0.180), 0.8, 1.0, 0.055),
    "silver": ((0.550, 0.550, 0.560), 0.8, 1.0, 0.055),
    "gunmetal": ((0.090, 0.090, 0.100), 0.7, 1.0, 0.055),
}
TILT = np.radians(7)  # of the lenses, lower edge in


def sample_glasses(r) -> dict:
    """Parameters of a pair, for `Wear.glasses`."""
    w, h = r.uniform(0.9, 1.1, 2)
    return {
        "form": str(r.choice(list(FORMS), p=[0.2, 0.16, 0.26, 0.18, 0.08, 0.12])),
        "frame": str(
            r.choice(list(FRAMES), p=[0.2, 0.11, 0.06, 0.04, 0.03, 0.04, 0.19, 0.18, 0.15])
        ),
        "rim": str(r.choice(["full", "half", "none"], p=[0.82, 0.12, 0.06])),
        "width": float(w),
        "height": float(h),
        "thick": float(r.uniform(0.8, 1.2)),
    }


def glasses(fit, skin, g: dict) -> list[Mesh]:
    """Meshes of a pair worn by the head of `fit` (a `scalp.Fit`) with `skin` (`shapes.Skin`)."""
    w, h, power, droop, lift = FORMS[g["form"]]
    rgb, gloss, metal, radius = FRAMES[g["frame"]]
    radius *= g["thick"]
    left, right = fit.landmark(42, 43, 44, 45, 46, 47), fit.landmark(36, 37, 38, 39, 40, 41)
    half = abs(left[0] - right[0]) / 2
    w, h = w * g["width"] * half / 3.1, h * g["height"] * half / 3.1
    w = min(w, half - 0.55)  # room for the nose
    x0, y0 = (left[0] + right[0]) / 2, (left[1] + right[1]) / 2 - 0.25
    a = np.linspace(0, 2 * np.pi, 49)[:-1]
    c, s = np.cos(a), np.sin(a)
    lx = np.sign(c) * np.abs(c) ** (2 / power) * w
    ly = np.sign(s) * np.abs(s) ** (2 / power) * h
    out = (lx / w + 1) / 2
    ly = ly - droop * out * (ly < 0) * np.abs(ly / h) + lift * out**2 * (ly > 0) * (ly / h)
    rims = {}
    for side in (1, -1):
        x = x0 + side * (half + 0.12 + lx)
        y = y0 + ly
        z = -np.sin(TILT) * (y0 - y) - 0.045 * np.clip(np.abs(x - x0) - 1.6, 0, None) ** 1.6
        rims[side] = np.stack([x, y, z], 1)
    rims, front = _seated(skin, rims, radius, fit)
    parts, lenses = [], []
    for side, rim in rims.items():
        if g["rim"] == "full":
            parts.append(tube(rim, radius, closed=True))
        elif g["rim"] == "half":
            parts.append(tube(rim[:25], radius))  # the upper half
        centre = rim.mean(0)
        rings = np.stack([centre + (rim - centre) * k for k in (1.0, 0.66, 0.33, 0.01)])
        bulge = np.array([0, 0.10, 0.15, 0.17])[:, None]
        rings[..., 2] += bulge - 0.05
        lenses.append(sheet(rings, wrap=True))
        parts += _arm(fit, skin, rim, side, radius)
        if metal:
            inner = rim[np.argmin(np.abs(rim[:, 0] - x0))]
            pad = skin.cleared(
                np.array([[inner[0] - side * 0.15, inner[1] - 0.45, inner[2] - 0.25]]), 0.12
            )
            parts.append(ball(pad[0], (0.10, 0.22, 0.12)))
    parts.append(_bridge(skin, rims, x0, y0, h, radius, front))
    frame = joined(parts)
    glass = joined(lenses)
    tint = (0.5, 0.52, 0.55)
    return [
        Mesh(fit.to_head(frame[0]), frame[1].astype(np.int32), rgb, gloss, metal),
        Mesh(fit.to_head(glass[0]), glass[1].astype(np.int32), tint, 1.0, 0.0, opacity=0.05),
    ]


def _seated(skin, rims, radius, fit):
    """Rims carried forward until they clear cheeks, brows and lashes; the lens plane's z."""
    lash = fit.landmark(37, 38, 43, 44)[2] + 0.85
    front = lash
    for _ in range(6):
        p = np.concatenate(list(rims.values())) + [0, 0, front]
        d = skin.distance(p)[0]
        short = radius + 0.12 - d.min()
        if short <= 0:
            break
        front += max(0.08, 0.8 * short)
        if front > lash + 1.3:
            break
    seated = {s: skin.cleared(r + [0, 0, front], radius + 0.08) for s, r in rims.items()}
    return seated, front


def _bridge(skin, rims, x0, y0, h, radius, front):
    y = y0 + 0.42 * h
    ends = []
    for side in (1, -1):
        rim = rims[side]
        near = np.abs(rim[:, 1] - y) + 0.8 * np.abs(rim[:, 0] - x0)
        ends.append(rim[np.argmin(near)])
    t = np.linspace(0, 1, 11)[:, None]
    curve = ends[0] * (1 - t) + ends[1] * t
    bow = 4 * t[:, 0] * (1 - t[:, 0])
    curve[:, 1] += 0.22 * bow
    curve[:, 2] += 0.25 * bow
    return tube(skin.cleared(curve, radius * 0.9 + 0.05), radius * 0.95)


def _arm(fit, skin, rim, side, radius):
    """End piece, arm to the top of the ear, and its bend behind it."""
    top = rim[:, 1].max()
    outer = rim[np.argmax(side * rim[:, 0] + 0.35 * rim[:, 1])]
    ear = _ear_top(fit, side)
    hinge = np.array([outer[0] + side * 0.45, min(outer[1], top - 0.2), outer[2] - 0.45])
    t = np.linspace(0, 1, 14)[:, None]
    arm = hinge * (1 - t) + ear * t
    arm[:, 0] += side * 0.10 * np.sin(np.pi * t[:, 0])
    behind = ear + np.array(
        [[0, -0.1, -0.8], [-0.15 * side, -0.9, -1.7], [-0.3 * side, -2.2, -2.3]]
    )
    curve = np.concatenate([arm, behind])
    pushed = skin.cleared(curve[2:], radius + 0.02)
    # Only outwards: an arm must not climb over the ear.
    pushed[:, 1:] = curve[2:, 1:]
    curve[2:] = pushed
    return [
        tube(np.stack([outer, (outer + hinge) / 2 + [0, 0, 0.08], hinge]), radius * 1.1),
        tube(curve, radius * 0.85),
    ]


def _ear_top(fit, side):
    """Where an arm lies in the fold between the ear's top and the skull."""
    t = fit.template
    want = np.array([7.45 * side, 75.3, 4.6])
    far = np.linalg.norm(t - want, axis=1)
    used = np.zeros(len(t), bool)
    used[fit.faces] = True
    j = np.argsort(np.where(used, far, 99))[:6]
    p = fit.vertices[j].mean(0)
    return p + np.array([side * 0.22, 0.25, 0.0])
