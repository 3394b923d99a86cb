"""The colour of skin from what absorbs light in it."""

import math

import warp as wp

# Linear RGB of skin without pigment, and what a unit of each pigment absorbs (a natural logarithm).
# Melanin has a second, quadratic term: dark skin is browner, not more orange, than a little melanin
# would make it. Chosen by eye and against the sRGB range of portraits, 0.1 fair .. 2.8 dark.
BARE = (0.90, 0.81, 0.72)
MELANIN = (0.45, 0.92, 1.60)
MELANIN_SQUARED = (0.24, 0.13, -0.09)
HAEMOGLOBIN = (0.14, 0.60, 0.50)
VEILED = 0.35  # melanin lies above the blood and hides it

_BARE = wp.constant(wp.vec3(*BARE))
_MELANIN = wp.constant(wp.vec3(*MELANIN))
_SQUARED = wp.constant(wp.vec3(*MELANIN_SQUARED))
_BLOOD = wp.constant(wp.vec3(*HAEMOGLOBIN))
_VEILED = wp.constant(VEILED)


@wp.func
def skin_colour(melanin: float, blood: float) -> wp.vec3:
    """Linear RGB of skin; see `skin_rgb`."""
    m = wp.max(melanin, 0.0)
    h = wp.max(blood, 0.0) * wp.exp(-_VEILED * m)
    a = _MELANIN * m + _SQUARED * (m * m) + _BLOOD * h
    return wp.cw_mul(_BARE, wp.vec3(wp.exp(-a[0]), wp.exp(-a[1]), wp.exp(-a[2])))


def skin_rgb(melanin: float, blood: float) -> tuple[float, float, float]:
    """Linear RGB of skin with `melanin` 0.1 fair .. 2.8 dark and `blood` (haemoglobin) 0.2 .. 1."""
    m, h = max(melanin, 0.0), max(blood, 0.0) * math.exp(-VEILED * max(melanin, 0.0))
    return tuple(
        b * math.exp(-(a * m + q * m * m + c * h))
        for b, a, q, c in zip(BARE, MELANIN, MELANIN_SQUARED, HAEMOGLOBIN, strict=True)
    )
