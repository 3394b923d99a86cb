"""Noise for skin, cloth and hair: deterministic functions of a 3-D point, for use inside Warp kernels.

Gradient noise (Perlin, "An image synthesizer", 1985) whose lattice gradients come from an integer
hash instead of a table, so that the CPU and CUDA devices give the same values.
"""

import warp as wp

# as typed constants: a literal inside a kernel would pass through a signed int
M0 = wp.constant(wp.uint32(0x8DA6B343))
M1 = wp.constant(wp.uint32(0xD8163841))
M2 = wp.constant(wp.uint32(0xCB1AB31F))
M3 = wp.constant(wp.uint32(0x9E3779B1))
M4 = wp.constant(wp.uint32(0x85EBCA6B))
M5 = wp.constant(wp.uint32(0xC2B2AE35))
NORM = wp.constant(
    0.0107
)  # of `noise3` to variance 1: gradients are integers up to +-511.5, measured


@wp.func
def hash3(x: int, y: int, z: int, seed: int) -> wp.uint32:
    """Well mixed 32 bits of a lattice cell (the finaliser is that of MurmurHash3)."""
    h = wp.uint32(x) * M0
    h = h ^ (wp.uint32(y) * M1)
    h = h ^ (wp.uint32(z) * M2)
    h = h ^ (wp.uint32(seed) * M3)
    h = (h ^ (h >> wp.uint32(16))) * M4
    h = (h ^ (h >> wp.uint32(13))) * M5
    return h ^ (h >> wp.uint32(16))


@wp.func
def hash_unit(h: wp.uint32, shift: int) -> float:
    """Ten bits of a hash from `shift` on, as a number in [0, 1)."""
    return float((h >> wp.uint32(shift)) & wp.uint32(1023)) * 0.0009765625


@wp.func
def _slope(ix: int, iy: int, iz: int, seed: int, d: wp.vec3) -> float:
    h = hash3(ix, iy, iz, seed)
    gx = float(h & wp.uint32(1023)) - 511.5
    gy = float((h >> wp.uint32(10)) & wp.uint32(1023)) - 511.5
    gz = float((h >> wp.uint32(20)) & wp.uint32(1023)) - 511.5
    return gx * d[0] + gy * d[1] + gz * d[2]


@wp.func
def noise3(p: wp.vec3, seed: int) -> float:
    """Smooth noise with one feature a unit of `p`: mean 0, variance about 1, within +-4.5."""
    x = wp.floor(p[0])
    y = wp.floor(p[1])
    z = wp.floor(p[2])
    i = int(x)
    j = int(y)
    k = int(z)
    dx = p[0] - x
    dy = p[1] - y
    dz = p[2] - z
    u = dx * dx * (3.0 - 2.0 * dx)
    v = dy * dy * (3.0 - 2.0 * dy)
    w = dz * dz * (3.0 - 2.0 * dz)
    ex = dx - 1.0
    ey = dy - 1.0
    ez = dz - 1.0
    a = wp.lerp(
        _slope(i, j, k, seed, wp.vec3(dx, dy, dz)),
        _slope(i + 1, j, k, seed, wp.vec3(ex, dy, dz)),
        u,
    )
    b = wp.lerp(
        _slope(i, j + 1, k, seed, wp.vec3(dx, ey, dz)),
        _slope(i + 1, j + 1, k, seed, wp.vec3(ex, ey, dz)),
        u,
    )
    c = wp.lerp(
        _slope(i, j, k + 1, seed, wp.vec3(dx, dy, ez)),
        _slope(i + 1, j, k + 1, seed, wp.vec3(ex, dy, ez)),
        u,
    )
    d = wp.lerp(
        _slope(i, j + 1, k + 1, seed, wp.vec3(dx, ey, ez)),
        _slope(i + 1, j + 1, k + 1, seed, wp.vec3(ex, ey, ez)),
        u,
    )
    return wp.lerp(wp.lerp(a, b, v), wp.lerp(c, d, v), w) * NORM


@wp.func
def fbm3(p: wp.vec3, octaves: int, gain: float, seed: int) -> float:
    """Sum of `octaves` of noise3, each of twice the frequency and `gain` times the height of the
    last; the first has variance about 1."""
    total = wp.float32(0.0)  # a variable: Warp takes a bare literal for a constant
    height = wp.float32(1.0)
    q = p
    for o in range(octaves):
        total += height * noise3(q, seed + o * 101)
        # an odd shift keeps the lattices of the octaves from lining up
        q = q * 2.0 + wp.vec3(17.13, 31.71, 5.37)
        height *= gain
    return total
