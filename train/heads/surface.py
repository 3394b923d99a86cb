"""The records that the shading kernels read: geometry, looks and pose of one frame."""

import warp as wp

from train.heads.folds import FoldWeights

# what a face is made of; WORN + i is the i-th thing worn
SKIN, BODY, CAVITY, TONGUE, TEETH, LEFT_EYE, RIGHT_EYE, WORN = range(8)

Mat23 = wp.types.matrix(shape=(2, 3), dtype=wp.float32)


@wp.struct
class Surface:
    """Triangles in the world (cm) and on the screen; one entry a vertex unless noted."""

    screen: wp.array(dtype=wp.vec3)  # px, px, depth
    position: wp.array(dtype=wp.vec3)
    normal: wp.array(dtype=wp.vec3)
    rest: wp.array(dtype=wp.vec3)  # where the vertex is on the template head
    sky: wp.array(dtype=wp.vec3)  # share of the sky's light that arrives
    # skin: cm above the neckline (below 0 is cloth), 0; teeth: cm along the arch, 0 edge .. 1 gum
    place: wp.array(dtype=wp.vec2)
    faces: wp.array(dtype=wp.vec3i)  # a face
    kind: wp.array(dtype=int)  # a face
    uv: wp.array(dtype=wp.vec2, ndim=2)  # a face and corner: of the head's chart, v upwards


@wp.struct
class Looks:
    """What does not change during a clip."""

    albedo: wp.array(dtype=wp.vec3, ndim=2)
    gloss: wp.array(dtype=float, ndim=2)
    relief: wp.array(dtype=float, ndim=2)
    body_rgb: wp.vec3
    pores: float
    teeth_rgb: wp.vec3
    cloth_rgb: wp.vec3
    cloth_pattern: int  # 0 plain, 1 stripes, 2 checks
    pattern_rgb: wp.vec3
    worn_rgb: wp.array(dtype=wp.vec3)
    worn_gloss: wp.array(dtype=float)
    worn_metal: wp.array(dtype=float)
    iris_rgb: wp.vec3
    iris_radius: float  # of an eyeball of 1.495 cm
    pupil: float
    hair_rgb: wp.vec3
    seed: int


@wp.struct
class Posed:
    """Camera, head and eyes of one frame."""

    camera: wp.vec3
    head_rotation: wp.mat33
    head_shift: wp.vec3
    lip_depth: float  # z of the inner lips in the head's frame
    folds: FoldWeights  # weights of the wrinkles of expression
    creased: float  # the largest of them
    # of the left and the right eye, in the head's frame
    eye_centre: Mat23
    eye_radius: wp.vec2
    lid_upper: wp.vec2  # heights of the lids' margins above the eye's centre
    lid_lower: wp.vec2
    left_gaze: wp.mat33
    right_gaze: wp.mat33


@wp.func
def smoothstep(a: float, b: float, x: float) -> float:
    t = wp.clamp((x - a) / (b - a), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


@wp.func
def fifth(x: float) -> float:
    """x to the fifth power: Schlick's Fresnel term."""
    return x * x * x * x * x


@wp.func
def mix(a: wp.vec3, b: wp.vec3, t: float) -> wp.vec3:
    return a * (1.0 - t) + b * t


@wp.func
def weights_in(a: wp.vec3, b: wp.vec3, c: wp.vec3, x: float, y: float) -> wp.vec3:
    """Barycentric weights of a screen point; kept inside the triangle."""
    area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    dx = x - a[0]
    dy = y - a[1]
    wb = (dx * (c[1] - a[1]) - dy * (c[0] - a[0])) / area
    wc = ((b[0] - a[0]) * dy - (b[1] - a[1]) * dx) / area
    return wp.vec3(1.0 - wb - wc, wb, wc)


@wp.func
def blend(values: wp.array(dtype=wp.vec3), corners: wp.vec3i, w: wp.vec3) -> wp.vec3:
    return values[corners[0]] * w[0] + values[corners[1]] * w[1] + values[corners[2]] * w[2]


@wp.func
def texel(size: int, u: float, v: float) -> wp.vec4:
    """Column and row of the upper left of the four texels around (u, v), and the two fractions."""
    x = wp.clamp(u * float(size) - 0.5, 0.0, float(size) - 1.001)
    y = wp.clamp((1.0 - v) * float(size) - 0.5, 0.0, float(size) - 1.001)
    return wp.vec4(wp.floor(x), wp.floor(y), x - wp.floor(x), y - wp.floor(y))


@wp.func
def look_up(map: wp.array(dtype=wp.vec3, ndim=2), u: float, v: float) -> wp.vec3:
    t = texel(map.shape[0], u, v)
    i = int(t[1])
    j = int(t[0])
    upper = mix(map[i, j], map[i, j + 1], t[2])
    return mix(upper, mix(map[i + 1, j], map[i + 1, j + 1], t[2]), t[3])


@wp.func
def look_up_scalar(map: wp.array(dtype=float, ndim=2), u: float, v: float) -> float:
    t = texel(map.shape[0], u, v)
    i = int(t[1])
    j = int(t[0])
    upper = wp.lerp(map[i, j], map[i, j + 1], t[2])
    return wp.lerp(upper, wp.lerp(map[i + 1, j], map[i + 1, j + 1], t[2]), t[3])
