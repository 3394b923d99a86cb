"""Eyebrows, hair by hair, on a flat decal in front of the face."""

import numpy as np
import warp as wp
from scipy.ndimage import gaussian_filter

from train.heads.params import Brows

wp.set_module_options({"enable_backward": False, "fast_math": True})

# the decal: an orthographic view of the template from the front, cm and px a cm
LEFT, TOP, WIDTH, HEIGHT, SCALE = -6.6, 78.2, 13.2, 5.8, 36
ROWS, COLUMNS = int(HEIGHT * SCALE), int(WIDTH * SCALE)
STEPS = 4  # straight pieces of a hair
# middle line of the brow (cm on the template) and thickness, a share, over |x|
MIDDLE_X = (0.0, 1.25, 2.2, 3.2, 4.2, 5.3)
MIDDLE_Y = (74.60, 74.70, 75.00, 75.22, 75.12, 74.38)
ARCH = (-0.15, -0.15, 0.05, 0.25, 0.20, -0.25)
# of the landmarks 17 .. 21 above the middle line: towards the upper edge, but at both ends
ABOVE = (0.03, 0.20, 0.20, 0.20, 0.03)  # cm, and this part of the thickness:
OF_THICKNESS = 0.22


@wp.kernel
def _draw(
    points: wp.array(dtype=wp.vec2, ndim=2),  # [H, STEPS + 1] px
    width: wp.array(dtype=float),  # [H] px at the root
    dark: wp.array(dtype=float),  # [H] opacity
    depth: wp.array(dtype=float, ndim=2),  # optical depth, added to
):
    hair = wp.tid()
    pieces = points.shape[1] - 1
    for k in range(pieces):
        a = points[hair, k]
        b = points[hair, k + 1]
        # hairs are widest a little above the root and end in a point
        t = (float(k) + 0.5) / float(pieces)
        half = 0.5 * width[hair] * wp.min(0.75 + t, wp.min(1.0, 2.2 * (1.0 - t) + 0.15))
        cover = wp.min(1.0, 2.0 * half) * dark[hair]  # hairs thinner than a pixel
        x0 = wp.max(0, int(wp.min(a[0], b[0]) - 1.5))
        x1 = wp.min(depth.shape[1] - 1, int(wp.max(a[0], b[0]) + 1.5))
        y0 = wp.max(0, int(wp.min(a[1], b[1]) - 1.5))
        y1 = wp.min(depth.shape[0] - 1, int(wp.max(a[1], b[1]) + 1.5))
        d = b - a
        inverse = 1.0 / wp.max(wp.dot(d, d), 1.0e-6)
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                p = wp.vec2(float(x), float(y)) - a
                along = wp.dot(p, d) * inverse
                # one piece owns each pixel along the hair, the ends are cut square
                if along >= 0.0 and along < 1.0:
                    distance = wp.length(p - d * along)
                    inside = wp.clamp(0.5 + wp.max(half, 0.5) - distance, 0.0, 1.0)
                    if inside > 0.0:
                        wp.atomic_add(depth, y, x, -wp.log(1.0 - 0.97 * inside * cover))


def decal(brows: Brows, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Opacity of the hairs and of the shadow under them, both [ROWS, COLUMNS] float32 in [0, 1].

    Row 0 is at y = TOP, column 0 at x = LEFT (cm of the template). Painted on the CPU device
    whatever the renderer's: it is small, and so the same everywhere.
    """
    rng = np.random.default_rng([seed, 41])
    sides = [_hairs(rng, brows, side) for side in (-1, 1)]
    points, width, dark = (np.concatenate(x) for x in zip(*sides, strict=True))
    points = (points - (LEFT, TOP)) * (SCALE, -SCALE)
    depth = wp.zeros((ROWS, COLUMNS), dtype=float, device="cpu")
    wp.launch(
        _draw,
        dim=len(points),
        inputs=[
            wp.array(points.astype(np.float32), dtype=wp.vec2, device="cpu"),
            wp.array(width.astype(np.float32), dtype=float, device="cpu"),
            wp.array(dark.astype(np.float32), dtype=float, device="cpu"),
            depth,
        ],
        device="cpu",
    )
    hairs = 1.0 - np.exp(-depth.numpy())
    return gaussian_filter(hairs, 0.6), gaussian_filter(hairs, 0.14 * SCALE)


def middle(brows: Brows, x: np.ndarray) -> np.ndarray:
    """Height [n] on the template of the middle line at x [n], cm; x > 0 is the subject's left."""
    line = np.array(MIDDLE_Y) + brows.lift + brows.arch * np.array(ARCH)
    return np.interp(np.abs(x), MIDDLE_X, line) + np.sign(x) * brows.asymmetry


def landmark_heights(brows: Brows, x: np.ndarray) -> np.ndarray:
    """Heights [10] on the template of the landmarks 17 .. 26 of brows as drawn, at x [10], cm."""
    above = np.array([*ABOVE, *ABOVE[::-1]]) + OF_THICKNESS * brows.thickness
    return middle(brows, x) + above


def _hairs(rng: np.random.Generator, b: Brows, side: int) -> tuple:
    """Hairs of one brow: points [H, STEPS + 1, 2] cm, widths [H] px, opacities [H]."""
    n = b.density
    across = (0.75, 1.0, 0.95, 0.70, rng.uniform(0.15, 0.4))  # thickness, inner end to tail
    u = rng.beta(rng.uniform(1.0, 1.3), rng.uniform(0.9, 1.25), n)
    v = np.clip(rng.normal(0, 0.30, n), -0.75, 0.75)
    stray = rng.random(n) < 0.02 + 0.07 * b.unruly
    v[stray] *= rng.uniform(1.3, 2.4)
    # a few hairs on the bridge: heavy brows nearly meet
    bridge = int(n * max(0.0, 0.10 * b.unruly - 0.02) * max(0.0, b.thickness - 0.45))
    x = b.inner + (b.length - b.inner) * u
    x[:bridge] = rng.uniform(0.05, b.inner, bridge)
    u[:bridge] = 0.0
    y = middle(b, side * x) + v * b.thickness * np.interp(u, (0, 0.2, 0.45, 0.75, 1), across)
    turn = np.interp(u, (0, 0.12, 0.35, 0.7, 1), (80, 55, 24, -4, -26))
    turn = np.radians(turn - v * 40 + rng.normal(0, 6 + 15 * b.unruly, n))
    length = rng.uniform(0.32, 0.78, n) * np.interp(u, (0, 0.3, 1), (0.75, 1.0, 0.65))
    length *= 0.85 + 0.3 * b.unruly
    bend = rng.normal(-0.25, 0.25, n)  # radians over the hair: tips droop outwards
    t = np.linspace(0, 1, STEPS + 1)
    angle = turn[:, None] + bend[:, None] * t[None, :-1]
    steps = length[:, None] / STEPS
    px = x[:, None] + np.concatenate([np.zeros((n, 1)), (np.cos(angle) * steps).cumsum(1)], 1)
    py = y[:, None] + np.concatenate([np.zeros((n, 1)), (np.sin(angle) * steps).cumsum(1)], 1)
    width = rng.uniform(0.020, 0.036, n) * SCALE
    # thin patches, and thinner towards both ends
    patch = 0.75 + 0.25 * np.sin(u * rng.uniform(6, 14) + rng.uniform(0, 6.3))
    dark = rng.uniform(0.45, 1.0, n) * np.interp(u, (0, 0.12, 0.8, 1), (0.6, 1, 1, 0.75)) * patch
    dark[:bridge] *= 0.6
    return np.stack([side * px, py], -1), width, dark
