"""The parts of a painted skin: pigments, lips, make-up and relief at one point of the template."""

import warp as wp

from train.heads.folds import FoldWeights
from train.heads.noise import fbm3, noise3
from train.heads.pigment import skin_colour
from train.heads.regions import blob, ears, pair, spots

EYE_Y = wp.constant(72.85)  # between the lids


@wp.struct
class Paint:
    """What is painted. Names as in `params.Complexion` unless a comment says otherwise."""

    seed: int
    melanin: float
    blood: float  # haemoglobin
    undertone: wp.vec3  # absorbance of the whole skin: pink to olive
    blush: float
    mottle: float  # unevenness of the pigments
    eye_dark: float
    freckles: float
    age_spots: float
    threads: float  # small vessels on nose and cheeks
    pores: float
    wrinkles: float
    shine: float
    folds: FoldWeights
    lip_red: float
    lip_rgb: wp.vec3  # lipstick
    lipstick: float
    lip_gloss: float
    liner: float
    wing: float  # cm the liner goes on beyond the eye
    eyeshadow: float
    eyeshadow_rgb: wp.vec3
    rouge: float
    rouge_rgb: wp.vec3
    brow_rgb: wp.vec3
    brow_alpha: float
    hair_rgb: wp.vec3
    scalp: float  # opacity of the hair's shadow on the scalp


@wp.func
def mix(a: wp.vec3, b: wp.vec3, t: float) -> wp.vec3:
    return a * (1.0 - t) + b * t


@wp.func
def pigments(p: wp.vec3, lid: float, s: Paint, marks: wp.array(dtype=wp.vec4)) -> wp.vec2:
    """Melanin and blood of the bare skin."""
    m = s.melanin
    h = s.blood
    # unevenness: patches of blood and of melanin at their own scales
    patches = fbm3(p * 0.33, 2, 0.6, s.seed)
    mottle = fbm3(p * 1.1, 2, 0.75, s.seed + 1)
    tan = noise3(p * 0.25, s.seed + 2)
    # texels of the throat are too long for grain
    grain = noise3(p * 6.0, s.seed + 3) * wp.smoothstep(60.0, 62.0, p[1])
    h += s.blood * (0.055 * patches + s.mottle * (0.055 * mottle + 0.06 * grain))
    m += s.melanin * (0.035 * tan + s.mottle * (0.014 * mottle + 0.035 * grain))
    # blood shows where the skin is thin or full of vessels
    flush = 0.60 * pair(p, 4.2, 69.9, 1.7, 1.5) + 0.70 * blob(p, 0.0, 69.2, 1.3, 1.0)
    flush += 0.25 * blob(p, 0.0, 62.9, 1.5, 1.0) + 0.20 * blob(p, 0.0, 75.2, 1.6, 1.2)
    wings = 0.30 * pair(p, 1.65, 68.9, 0.5, 0.6)
    h += (0.12 + s.blush) * flush * (1.0 + 0.22 * mottle) + wings * (0.4 + s.blush)
    h += 0.35 * ears(p) * (0.5 + s.blood)
    # the forehead sees most sun, the throat least
    m *= 1.0 + 0.07 * wp.smoothstep(74.0, 79.0, p[1]) - 0.05 * wp.smoothstep(62.0, 58.0, p[1])
    h -= 0.10 * wp.smoothstep(74.5, 78.0, p[1]) * s.blood
    # eyes: thin, veined lids; dark below, most towards the nose; shade in the inner corner
    if p[2] > 8.0 and p[1] > 69.0 and p[1] < 75.5:
        lids = wp.smoothstep(1.15, 0.12, lid)
        h += 0.20 * lids
        m += 0.07 * lids * (0.4 + s.melanin)
        ring = pair(p, 2.75, 71.75, 1.15, 0.50) + 0.5 * pair(p, 1.85, 72.4, 0.5, 0.6)
        socket = 0.35 * pair(p, 2.3, 74.0, 1.3, 0.45)
        dark = s.eye_dark * (ring + socket)
        m += dark * (0.07 + 0.11 * s.melanin)
        h += 0.22 * dark
        rim = wp.smoothstep(0.11, 0.03, lid)
        m -= 0.35 * m * rim
        h += 0.45 * rim + 0.6 * pair(p, 1.72, 72.68, 0.13, 0.13)
    if s.threads > 0.01 and p[2] > 9.0 and p[1] > 66.5 and p[1] < 72.5:
        zone = pair(p, 3.9, 69.9, 1.5, 1.2) + pair(p, 1.2, 69.2, 0.6, 0.7)
        thread = wp.smoothstep(
            0.14, 0.02, wp.abs(noise3(p * 2.4 + wp.vec3(0.4 * grain), s.seed + 4))
        )
        h += 0.9 * s.threads * zone * thread * wp.smoothstep(-0.3, 0.9, mottle)
    if s.freckles > 0.01 and p[2] > 5.0 and p[1] > 63.0:
        zone = pair(p, 3.4, 70.6, 2.4, 1.6) + blob(p, 0.0, 70.8, 1.7, 1.7)
        zone = wp.min(zone + 0.30 * blob(p, 0.0, 77.5, 5.0, 2.5) + 0.10, 1.0)
        u = p[0] + wp.where(p[0] > 0.0, -0.6, 0.6) * (p[2] - 13.0)
        small = spots(u * 4.2, p[1] * 4.2, 0.55 * zone, s.seed + 5)
        large = spots(u * 2.1, p[1] * 2.1, 0.22 * zone, s.seed + 6)
        m += s.freckles * wp.max(small, 0.8 * large) * (0.35 + 0.3 * zone)
    if s.age_spots > 0.01 and p[1] > 63.0:
        zone = pair(p, 6.2, 73.5, 1.8, 3.2) + 0.7 * blob(p, 0.0, 78.0, 5.0, 2.0) + 0.10
        u = p[0] + wp.where(p[0] > 0.0, -0.6, 0.6) * (p[2] - 13.0)
        wobble = wp.vec2(0.25 * mottle, 0.25 * grain)
        spot = spots(u * 0.95 + wobble[0], p[1] * 0.95 + wobble[1], 0.5 * zone, s.seed + 7)
        m += s.age_spots * 0.30 * spot * (1.0 + 0.5 * mottle)
    for k in range(marks.shape[0]):  # moles, and blemishes (negative): x, y, radius, strength
        mark = marks[k]
        dx = p[0] - mark[0]
        dy = p[1] - mark[1]
        if wp.abs(dx) < 3.0 * mark[2] and wp.abs(dy) < 3.0 * mark[2] and p[2] > 6.0:
            d = wp.sqrt(dx * dx + dy * dy) * (1.0 + 0.1 * grain)
            if mark[3] > 0.0:
                m += mark[3] * wp.smoothstep(mark[2] * 1.3, mark[2] * 0.5, d)
            else:
                h -= mark[3] * wp.exp(-d * d / (mark[2] * mark[2]))
    return wp.vec2(m, h)


@wp.func
def lip_colour(p: wp.vec3, m: float, h: float, s: Paint) -> wp.vec3:
    """Vermilion: little melanin, much blood; the upper lip darker, the wet inside redder."""
    lower = wp.smoothstep(66.35, 65.85, p[1])
    inside = wp.exp(-16.0 * (p[1] - 66.06) * (p[1] - 66.06))
    furrow = noise3(wp.vec3(p[0] * 5.5, p[1] * 0.9, p[2]), s.seed + 8)
    patch = noise3(p * 1.6, s.seed + 9)
    share = wp.lerp(0.90, 0.76, lower) - 0.10 * inside  # of the skin's melanin
    lip_m = s.melanin * share + 0.15 + 0.05 * patch
    lip_h = h + 0.30 + 0.70 * s.lip_red + 0.25 * inside + 0.12 * furrow + 0.12 * patch
    # hidden by less melanin than the skin's blood
    # no fat below: pink, not orange, and mauve on dark skin
    colour = skin_colour(lip_m, lip_h + 0.50 * s.melanin)
    colour = wp.cw_mul(colour, wp.vec3(1.0 - 0.02 * s.melanin, 0.94, 1.06 + 0.12 * s.melanin))
    corner = wp.smoothstep(1.7, 2.5, wp.abs(p[0]))
    colour = colour * (1.0 - 0.20 * corner)
    worn = s.lipstick * (1.0 + 0.06 * furrow)
    return mix(colour, s.lip_rgb * (1.0 + 0.05 * furrow), wp.clamp(worn, 0.0, 1.0))


@wp.func
def made_up(colour: wp.vec3, p: wp.vec3, lid: float, s: Paint) -> wp.vec3:
    """Rouge, eye shadow, lash line and liner."""
    out = colour
    if s.rouge > 0.01:
        slant = wp.vec3(wp.abs(p[0]), p[1] - 0.55 * (wp.abs(p[0]) - 4.6), p[2])
        a = 0.55 * s.rouge * blob(slant, 4.7, 70.3, 1.4, 0.75)
        out = mix(out, wp.cw_mul(out, s.rouge_rgb), a)
    if p[2] > 9.0 and lid < 2.4 and p[1] > 71.0:
        above = wp.smoothstep(-0.10, 0.10, p[1] - EYE_Y - 0.06 * (wp.abs(p[0]) - 3.0))
        if s.eyeshadow > 0.01:
            height = wp.smoothstep(1.35, 0.25, lid) * above
            smudge = 0.25 * wp.smoothstep(0.5, 0.1, lid) * (1.0 - above)
            a = s.eyeshadow * wp.min(height + smudge, 1.0) * 0.85
            out = mix(out, wp.cw_mul(s.eyeshadow_rgb, wp.vec3(0.4) + out), a)
        line = wp.smoothstep(0.11 + 0.09 * s.liner, 0.03, lid) * wp.lerp(0.30, 1.0, above)
        dark = line * (0.30 + 0.62 * s.liner)
        if s.wing > 0.05:
            t = wp.abs(p[0]) - 4.30
            d = wp.abs(p[1] - 72.98 - 0.45 * t)
            taper = 0.09 * (1.0 - t / s.wing)
            if t > 0.0 and taper > 0.0:
                dark = wp.max(dark, 0.9 * wp.smoothstep(taper + 0.03, taper - 0.02, d) * s.liner)
        out = mix(out, wp.vec3(0.022, 0.016, 0.013), wp.clamp(dark, 0.0, 0.95))
    return out


@wp.func
def relief_at(p: wp.vec3, lips: float, s: Paint) -> float:
    """Height of the skin in cm without its folds: pores, grain, fine lines, furrows of the lips."""
    h = wp.float32(0.0)
    if p[1] > 62.0 and p[2] > 5.0:
        rough = 0.45 + pair(p, 3.2, 69.8, 1.6, 1.4) + blob(p, 0.0, 69.5, 1.6, 1.4)
        rough = s.pores * wp.min(rough + 0.3 * blob(p, 0.0, 77.5, 4.0, 2.0), 1.2) * (1.0 - lips)
        pits = wp.max(noise3(p * 5.2, s.seed + 10) - 0.35, 0.0)
        h -= 0.016 * rough * pits
        h += 0.0040 * (0.35 + s.pores) * noise3(p * 8.5, s.seed + 11)
    h += (0.003 + 0.008 * s.wrinkles) * noise3(p * 1.5, s.seed + 12)
    if s.wrinkles > 0.25:
        fine = noise3(wp.vec3(p[0] * 1.3, p[1] * 5.0, p[2] * 1.3), s.seed + 13)
        cross = noise3(
            wp.vec3(3.0 * (p[0] + 0.7 * p[1]), 0.9 * (p[1] - 0.7 * p[0]), p[2]), s.seed + 14
        )
        h += (
            0.007
            * (s.wrinkles - 0.25)
            * (fine + cross)
            * (1.0 - lips)
            * wp.smoothstep(60.0, 62.0, p[1])
        )
    if p[1] < 63.0 and p[2] > 0.0:  # rings of the neck
        ring = p[1] + 0.06 * p[0] * p[0] * 0.15 + 0.12 * noise3(p * 0.6, s.seed + 15)
        t = (ring - 58.9) / 1.9
        t = (t - wp.round(t)) * 1.9
        h -= (0.010 + 0.03 * s.wrinkles) * wp.exp(-t * t * 90.0) * wp.smoothstep(62.0, 60.5, p[1])
    if lips > 0.0:
        furrow = noise3(wp.vec3(p[0] * 5.5, p[1] * 0.9, p[2]), s.seed + 8)
        h += lips * 0.012 * (1.0 - 0.5 * s.lip_gloss) * furrow
    return h
