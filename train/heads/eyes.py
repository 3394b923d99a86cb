"""Shading of the eyeball: sclera, iris and pupil, the shade of the lids, the wet cornea."""

import warp as wp

from train.heads.light import Light, irradiance, lit, sky
from train.heads.noise import noise3
from train.heads.surface import Looks, Posed, fifth, mix, smoothstep

wp.set_module_options({"enable_backward": False, "fast_math": True})

EYEBALL = wp.constant(1.495)  # cm, for which radii of the iris are given
SCLERA = wp.constant(wp.vec3(0.70, 0.645, 0.60))


@wp.func
def gaze_of(posed: Posed, eye: int) -> wp.mat33:
    if eye == 0:
        return posed.left_gaze
    return posed.right_gaze


@wp.func
def iris_colour(looks: Looks, q: float, angle: float, eye: int) -> wp.vec3:
    """Of a point at `q` iris radii from the axis: fibres, a bright collarette, a dark rim."""
    fine = noise3(wp.vec3(wp.cos(angle) * 3.4, wp.sin(angle) * 3.4, q * 0.8), looks.seed + eye)
    fine += 0.6 * noise3(
        wp.vec3(wp.cos(angle) * 8.0, wp.sin(angle) * 8.0, q * 1.4), looks.seed + 7 + eye
    )
    collarette = wp.exp(-wp.pow((q - 0.52) / 0.17, 2.0))
    tone = (1.0 + 0.20 * fine) * (0.75 + 0.75 * collarette) * (1.0 - 0.62 * smoothstep(0.8, 1.0, q))
    colour = looks.iris_rgb * wp.max(tone, 0.05)
    return mix(
        colour, wp.vec3(0.004, 0.004, 0.004), smoothstep(looks.pupil + 0.06, looks.pupil - 0.03, q)
    )


@wp.func
def sclera_colour(looks: Looks, local: wp.vec3, side: float, eye: int) -> wp.vec3:
    """Off-white with veins that thicken towards the corners."""
    p = wp.vec3(local[0] * 1.3, local[1] * 3.6, local[2] * 1.6)
    vein = smoothstep(0.9, 2.0, wp.abs(noise3(p, looks.seed + 31 + eye)))
    red = 0.25 * smoothstep(0.35, 0.8, side) + 0.18 * vein * smoothstep(0.2, 0.6, side)
    return wp.cw_mul(SCLERA, wp.vec3(1.0 - 0.12 * red, 1.0 - 0.55 * red, 1.0 - 0.55 * red))


@wp.func
def lid_shade(posed: Posed, eye: int, local: wp.vec3, side: float) -> float:
    """How much light the lids let in, 0 .. 1: darker under the upper lid and in the corners."""
    arch = 0.22 * (local[0] / 1.2) * (local[0] / 1.2)
    below_upper = posed.lid_upper[eye] - arch - local[1]
    above_lower = local[1] - posed.lid_lower[eye]
    shade = 0.34 + 0.66 * smoothstep(-0.02, 0.42, below_upper)
    shade = shade * (0.72 + 0.28 * smoothstep(-0.02, 0.22, above_lower))
    return shade * (1.0 - 0.5 * smoothstep(0.62, 0.92, side))


@wp.struct
class EyeShade:
    albedo: wp.vec3
    diffuse: wp.vec3
    shine: wp.vec3


@wp.func
def shade_eye(
    looks: Looks, posed: Posed, light: Light, eye: int, p: wp.vec3, n: wp.vec3, view: wp.vec3
) -> EyeShade:
    """Of a point of the eyeball: world position, normal, unit vector to the camera."""
    radius = posed.eye_radius[eye]
    centre = wp.vec3(posed.eye_centre[eye, 0], posed.eye_centre[eye, 1], posed.eye_centre[eye, 2])
    local = wp.transpose(posed.head_rotation) * (p - posed.head_shift) - centre
    gaze = gaze_of(posed, eye)
    g = wp.transpose(gaze) * wp.normalize(local)
    away = wp.acos(wp.clamp(g[2], -1.0, 1.0)) * radius  # cm along the surface
    q = away / (looks.iris_radius * radius / EYEBALL * 0.98)
    side = wp.abs(local[0]) / radius

    out = EyeShade()
    iris = iris_colour(looks, q, wp.atan2(g[1], g[0]), eye)
    out.albedo = mix(sclera_colour(looks, local, side, eye), iris, smoothstep(1.06, 0.94, q))

    shade = lid_shade(posed, eye, local, side)
    reached = lit(light, p + n * 0.3, away * 9.0)
    facing = wp.max(wp.dot(n, light.key_towards) * 0.7 + 0.3, 0.0)
    out.diffuse = irradiance(light, n) * (shade * 0.72)
    out.diffuse += light.key_rgb * (facing * reached * shade * 0.75)

    # the cornea bulges over the iris: a steeper normal, sharp reflections of lamp and sky
    axis = posed.head_rotation * wp.vec3(gaze[0, 2], gaze[1, 2], gaze[2, 2])
    bulge = smoothstep(1.15, 0.9, q)
    wet = wp.normalize(n + (n - axis * wp.dot(n, axis)) * (0.55 * bulge))
    mirrored = wet * (2.0 * wp.dot(wet, view)) - view
    spread = light.key_soft
    lamp = smoothstep(
        wp.cos(wp.radians(13.0 + 9.0 * spread)),
        wp.cos(wp.radians(9.0 + 5.0 * spread)),
        wp.dot(mirrored, light.key_towards),
    )
    fresnel = 0.03 + 0.5 * fifth(1.0 - wp.clamp(wp.dot(wet, view), 0.0, 1.0))
    glint = light.key_rgb * 0.9 + wp.vec3(0.25, 0.25, 0.25)
    out.shine = glint * (lamp * wp.max(shade, 0.5) * (0.35 + 0.65 * reached))
    out.shine += sky(light, mirrored) * (fresnel * shade * 1.1)
    return out
