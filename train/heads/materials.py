"""What a point of a triangle is made of: skin, mouth, teeth, cloth, things worn."""

import warp as wp

from train.heads.folds import fold_heights
from train.heads.noise import noise3
from train.heads.surface import (
    CAVITY,
    SKIN,
    TEETH,
    TONGUE,
    WORN,
    Looks,
    Posed,
    Surface,
    blend,
    look_up,
    look_up_scalar,
    mix,
    smoothstep,
)

wp.set_module_options({"enable_backward": False, "fast_math": True})

TOOTH_ENDS = wp.constant(
    wp.types.vector(length=7, dtype=wp.float32)(0.85, 1.5, 2.26, 2.96, 3.64, 4.6, 5.6)
)
GUM = wp.constant(wp.vec3(0.44, 0.17, 0.16))
SKIN_WRAP = wp.constant(wp.vec3(0.30, 0.14, 0.08))  # light around the terminator, redder inside
EPSILON = wp.constant(0.012)  # cm, of the slope of folds


@wp.struct
class Material:
    albedo: wp.vec3
    normal: wp.vec3
    gloss: float
    metal: float
    skin: float  # 1: light bleeds through it
    wrap: wp.vec3
    ambient: wp.vec3  # share of the sky's light that reaches it
    lamp: wp.vec2  # light of the key lamp: least share, and the share that the shadow takes away


@wp.func
def tooth(looks: Looks, along: float, rise: float) -> wp.vec3:
    """Colour of the row of teeth at `along` cm of the arch; `rise` 0 the edge .. 1 the gum."""
    s = wp.abs(along)
    gap = float(wp.abs(along))  # between the two middle teeth
    start = wp.float32(0.0)
    width = wp.float32(0.85)
    for i in range(7):
        gap = wp.min(gap, wp.abs(s - TOOTH_ENDS[i]))
        if s > TOOTH_ENDS[i] and i < 6:
            start = TOOTH_ENDS[i]
            width = TOOTH_ENDS[i + 1] - start
    middle = (s - start) / width * 2.0 - 1.0
    crown = (
        looks.teeth_rgb * (1.0 - 0.10 * middle * middle) * (1.0 - 0.16 * smoothstep(0.2, 0.9, rise))
    )
    crown = crown * (0.93 + 0.07 * noise3(wp.vec3(along * 1.3, rise, 0.5), looks.seed + 3))
    crown = crown * (1.0 - 0.36 * smoothstep(0.07, 0.01, gap) * smoothstep(0.0, 0.25, rise))
    gum_line = 0.50 + 0.07 * middle * middle - 0.12 * smoothstep(0.10, 0.0, gap)
    return mix(crown, GUM, smoothstep(gum_line - 0.03, gum_line + 0.05, rise))


@wp.func
def cloth(looks: Looks, p: wp.vec3) -> wp.vec3:
    colour = looks.cloth_rgb
    if looks.cloth_pattern == 1:
        colour = mix(
            colour, looks.pattern_rgb, smoothstep(0.25, 0.4, wp.sin(p[1] * 3.6 + 0.2 * p[2]))
        )
    if looks.cloth_pattern == 2:
        a = smoothstep(0.1, 0.3, wp.sin(p[1] * 2.6)) + smoothstep(0.1, 0.3, wp.sin(p[0] * 2.6))
        colour = mix(colour, looks.pattern_rgb, 0.45 * a)
    weave = 1.0 + 0.05 * noise3(p * 9.0, 51) + 0.07 * noise3(p * 0.6, 52)
    return colour * weave


@wp.func
def folded(n: wp.vec3, p: wp.vec3, posed: Posed) -> wp.vec4:
    """Normal of the skin under the folds of this expression, and their height in cm."""
    h = wp.float32(0.0)
    if posed.creased > 0.0:
        h = fold_heights(p, posed.folds)
    if h == 0.0:
        return wp.vec4(n[0], n[1], n[2], 0.0)
    slope = wp.vec3(
        fold_heights(p + wp.vec3(EPSILON, 0.0, 0.0), posed.folds) - h,
        fold_heights(p + wp.vec3(0.0, EPSILON, 0.0), posed.folds) - h,
        fold_heights(p + wp.vec3(0.0, 0.0, EPSILON), posed.folds) - h,
    )
    slope = posed.head_rotation * (slope / EPSILON)
    bent = wp.normalize(n - (slope - n * wp.dot(slope, n)))
    return wp.vec4(bent[0], bent[1], bent[2], h)


@wp.func
def raised(
    surface: Surface, looks: Looks, face: int, corners: wp.vec3i, u: float, v: float
) -> wp.vec3:
    """Slope of the relief map along the surface at (u, v) of a face, in the world."""
    a = surface.position[corners[0]]
    e1 = surface.position[corners[1]] - a
    e2 = surface.position[corners[2]] - a
    d1 = surface.uv[face, 1] - surface.uv[face, 0]
    d2 = surface.uv[face, 2] - surface.uv[face, 0]
    area = d1[0] * d2[1] - d1[1] * d2[0]
    if wp.abs(area) < 1.0e-10:
        return wp.vec3()
    along_u = (e1 * d2[1] - e2 * d1[1]) / area
    along_v = (e2 * d1[0] - e1 * d2[0]) / area
    step = 1.0 / float(looks.relief.shape[0])
    h = look_up_scalar(looks.relief, u, v)
    du = (look_up_scalar(looks.relief, u + step, v) - h) / step
    dv = (look_up_scalar(looks.relief, u, v + step) - h) / step
    return along_u * (du / wp.max(wp.length_sq(along_u), 1.0e-4)) + along_v * (
        dv / wp.max(wp.length_sq(along_v), 1.0e-4)
    )


@wp.func
def material_of(
    surface: Surface, looks: Looks, posed: Posed, kind: int, face: int,
    corners: wp.vec3i, w: wp.vec3, p: wp.vec3, normal: wp.vec3,
) -> Material:  # fmt: skip
    """What a face is made of at the point with barycentric weights `w`."""
    m = Material()
    m.normal = normal
    m.wrap = wp.vec3(0.05, 0.05, 0.05)
    m.ambient = wp.vec3(1.0, 1.0, 1.0)
    m.lamp = wp.vec2(0.0, 1.0)
    if kind >= WORN:
        m.albedo = looks.worn_rgb[kind - WORN]
        m.gloss = looks.worn_gloss[kind - WORN]
        m.metal = looks.worn_metal[kind - WORN]
        return m
    rest = blend(surface.rest, corners, w)
    place = (
        surface.place[corners[0]] * w[0]
        + surface.place[corners[1]] * w[1]
        + surface.place[corners[2]] * w[2]
    )
    if kind == CAVITY or kind == TONGUE or kind == TEETH:
        local = wp.transpose(posed.head_rotation) * (p - posed.head_shift)
        depth = wp.max(posed.lip_depth - local[2], 0.0)
        m.gloss = 0.6
        reach = wp.float32(1.3)
        m.albedo = wp.vec3(0.28, 0.07, 0.06)
        if kind == TONGUE:
            reach = 2.2
            rough = 1.0 + 0.08 * noise3(rest * 7.0, 61)
            m.albedo = wp.vec3(0.50, 0.20, 0.18) * rough
        if kind == TEETH:
            reach = 1.1
            depth = wp.max(depth - 0.8, 0.0)  # the front ones are as bright as the lips
            m.gloss = 0.75
            m.albedo = tooth(looks, place[0], place[1])
            # back teeth lie in the shade of the cheeks
            depth += 1.6 * smoothstep(1.8, 3.8, wp.abs(place[0]))
        open = wp.max(wp.exp(-depth / reach), 0.10) * 0.9
        m.ambient = m.ambient * (open * 0.85)
        m.lamp = wp.vec2(open * 0.55, open * 0.45)  # enamel and wet flesh pass light on
        return m

    m.ambient = blend(surface.sky, corners, w)
    if place[0] < 0.0:
        m.albedo = cloth(looks, rest)
        m.gloss = 0.1
        m.metal = -1.0  # cloth hardly shines
        edge = 1.0 - 0.35 * wp.exp(place[0] / 0.12)
        m.ambient = m.ambient * edge
        bumps = wp.vec3(
            noise3(rest * 0.55, 71) + noise3(rest * 2.1, 74),
            noise3(rest * 0.55, 72) + noise3(rest * 2.1, 75),
            noise3(rest * 0.55, 73) + noise3(rest * 2.1, 76),
        )
        m.normal = wp.normalize(normal + bumps * 0.13)
        return m

    m.skin = 1.0
    m.wrap = SKIN_WRAP
    m.ambient = m.ambient * (1.0 - 0.45 * wp.exp(-place[0] / 0.35))
    m.albedo = looks.body_rgb * (1.0 + 0.03 * noise3(rest * 1.1, looks.seed))
    m.gloss = 0.4
    if kind == SKIN:
        uv = surface.uv[face, 0] * w[0] + surface.uv[face, 1] * w[1] + surface.uv[face, 2] * w[2]
        m.albedo = look_up(looks.albedo, uv[0], uv[1])
        m.gloss = look_up_scalar(looks.gloss, uv[0], uv[1])
        fold = folded(normal, rest, posed)
        slope = raised(surface, looks, face, corners, uv[0], uv[1])
        n = wp.vec3(fold[0], fold[1], fold[2])
        m.normal = wp.normalize(n - (slope - n * wp.dot(slope, n)))
        # grooves are darker and redder than the skin around
        deep = wp.clamp(-fold[3] * 14.0, 0.0, 0.5)
        m.albedo = wp.cw_mul(
            m.albedo, wp.vec3(1.0 - 0.45 * deep, 1.0 - 0.75 * deep, 1.0 - 0.8 * deep)
        )
        m.ambient = m.ambient * (1.0 - 0.6 * deep)
    return m
