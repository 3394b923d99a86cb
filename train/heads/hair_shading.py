"""Light on strands: Kajiya and Kay's model with two highlights, and the sky through the hair.

J. Kajiya and T. Kay, "Rendering fur with three dimensional textures" (1989); the shifted white and
coloured highlights are those of Marschner et al., "Light scattering from human hair fibers" (2003).
"""

import warp as wp

from train.heads.light import Light, lit
from train.heads.raster import primitive_of
from train.heads.surface import Looks, Posed, mix

wp.set_module_options({"enable_backward": False, "fast_math": True})


@wp.struct
class HairSurface:
    """`S` strands of `M` points in the world; flat arrays."""

    screen: wp.array(dtype=wp.vec3)  # [S * M] px, px, depth
    position: wp.array(dtype=wp.vec3)  # [S * M]
    open: wp.array(dtype=float, ndim=2)  # [S * M, 9] harmonics of the directions it sees the sky in
    shade: wp.array(dtype=float)  # [S]
    grey: wp.array(dtype=float)  # [S] 0 the person's colour .. 1 white
    root_normal: wp.array(dtype=wp.vec3)  # [S] head frame
    sky: wp.array(dtype=wp.vec3)  # [9] harmonics of the sky's radiance in the head's frame
    centre: wp.vec3  # of the head, in the world
    per_strand: int


@wp.func
def along(a: wp.vec3, b: wp.vec3, x: float, y: float) -> float:
    """Where on the segment the pixel lies, 0 .. 1."""
    dx = b[0] - a[0]
    dy = b[1] - a[1]
    return wp.clamp(
        ((x - a[0]) * dx + (y - a[1]) * dy) / wp.max(dx * dx + dy * dy, 1.0e-6), 0.0, 1.0
    )


@wp.func
def sine(cosine: float) -> float:
    return wp.sqrt(wp.max(1.0 - cosine * cosine, 0.0))


@wp.func
def glint(tangent: wp.vec3, towards: wp.vec3, view: wp.vec3) -> float:
    """Cosine between the cone of reflection and the eye to the 16th power."""
    tl = wp.dot(tangent, towards)
    tv = wp.dot(tangent, view)
    c = wp.clamp(sine(tl) * sine(tv) - tl * tv, 0.0, 1.0)
    c = c * c
    c = c * c
    c = c * c
    return c * c


@wp.func
def lamp_on_hair(
    colour: wp.vec3, albedo: wp.vec3, tangent: wp.vec3, outwards: wp.vec3, view: wp.vec3,
    shade: float, towards: wp.vec3, rgb: wp.vec3, reached: float,
) -> wp.vec3:  # fmt: skip
    wrap = wp.max(wp.dot(outwards, towards) * 0.65 + 0.35, 0.0)
    scattered = albedo * (sine(wp.dot(tangent, towards)) * 0.9)
    tilt = 0.05 * (shade - 1.0)
    white = glint(wp.normalize(tangent + outwards * (tilt - 0.08)), towards, view)
    white = white * white * white * white * 0.085
    second = glint(wp.normalize(tangent + outwards * (tilt + 0.10)), towards, view) * 0.30
    mean = wp.sqrt((colour[0] + colour[1] + colour[2]) / 3.0)
    tint = (
        wp.vec3(
            wp.sqrt(wp.min(albedo[0], 0.9)),
            wp.sqrt(wp.min(albedo[1], 0.9)),
            wp.sqrt(wp.min(albedo[2], 0.9)),
        )
        * mean
    )
    return wp.cw_mul(rgb, scattered + wp.vec3(white, white, white) + tint * second) * (
        wrap * reached
    )


@wp.kernel
def shade_hair(
    keys: wp.array(dtype=wp.int64),
    side: int,
    first: int,  # number of the first segment
    hair: HairSurface,
    looks: Looks,
    posed: Posed,
    light: Light,
    albedo: wp.array(dtype=wp.vec3),
    diffuse: wp.array(dtype=wp.vec3),
    shine: wp.array(dtype=wp.vec3),
):
    pixel = wp.tid()
    segment = primitive_of(keys[pixel]) - first
    if segment < 0:
        return
    strand = segment / (hair.per_strand - 1)
    m = segment % (hair.per_strand - 1)
    i = strand * hair.per_strand + m
    u = along(
        hair.screen[i], hair.screen[i + 1], float(pixel % side) + 0.5, float(pixel / side) + 0.5
    )
    a = hair.position[i]
    b = hair.position[i + 1]
    p = a + (b - a) * u
    tangent = wp.normalize(b - a)
    view = wp.normalize(posed.camera - p)
    outwards = wp.normalize(
        wp.normalize(p - hair.centre) * 0.8 + posed.head_rotation * hair.root_normal[strand] * 0.3
    )
    seen = wp.vec3()
    for k in range(9):
        seen += hair.sky[k] * (hair.open[i, k] * (1.0 - u) + hair.open[i + 1, k] * u)
    ambient = wp.max(seen, wp.vec3()) * (1.35 / 12.5663706)
    openness = wp.clamp(
        (hair.open[i, 0] * (1.0 - u) + hair.open[i + 1, 0] * u) * 0.282095, 0.0, 1.0
    )

    shade = hair.shade[strand]
    colour = mix(looks.hair_rgb, wp.vec3(0.62, 0.60, 0.57), hair.grey[strand])
    tip = (float(m) + u) / float(hair.per_strand - 1)
    own = colour * (shade * (0.72 + 0.45 * tip))
    reached = lit(light, p + outwards * 0.35, float(segment % 7))
    total = lamp_on_hair(
        colour, own, tangent, outwards, view, shade, light.key_towards, light.key_rgb, reached
    )
    total += lamp_on_hair(
        colour, own, tangent, outwards, view, shade, light.rim_towards, light.rim_rgb, openness
    )
    total += wp.cw_mul(own, ambient) * 1.3 + ambient * 0.028
    albedo[pixel] = wp.vec3()
    diffuse[pixel] = wp.vec3()
    shine[pixel] = total
