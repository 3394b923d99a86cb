"""Where hair grows: the hair line on the head, and roots sampled on the scalp."""

import numpy as np
from scipy.spatial import cKDTree

# Height of an average hair line over the azimuth around the skull (0 forehead, 60 before the ear,
# 180 nape), in degrees and cm of the template. The dip at 62 is the sideburn.
AZIMUTH = np.array(
    [0, 12, 24, 33, 40, 46, 51, 55, 59, 62, 65, 68, 80, 94, 100, 107, 115, 125, 140, 160, 180.0]
)
LINE = np.array(
    [79.9, 79.9, 79.7, 79.3, 78.6, 77.4, 75.9, 74.7, 72.6, 70.9, 71.4, 74.0, 75.8, 74.4, 72.6]
    + [70.6, 69.0, 67.6, 66.5, 65.8, 65.6]
)
AXIS_Z = 3.0  # z of the vertical axis the azimuth turns about, cm


def scalp_value(points, recede=0.0, widow=0.0, seed=0, ragged=1.0):
    """Height above the hair line: > 0 where hair grows.

    points [..., 3] cm on the *template* head; `recede` 0 .. 1.5 raises the temples and, less, the
    forehead; `widow` 0 .. 1 draws a peak; `seed` chooses the irregularity (asymmetry, waves, cow
    licks) and `ragged` scales it. Returns [...] float32, cm.
    """
    p = np.asarray(points, np.float32)
    x, y, z = p[..., 0], p[..., 1], p[..., 2]
    turn = np.degrees(np.arctan2(x, z - np.float32(AXIS_Z)))
    phi = np.abs(turn)
    table, wave = _line_table(float(recede), float(widow), int(seed), float(ragged))
    at = np.clip((turn + 180.0) * (len(table) - 1) / 360.0, 0, len(table) - 1.001)
    i = at.astype(np.int32)
    t = at - i
    value = y - (table[i] * (1 - t) + table[i + 1] * t)
    # Waves of a few millimetres that are not a function of the azimuth alone.
    value = value + wave * np.sin(3.1 * y + 1.3 * x + seed % 7) * np.sin(2.3 * x - 1.7 * z)
    ear = np.hypot((z - 4.6) / 2.0, (y - 72.2) / 3.4) - 1
    ear = np.where((phi > 50) & (phi < 110), 2.5 * ear, np.float32(9.0))
    return np.minimum(value, ear).astype(np.float32)


def _line_table(recede, widow, seed, ragged, n=721):
    """Hair line height [n] over the azimuth -180 .. 180, and the amplitude of the small waves."""
    r = np.random.default_rng([seed, 71])
    turn = np.linspace(-180, 180, n)
    phi = np.abs(turn)
    line = np.interp(phi, AZIMUTH, LINE)
    k = np.exp(-((np.linspace(-2, 2, 21)) ** 2))  # the table has corners, a hair line has none
    line = np.convolve(np.pad(line, 10, mode="wrap"), k / k.sum(), mode="valid")
    side = 1 + 0.25 * ragged * r.normal(0, 1) * np.sign(turn)
    line += recede * side * 2.4 * np.exp(-0.5 * ((phi - 33) / 14) ** 2)
    line += recede * 0.8 * np.exp(-0.5 * (phi / 25) ** 2)
    middle = turn - 3.0 * ragged * r.normal()
    line -= widow * 0.9 * np.exp(-0.5 * (middle / 8) ** 2)
    for cycles, size in ((2, 0.10), (5, 0.09), (9, 0.09), (17, 0.08), (31, 0.06), (53, 0.05)):
        a = size * ragged * r.normal()
        line += a * np.sin(np.radians(turn) * cycles + r.uniform(0, 2 * np.pi))
    return line.astype(np.float32), np.float32(0.10 * ragged)


class Fit:
    """A neutral head carried back to the template's size, where styles and things worn are built.

    `scale`, `shift` [3]: template-sized = (head - shift) / scale. `vertices`, `normals` [V, 3] are
    the coarse body in template size; `template` [V, 3] are the template's own.
    """

    def __init__(self, head, neutral):
        self.head = head
        self.template = np.asarray(head.base[: head.V], np.float32)
        v = np.asarray(neutral[: head.V], np.float32)
        t = self.template
        skull = (t[:, 1] > 70) & (t[:, 2] < 13)
        a, b = t[skull] - t[skull].mean(0), v[skull] - v[skull].mean(0)
        self.scale = float(np.sqrt((b * b).sum() / (a * a).sum()))
        self.shift = v[skull].mean(0) - self.scale * t[skull].mean(0)
        self.vertices = (v - self.shift) / np.float32(self.scale)
        self.faces = np.asarray(head.coarse_faces)
        self.normals = vertex_normals(self.vertices, self.faces)

    def to_head(self, points):
        """Template-sized points [..., 3] -> the head's own cm, float32."""
        return (np.asarray(points) * self.scale + self.shift).astype(np.float32)

    def landmark(self, *ids):
        """Mean of landmarks (0 .. 67) in template size [3]."""
        return self.vertices[np.asarray(self.head.landmarks)[list(ids)]].mean(0)

    def body(self):
        """Coarse vertices [N] of the outer skin: no ears, no mouth or eye cavity."""
        x, y, z = np.abs(self.template.T[0]), self.template[:, 1], self.template[:, 2]
        used = np.zeros(len(self.template), bool)
        used[self.faces] = True
        mouth = (x < 4) & (y > 61.5) & (y < 68.5) & (z > 4) & (z < 12.5)
        return np.flatnonzero(used & ~mouth & ~ear_region(self.template))


def ear_region(template):
    """True at template points [..., 3] of the ears."""
    x, y, z = np.abs(template[..., 0]), template[..., 1], template[..., 2]
    return (x > 7.0) & (y > 68.0) & (y < 75.8) & (z > 2.4) & (z < 6.5)


def vertex_normals(vertices, faces):
    """Area-weighted unit normals [V, 3] of a triangle mesh; zero where no face is."""
    p = vertices[faces]
    n = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
    out = np.stack(
        [np.bincount(faces.ravel(), np.repeat(n[:, k], 3), len(vertices)) for k in range(3)], 1
    )
    return unit(out).astype(np.float32)


def unit(v):
    """Vectors [..., 3] at length 1; zero stays zero."""
    return v / np.maximum(np.sqrt(np.einsum("...i,...i->...", v, v))[..., None], 1e-8)


class Roots:
    """Points on the skin: `position`, `normal`, `template` [n, 3]; `ids`, `weights` [n, 3]."""

    def __init__(self, fit, rng, n, density, region):
        """At most n roots where `density(template points [m, 3]) -> [m]` in 0 .. 1.

        `region` [V] bool: coarse vertices at which to look.
        """
        faces = fit.faces[region[fit.faces].any(1)]
        t, p = fit.template[faces], fit.vertices[faces]
        area = np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1)
        # Density where the face has any: rejection below makes it exact.
        where = np.concatenate([t, t.mean(1, keepdims=True)], 1).reshape(-1, 3)
        most = density(where).reshape(-1, 4).max(1)
        area = area * (np.clip(most, 0, 1) > 0)
        if area.sum() == 0:
            face = np.zeros(0, int)
        else:
            edges = np.cumsum(area) / area.sum()
            face = np.minimum(np.searchsorted(edges, rng.random(3 * n)), len(faces) - 1)
        r = rng.random((len(face), 2)).astype(np.float32)
        s = np.sqrt(r[:, 0])
        w = np.stack([1 - s, s * (1 - r[:, 1]), s * r[:, 1]], 1)
        at = np.einsum("nk,nkc->nc", w, t[face])
        keep = np.flatnonzero(rng.random(len(face)) < density(at))[:n]
        face, w = face[keep], w[keep]
        self.ids, self.weights, self.template = faces[face].astype(np.int32), w, at[keep]
        self.position = np.einsum("nk,nkc->nc", w, p[face])
        self.normal = unit(np.einsum("nk,nkc->nc", w, fit.normals[faces[face]]))

    def __len__(self):
        return len(self.ids)


class Clearance:
    """Signed distance to the skin and its direction, read from a grid (template size, cm).

    Ears are added as ellipsoids: their thin mesh would give distances of the wrong sign.
    """

    LOW, HIGH, CELL = np.array([-14.0, 46, -13]), np.array([14.0, 90, 20]), 1.1

    def __init__(self, fit):
        ids = fit.body()
        mask = np.zeros(len(fit.template), bool)
        mask[ids] = True
        faces = fit.faces[mask[fit.faces].all(1)]
        points = np.concatenate([fit.vertices[ids], fit.vertices[faces].mean(1)])
        normals = np.concatenate([fit.normals[ids], unit(fit.normals[faces].mean(1))])
        cloth = np.concatenate([fit.template[ids, 1], fit.template[faces][..., 1].mean(1)])
        points = points + 0.6 * normals * np.clip((59.0 - cloth) / 3, 0, 1)[:, None]
        inside = np.all((points > self.LOW - 2) & (points < self.HIGH + 2), 1)
        points, normals = points[inside], normals[inside]
        axes = [
            np.arange(a, b + self.CELL, self.CELL) for a, b in zip(self.LOW, self.HIGH, strict=True)
        ]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).astype(np.float32)
        d, j = cKDTree(points).query(grid.reshape(-1, 3), k=3)
        w = 1 / (d + 0.05)
        w = (w / w.sum(1, keepdims=True)).astype(np.float32)
        base = np.einsum("nk,nkc->nc", w, points[j])
        n = unit(np.einsum("nk,nkc->nc", w, normals[j]))
        offset = grid.reshape(-1, 3) - base
        dist = np.einsum("nc,nc->n", offset, n)
        for side in (1, -1):
            ear = ear_region(fit.template) & (fit.template[:, 0] * side > 0)
            e = fit.vertices[ear]
            c = e.mean(0)
            q = (grid.reshape(-1, 3) - c) / np.array([1.0, 3.3, 1.9])
            k = np.linalg.norm(q, axis=1)
            ear_dist = (k - 1) * 1.3
            near = ear_dist < dist
            dist = np.where(near, ear_dist, dist)
            n = np.where(near[:, None], unit(q / np.array([1.0, 3.3, 1.9])), n)
        self.field = np.concatenate([dist[:, None], n], 1).astype(np.float32)
        self.shape = np.array(grid.shape[:3])

    def __call__(self, points):
        """Distances [...] (< 0 inside) and unit directions away from the skin [..., 3]."""
        q = (points.reshape(-1, 3) - self.LOW.astype(np.float32)) / np.float32(self.CELL)
        q = np.clip(q, 0, (self.shape - 1.001).astype(np.float32))
        i = q.astype(np.int32)
        f = q - i
        sy, sx = int(self.shape[2]), int(self.shape[1] * self.shape[2])
        at = i[:, 0] * sx + i[:, 1] * sy + i[:, 2]
        out = np.zeros((len(q), 4), np.float32)
        for a in (0, 1):
            wa = f[:, 0] if a else 1 - f[:, 0]
            for b in (0, 1):
                wb = wa * (f[:, 1] if b else 1 - f[:, 1])
                for c in (0, 1):
                    w = wb * (f[:, 2] if c else 1 - f[:, 2])
                    out += w[:, None] * self.field[at + (a * sx + b * sy + c)]
        shape = points.shape[:-1]
        return out[:, 0].reshape(shape), unit(out[:, 1:]).reshape(*shape, 3)
