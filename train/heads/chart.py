"""The head's texture chart: which texel a point of the skin takes its look from.

MakeHuman's chart of the head gives half of its texels to the scalp and one a millimetre to the
lips, and it ends under the chin. Here its axes are stretched so that the face gets texels of about
half a millimetre at 1024, and the neck is added as a strip beside it, so that one map covers all
skin above the clothes.
"""

import numpy as np

HEAD_UV = (0.62, 0.13, 1.0, 0.84)  # u0, v0, u1, v1: centres of the head's triangles, MakeHuman's UV
SOURCE = (0.616, 0.124, 1.0, 0.846)  # their corners
HEAD_SHARE = 0.85  # of the width; the rest is the neck
STRIP = (0.862, 0.996)  # of the neck, in u
NECK = (51.0, 65.0)  # cm, heights that the strip may hold
BACK = 190.0  # degrees either way: triangles across the back of the neck stay whole
# density of texels over MakeHuman's chart: u runs from the crown down to the throat, v across
U_DENSITY = ((0.0, 0.30, 0.42, 0.86, 1.0), (0.55, 0.65, 1.25, 1.25, 0.9))


def _table(at: tuple, density: tuple) -> tuple[np.ndarray, np.ndarray]:
    x = np.linspace(0, 1, 513)
    d = np.interp(x, at, density)
    y = np.concatenate([[0.0], np.cumsum((d[1:] + d[:-1]) / 2)])
    return x, y / y[-1]


U_TABLE = _table(*U_DENSITY)
V_TABLE = _table((0.0, 0.25, 0.40, 0.60, 0.75, 1.0), (0.45, 0.75, 2.1, 2.1, 0.75, 0.45))


def to_chart(uv: np.ndarray) -> np.ndarray:
    """MakeHuman's UV [..., 2] of the head -> the chart, [..., 2] in [0, 1], v up."""
    u0, v0, u1, v1 = SOURCE
    u = np.interp((uv[..., 0] - u0) / (u1 - u0), *U_TABLE) * HEAD_SHARE
    v = np.interp((uv[..., 1] - v0) / (v1 - v0), *V_TABLE)
    return np.stack([u, v], -1).astype(np.float32)


def from_chart(uv: np.ndarray) -> np.ndarray:
    """The inverse of `to_chart` on the head's part of the chart."""
    u0, v0, u1, v1 = SOURCE
    u = np.interp(uv[..., 0] / HEAD_SHARE, *U_TABLE[::-1]) * (u1 - u0) + u0
    v = np.interp(uv[..., 1], *V_TABLE[::-1]) * (v1 - v0) + v0
    return np.stack([u, v], -1)


def neck_chart(points: np.ndarray) -> np.ndarray:
    """Chart coordinates [F, 3, 2] of triangles [F, 3, 3] of the neck, in template cm."""
    x, y, z = np.moveaxis(points, -1, 0)
    turn = np.degrees(np.arctan2(x, z - 0.42 * (y - 57.3)))  # the neck leans forward
    turn -= 360.0 * np.round((turn - turn[:, :1]) / 360.0)
    u = STRIP[0] + (STRIP[1] - STRIP[0]) * (NECK[1] - y) / (NECK[1] - NECK[0])
    return np.stack([u, 0.5 + 0.5 * turn / BACK], -1).astype(np.float32)


def unwrap(uv: np.ndarray, corners: np.ndarray, skin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Chart coordinates [F, 3, 2] of triangles, and which [F] of them the chart holds.

    `uv` [F, 3, 2] MakeHuman's UV; `corners` [F, 3, 3] template cm; `skin` [F] bool: body faces
    outside the cavity of the mouth.
    """
    u0, v0, _, v1 = HEAD_UV
    centre = uv.mean(1)
    head = skin & (centre[:, 0] > u0) & (centre[:, 1] > v0) & (centre[:, 1] < v1)
    low, high = corners[..., 1].min(1), corners[..., 1].max(1)
    neck = skin & ~head & (low > NECK[0]) & (high < NECK[1])
    out = to_chart(uv)
    out[neck] = neck_chart(corners[neck])
    return out, head | neck
