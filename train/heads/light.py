"""Light on the head: a soft sky with lobes, two lamps, and the shadow of the key lamp.

Radiance is linear RGB. The sky's irradiance is kept as nine spherical harmonics (Ramamoorthi and
Hanrahan, "An efficient representation for irradiance environment maps", 2001).
"""

import math

import numpy as np
import warp as wp

from train.heads.params import Conditions
from train.heads.raster import Buffer, depth_of

wp.set_module_options({"enable_backward": False, "fast_math": True})

COSINE_LOBE = np.repeat([math.pi, 2 * math.pi / 3, math.pi / 4], [1, 3, 5])  # A_l of the paper
SHADOW_SIDE = 320  # px
SHADOW_HALF = 20.0  # cm
SHADOW_TAPS = wp.constant(8)
GOLDEN_COS, GOLDEN_SIN = wp.constant(-0.737369), wp.constant(0.675490)
FAR = wp.constant(80.0)  # cm in front of the head, where depths of light views start

vec9 = wp.types.vector(length=9, dtype=wp.float32)


def fibonacci(n: int) -> np.ndarray:
    """n directions spread evenly over the sphere, `[n, 3]`."""
    i = np.arange(n) + 0.5
    y = 1 - 2 * i / n
    angle = math.pi * (1 + math.sqrt(5)) * i
    radius = np.sqrt(1 - y * y)
    spread = np.stack([radius * np.cos(angle), y, radius * np.sin(angle)], axis=1)
    return spread.astype(np.float32)


def direction(azimuth: float, elevation: float) -> np.ndarray:
    """Unit vector towards a light; azimuth 0 is the camera's, > 0 from image right (degrees)."""
    a, e = math.radians(azimuth), math.radians(elevation)
    return np.array([math.sin(a) * math.cos(e), math.sin(e), math.cos(a) * math.cos(e)], np.float32)


def sky_radiance(directions: np.ndarray, conditions: Conditions) -> np.ndarray:
    """Radiance `[n, 3]` from unit directions `[n, 3]`."""
    up = np.clip(directions[:, 1:2] * 0.5 + 0.5, 0, 1)
    total = np.array(conditions.sky_bottom) * (1 - up) + np.array(conditions.sky_top) * up
    for lobe in conditions.lobes:
        cosine = directions @ direction(lobe.azimuth, lobe.elevation)
        shape = np.exp(lobe.kappa * (cosine[:, None] - 1))
        total = total + lobe.power * shape * np.array(lobe.rgb)
    return total.astype(np.float32)


def harmonics(directions: np.ndarray) -> np.ndarray:
    """The nine real spherical harmonics up to order 2, `[n, 9]`."""
    x, y, z = directions.T
    rows = [
        0.282095 * np.ones_like(x),
        0.488603 * y,
        0.488603 * z,
        0.488603 * x,
        1.092548 * x * y,
        1.092548 * y * z,
        0.315392 * (3 * z * z - 1),
        1.092548 * x * z,
        0.546274 * (x * x - y * y),
    ]
    return np.stack(rows, axis=1).astype(np.float32)


@wp.func
def harmonics_of(n: wp.vec3) -> vec9:
    return vec9(
        0.282095,
        0.488603 * n[1],
        0.488603 * n[2],
        0.488603 * n[0],
        1.092548 * n[0] * n[1],
        1.092548 * n[1] * n[2],
        0.315392 * (3.0 * n[2] * n[2] - 1.0),
        1.092548 * n[0] * n[2],
        0.546274 * (n[0] * n[0] - n[1] * n[1]),
    )


@wp.struct
class Light:
    """Everything that lights one frame, in world directions."""

    key_towards: wp.vec3
    key_rgb: wp.vec3
    key_soft: float
    rim_towards: wp.vec3
    rim_rgb: wp.vec3
    sky_top: wp.vec3
    sky_bottom: wp.vec3
    lobe_towards: wp.array(dtype=wp.vec3)
    lobe_rgb: wp.array(dtype=wp.vec3)
    lobe_kappa: wp.array(dtype=float)
    irradiance: wp.array(dtype=wp.vec3)  # [9]
    shadow: wp.array(dtype=wp.int64)  # [SHADOW_SIDE ** 2]
    shadow_frame: wp.mat33  # rows: right, down, away from the lamp
    shadow_centre: wp.vec3
    shadow_scale: float  # px a cm
    shadow_side: int


@wp.func
def irradiance(light: Light, n: wp.vec3) -> wp.vec3:
    """Of the sky on a surface that sees all of it, over pi."""
    h = harmonics_of(n)
    total = wp.vec3()
    for i in range(9):
        total += light.irradiance[i] * h[i]
    return wp.max(total, wp.vec3())


@wp.func
def sky(light: Light, towards: wp.vec3) -> wp.vec3:
    up = wp.clamp(towards[1] * 0.5 + 0.5, 0.0, 1.0)
    total = light.sky_bottom * (1.0 - up) + light.sky_top * up
    for i in range(light.lobe_kappa.shape[0]):
        cosine = wp.dot(towards, light.lobe_towards[i])
        total += light.lobe_rgb[i] * wp.exp(light.lobe_kappa[i] * (cosine - 1.0))
    return total


@wp.func
def lit(light: Light, point: wp.vec3, turn: float) -> float:
    """How much of the key lamp reaches a point, 0 .. 1; `turn` rotates the pattern of samples."""
    p = light.shadow_frame * (point - light.shadow_centre)
    reach = (0.12 + 0.7 * light.key_soft) * 0.6
    half = float(light.shadow_side) * 0.5
    spread = reach * 1.25 * light.shadow_scale / wp.sqrt(float(SHADOW_TAPS))
    # each sample lies a golden angle further round than the last
    dx = wp.cos(turn) * spread
    dy = wp.sin(turn) * spread
    total = wp.float32(0.0)
    for k in range(SHADOW_TAPS):
        radius = wp.sqrt(float(k) + 0.5)
        x = wp.clamp(int(p[0] * light.shadow_scale + half + radius * dx), 0, light.shadow_side - 1)
        y = wp.clamp(int(p[1] * light.shadow_scale + half + radius * dy), 0, light.shadow_side - 1)
        turned = dx * GOLDEN_COS - dy * GOLDEN_SIN
        dy = dx * GOLDEN_SIN + dy * GOLDEN_COS
        dx = turned
        behind = p[2] + FAR - depth_of(light.shadow[y * light.shadow_side + x]) - 0.35
        clear = wp.clamp(1.0 - 1.6 * behind, 0.0, 1.0)
        total += clear * clear
    return total / float(SHADOW_TAPS)


def view_from(towards: np.ndarray, hint: tuple[float, float, float]) -> np.ndarray:
    """Rows right, down, away of an orthographic view from a direction, `[3, 3]`."""
    right = np.cross(towards, np.array(hint, np.float32))
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(towards, right), -towards]).astype(np.float32)


def light_of(conditions: Conditions, device: str) -> Light:
    """The light of a clip; its shadow is set for each frame by `cast_shadow`."""
    light = Light()
    for name, lamp in (("key", conditions.key), ("rim", conditions.rim)):
        setattr(light, f"{name}_towards", wp.vec3(direction(lamp.azimuth, lamp.elevation)))
        setattr(light, f"{name}_rgb", wp.vec3(*(lamp.power * c for c in lamp.rgb)))
    light.key_soft = conditions.key.soft
    light.sky_top, light.sky_bottom = wp.vec3(*conditions.sky_top), wp.vec3(*conditions.sky_bottom)
    lobes = conditions.lobes
    towards = np.array([direction(lobe.azimuth, lobe.elevation) for lobe in lobes], np.float32)
    rgb = np.array([np.array(lobe.rgb) * lobe.power for lobe in lobes], np.float32)
    light.lobe_towards = wp.array(towards.reshape(-1, 3), dtype=wp.vec3, device=device)
    light.lobe_rgb = wp.array(rgb.reshape(-1, 3), dtype=wp.vec3, device=device)
    light.lobe_kappa = wp.array([lobe.kappa for lobe in lobes], dtype=float, device=device)
    around = fibonacci(256)
    moments = harmonics(around).T @ sky_radiance(around, conditions) * (4 * math.pi / len(around))
    moments *= COSINE_LOBE[:, None] / math.pi
    light.irradiance = wp.array(moments.astype(np.float32), dtype=wp.vec3, device=device)
    light.shadow_frame = wp.mat33(view_from(np.array(light.key_towards), (0.1, 1.0, 0.05)))
    light.shadow_side = SHADOW_SIDE
    light.shadow_scale = SHADOW_SIDE / (2 * SHADOW_HALF)
    return light


@wp.kernel
def _view(
    vertices: wp.array(dtype=wp.vec3),
    frame: wp.mat33,
    centre: wp.vec3,
    scale: float,
    half: float,
    out: wp.array(dtype=wp.vec3),
):
    i = wp.tid()
    p = frame * (vertices[i] - centre)
    out[i] = wp.vec3(p[0] * scale + half, p[1] * scale + half, p[2] + FAR)


def orthographic(
    vertices: wp.array, frame: wp.mat33, centre: wp.vec3, scale: float, side: int
) -> wp.array:
    """Vertices vec3 `[V]` as seen by a light: px, px, depth."""
    out = wp.empty_like(vertices)
    wp.launch(
        _view,
        dim=len(vertices),
        inputs=[vertices, frame, centre, scale, side / 2, out],
        device=vertices.device,
    )
    return out


def cast_shadow(
    light: Light,
    buffer: Buffer,
    centre: np.ndarray,
    vertices: wp.array,
    faces: wp.array,
    hair: tuple[wp.array, wp.array, int] | None,
) -> None:
    """Draw what the key lamp sees into `buffer` (of SHADOW_SIDE) and give it to `light`.

    `hair`: points vec3 `[S * M]` in the world, widths in px of this view `[S]`, M.
    """
    light.shadow_centre = wp.vec3(*(centre - np.array([0.0, 2.0, 6.0])))
    facts = (light.shadow_frame, light.shadow_centre, light.shadow_scale, SHADOW_SIDE)
    buffer.clear()
    buffer.triangles(orthographic(vertices, *facts), faces)
    if hair is not None:
        points, width, per_strand = hair
        # a third of the hair, wider, casts about the same shadow
        buffer.strands(orthographic(points, *facts), width, per_strand, stride=3)
    light.shadow = buffer.keys
