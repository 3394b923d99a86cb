"""Light on everything that is made of triangles: skin, mouth, eyes, cloth, things worn.

One kernel over the pixels of the (supersampled) picture. It leaves the diffuse light apart from the
albedo, so that `resolve.py` can let the light bleed through the skin before it is multiplied.
"""

import warp as wp

from train.heads.eyes import shade_eye
from train.heads.light import Light, irradiance, lit, sky
from train.heads.materials import Material, material_of
from train.heads.noise import hash3, hash_unit
from train.heads.raster import primitive_of
from train.heads.surface import (
    LEFT_EYE,
    RIGHT_EYE,
    Looks,
    Posed,
    Surface,
    blend,
    fifth,
    weights_in,
)

wp.set_module_options({"enable_backward": False, "fast_math": True})


@wp.func
def ggx(n: wp.vec3, half: wp.vec3, rough: float) -> float:
    a2 = rough * rough * rough * rough
    nh = wp.clamp(wp.dot(n, half), 0.0, 1.0)
    d = nh * nh * (a2 - 1.0) + 1.0
    return a2 / (3.14159265 * d * d)


@wp.func
def highlight(m: Material, towards: wp.vec3, view: wp.vec3) -> float:
    """Two lobes of GGX: the skin's wide one and a tighter one of oil or polish."""
    half = wp.normalize(towards + view)
    soften = 0.25 * (0.5 - m.gloss)
    lobes = 0.84 * ggx(m.normal, half, 0.50 + soften) + 0.16 * ggx(m.normal, half, 0.31 + soften)
    fresnel = 0.028 + 0.972 * fifth(1.0 - wp.clamp(wp.dot(view, half), 0.0, 1.0))
    facing = wp.max(wp.dot(m.normal, towards), 0.0)
    return lobes * fresnel * facing * 0.785398 * (0.5 + m.gloss) * 0.9


@wp.func
def shine_of(m: Material, light: Light, view: wp.vec3, reached: float) -> wp.vec3:
    """Reflected sky and lamps."""
    open = (m.ambient[0] + m.ambient[1] + m.ambient[2]) / 3.0
    facing = wp.clamp(wp.dot(m.normal, view), 0.02, 1.0)
    mirrored = m.normal * (2.0 * wp.dot(m.normal, view)) - view
    if m.metal > 0.5:
        glow = sky(light, mirrored) * open
        lamp = wp.pow(wp.max(wp.dot(mirrored, light.key_towards), 0.0), 40.0) * reached
        return wp.cw_mul(m.albedo, glow + light.key_rgb * (2.0 * lamp))
    fresnel = 0.028 + 0.53 * fifth(1.0 - facing)
    out = sky(light, mirrored) * (fresnel * open * (0.25 + 0.5 * m.gloss))
    out += light.key_rgb * (highlight(m, light.key_towards, view) * reached)
    out += light.rim_rgb * (highlight(m, light.rim_towards, view) * open)
    if m.gloss > 0.8:  # polished: frames of glasses, patent hats, lenses
        lamp = wp.pow(wp.max(wp.dot(mirrored, light.key_towards), 0.0), 60.0) * reached
        out += light.key_rgb * (0.8 * lamp)
    if m.metal < 0.0:
        return out * 0.12
    return out


@wp.func
def wrapped(cosine: float, wrap: float) -> float:
    x = wp.max((cosine + wrap) / (1.0 + wrap), 0.0)
    return x * (0.87 + 0.13 * x)


@wp.kernel
def shade_triangles(
    keys: wp.array(dtype=wp.int64),
    side: int,
    count: int,  # primitives below it are triangles
    surface: Surface,
    looks: Looks,
    posed: Posed,
    light: Light,
    # out, a pixel: the picture is albedo * diffuse + shine
    albedo: wp.array(dtype=wp.vec3),
    diffuse: wp.array(dtype=wp.vec3),
    shine: wp.array(dtype=wp.vec3),
    skin: wp.array(dtype=float),
):
    pixel = wp.tid()
    skin[pixel] = 0.0
    face = primitive_of(keys[pixel])
    if face < 0 or face >= count:
        return
    corners = surface.faces[face]
    w = weights_in(
        surface.screen[corners[0]], surface.screen[corners[1]], surface.screen[corners[2]],
        float(pixel % side) + 0.5, float(pixel / side) + 0.5,
    )  # fmt: skip
    p = blend(surface.position, corners, w)
    n = wp.normalize(blend(surface.normal, corners, w))
    view = wp.normalize(posed.camera - p)
    if wp.dot(n, view) < -0.05:
        n = -n
    kind = surface.kind[face]
    if kind == LEFT_EYE or kind == RIGHT_EYE:
        eye = shade_eye(looks, posed, light, kind - LEFT_EYE, p, n, view)
        albedo[pixel] = eye.albedo
        diffuse[pixel] = eye.diffuse
        shine[pixel] = eye.shine
        return

    m = material_of(surface, looks, posed, kind, face, corners, w, p, n)
    turn = hash_unit(hash3(pixel % side, pixel / side, 0, 1), 0) * 6.2831853
    reached = lit(light, p + n * 0.15, turn)
    lamp = m.lamp[0] + m.lamp[1] * reached
    open = (m.ambient[0] + m.ambient[1] + m.ambient[2]) / 3.0
    total = wp.cw_mul(irradiance(light, m.normal), m.ambient)
    facing = wp.dot(m.normal, light.key_towards)
    around = wp.vec3(
        wrapped(facing, m.wrap[0]), wrapped(facing, m.wrap[1]), wrapped(facing, m.wrap[2])
    )
    total += wp.cw_mul(light.key_rgb, around) * lamp
    total += light.rim_rgb * (wp.max(wp.dot(m.normal, light.rim_towards), 0.0) * open)
    if m.metal > 0.5:
        total = total * 0.15
    albedo[pixel] = m.albedo
    diffuse[pixel] = total
    shine[pixel] = shine_of(m, light, view, lamp)
    skin[pixel] = m.skin
