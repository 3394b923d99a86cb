"""Beards and moustaches of strands; stubble is painted (`skin.py`)."""

import numpy as np
from scipy.spatial import cKDTree

from train.heads.params import Identity, Strands
from train.heads.scalp import Fit, Roots, scalp_value, unit

PER_CM2 = 60  # strands at full density


def beard(head, neutral, identity: Identity) -> Strands | None:
    """Strands of the beard on `neutral` [V + J, 3], or None without one.

    Each zone of `FacialHair.zones` has its own outline and way of growing; all of them thin out at
    their edges. Deterministic in `identity.seed`.
    """
    hair = identity.facial_hair
    if hair.length <= 0 or not hair.zones:
        return None
    rng = np.random.default_rng([identity.seed, 75])
    fit = Fit(head, neutral)
    line = _Outline(identity.seed)
    t = fit.template
    region = (t[:, 1] > 58) & (t[:, 1] < 75) & (t[:, 2] > 4)
    inside = (np.abs(t[:, 0]) < 3.4) & (t[:, 2] < 13.2) & (t[:, 1] > 61.5) & (t[:, 2] > 5)
    region &= ~(inside & (t[:, 1] < 68.4))  # the cavity of the mouth
    root = Roots(fit, rng, _count(hair), lambda p: line.density(p, hair.zones), region)
    if len(root) == 0:
        return None
    n, p = len(root), root.template
    moustache = line.moustache(p)
    grow = hair.length * rng.uniform(0.55, 1.15, n)
    # Longest at the chin, short at the cheeks and before the ears, a trimmed moustache.
    low = np.clip((68.0 - p[:, 1]) / 5, 0, 1) * np.clip((p[:, 2] - 5) / 5, 0.2, 1)
    grow *= np.where(moustache > 0.3, min(1.0, 0.75 / hair.length), 0.45 + 0.75 * low)
    side = np.sign(p[:, 0]) * np.clip(np.abs(p[:, 0]) / 0.5, 0, 1)
    down = np.stack([0.12 * side, np.full(n, -0.9), 0.12 + 0 * side], 1)
    comb = np.stack([0.75 * side, np.full(n, -0.55), 0.25 + 0 * side], 1)
    goal = np.where(moustache[:, None] > 0.3, comb, down)
    along = goal - (goal * root.normal).sum(1, keepdims=True) * root.normal
    d = unit(0.55 * root.normal + along + 0.28 * rng.normal(size=(n, 3)))
    m = 6
    s = np.linspace(0, 1, m)[None, :, None]
    length = grow[:, None, None]
    points = root.position[:, None] - 0.04 * root.normal[:, None] + d[:, None] * s * length
    points = points + np.array([0, -0.35, 0]) * s**2 * length
    coarse = identity.complexion.melanin > 1.1  # coils, with darker skin
    size = 0.10 if coarse else 0.05
    bend = rng.normal(size=(n, 1, 3)) * size * np.sqrt(length)
    points = points + bend * np.sin(s * (7 if coarse else 4) + rng.uniform(0, 6.3, (n, 1, 1)))
    # Strands meet in small tufts.
    lead = cKDTree(p[: max(1, n // 7)]).query(p)[1]
    points = points + (points[lead] - points) * 0.3 * s * min(1.0, hair.length / 1.2)
    points = _off_mouth(points, root, moustache, fit)
    age = identity.shape.age
    white = np.clip((age - 0.58) * 2.0 * (0.5 + 0.8 * low), 0, 0.7)
    grey = np.where(rng.random(n) < white, rng.uniform(0.15, 0.7, n), 0)
    return Strands(
        points=fit.to_head(points),
        width=(0.037 * fit.scale * rng.uniform(0.7, 1.3, n)).astype(np.float32),
        shade=np.clip(0.85 + 0.2 * rng.normal(size=n), 0.4, 1.6).astype(np.float32),
        root_normal=root.normal.astype(np.float32),
        root_ids=root.ids,
        root_weights=root.weights.astype(np.float32),
        grey=grey.astype(np.float32),
        loose=np.zeros(n, np.float32),
    )


def root_density(identity: Identity, points: np.ndarray, zones: tuple[str, ...]) -> np.ndarray:
    """How densely, 0 .. 1 [N], a person's beard would grow in `zones` at template points [N, 3]."""
    return _Outline(identity.seed).density(points, zones)


def _count(hair) -> int:
    area = {"moustache": 12, "chin": 28, "jaw": 65, "cheeks": 40}
    return int(PER_CM2 * sum(area.get(z, 0) for z in hair.zones))


def _off_mouth(points, root, moustache, fit):
    """Moustaches end above the lips' seam: the mouth stays visible."""
    lip = fit.landmark(51, 62)[1] - 0.05
    y = points[..., 1]
    above = (root.template[:, 1] > 66.3) & (np.abs(root.template[:, 0]) < 2.6)
    over = np.clip(lip - y, 0, None) * (above & (moustache > 0.3))[:, None]
    points[..., 1] += over
    return points


class _Outline:
    """Where each zone grows, on the template; edges waver with the person."""

    def __init__(self, seed):
        r = np.random.default_rng([seed, 76])
        self.lip_top = 67.25 + r.uniform(-0.05, 0.15)
        self.cheek = r.normal(0, 0.5)  # height of the cheek line, cm
        self.neck = r.normal(0, 0.5)
        self.wide = r.uniform(2.6, 3.3)  # half width of a moustache and goatee
        self.gap = r.uniform(0.0, 1.0)  # bare philtrum
        self.phase = r.uniform(0, 6.3, 4)
        self.bridge = r.uniform() < 0.6  # a goatee's moustache joins the chin
        self.patch = r.uniform(0.6, 1.2)  # half width of the soul patch

    def _wave(self, p):
        x, y, z = p.T
        a = self.phase
        return 0.18 * np.sin(2.2 * x + a[0]) * np.sin(1.9 * y + a[1]) + 0.12 * np.sin(
            4.1 * z + a[2]
        ) * np.sin(3.7 * x + a[3])

    def moustache(self, p):
        x, y = np.abs(p[:, 0]), p[:, 1]
        top = 68.75 - 0.24 * x
        low = self.lip_top - 0.42 * np.clip(x - 0.9, 0, None)
        w = self._wave(p) * 0.5
        d = _edge(top - y + w, 0.45) * _edge(y - low + w, 0.25)
        return d * _edge(self.wide - x + w, 0.5) * (1 - 0.8 * self.gap * np.exp(-((x / 0.3) ** 2)))

    def chin(self, p):
        x, y = np.abs(p[:, 0]), p[:, 1]
        w = self._wave(p)
        lower_lip = 64.95 - 0.05 * x
        d = _edge(lower_lip - y + w * 0.4, 0.4) * _edge(self.wide * 1.05 - x + w, 0.8)
        bare = _edge(np.abs(x) - self.patch, 0.3) * _edge(y - 63.9, 0.3) * _edge(2.0 - x, 0.3)
        d = d * (1 - 0.85 * bare) * _edge(p[:, 2] - 8.5, 1.5)
        return d

    def beside(self, p):
        """Between the moustache's ends and the chin."""
        x, y = np.abs(p[:, 0]), p[:, 1]
        w = self._wave(p)
        return (
            _edge(self.wide + 0.5 - x + w, 0.6)
            * _edge(x - 2.35 + 0.5 * w, 0.3)
            * _edge(67.4 - y, 0.6)
            * _edge(y - 61, 1)
        )

    def jaw(self, p):
        """Along the jaw bone, down to a line on the throat."""
        y, z = p[:, 1], p[:, 2]
        bone = 62.2 + 0.75 * np.clip(12.2 - z, 0, None)
        w = self._wave(p) * 1.6
        d = _edge(bone + 2.0 - y + w, 1.2) * _edge(y - (bone - 2.6 + self.neck) + w, 1.0)
        return d * _edge(z - 6.2, 0.6) * _edge(72.5 - y, 1.0)

    def cheeks(self, p):
        """Between the jaw, the sideburn and a line from the ear to the mouth's corner."""
        x, y, z = np.abs(p[:, 0]), p[:, 1], p[:, 2]
        line = 66.6 + 0.62 * np.clip(12.2 - z, 0, 6.2) + self.cheek * np.clip((13 - z) / 5, 0, 1)
        w = self._wave(p) * 1.6
        d = (
            _edge(line - y + w, 1.3)
            * _edge(z - 6.2, 0.6)
            * _edge(x - 2.9, 0.7)
            * _edge(y - 62, 1.5)
        )
        sideburn = _edge(np.minimum(z - 6.2, 7.9 - z) + w, 0.4) * _edge(72.8 - y, 0.8)
        return np.maximum(d, sideburn * _edge(y - 66, 2) * _edge(x - 5.5, 0.5))

    def density(self, p, zones):
        d = np.zeros(len(p))
        for zone in zones:
            d = np.maximum(d, getattr(self, zone)(p))
        if "jaw" in zones or (self.bridge and {"moustache", "chin"} <= set(zones)):
            d = np.maximum(d, self.beside(p))
        x, y, z = np.abs(p[:, 0]), p[:, 1], p[:, 2]
        throat = _edge(np.maximum.reduce([z - 8.8, x - 5.0, y - 65.0]), 0.8)  # stays bare
        lips = (p[:, 0] / 2.75) ** 2 + ((p[:, 1] - 66.1) / 1.05) ** 2
        d = d * throat * _edge(lips - 1, 0.25) * (scalp_value(p) < 0.8)
        nose = (np.abs(p[:, 0]) < 1.9) & (p[:, 1] > 68.9)
        return np.clip(d * ~nose, 0, 1)


def _edge(x, soft):
    """0 outside (x < 0) to 1 at `soft` cm within."""
    t = np.clip(x / soft, 0, 1)
    return t * t * (3 - 2 * t)
