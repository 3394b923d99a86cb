"""Catmull-Clark subdivision as one sparse matrix."""

from typing import NamedTuple

import numpy as np
from scipy import sparse


class Subdivision(NamedTuple):
    """One step from V coarse to V2 = V + E + F vertices (E edges, F quads).

    The first V fine vertices are the moved coarse ones, then one an edge, then one a quad.
    """

    matrix: sparse.csr_matrix  # [V2, V] float32, rows sum to 1
    quads: np.ndarray  # [4 F, 4] int32
    uv: np.ndarray  # [4 F, 4, 2] float32, of the corners
    parent: np.ndarray  # [4 F] int32, the coarse quad


def catmull_clark(
    quads: np.ndarray, uv_quads: np.ndarray, uv: np.ndarray, n_vertices: int
) -> Subdivision:
    """One step of E. Catmull and J. Clark, "Recursively generated B-spline surfaces" (1978).

    `quads` [F, 4] index vertices, `uv_quads` [F, 4] rows of `uv` [M, 2]. On borders the curve
    rule (1, 6, 1) / 8 holds; vertices of no face stay where they are. UVs are interpolated
    linearly, face by face, so that seams of the chart stay sharp.
    """
    n_faces = len(quads)
    following = np.roll(quads, -1, 1)
    pairs = np.sort(np.stack([quads, following], -1).reshape(-1, 2), 1)
    edges, edge_of, uses = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    edge_of = edge_of.reshape(n_faces, 4)  # the edge after each corner
    n_edges = len(edges)
    face = np.arange(n_faces)
    border = uses != 2
    first_edge, first_face = n_vertices, n_vertices + n_edges

    rows, columns, values = [], [], []

    def put(row, column, value):
        row, column = np.broadcast_arrays(row, column)
        rows.append(row.ravel())
        columns.append(column.ravel())
        values.append(np.broadcast_to(value, row.shape).ravel())

    # a face point is the mean of its corners
    put((first_face + face)[:, None], quads, 0.25)
    # an edge point is the mean of its ends and the two face points, on a border that of its ends
    inner = np.flatnonzero(~border)
    put((first_edge + np.flatnonzero(border))[:, None], edges[border], 0.5)
    put((first_edge + inner)[:, None], edges[inner], 0.25)
    for k in range(4):
        keep = ~border[edge_of[:, k]]
        put((first_edge + edge_of[keep, k])[:, None], quads[keep], 0.25 * 0.25)
    # an inner vertex of n faces: (mean of face points + 2 mean of edge middles + (n - 3) itself) / n
    n = np.bincount(quads.ravel(), minlength=n_vertices).astype(float)
    degree = np.bincount(edges.ravel(), minlength=n_vertices)
    on_border = np.zeros(n_vertices, bool)
    on_border[edges[border].ravel()] = True
    regular = (n > 0) & ~on_border & (n == degree)
    n = np.maximum(n, 1)
    ids = np.flatnonzero(regular)
    put(ids, ids, (n[ids] - 3) / n[ids])
    for k in range(4):
        keep = regular[quads[:, k]]
        v = quads[keep, k]
        put(v[:, None], quads[keep], (0.25 / n[v] ** 2)[:, None])
    for a, b in (edges.T, edges[:, ::-1].T):
        keep = regular[a]
        put(a[keep], a[keep], 1 / n[a[keep]] ** 2)
        put(a[keep], b[keep], 1 / n[a[keep]] ** 2)
    # a border vertex of two border edges is smoothed along them; every other one stays
    curve = ~regular & (np.bincount(edges[border].ravel(), minlength=n_vertices) == 2)
    ids = np.flatnonzero(~regular)
    put(ids, ids, np.where(curve[ids], 0.75, 1.0))
    for a, b in (edges[border].T, edges[border][:, ::-1].T):
        put(a[curve[a]], b[curve[a]], 0.125)

    matrix = sparse.csr_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(n_vertices + n_edges + n_faces, n_vertices),
    ).astype(np.float32)
    corner_uv = uv[uv_quads]
    fine_quads, fine_uv = [], []
    for k in range(4):
        before, after = (k - 1) % 4, (k + 1) % 4
        fine_quads.append(
            np.stack(
                [
                    quads[:, k],
                    first_edge + edge_of[:, k],
                    first_face + face,
                    first_edge + edge_of[:, before],
                ],
                1,
            )
        )
        here = corner_uv[:, k]
        fine_uv.append(
            np.stack(
                [
                    here,
                    (here + corner_uv[:, after]) / 2,
                    corner_uv.mean(1),
                    (here + corner_uv[:, before]) / 2,
                ],
                1,
            )
        )
    return Subdivision(
        matrix,
        np.concatenate(fine_quads).astype(np.int32),
        np.concatenate(fine_uv).astype(np.float32),
        np.tile(face, 4).astype(np.int32),
    )
