"""The 68 landmarks of the iBUG scheme as points of the coarse mesh, chosen on the template."""

import numpy as np

from train.heads.brows import landmark_heights
from train.heads.params import Brows

# Points on the template, cm, of the subject's right half and the middle line; the left half is
# the mirror image. Landmark 0 is at the image's left, which is the subject's right (x < 0).
RIGHT = {
    0: (-7.18, 73.32, 6.59), 1: (-7.06, 71.20, 7.10), 2: (-6.78, 69.35, 8.28),
    3: (-6.38, 67.68, 8.45), 4: (-5.66, 66.05, 9.68), 5: (-4.94, 64.66, 10.05),
    6: (-3.66, 63.15, 11.18), 7: (-1.98, 62.15, 12.60), 8: (0.0, 61.77, 14.03),
    17: (-5.40, 74.20, 12.64), 18: (-4.60, 74.89, 13.42), 19: (-3.45, 75.12, 14.19),
    20: (-2.34, 75.05, 14.70), 21: (-1.36, 74.66, 14.98), 27: (0.0, 73.28, 15.06),
    28: (0.0, 72.05, 15.33), 29: (0.0, 70.85, 15.96), 30: (0.0, 69.64, 16.70),
    31: (-1.27, 68.51, 15.16), 32: (-0.58, 68.26, 15.55), 33: (0.0, 68.01, 15.70),
    36: (-4.14, 72.88, 13.76), 37: (-3.50, 73.35, 14.07), 38: (-2.61, 73.26, 14.05),
    39: (-1.79, 72.66, 13.77), 40: (-2.67, 72.38, 13.97), 41: (-3.56, 72.36, 13.99),
    48: (-2.40, 66.05, 14.25), 49: (-1.49, 66.86, 15.45), 50: (-0.60, 67.09, 15.93),
    51: (0.0, 66.87, 16.00), 57: (0.0, 64.98, 15.58), 58: (-0.59, 65.05, 15.43),
    59: (-1.46, 65.36, 15.03), 60: (-1.94, 66.10, 14.72), 61: (-0.54, 66.11, 15.49),
    62: (0.0, 66.081, 15.530), 66: (0.0, 66.014, 15.396), 67: (-0.508, 66.011, 15.345),
}  # fmt: skip
# the landmark at the mirror image of each
MIRROR = np.array(
    [*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1)]
    + [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
    + [*range(54, 47, -1), *range(59, 54, -1), 64, 63, 62, 61, 60, 67, 66, 65]
)


BROWS = slice(17, 27)  # of the landmarks
Attached = tuple[np.ndarray, np.ndarray]  # vertex ids and barycentric weights, [N, 3] each


def template_points() -> np.ndarray:
    """The landmarks near the template's surface, [68, 3] cm."""
    points = np.zeros((68, 3), np.float32)
    for i, p in RIGHT.items():
        points[MIRROR[i]] = (-p[0], p[1], p[2])
        points[i] = p
    return points


def attach(points: np.ndarray, v: np.ndarray, faces: np.ndarray) -> Attached:
    """The surface points nearest to `points` [N, 3].

    `v` [V, 3] vertices, `faces` [F, 3]. Returns (vertex ids [N, 3] int32, barycentric weights
    [N, 3] float32).
    """
    corners = v[faces].astype(np.float64)
    a, ab, ac = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    ids, weights = [], []
    for p in points:
        best, best_d = None, np.inf
        # the foot in the triangle's plane, then on each of its edges
        d = p - a
        aa, bb, cross = (ab**2).sum(1), (ac**2).sum(1), (ab * ac).sum(1)
        da, db = (d * ab).sum(1), (d * ac).sum(1)
        det = np.maximum(aa * bb - cross**2, 1e-12)
        s, t = (da * bb - db * cross) / det, (db * aa - da * cross) / det
        inside = (s >= 0) & (t >= 0) & (s + t <= 1)
        tries = [(np.where(inside, s, np.nan), np.where(inside, t, np.nan))]
        u = np.clip(da / np.maximum(aa, 1e-12), 0, 1)
        tries.append((u, 0 * u))
        u = np.clip(db / np.maximum(bb, 1e-12), 0, 1)
        tries.append((0 * u, u))
        e = ac - ab
        u = np.clip(((d - ab) * e).sum(1) / np.maximum((e**2).sum(1), 1e-12), 0, 1)
        tries.append((1 - u, u))
        for s, t in tries:
            foot = a + s[:, None] * ab + t[:, None] * ac
            distance = ((foot - p) ** 2).sum(1)
            if np.all(np.isnan(distance)):
                continue
            f = int(np.nanargmin(distance))
            if distance[f] < best_d:
                best, best_d = (f, (1 - s[f] - t[f], s[f], t[f])), distance[f]
        ids.append(faces[best[0]])
        weights.append(best[1])
    return np.array(ids, np.int32), np.array(weights, np.float32)


def attach_brows(brows: Brows, v: np.ndarray, faces: np.ndarray) -> Attached:
    """Where the landmarks 17 .. 26 of brows as they are drawn lie on the template `v`, `faces`."""
    points = template_points()[BROWS]
    points[:, 1] = landmark_heights(brows, points[:, 0])
    near = (np.abs(v[:, 1] - points[:, 1].mean()) < 3) & (v[:, 2] > 9)
    return attach(points, v, faces[near[faces].all(1)])
