"""From shaded samples to a photograph: light under the skin, lashes, backdrop, exposure, lens."""

import warp as wp

from train.heads.raster import depth_of, primitive_of
from train.heads.surface import Surface, blend, mix, smoothstep, weights_in

wp.set_module_options({"enable_backward": False, "fast_math": True})

LASH_RGB = wp.constant(wp.vec3(0.012, 0.009, 0.008))
LASH_SLACK = wp.constant(0.35)  # cm that lashes may lie under the skin: lids are thick
EYE_RADIUS = wp.constant(1.56)  # cm from the template's eye centre to its lid margins


@wp.kernel
def bleed_rows(
    side: int,
    radius: int,
    weights: wp.array(dtype=wp.vec3),  # [radius + 1], of red, green, blue
    skin: wp.array(dtype=float),
    diffuse: wp.array(dtype=wp.vec3),
    total: wp.array(dtype=wp.vec3),
    share: wp.array(dtype=wp.vec3),
):
    """Weighted sums of light and of skin along the row."""
    pixel = wp.tid()
    if skin[pixel] == 0.0:
        return
    x = pixel % side
    light = wp.vec3()
    mass = wp.vec3()
    for d in range(-radius, radius + 1):
        if x + d >= 0 and x + d < side and skin[pixel + d] > 0.0:
            w = weights[wp.abs(d)]
            light += wp.cw_mul(w, diffuse[pixel + d])
            mass += w
    total[pixel] = light
    share[pixel] = mass


@wp.kernel
def bleed_columns(
    side: int,
    radius: int,
    weights: wp.array(dtype=wp.vec3),
    skin: wp.array(dtype=float),
    total: wp.array(dtype=wp.vec3),
    share: wp.array(dtype=wp.vec3),
    diffuse: wp.array(dtype=wp.vec3),
):
    """The same along the column; the quotient is the light that comes out of the skin."""
    pixel = wp.tid()
    if skin[pixel] == 0.0:
        return
    y = pixel / side
    light = wp.vec3()
    mass = wp.vec3()
    for d in range(-radius, radius + 1):
        if y + d >= 0 and y + d < side and skin[pixel + d * side] > 0.0:
            w = weights[wp.abs(d)]
            light += wp.cw_mul(w, total[pixel + d * side])
            mass += wp.cw_mul(w, share[pixel + d * side])
    diffuse[pixel] = wp.cw_div(light, mass)


@wp.struct
class Lashes:
    faces: wp.array(dtype=wp.vec3i)
    upper: wp.array(dtype=int)  # a face: 1 of the upper lid
    eye: wp.vec3  # centre of the template's left eye
    opacity: float


@wp.func
def lash(surface: Surface, lashes: Lashes, face: int, x: float, y: float) -> float:
    """Opacity of the lashes on a face of their sheet: a comb that thins out from the lid."""
    corners = lashes.faces[face]
    w = weights_in(
        surface.screen[corners[0]], surface.screen[corners[1]], surface.screen[corners[2]], x, y
    )
    rest = blend(surface.rest, corners, w)
    from_eye = wp.vec3(wp.abs(rest[0]), rest[1], rest[2]) - lashes.eye
    out = wp.max(wp.length(from_eye) - EYE_RADIUS, 0.0)
    reach = wp.float32(0.22)
    amount = 0.15 + 0.45 * lashes.opacity
    if lashes.upper[face] == 1:
        reach = 0.30 + 0.35 * lashes.opacity
        amount = 0.55 + 0.45 * lashes.opacity
    # single lashes fan out from the lid and thin towards their tips
    across = from_eye[0] / (1.0 + 0.35 * out)
    comb = wp.sin(across * 38.0 + 1.7 * wp.sin(across * 9.0))
    thin = smoothstep(-0.9 + 1.9 * wp.min(out / (1.6 * reach), 1.0), 1.0, comb)
    root = smoothstep(0.36, 0.08, out)
    fade = wp.exp(-out * out / (reach * reach))
    # seen along the sheet, as on a shut eye, more lashes lie behind each other
    a = surface.position[corners[0]]
    flat = wp.normalize(
        wp.cross(surface.position[corners[1]] - a, surface.position[corners[2]] - a)
    )
    dense = 1.0 / wp.max(wp.abs(flat[2]), 0.25)
    return wp.clamp(amount * fade * wp.max(thin * dense, root), 0.0, 0.93)


@wp.func
def mirror(x: float) -> float:
    """Reflects any number into 0 .. 1."""
    t = x - 2.0 * wp.floor(x * 0.5)
    if t > 1.0:
        return 2.0 - t
    return t


@wp.func
def backdrop_at(picture: wp.array(dtype=wp.vec3, ndim=2), u: float, v: float) -> wp.vec3:
    """Bilinear, reflected beyond its edges; u, v in 0 .. 1."""
    size = picture.shape[0]
    x = wp.clamp(mirror(u) * float(size) - 0.5, 0.0, float(size) - 1.001)
    y = wp.clamp(mirror(v) * float(size) - 0.5, 0.0, float(size) - 1.001)
    j = int(x)
    i = int(y)
    fx = x - float(j)
    upper = mix(picture[i, j], picture[i, j + 1], fx)
    return mix(upper, mix(picture[i + 1, j], picture[i + 1, j + 1], fx), y - float(i))


@wp.func
def tone(x: float) -> float:
    """Linear light to sRGB, with a soft shoulder."""
    y = wp.max(x, 0.0)
    if y > 0.55:
        y = 0.55 + 0.45 * (1.0 - wp.exp(-(y - 0.55) / 0.45))
    if y <= 0.0031308:
        return y * 12.92
    return 1.055 * wp.pow(y, 1.0 / 2.4) - 0.055


@wp.kernel
def resolve(
    size: int,
    supersample: int,
    keys: wp.array(dtype=wp.int64),
    lash_keys: wp.array(dtype=wp.int64),
    surface: Surface,
    lashes: Lashes,
    albedo: wp.array(dtype=wp.vec3),
    diffuse: wp.array(dtype=wp.vec3),
    shine: wp.array(dtype=wp.vec3),
    gain: wp.vec3,
    backdrop: wp.array(dtype=wp.vec3, ndim=2),
    place: wp.array(dtype=float),  # [6]: (u, v) of the backdrop = 2x3 of (x, y, 1), pixels
    picture: wp.array(dtype=wp.vec3, ndim=2),  # out: sRGB, 0 .. 1
    mask: wp.array(dtype=float, ndim=2),  # out: share of the pixel that is the person
):
    row, column = wp.tid()
    side = size * supersample
    total = wp.vec3()
    covered = wp.float32(0.0)
    for i in range(supersample):
        for j in range(supersample):
            x = column * supersample + j
            y = row * supersample + i
            pixel = y * side + x
            if primitive_of(keys[pixel]) >= 0:
                covered += 1.0
                c = wp.cw_mul(wp.cw_mul(albedo[pixel], diffuse[pixel]) + shine[pixel], gain)
                face = primitive_of(lash_keys[pixel])
                if face >= 0 and depth_of(lash_keys[pixel]) < depth_of(keys[pixel]) + LASH_SLACK:
                    a = lash(surface, lashes, face, float(x) + 0.5, float(y) + 0.5)
                    c = mix(c, LASH_RGB, a)
                total += c
    samples = float(supersample * supersample)
    at = wp.vec3(float(column) + 0.5, float(row) + 0.5, 1.0)
    u = place[0] * at[0] + place[1] * at[1] + place[2]
    v = place[3] * at[0] + place[4] * at[1] + place[5]
    alpha = covered / samples
    lin = total / samples + backdrop_at(backdrop, u, v) * (1.0 - alpha)
    picture[row, column] = wp.vec3(tone(lin[0]), tone(lin[1]), tone(lin[2]))
    mask[row, column] = alpha
