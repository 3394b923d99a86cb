"""Where things are in a frame: strands posed with the head, and everything on the screen."""

import math
from dataclasses import dataclass

import numpy as np
import warp as wp

wp.set_module_options({"enable_backward": False, "fast_math": True})

NECK_FROM, NECK_TO = wp.constant(53.0), wp.constant(66.0)  # cm: hair below moves with the neck
PIVOT = wp.constant(wp.vec3(0.0, 76.0, 1.0))  # loose hair swings about it
LOOSE_FROM, LOOSE_TO = wp.constant(3.0), wp.constant(18.0)  # cm along a strand from its root


@dataclass(frozen=True)
class Crop:
    """A square of the picture plane: its centre and half axes, cm on the plane of the eyes."""

    centre: np.ndarray  # [2], x right, y down
    right: np.ndarray  # [2]
    down: np.ndarray  # [2]

    @property
    def half(self) -> float:
        return float(np.linalg.norm(self.right))

    def wider(self, factor: float) -> "Crop":
        return Crop(self.centre, self.right * factor, self.down * factor)

    def axes(self) -> np.ndarray:
        """Columns right, down `[2, 2]`."""
        return np.stack([self.right, self.down], axis=1)


def ffhq_crop(points: np.ndarray) -> Crop:
    """The square that FFHQ's alignment cuts for 68 landmarks `[68, 2]` (CHECKPOINTS.md, 10)."""
    left, right = points[36:42].mean(0), points[42:48].mean(0)
    eyes, across = (left + right) / 2, right - left
    down = (points[48] + points[54]) / 2 - eyes
    x = across - np.array([-down[1], down[0]])
    x = x / math.hypot(*x) * max(math.hypot(*across) * 2.0, math.hypot(*down) * 1.8)
    return Crop(eyes + down * 0.1, x, np.array([-x[1], x[0]]))


@dataclass(frozen=True)
class Camera:
    """A pinhole at `distance` cm in front of `target`, with the plane of the picture there."""

    target: np.ndarray  # [3]
    distance: float

    @property
    def position(self) -> np.ndarray:
        return self.target + np.array([0, 0, self.distance], np.float32)

    def plane(self, points: np.ndarray) -> np.ndarray:
        """World points `[..., 3]` -> cm on the picture plane `[..., 2]`, x right, y down."""
        p = points - self.target
        scale = self.distance / (self.distance - p[..., 2:])
        return p[..., :2] * scale * (1, -1)

    def pixels(self, points: np.ndarray, crop: Crop, side: int) -> np.ndarray:
        """World points `[..., 3]` -> px `[..., 2]` in a crop of `side` px."""
        inside = (self.plane(points) - crop.centre) @ np.linalg.inv(crop.axes()).T
        return (inside * 0.5 + 0.5) * side


@wp.kernel
def _to_screen(
    points: wp.array(dtype=wp.vec3),
    target: wp.vec3,
    distance: float,
    centre: wp.vec2,
    to_pixels: wp.mat22,
    half: float,
    out: wp.array(dtype=wp.vec3),
):
    i = wp.tid()
    p = points[i] - target
    depth = distance - p[2]
    scale = distance / depth
    q = to_pixels * (wp.vec2(p[0] * scale, -p[1] * scale) - centre)
    out[i] = wp.vec3(q[0] + half, q[1] + half, depth)


def to_screen(points: wp.array, camera: Camera, crop: Crop, side: int) -> wp.array:
    """World points vec3 `[N]` -> px, px, depth in cm, vec3 `[N]`."""
    out = wp.empty_like(points)
    to_pixels = wp.mat22((np.linalg.inv(crop.axes()) * (side / 2)).astype(np.float32))
    wp.launch(
        _to_screen,
        dim=len(points),
        inputs=[
            points,
            wp.vec3(*camera.target),
            float(camera.distance),
            wp.vec2(*crop.centre),
            to_pixels,
            side / 2,
            out,
        ],
        device=points.device,
    )
    return out


@wp.kernel
def _pose_strands(
    points: wp.array(dtype=wp.vec3),  # [S * M], neutral head
    root_shift: wp.array(dtype=wp.vec3),  # [S]
    loose: wp.array(dtype=float),  # [S]
    per_strand: int,
    head_rotation: wp.mat33,
    head_shift: wp.vec3,
    neck_rotation: wp.mat33,
    neck_shift: wp.vec3,
    sway: wp.mat33,
    out: wp.array(dtype=wp.vec3),
):
    i = wp.tid()
    strand = i / per_strand
    x = points[i] + root_shift[strand]
    away = wp.length(points[i] - points[strand * per_strand])
    free = wp.smoothstep(LOOSE_FROM, LOOSE_TO, away) * loose[strand]
    x = x + (sway * (x - PIVOT) + PIVOT - x) * free
    with_head = head_rotation * x + head_shift
    with_neck = neck_rotation * x + neck_shift
    w = wp.smoothstep(NECK_FROM, NECK_TO, x[1])
    out[i] = with_head * w + with_neck * (1.0 - w)


def pose_strands(
    points: wp.array,
    root_shift: np.ndarray,
    loose: wp.array,
    per_strand: int,
    head: np.ndarray,
    neck: np.ndarray,
    sway: np.ndarray,
) -> wp.array:
    """Strands vec3 `[S * M]` in the world: roots follow the skin (`root_shift` `[S, 3]`: beards),
    the rest is rigid with the head and blends to the neck below the chin; ends lag by `sway` as far
    as their strand is `loose` (float `[S]`).

    `head`, `neck`: transforms `[3, 4]`; `sway`: rotation `[3, 3]` in the head's frame.
    """
    out = wp.empty_like(points)
    shift = wp.array(root_shift.astype(np.float32), dtype=wp.vec3, device=points.device)
    wp.launch(
        _pose_strands,
        dim=len(points),
        inputs=[
            points,
            shift,
            loose,
            per_strand,
            wp.mat33(head[:, :3]),
            wp.vec3(*head[:, 3]),
            wp.mat33(neck[:, :3]),
            wp.vec3(*neck[:, 3]),
            wp.mat33(sway.astype(np.float32)),
            out,
        ],
        device=points.device,
    )
    return out
