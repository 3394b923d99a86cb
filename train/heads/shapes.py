"""Simple solids of which things worn are made, and where the skin under them lies."""

import numpy as np
from scipy.spatial import cKDTree

from train.heads.scalp import unit, vertex_normals

Solid = tuple[np.ndarray, np.ndarray]  # vertices [V, 3] cm, faces [F, 3]


def tube(curve, radius, closed=False, sides=8) -> Solid:
    """A tube of `radius` (a number or [m]) along a poly-line [m, 3]; open ends are capped."""
    c = np.asarray(curve, float)
    m = len(c)
    if closed:
        tangent = np.roll(c, -1, 0) - np.roll(c, 1, 0)
    else:
        tangent = np.gradient(c, axis=0)
    tangent = unit(tangent)
    u = unit(np.cross(tangent, np.array([0.05, 0.1, 1.0])))
    w = np.cross(tangent, u)
    a = np.arange(sides) * 2 * np.pi / sides
    r = np.broadcast_to(np.asarray(radius, float), m)[:, None, None]
    v = c[:, None] + r * (np.cos(a)[:, None] * u[:, None] + np.sin(a)[:, None] * w[:, None])
    faces = _quads(m if closed else m - 1, sides, m, sides)
    v = v.reshape(-1, 3)
    if not closed:
        n = len(v)
        v = np.concatenate([v, c[[0, -1]]])
        k = np.arange(sides)
        last = (m - 1) * sides
        first_cap = np.stack([k, (k + 1) % sides, np.full(sides, n)], 1)
        last_cap = np.stack([last + (k + 1) % sides, last + k, np.full(sides, n + 1)], 1)
        faces = np.concatenate([faces, first_cap, last_cap])
    return v, faces


def _quads(rows, columns, m, n) -> np.ndarray:
    """Triangles of a grid of m x n points that wraps where rows = m or columns = n."""
    i, k = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    i, k = i.ravel(), k.ravel()
    p, q = i * n + k, i * n + (k + 1) % n
    r, s = (i + 1) % m * n + k, (i + 1) % m * n + (k + 1) % n
    return np.concatenate([np.stack([p, r, q], 1), np.stack([q, r, s], 1)])


def sheet(points, wrap=False) -> Solid:
    """A surface through a grid of points [m, n, 3]; `wrap` joins the last column to the first."""
    p = np.asarray(points, float)
    m, n, _ = p.shape
    return p.reshape(-1, 3), _quads(m - 1, n if wrap else n - 1, m, n)


def ball(centre, radius, around=14, rings=9) -> Solid:
    """An ellipsoid with radii `radius` (a number or 3)."""
    t = np.linspace(0.02, np.pi - 0.02, rings)
    a = np.arange(around) * 2 * np.pi / around
    grid = np.stack(
        [
            np.sin(t)[:, None] * np.cos(a),
            np.repeat(np.cos(t)[:, None], around, 1),
            np.sin(t)[:, None] * np.sin(a),
        ],
        -1,
    )
    return sheet(np.asarray(centre) + grid * np.asarray(radius), wrap=True)


def thick(solid: Solid, by) -> Solid:
    """A surface with a second one `by` cm behind it, so that its edges and back are seen."""
    v, f = solid
    n = vertex_normals(v, f)
    return np.concatenate([v, v - by * n]), np.concatenate([f, f[:, ::-1] + len(v)])


def joined(solids) -> Solid:
    """Several solids as one."""
    vertices, faces, at = [], [], 0
    for v, f in solids:
        vertices.append(v)
        faces.append(f + at)
        at += len(v)
    return np.concatenate(vertices), np.concatenate(faces)


class Skin:
    """The fine skin of a dressed head: how far a point is from it (template size, cm)."""

    def __init__(self, fit):
        head = fit.head
        fine = np.asarray(head.smooth(fit.vertices), np.float32)
        faces = head.faces[(head.part == 0) & ~head.cavity]
        used = np.unique(faces)
        self.vertices, self.template = fine[used], np.asarray(head.template)[used]
        self.normals = vertex_normals(fine, faces)[used]
        self._tree = cKDTree(self.vertices)

    def distance(self, points):
        """Signed distance [n] above the skin and its normal [n, 3] there."""
        j = self._tree.query(points)[1]
        n = self.normals[j]
        return ((points - self.vertices[j]) * n).sum(-1), n

    def cleared(self, points, gap):
        """Points [n, 3] pushed out to at least `gap` cm from the skin."""
        p = np.array(points, float)
        for _ in range(2):
            d, n = self.distance(p)
            p += np.clip(gap - d, 0, 2)[:, None] * n
        return p


class Skull:
    """Distance of the skin from `CENTRE` in any direction, without ears: a hat's last."""

    CENTRE = np.array([0.0, 75.5, 4.2])
    ROWS, COLUMNS = 61, 121  # of the table over elevation and azimuth

    def __init__(self, fit, low=64.0):
        ids = fit.body()
        t = fit.template[ids]
        ids = ids[(t[:, 1] > low) & ~((t[:, 2] > 12.0) & (t[:, 1] < 74))]
        q = fit.vertices[ids] - self.CENTRE
        r = np.linalg.norm(q, axis=1)
        up = np.linspace(-np.pi / 2, np.pi / 2, self.ROWS)
        turn = np.linspace(-np.pi, np.pi, self.COLUMNS)
        d, j = cKDTree(q / r[:, None]).query(direction(turn[None], up[:, None]), k=10)
        w = np.exp(-((d / 0.14) ** 2)) + 1e-9
        self._table = (r[j] * w).sum(-1) / w.sum(-1)

    def radius(self, directions):
        """[..., 3] unit directions -> [...] cm."""
        x, y, z = np.moveaxis(np.asarray(directions), -1, 0)
        row = (np.arcsin(np.clip(y, -1, 1)) / np.pi + 0.5) * (self.ROWS - 1)
        column = (np.arctan2(x, z) / (2 * np.pi) + 0.5) * (self.COLUMNS - 1)
        i = np.clip(row.astype(int), 0, self.ROWS - 2)
        k = np.clip(column.astype(int), 0, self.COLUMNS - 2)
        u, v, t = row - i, column - k, self._table
        above = t[i + 1, k] * (1 - v) + t[i + 1, k + 1] * v
        return (t[i, k] * (1 - v) + t[i, k + 1] * v) * (1 - u) + above * u


def direction(turn, up):
    """Unit vectors [..., 3] at azimuths (0 front, > 0 the subject's left) and elevations, rad."""
    turn, up = np.broadcast_arrays(turn, up)
    c = np.cos(up)
    return np.stack([c * np.sin(turn), np.sin(up), c * np.cos(turn)], -1)
