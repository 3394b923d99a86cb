"""Lenses of glasses: what lies behind shows through, under a reflection of lamp and sky."""

import warp as wp

from train.heads.light import Light, sky
from train.heads.raster import depth_of, primitive_of
from train.heads.surface import Posed, Surface, blend, fifth, weights_in

wp.set_module_options({"enable_backward": False, "fast_math": True})


@wp.struct
class Lens:
    faces: wp.array(dtype=wp.vec3i)
    rgb: wp.vec3
    opacity: float


@wp.kernel
def shade_lens(
    keys: wp.array(dtype=wp.int64),
    lens_keys: wp.array(dtype=wp.int64),
    side: int,
    surface: Surface,
    lens: Lens,
    posed: Posed,
    light: Light,
    albedo: wp.array(dtype=wp.vec3),
    shine: wp.array(dtype=wp.vec3),
):
    """Changes the samples that a lens covers; it is seen only in front of the person."""
    pixel = wp.tid()
    face = primitive_of(lens_keys[pixel])
    if face < 0 or primitive_of(keys[pixel]) < 0:
        return
    if depth_of(lens_keys[pixel]) > depth_of(keys[pixel]):
        return
    corners = lens.faces[face]
    w = weights_in(
        surface.screen[corners[0]], surface.screen[corners[1]], surface.screen[corners[2]],
        float(pixel % side) + 0.5, float(pixel / side) + 0.5,
    )  # fmt: skip
    p = blend(surface.position, corners, w)
    a = surface.position[corners[0]]
    n = wp.normalize(wp.cross(surface.position[corners[1]] - a, surface.position[corners[2]] - a))
    view = wp.normalize(posed.camera - p)
    if wp.dot(n, view) < 0.0:
        n = -n
    mirrored = n * (2.0 * wp.dot(n, view)) - view
    fresnel = 0.04 + 0.5 * fifth(1.0 - wp.clamp(wp.dot(n, view), 0.0, 1.0))
    lamp = wp.pow(wp.max(wp.dot(mirrored, light.key_towards), 0.0), 250.0)
    glow = sky(light, mirrored) * fresnel + light.key_rgb * (1.5 * lamp)
    through = 1.0 - lens.opacity
    albedo[pixel] = albedo[pixel] * through
    shine[pixel] = shine[pixel] * through + glow + lens.rgb * (0.5 * lens.opacity)
