"""Folds of the skin: where a face creases when it moves, and where it stays creased with age.

One height field in template coordinates (cm) serves both: `skin.py` bakes it into the relief map
with the weights of age, and the shading of a frame adds it with the weights of the expression.
`PHASE` moves and breaks the lines differently for every person, the same for age and expression.
"""

import numpy as np
import warp as wp

FOLDS = (
    "forehead",  # lines across the forehead: raised brows
    "frown",  # upright lines between the brows, crease at the root of the nose: lowered brows
    "crow_left",  # fan at the outer corner of the eye: smile, squint
    "crow_right",
    "nasolabial_left",  # from the wing of the nose round the mouth corner: smile, sneer
    "nasolabial_right",
    "nose",  # oblique lines on the side of the nose: sneer
    "under_left",  # lines below the lower lid, edge of the eye bag: squint, smile, age
    "under_right",
    "chin",  # crease below the lip, dimpled chin: raised lower lip
    "mouth",  # from the mouth corners down: frown, age
)
PHASE = len(FOLDS)  # index of the person's phase in the weights
FoldWeights = wp.types.vector(length=len(FOLDS) + 1, dtype=wp.float32)


@wp.func
def window(x: float, a: float, b: float, soft: float) -> float:
    """1 between `a` and `b`, 0 outside, smooth over `soft` inside either end."""
    return wp.smoothstep(a, a + soft, x) * wp.smoothstep(b, b - soft, x)


@wp.func
def groove(t: float, width: float) -> float:
    """Cross-section of a crease of depth 1: a valley with a low, wide bank on both sides."""
    q = t / width
    if wp.abs(q) > 6.0:
        return 0.0
    q = q * q
    return 0.35 * wp.exp(-0.16 * q) - 1.35 * wp.exp(-q)


@wp.func
def forehead_lines(x: float, y: float, phase: float) -> float:
    wave = 0.16 * wp.sin(0.8 * x + 40.0 * phase) + 0.07 * wp.sin(2.3 * x + 90.0 * phase)
    # lines follow the arch of each brow and dip between them
    t = (y + wave + 0.10 * wp.cos(1.25 * x) - 75.85 - 0.5 * phase) / (0.72 + 0.25 * phase)
    line = wp.round(t)
    gaps = 0.62 + 0.38 * wp.sin(1.1 * x + 2.7 * line + 60.0 * phase)
    lines = groove(t - line, 0.13) * gaps * (0.7 + 0.3 * wp.cos(2.1 * line + 30.0 * phase))
    return 0.050 * lines * window(y, 75.5, 80.3, 1.0) * wp.smoothstep(5.6, 3.2, wp.abs(x))


@wp.func
def frown_lines(x: float, y: float, phase: float) -> float:
    lean = 0.16 * (y - 74.6)
    left = groove(x - 0.62 - 0.15 * phase - lean, 0.12)
    right = groove(x + 0.55 + 0.10 * wp.sin(50.0 * phase) + lean, 0.12)
    middle = 0.5 * wp.max(wp.sin(70.0 * phase), 0.0) * groove(x + 0.05, 0.10)
    upright = (left + (0.75 + 0.25 * wp.sin(80.0 * phase)) * right + middle) * window(
        y, 73.6, 76.3, 0.9
    )
    across = groove(y - 73.15 - 0.15 * x * x, 0.13) * wp.smoothstep(1.0, 0.4, wp.abs(x))
    return 0.060 * upright + 0.045 * across


@wp.func
def crow_lines(ax: float, y: float, z: float, phase: float) -> float:
    u = 0.8 * (ax - 4.15) + 0.6 * (13.65 - z)  # along the skin: it turns away here
    v = y - 72.75
    r = wp.sqrt(u * u + v * v)
    if u < 0.05 or r > 2.6:
        return 0.0
    t = (wp.atan2(v, u) + 0.10 * wp.sin(3.0 * r + 45.0 * phase)) * 3.0 + phase
    line = wp.round(t)
    reach = 1.7 + 0.5 * wp.sin(2.3 * line + 35.0 * phase)
    width = 0.10 * 3.0 / wp.max(r, 0.35)  # of the angle: lines keep their width as they fan out
    fan = groove(t - line, wp.min(width, 0.3)) * wp.smoothstep(2.6, 1.7, wp.abs(line))
    return 0.036 * fan * window(r, 0.35, reach, 0.5)


@wp.func
def nasolabial_fold(ax: float, y: float, phase: float) -> float:
    down = 69.5 - y
    t = ax - 1.72 - 0.30 * down - 0.028 * down * down - 0.05 * wp.sin(2.0 * y + 30.0 * phase)
    along = wp.smoothstep(-0.3, 0.7, down) * wp.smoothstep(4.6 + 0.4 * phase, 2.6, down)
    # the cheek hangs over the crease, so the outer bank is the higher one
    bank = wp.exp(-2.6 * (t - 0.50) * (t - 0.50))
    return (0.075 * groove(t, 0.22) + 0.060 * bank) * along


@wp.func
def nose_lines(ax: float, y: float, phase: float) -> float:
    t = (y - 72.0 + 0.75 * (ax - 0.9) + 0.08 * wp.sin(40.0 * phase)) / 0.42
    near = wp.exp(-2.2 * (ax - 0.85) * (ax - 0.85) - 2.2 * (y - 71.9) * (y - 71.9))
    return 0.035 * groove(t - wp.round(t), 0.20) * near


@wp.func
def under_eye_lines(ax: float, y: float, phase: float) -> float:
    e = (ax - 3.05) / 1.5
    below = 72.40 + 0.28 * e * e - y  # the lid margin, and the distance below it
    wave = 0.04 * wp.sin(2.6 * ax + 50.0 * phase)
    fine = groove(below - 0.34 - wave, 0.07) + 0.7 * groove(below - 0.58 + wave, 0.08)
    # the tear trough runs from the inner corner outwards and down
    edge = below - 0.78 - 0.10 * phase + 0.10 * e
    bag = 0.55 * wp.exp(-9.0 * (edge + 0.33) * (edge + 0.33))
    trough = (groove(edge, 0.17) + bag) * wp.smoothstep(1.1, -0.2, e)
    return (0.020 * fine + 0.045 * trough) * window(e, -1.15, 1.25, 0.45)


@wp.func
def chin_dimples(x: float, y: float, phase: float) -> float:
    crease = groove(y - 64.25 + 0.10 * x * x, 0.16) * wp.smoothstep(1.9, 0.9, wp.abs(x))
    a = wp.sin(5.3 * x + 2.1 * y + 60.0 * phase) * wp.sin(5.9 * y - 1.7 * x + 20.0 * phase)
    b = wp.sin(9.1 * x - 4.3 * y + 10.0 * phase) * wp.sin(8.3 * y + 3.9 * x + 80.0 * phase)
    orange = (a + 0.6 * b) * wp.exp(-0.55 * x * x - 1.1 * (y - 63.2) * (y - 63.2))
    return 0.050 * crease + 0.022 * orange


@wp.func
def mouth_corner_lines(ax: float, y: float, phase: float) -> float:
    down = 66.0 - y
    t = ax - 2.72 - 0.10 * down - 0.06 * wp.sin(1.8 * y + 25.0 * phase)
    return 0.050 * groove(t, 0.24) * wp.smoothstep(0.1, 1.1, down) * wp.smoothstep(2.6, 1.3, down)


@wp.func
def fold_heights(p: wp.vec3, w: FoldWeights) -> float:
    """Height of the folds at template position `p`, in cm; negative in a groove.

    `w` holds a weight in [0, 1] for each of `FOLDS` and the person's phase. Cheap where no group
    is near: every group is behind its box.
    """
    x = p[0]
    y = p[1]
    ax = wp.abs(x)
    phase = w[PHASE]
    if p[2] < 7.0 or y < 62.0 or y > 80.5 or ax > 7.0:
        return 0.0
    h = wp.float32(0.0)
    if y > 73.0:
        if w[0] > 0.01 and y > 75.4:
            h += w[0] * forehead_lines(x, y, phase)
        if w[1] > 0.01 and ax < 1.6 and y < 76.4:
            h += w[1] * frown_lines(x, y, phase)
    if y > 70.0 and y < 75.5:
        if ax > 3.8:
            crow = wp.where(x > 0.0, w[2], w[3])
            if crow > 0.01:
                h += crow * crow_lines(ax, y, p[2], phase)
        if ax < 5.2 and y < 73.5:
            under = wp.where(x > 0.0, w[7], w[8])
            if under > 0.01 and ax > 1.2 and y < 72.6:
                h += under * under_eye_lines(ax, y, phase)
            if w[6] > 0.01 and ax < 2.6:
                h += w[6] * nose_lines(ax, y, phase)
    if y < 70.0:
        # two sided skin (inside of the lips and nostrils) lies behind this line
        fold = wp.where(x > 0.0, w[4], w[5])
        if fold > 0.01 and y > 64.5 and ax > 1.0 and ax < 5.5:
            h += fold * nasolabial_fold(ax, y, phase)
        if y < 66.2:
            if w[9] > 0.01 and ax < 3.0 and y < 64.9:
                h += w[9] * chin_dimples(x, y, phase)
            if w[10] > 0.01 and ax > 1.5 and ax < 4.5:
                h += w[10] * mouth_corner_lines(ax, y, phase)
    return h


def fold_phase(seed: int) -> float:
    """The person's phase, in [0, 1)."""
    return float(np.random.default_rng([seed, 211]).random())


def fold_weights(
    actions: list[str], coeffs: np.ndarray, wrinkles: float, phase: float
) -> np.ndarray:
    """Weights of an expression, [12] float32 (`FOLDS`, phase), for `FoldWeights(*weights)`.

    `actions` and `coeffs` [52] as `HeadModel.actions` and `State.coeffs`; `wrinkles` of the
    complexion, 0 child .. 1 old: smooth skin folds less, but never not at all.
    """
    c = dict(zip(actions, np.asarray(coeffs, np.float32).tolist(), strict=True))
    w = np.zeros(len(FOLDS) + 1, np.float32)
    up = 0.5 * (c["browOuterUpLeft"] + c["browOuterUpRight"])
    down = 0.5 * (c["browDownLeft"] + c["browDownRight"])
    w[0] = 0.55 * c["browInnerUp"] + 0.65 * up
    w[1] = down + 0.25 * c["browInnerUp"] * (1.0 - up)
    for k, side in enumerate(("Left", "Right")):
        smile, sneer = c["mouthSmile" + side], c["noseSneer" + side]
        squint = 0.5 * (c["eyeSquint" + side] + c["cheekSquint" + side])
        w[2 + k] = 0.6 * smile + 1.1 * squint + 0.12 * c["eyeBlink" + side]
        w[4 + k] = (
            smile
            + 0.7 * sneer
            + 0.45 * c["mouthUpperUp" + side]
            + 0.3 * (c["mouthStretch" + side] + c["mouthDimple" + side])
        )
        w[6] += 0.5 * sneer
        w[7 + k] = 0.8 * squint + 0.35 * smile + 0.3 * sneer
        w[10] += 0.5 * (c["mouthFrown" + side] + 0.35 * c["mouthStretch" + side])
        w[9] += 0.2 * c["mouthFrown" + side]
    w[9] += 0.9 * c["mouthShrugLower"] + 0.2 * c["mouthPucker"]
    w = np.clip(w, 0.0, 1.0) * (0.22 + 0.78 * float(wrinkles))
    w[PHASE] = phase
    return w


def age_weights(wrinkles: float, seed: int) -> np.ndarray:
    """Weights at rest, [12] float32: what age left, in other places for every person."""
    rng = np.random.default_rng([seed, 212])
    w = np.zeros(len(FOLDS) + 1, np.float32)
    emphasis = rng.uniform(0.35, 1.15, len(FOLDS))
    for left in (2, 4, 7):  # the sides of a face age alike
        emphasis[left + 1] = emphasis[left] * rng.uniform(0.85, 1.15)
    w[:PHASE] = emphasis * np.clip(wrinkles, 0.0, 1.0) ** 1.3 * 1.15
    w[1] *= 0.65  # at rest: an old face is not an angry one
    w[6] *= 0.3
    w[9] *= 0.4
    w[PHASE] = fold_phase(seed)
    return w
