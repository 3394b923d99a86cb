"""Which surface or hair each pixel sees: z-buffers in Warp kernels, one source for CPU and CUDA.

A pixel holds one 64-bit key: its depth in fixed point above the number of the primitive, so that
the nearest wins by an atomic minimum whatever the order of the threads. Pixel centres lie at
integer + 0.5; smaller depth is nearer. On the CPU device a kernel runs as one serial loop.
"""

import numpy as np
import warp as wp

wp.set_module_options({"enable_backward": False, "fast_math": True})

DEPTH_STEPS = wp.constant(1048576.0)  # a cm: finer than float32 at 100 cm
EMPTY = (1 << 63) - 1
MAX_SAMPLES = wp.constant(600)  # of one hair segment: longer ones are behind the camera


@wp.func
def key_of(depth: float, primitive: int) -> wp.int64:
    return (wp.int64(depth * DEPTH_STEPS) << wp.int64(32)) | wp.int64(primitive)


@wp.func
def primitive_of(key: wp.int64) -> int:
    """-1 where nothing was drawn."""
    if key == wp.int64(9223372036854775807):
        return -1
    return int(key & wp.int64(4294967295))


@wp.func
def depth_of(key: wp.int64) -> float:
    return float(key >> wp.int64(32)) / DEPTH_STEPS


@wp.kernel
def _triangles(
    points: wp.array(dtype=wp.vec3),  # px, px, depth
    faces: wp.array(dtype=wp.vec3i),
    offset: int,
    side: int,
    keys: wp.array(dtype=wp.int64),  # [side * side]
):
    face = wp.tid()
    corners = faces[face]
    a = points[corners[0]]
    b = points[corners[1]]
    c = points[corners[2]]
    area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    if wp.abs(area) < 1.0e-9:
        return
    if wp.min(a[2], wp.min(b[2], c[2])) < 1.0:  # behind the camera, or almost
        return
    x0 = wp.max(0, int(wp.ceil(wp.min(a[0], wp.min(b[0], c[0])) - 0.5)))
    x1 = wp.min(side - 1, int(wp.floor(wp.max(a[0], wp.max(b[0], c[0])) - 0.5)))
    y0 = wp.max(0, int(wp.ceil(wp.min(a[1], wp.min(b[1], c[1])) - 0.5)))
    y1 = wp.min(side - 1, int(wp.floor(wp.max(a[1], wp.max(b[1], c[1])) - 0.5)))
    inverse = 1.0 / area
    for y in range(y0, y1 + 1):
        dy = float(y) + 0.5 - a[1]
        for x in range(x0, x1 + 1):
            dx = float(x) + 0.5 - a[0]
            wb = (dx * (c[1] - a[1]) - dy * (c[0] - a[0])) * inverse
            wc = ((b[0] - a[0]) * dy - (b[1] - a[1]) * dx) * inverse
            wa = 1.0 - wb - wc
            if wa >= 0.0 and wb >= 0.0 and wc >= 0.0:
                depth = wa * a[2] + wb * b[2] + wc * c[2]
                wp.atomic_min(keys, y * side + x, key_of(depth, offset + face))


@wp.kernel
def _strands(
    points: wp.array(dtype=wp.vec3),  # [S * M]: px, px, depth
    width: wp.array(dtype=float),  # [S] px
    per_strand: int,  # M
    stride: int,  # only every stride-th strand is drawn
    offset: int,
    side: int,
    keys: wp.array(dtype=wp.int64),
):
    segment = wp.tid()
    strand = (segment / (per_strand - 1)) * stride
    m = segment % (per_strand - 1)
    a = points[strand * per_strand + m]
    b = points[strand * per_strand + m + 1]
    far = float(side) + 2.0
    if wp.min(a[2], b[2]) < 1.0:  # behind the camera, or almost
        return
    if wp.max(a[0], b[0]) < -2.0 or wp.min(a[0], b[0]) > far:
        return
    if wp.max(a[1], b[1]) < -2.0 or wp.min(a[1], b[1]) > far:
        return
    n = int(wp.max(wp.abs(b[0] - a[0]), wp.abs(b[1] - a[1]))) + 1
    if n > MAX_SAMPLES:
        return
    w = width[strand]
    if m == per_strand - 2:
        w = w * 0.6
    primitive = offset + strand * (per_strand - 1) + m
    step = (b - a) / float(n)
    p = a + step * 0.5
    thin = w < 1.3
    for _k in range(n):
        if thin:
            column = int(wp.floor(p[0]))
            row = int(wp.floor(p[1]))
            if column >= 0 and row >= 0 and column < side and row < side:
                wp.atomic_min(keys, row * side + column, key_of(p[2], primitive))
        else:
            x0 = int(wp.floor(p[0] - 0.5 * w + 0.5))
            y0 = int(wp.floor(p[1] - 0.5 * w + 0.5))
            x1 = wp.min(wp.max(x0, int(wp.floor(p[0] + 0.5 * w - 0.5))), side - 1)
            y1 = wp.min(wp.max(y0, int(wp.floor(p[1] + 0.5 * w - 0.5))), side - 1)
            key = key_of(p[2], primitive)
            for y in range(wp.max(0, y0), y1 + 1):
                for x in range(wp.max(0, x0), x1 + 1):
                    wp.atomic_min(keys, y * side + x, key)
        p = p + step


@wp.kernel
def _add_face_normals(
    vertices: wp.array(dtype=wp.vec3),
    faces: wp.array(dtype=wp.vec3i),
    normals: wp.array(dtype=wp.vec3),
):
    corners = faces[wp.tid()]
    a = vertices[corners[0]]
    n = wp.cross(vertices[corners[1]] - a, vertices[corners[2]] - a)
    for k in range(3):
        wp.atomic_add(normals, corners[k], n)


@wp.kernel
def _normalise(normals: wp.array(dtype=wp.vec3)):
    i = wp.tid()
    normals[i] = wp.normalize(normals[i])


class Buffer:
    """The keys of a square picture of `side` pixels, used again and again.

    `triangles` and `strands` add primitives and return the number of their first; `keys` is
    `[side * side]` int64, EMPTY where nothing was drawn.
    """

    def __init__(self, side: int, device: str):
        self.side, self.device = side, device
        self.keys = wp.empty(side * side, dtype=wp.int64, device=device)
        self.clear()

    def clear(self) -> None:
        self.keys.fill_(EMPTY)
        self.count = 0

    def triangles(self, points: wp.array, faces: wp.array) -> int:
        """points vec3 `[V]` (px, px, depth in cm), faces vec3i `[F]`."""
        first = self.count
        wp.launch(
            _triangles,
            dim=len(faces),
            inputs=[points, faces, first, self.side, self.keys],
            device=self.device,
        )
        self.count += len(faces)
        return first

    def strands(self, points: wp.array, width: wp.array, per_strand: int, stride: int = 1) -> int:
        """points vec3 `[S * M]`, width float `[S]` in px. Only every `stride`-th strand is drawn."""
        first = self.count
        drawn = (len(width) + stride - 1) // stride
        wp.launch(
            _strands,
            dim=drawn * (per_strand - 1),
            inputs=[points, width, per_strand, stride, first, self.side, self.keys],
            device=self.device,
        )
        self.count += len(width) * (per_strand - 1)
        return first


def vertex_normals(vertices: wp.array, faces: wp.array) -> wp.array:
    """Area-weighted unit normals, vec3 `[V]`, of vertices vec3 `[V]` and faces vec3i `[F]`."""
    normals = wp.zeros(len(vertices), dtype=wp.vec3, device=vertices.device)
    wp.launch(
        _add_face_normals,
        dim=len(faces),
        inputs=[vertices, faces, normals],
        device=vertices.device,
    )
    wp.launch(_normalise, dim=len(vertices), inputs=[normals], device=vertices.device)
    return normals


def vectors(values: np.ndarray, device: str) -> wp.array:
    """float `[..., 3]` -> vec3 array on the device, flat."""
    flat = np.ascontiguousarray(values, dtype=np.float32).reshape(-1, 3)
    return wp.array(flat, dtype=wp.vec3, device=device)


def indices(values: np.ndarray, device: str) -> wp.array:
    """int `[F, 3]` -> vec3i array on the device."""
    return wp.array(np.ascontiguousarray(values, dtype=np.int32), dtype=wp.vec3i, device=device)
