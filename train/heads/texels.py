"""Where each texel of the head's chart lies on the template head: found once a process."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import distance_transform_edt, map_coordinates
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from train.heads.chart import HEAD_SHARE, from_chart
from train.heads.head import HeadModel
from train.heads.raster import EMPTY, Buffer, indices, vectors

SIZE = 1024
GRID = 4  # texels a cell of the coarse positions
GUTTER = 4  # texels painted beyond the edge of the chart, for bilinear look-ups
LOWEST = 50.0  # cm: below, clothes cover the skin


@dataclass(frozen=True)
class Texels:
    """The N texels that are painted."""

    index: np.ndarray  # [N] int32, row * SIZE + column
    position: np.ndarray  # [N, 3] float32, template cm
    lips: np.ndarray  # [N] float32, 0 .. 1
    lid: np.ndarray  # [N] float32, cm from the margin of a lid, at most LID_REACH
    coarse: np.ndarray  # [SIZE / GRID, SIZE / GRID, 3] float32: template cm of every GRID-th texel


LID_REACH = 2.5
LID_LOOPS = ((36, 37, 38, 39, 40, 41), (42, 43, 44, 45, 46, 47))


@lru_cache(maxsize=2)
def texels(head: HeadModel) -> Texels:
    """The texels of the head's chart (about 0.6 s, then cached)."""
    chart = np.flatnonzero(head.head_chart)
    uv = head.corner_uv[chart]  # [C, 3, 2]
    screen = np.stack(
        [uv[..., 0] * SIZE, (1 - uv[..., 1]) * SIZE, np.full(uv.shape[:2], 10.0)], -1
    ).astype(np.float32)
    buffer = Buffer(SIZE, "cpu")
    buffer.triangles(vectors(screen, "cpu"), indices(np.arange(uv.size // 2).reshape(-1, 3), "cpu"))
    keys = buffer.keys.numpy()
    covered = (keys != EMPTY).reshape(SIZE, SIZE)
    distance, nearest = distance_transform_edt(~covered, return_indices=True)
    source = (nearest[0] * SIZE + nearest[1]).ravel()
    corners = head.template[head.faces[chart]]

    def place(at: np.ndarray) -> np.ndarray:
        """Template positions of covered texels."""
        face = (keys[at] & 0xFFFFFFFF).astype(np.int64)
        centre = np.stack([at % SIZE, at // SIZE], -1) + 0.5
        weights = _barycentric(screen[face, :, :2].astype(np.float64), centre)
        return (corners[face] * weights[..., None]).sum(-2).astype(np.float32)

    index = np.flatnonzero(distance.ravel() <= GUTTER)
    position = place(source[index])
    keep = position[:, 1] > LOWEST
    index, position = index[keep], position[keep]
    middle = slice(GRID // 2, None, GRID)
    return Texels(
        index=index.astype(np.int32),
        position=position,
        lips=_lips(head.lips, source[index]),
        lid=_lid_distance(head, position),
        coarse=place(source.reshape(SIZE, SIZE)[middle, middle]),
    )


def _barycentric(corners: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Weights [..., 3] of points [..., 2] in triangles [..., 3, 2]."""
    a, b, c = np.moveaxis(corners, -2, 0)
    ab, ac, d = b - a, c - a, point - a
    area = ab[..., 0] * ac[..., 1] - ab[..., 1] * ac[..., 0]
    wb = (d[..., 0] * ac[..., 1] - d[..., 1] * ac[..., 0]) / area
    wc = (ab[..., 0] * d[..., 1] - ab[..., 1] * d[..., 0]) / area
    return np.stack([1 - wb - wc, wb, wc], -1)


def _lips(mask: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The lips' mask, over MakeHuman's whole UV square, at texels of the chart."""
    u, v = (at % SIZE + 0.5) / SIZE, 1 - (at // SIZE + 0.5) / SIZE
    sides = []
    for y in (v, 1 - v):  # the mask is drawn by hand: its two halves differ at the corners
        source = from_chart(np.stack([np.minimum(u, HEAD_SHARE), y], 1))
        rows = (1 - source[:, 1]) * mask.shape[0] - 0.5
        columns = source[:, 0] * mask.shape[1] - 0.5
        sides.append(map_coordinates(mask, [rows, columns], np.float32, order=1, mode="nearest"))
    return (sides[0] + sides[1]) / 510


def _lid_distance(head: HeadModel, position: np.ndarray) -> np.ndarray:
    """Distance to the nearest lid margin: the loops of edges through the eyes' landmarks."""
    v = head.base[: head.V]
    e = np.concatenate([head.coarse_faces[:, [i, i - 1]] for i in range(3)])
    e = np.unique(np.sort(e, 1), axis=0)
    length = np.linalg.norm(v[e[:, 0]] - v[e[:, 1]], axis=1)
    graph = coo_matrix((length, (e[:, 0], e[:, 1])), (head.V, head.V)).tocsr()
    points = []
    for loop in LID_LOOPS:
        ids = head.landmarks[list(loop)]
        _, before = dijkstra(graph, directed=False, indices=ids, return_predecessors=True)
        for k, start in enumerate(ids):
            j = ids[(k + 1) % len(ids)]
            while j != start:
                i = before[k, j]
                points.append(v[i] + (v[j] - v[i]) * np.linspace(0, 1, 6)[:, None])
                j = i
    tree = cKDTree(np.concatenate(points))
    d, _ = tree.query(position, distance_upper_bound=LID_REACH)
    return np.minimum(d, LID_REACH).astype(np.float32)
