"""Where things are on the face: soft masks of template positions (cm), for use inside kernels."""

import warp as wp

from train.heads.noise import hash3, hash_unit


@wp.func
def blob(p: wp.vec3, x: float, y: float, sx: float, sy: float) -> float:
    """1 at (x, y), falling off as a Gaussian of widths sx, sy; of the front of the head."""
    a = (p[0] - x) / sx
    b = (p[1] - y) / sy
    d = a * a + b * b
    if d > 16.0 or p[2] < 3.0:
        return 0.0
    return wp.exp(-0.5 * d) * wp.smoothstep(3.0, 8.0, p[2])


@wp.func
def pair(p: wp.vec3, x: float, y: float, sx: float, sy: float) -> float:
    """`blob` on both sides of the face."""
    return blob(wp.vec3(wp.abs(p[0]), p[1], p[2]), x, y, sx, sy)


@wp.func
def ears(p: wp.vec3) -> float:
    if wp.abs(p[0]) < 7.2:
        return 0.0
    return (
        wp.smoothstep(7.2, 7.9, wp.abs(p[0]))
        * wp.smoothstep(66.5, 68.5, p[1])
        * wp.smoothstep(77.0, 75.5, p[1])
        * wp.smoothstep(6.0, 5.0, p[2])
    )


@wp.func
def spots(u: float, v: float, share: float, seed: int) -> float:
    """Round soft spots in about `share` of the unit cells of a plane, 0 .. 1."""
    i = int(wp.floor(u))
    j = int(wp.floor(v))
    best = wp.float32(0.0)
    for b in range(-1, 2):
        for a in range(-1, 2):
            h = hash3(i + a, j + b, 0, seed)
            if hash_unit(h, 0) < share:
                x = float(i + a) + hash_unit(h, 10) - u
                y = float(j + b) + hash_unit(h, 20) - v
                radius = 0.20 + 0.28 * hash_unit(h, 5)
                d = wp.sqrt(x * x + 1.3 * y * y)
                strength = 0.45 + 0.55 * hash_unit(h, 15)
                best = wp.max(best, strength * wp.smoothstep(radius, 0.35 * radius, d))
    return best
