"""How much of the sky each point of a head and its hair sees, once a clip.

The head is drawn from `DIRECTIONS` directions on the sphere; a point hidden in a view does not see
that part of the sky. The pose is neutral: turning the sky instead of the head is close enough.
"""

import math
from dataclasses import dataclass

import numpy as np
import warp as wp

from train.heads.light import fibonacci, harmonics, orthographic, view_from
from train.heads.params import Strands
from train.heads.raster import Buffer, depth_of, indices, vectors, vertex_normals

wp.set_module_options({"enable_backward": False, "fast_math": True})

DIRECTIONS = fibonacci(48)
SIDE = 176  # px of a view
HALF = 19.0  # cm
CENTRE = (0.0, 72.0, 4.0)
FAR = wp.constant(80.0)
STRIDE, WIDE = 4, 2.0  # every fourth strand is drawn, 2 px wide: hair is dense in these views


@dataclass(frozen=True)
class Visibility:
    """`skin` [V, D]: visibility times cosine of each direction; `normals` [V, 3] then; `hair`
    device array [S * M, 9]: harmonics of the directions in which a point of hair sees the sky."""

    skin: np.ndarray
    normals: np.ndarray
    hair: wp.array | None

    def share(self, radiance: np.ndarray) -> np.ndarray:
        """Share of the sky's light that arrives, `[V, 3]`; radiance `[D, 3]` of DIRECTIONS."""
        arrives = self.skin @ radiance
        free = np.maximum(self.normals @ DIRECTIONS.T, 0) @ radiance
        return np.clip(arrives / np.maximum(free, 1e-4), 0, 1.2)


@wp.kernel
def _see_skin(
    seen_at: wp.array(dtype=wp.vec3),  # px, px, depth in this view
    normals: wp.array(dtype=wp.vec3),
    towards: wp.vec3,
    side: int,
    keys: wp.array(dtype=wp.int64),
    column: int,
    out: wp.array(dtype=float, ndim=2),
):
    i = wp.tid()
    p = seen_at[i]
    x = wp.clamp(int(p[0]), 0, side - 1)
    y = wp.clamp(int(p[1]), 0, side - 1)
    behind = wp.max(p[2] - depth_of(keys[y * side + x]) - 0.35, 0.0)
    out[i, column] = wp.exp(-behind * 4.0) * wp.max(wp.dot(normals[i], towards), 0.0)


@wp.kernel
def _see_hair(
    seen_at: wp.array(dtype=wp.vec3),
    side: int,
    keys: wp.array(dtype=wp.int64),
    basis: wp.array(dtype=float),  # [9] harmonics of this direction, times its solid angle
    out: wp.array(dtype=float, ndim=2),
):
    i = wp.tid()
    p = seen_at[i]
    x = wp.clamp(int(p[0]), 0, side - 1)
    y = wp.clamp(int(p[1]), 0, side - 1)
    behind = wp.max(p[2] - depth_of(keys[y * side + x]) - 0.25, 0.0)
    open = wp.exp(-behind / 0.9)
    for k in range(9):
        out[i, k] = out[i, k] + open * basis[k]


def see_sky(vertices: np.ndarray, faces: np.ndarray, hair: Strands | None, device: str):
    """Visibility of the neutral coarse head, vertices `[V, 3]`, skin faces `[F, 3]`."""
    points, corners = vectors(vertices, device), indices(faces, device)
    normals = vertex_normals(points, corners)
    lifted = vectors(vertices + normals.numpy() * 0.25, device)
    skin = wp.zeros((len(vertices), len(DIRECTIONS)), dtype=float, device=device)
    strands = opened = None
    if hair is not None:
        strands = vectors(hair.points, device)
        opened = wp.zeros((len(strands), 9), dtype=float, device=device)
        wide = wp.full(len(hair.points), WIDE, dtype=float, device=device)
    scale, centre = SIDE / (2 * HALF), wp.vec3(*CENTRE)
    bases = harmonics(DIRECTIONS) * (4 * math.pi / len(DIRECTIONS))
    buffer = Buffer(SIDE, device)
    for k, towards in enumerate(DIRECTIONS):
        facts = (wp.mat33(view_from(towards, (0.31, 0.9, 0.2))), centre, scale, SIDE)
        buffer.clear()
        buffer.triangles(orthographic(points, *facts), corners)
        if strands is not None:
            seen_at = orthographic(strands, *facts)
            buffer.strands(seen_at, wide, hair.points.shape[1], stride=STRIDE)
            wp.launch(
                _see_hair,
                dim=len(strands),
                inputs=[seen_at, SIDE, buffer.keys, wp.array(bases[k], device=device), opened],
                device=device,
            )
        wp.launch(
            _see_skin,
            dim=len(vertices),
            inputs=[
                orthographic(lifted, *facts),
                normals,
                wp.vec3(*towards),
                SIDE,
                buffer.keys,
                k,
                skin,
            ],
            device=device,
        )
    return Visibility(skin.numpy(), normals.numpy(), opened)
