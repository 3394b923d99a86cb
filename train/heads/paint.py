"""The kernel that paints the skin: one pass over the texels, colour, gloss and relief at once."""

import warp as wp

from train.heads import brows
from train.heads.complexion import Paint, lip_colour, made_up, mix, pigments, relief_at
from train.heads.folds import fold_heights
from train.heads.noise import noise3
from train.heads.pigment import skin_colour
from train.heads.regions import blob, pair
from train.heads.texels import GRID as TEXEL_GRID

wp.set_module_options({"enable_backward": False, "fast_math": True})

BROW_LEFT = wp.constant(float(brows.LEFT))
BROW_TOP = wp.constant(float(brows.TOP))
BROW_SCALE = wp.constant(float(brows.SCALE))
GRID = wp.constant(TEXEL_GRID)


@wp.func
def grid_value(grid: wp.array(dtype=float, ndim=2), row: int, column: int) -> float:
    n = grid.shape[0]
    y = wp.clamp((float(row) + 0.5) / float(GRID) - 0.5, 0.0, float(n) - 1.001)
    x = wp.clamp((float(column) + 0.5) / float(GRID) - 0.5, 0.0, float(n) - 1.001)
    i = int(y)
    j = int(x)
    u = x - float(j)
    upper = wp.lerp(grid[i, j], grid[i, j + 1], u)
    return wp.lerp(upper, wp.lerp(grid[i + 1, j], grid[i + 1, j + 1], u), y - float(i))


@wp.func
def decal_value(decal: wp.array(dtype=float, ndim=2), p: wp.vec3) -> float:
    x = (p[0] - BROW_LEFT) * BROW_SCALE
    y = (BROW_TOP - p[1]) * BROW_SCALE
    if x < 0.0 or y < 0.0 or x >= float(decal.shape[1] - 1) or y >= float(decal.shape[0] - 1):
        return 0.0
    i = int(y)
    j = int(x)
    u = x - float(j)
    upper = wp.lerp(decal[i, j], decal[i, j + 1], u)
    lower = wp.lerp(decal[i + 1, j], decal[i + 1, j + 1], u)
    return wp.lerp(upper, lower, y - float(i)) * wp.smoothstep(6.5, 9.0, p[2])


@wp.kernel
def paint_skin(
    index: wp.array(dtype=int),
    position: wp.array(dtype=wp.vec3),
    lips: wp.array(dtype=float),
    lid: wp.array(dtype=float),
    above: wp.array(dtype=float, ndim=2),  # cm over the hair line, coarse
    density: wp.array(dtype=float, ndim=2),  # of the hair's roots, coarse
    beard: wp.array(dtype=float, ndim=2),  # opacity of its shadow, coarse
    brow: wp.array(dtype=float, ndim=2),
    brow_shadow: wp.array(dtype=float, ndim=2),
    marks: wp.array(dtype=wp.vec4),
    s: Paint,
    albedo: wp.array(dtype=wp.vec3, ndim=2),
    gloss: wp.array(dtype=float, ndim=2),
    relief: wp.array(dtype=float, ndim=2),
):
    k = wp.tid()
    size = albedo.shape[0]
    row = index[k] / size
    column = index[k] % size
    p = position[k]
    value = grid_value(above, row, column)
    grown = grid_value(density, row, column)
    if s.scalp > 0.5 and value > 2.5 and grown > 0.7:  # below a full head of hair
        streak = noise3(p * 3.0, s.seed + 20)
        a = s.scalp * (0.86 + 0.10 * streak)
        bare = skin_colour(s.melanin, s.blood)
        albedo[row, column] = mix(bare, s.hair_rgb * 0.65 + bare * 0.05, wp.min(a, 0.92))
        gloss[row, column] = 0.15
        return
    lip = wp.smoothstep(0.10, 0.85, lips[k])
    mh = pigments(p, lid[k], s, marks)
    # the pale roll along the border of the upper lip
    roll = wp.exp(-70.0 * (lips[k] - 0.12) * (lips[k] - 0.12)) * wp.smoothstep(66.2, 66.6, p[1])
    colour = skin_colour(mh[0] * (1.0 - 0.06 * roll), mh[1] * (1.0 - 0.10 * roll))
    colour = wp.cw_mul(
        colour, wp.vec3(wp.exp(-s.undertone[0]), wp.exp(-s.undertone[1]), wp.exp(-s.undertone[2]))
    )
    shiny = noise3(p * 0.9, s.seed + 16)
    oily = 0.16 * blob(p, 0.0, 77.3, 3.6, 1.9) + 0.20 * blob(p, 0.0, 70.3, 1.2, 2.2)
    oily += 0.08 * pair(p, 3.6, 70.6, 1.4, 1.0) + 0.08 * blob(p, 0.0, 63.2, 1.2, 0.9)
    g = 0.40 + oily * (0.7 + 0.6 * s.shine) + 0.07 * s.shine + 0.05 * shiny - 0.05 * s.wrinkles
    if s.scalp < 0.5:  # a bald head shines
        g += 0.14 * wp.smoothstep(79.0, 82.0, p[1])
    if lip > 0.0:
        colour = mix(colour, lip_colour(p, mh[0], mh[1], s), 0.94 * lip)
        wet = 0.12 * wp.exp(-9.0 * (p[1] - 65.95) * (p[1] - 65.95))
        g = wp.lerp(g, 0.50 + wet + 0.30 * s.lip_gloss, lip)
    colour = made_up(colour, p, lid[k], s)

    cover = wp.float32(0.0)
    if p[1] > 72.0 and p[2] > 6.0:
        strokes = decal_value(brow, p) * s.brow_alpha
        cover = wp.min(strokes + 0.38 * decal_value(brow_shadow, p) * s.brow_alpha, 0.94)
        colour = mix(colour, s.brow_rgb, cover)
    if p[1] < 73.0 and p[1] > 57.0 and p[2] > 2.0:
        amount = grid_value(beard, row, column) * wp.clamp(1.0 - 1.5 * lips[k], 0.0, 1.0)
        if amount > 0.01:
            dots = noise3(p * 7.5, s.seed + 17) * wp.smoothstep(60.0, 62.0, p[1])
            patch = 0.85 + 0.15 * noise3(p * 0.8, s.seed + 19)
            a = amount * patch * (0.68 + 0.32 * wp.smoothstep(-1.0, 1.4, dots))
            a = wp.clamp(a, 0.0, 0.85)
            # hairs seen through the skin look blue-grey
            root = s.hair_rgb * 0.6 + wp.cw_mul(colour, wp.vec3(0.10, 0.13, 0.16))
            colour = mix(colour, root, a)
            cover = wp.max(cover, a)
    if value > -1.6:
        # streaks along the hairs, which leave the line at right angles
        turn = wp.atan2(p[0], p[2] - 3.0) * 9.0
        streak = noise3(wp.vec3(turn * 4.5, value * 0.8, 0.0), s.seed + 20)
        clump = noise3(wp.vec3(turn * 1.4, value * 0.5, 3.0), s.seed + 21)
        if s.scalp < 0.5:  # stubble has no direction
            streak = noise3(p * 7.5, s.seed + 20)
        edge = wp.smoothstep(-0.55, 1.5, value + 0.32 * streak + 0.30 * clump)
        a = s.scalp * wp.sqrt(grown) * edge * (0.86 + 0.10 * streak)
        # hairs too fine to be strands, below the line
        down = wp.smoothstep(-1.5, -0.1, value) * wp.smoothstep(0.6, 1.9, streak + 0.3 * clump)
        a = wp.max(a, 0.38 * s.scalp * down)
        a = wp.clamp(a, 0.0, 0.92)
        colour = mix(colour, s.hair_rgb * 0.65 + colour * 0.05, a)
        cover = wp.max(cover, a)
    fold = fold_heights(p, s.folds)
    height = relief_at(p, lip, s)
    # light does not reach into creases and pores
    colour = colour * (1.0 + wp.clamp(5.0 * fold + 2.5 * height, -0.28, 0.05))
    albedo[row, column] = colour
    gloss[row, column] = wp.clamp(g * (1.0 - 0.65 * cover), 0.05, 0.95)
    relief[row, column] = (fold + height) * (1.0 - 0.5 * cover)
