"""Hats, headbands and headscarves: shells over the skull, and the hair under them."""

from dataclasses import replace

import numpy as np

from train.heads.params import Mesh, Strands, Wear
from train.heads.scalp import Fit, ear_region
from train.heads.shapes import Skull, ball, direction, joined, sheet, thick

KINDS = {"cap": 0.11, "beanie": 0.34, "brim": 0.13, "headband": 0.16, "scarf": 0.14}


def sample_hat(r, female: bool) -> dict:
    """Parameters of a hat, for `Wear.hat`."""
    p = np.array(list(KINDS.values())) * ([1, 1, 1, 1.4, 1.8] if female else [1.5, 1.1, 1, 0.25, 0])
    kind = str(r.choice(list(KINDS), p=p / p.sum()))
    strong = r.random() < 0.35
    value = r.uniform(0.02, 0.6) if not strong else r.uniform(0.2, 0.6)
    tint = r.uniform(0.05, 0.95, 3) if strong else 1 + 0.15 * r.normal(size=3)
    return {
        "kind": kind,
        "rgb": tuple(float(x) for x in np.clip(value * tint, 0.006, 0.75)),
        "band": tuple(
            float(x)
            for x in np.clip(r.uniform(0.005, 0.4) * (1 + 0.3 * r.normal(size=3)), 0.004, 0.7)
        ),
        "front": float(
            r.uniform(2.0, 3.0) + 0.5 * (kind == "cap")
        ),  # of the rim above the brows, cm
        "back": float(r.uniform(-0.8, 0.8)),
        "loose": float(r.uniform(0.0, 1.0)),
        "reach": float(r.uniform(0.8, 1.2)),
        "seed": int(r.integers(1 << 30)),
    }


BACK = {"cap": 73.0, "beanie": 71.5, "brim": 73.4, "headband": 76.5}  # height of the rim, cm


class _Shell:
    """A surface above the skull, over a tilted rim."""

    def __init__(self, fit: Fit, hat: dict):
        self.hat, self.skull = hat, Skull(fit)
        brow = fit.landmark(18, 19, 20, 23, 24, 25)[1]
        front = brow + hat["front"] + (1.4 if hat["kind"] == "headband" else 0)
        a = np.array([0.0, front, 13.5])
        b = np.array([0.0, BACK[hat["kind"]] + hat["back"], -3.5])
        along = (a - b) / np.linalg.norm(a - b)
        self.normal = np.array([0.0, along[2], -along[1]])
        self.origin = a

    def above(self, points):
        """Height [...] above the plane of the rim."""
        return (points - self.origin) @ self.normal

    def rim(self, turn, off):
        """Elevation [n] at which the shell meets the plane, by bisection."""
        low, high = np.full(turn.shape, -0.9), np.full(turn.shape, 1.4)
        for _ in range(18):
            mid = (low + high) / 2
            below = self.above(self.at(direction(turn, mid), off)) < 0
            low, high = np.where(below, mid, low), np.where(below, high, mid)
        return high

    def at(self, d, off):
        return Skull.CENTRE + (self.skull.radius(d) + off)[..., None] * d

    def dome(self, turn, heights, off):
        """Grid [len(heights), n, 3] from the rim (0) to the top (1); `off` a function of
        (directions, heights)."""
        rim = self.rim(turn, self.off)
        up = rim[None] + (np.pi / 2 - 0.02 - rim[None]) * np.asarray(heights)[:, None]
        d = direction(turn[None], up)
        return self.at(d, off(d, np.asarray(heights)[:, None]))

    @property
    def off(self):
        """Cm between skin and hat at the rim."""
        return {"cap": 0.75, "beanie": 0.6, "brim": 0.75, "headband": 0.45}[self.hat["kind"]]


def hat_meshes(fit: Fit, hat: dict) -> list[Mesh]:
    solids = {
        "cap": _cap,
        "beanie": _beanie,
        "brim": _brimmed,
        "headband": _headband,
        "scarf": _scarf,
    }
    return [
        Mesh(fit.to_head(v), f.astype(np.int32), hat[colour], gloss)
        for (v, f), colour, gloss in solids[hat["kind"]](fit, hat)
    ]


def _around(n):
    return np.linspace(-np.pi, np.pi, n, endpoint=False)


def _cap(fit, hat):
    s = _Shell(fit, hat)
    turn = _around(72)
    tall = 0.9 + 0.8 * hat["loose"]

    def off(d, k):
        front = np.clip(d[..., 2], 0, 1)
        seam = 0.05 * np.cos(6 * np.arctan2(d[..., 0], d[..., 2])) * np.sin(np.pi * k)
        return s.off + tall * np.sin(np.pi * k) * (0.35 + 0.65 * front) + 0.4 * k - seam

    dome = s.dome(turn, np.linspace(0, 1, 16), off)
    button = ball(dome[-1].mean(0), 0.35)
    # The peak: from the rim at the front, out and a little down, lower at its sides.
    a = np.linspace(-0.95, 0.95, 33)
    edge = s.at(direction(a, s.rim(a, s.off)), s.off)
    reach = 5.6 * hat["reach"] * np.cos(a / 0.95 * np.pi / 2 * 0.96) ** 0.55
    rows = []
    for k in np.linspace(0, 1, 8):
        p = edge.copy()
        p[:, 2] += reach * k
        p[:, 0] *= 1 + 0.06 * k
        p[:, 1] += 0.45 * k - 0.7 * k * k - 0.55 * k * (edge[:, 0] / 6.0) ** 2
        rows.append(p)
    rows = np.stack(rows)
    # It must not come down over the brows.
    brow = fit.landmark(18, 19, 24, 25)[1]
    rows[..., 1] = np.maximum(rows[..., 1], brow + 1.2)
    return [
        (joined([thick(sheet(dome, wrap=True), 0.12), button]), "rgb", 0.08),
        (thick(sheet(rows), 0.18), "rgb" if hat["seed"] % 3 else "band", 0.12),
    ]


def _beanie(fit, hat):
    s = _Shell(fit, hat)
    turn = _around(180)
    r = np.random.default_rng(hat["seed"])
    wave = [(int(r.integers(2, 6)), r.uniform(0, 6.3), r.uniform(0.05, 0.2)) for _ in range(3)]

    def off(d, k):
        a = np.arctan2(d[..., 0], d[..., 2])
        folds = sum(h * np.sin(n * a + q) for n, q, h in wave) * np.sin(np.pi * k) * hat["loose"]
        slouch = hat["loose"] * (1.6 * k**2 + 1.4 * np.clip(-d[..., 2], 0, 1) * np.sin(np.pi * k))
        rib = 0.05 * np.sin(60 * a) * (1 - k) ** 0.5
        return s.off + 0.35 * np.sin(np.pi * np.minimum(k * 2, 1)) + folds + slouch + rib

    dome = s.dome(turn, np.linspace(0, 1, 22), off)
    parts = [sheet(dome, wrap=True)]
    cuff = 0.16 + 0.12 * hat["reach"]

    def turned(d, k):
        a = np.arctan2(d[..., 0], d[..., 2])
        return s.off + 0.40 + 0.12 * np.sin(np.pi * np.clip(k / cuff, 0, 1)) + 0.06 * np.sin(60 * a)

    band = s.dome(turn, np.linspace(0, cuff, 7), turned)
    parts.append(
        sheet(
            np.concatenate(
                [
                    dome[:1] * 0.5 + band[:1] * 0.5,
                    band,
                    s.dome(turn, [cuff + 0.01], lambda d, k: s.off + 0 * d[..., 0]),
                ]
            ),
            wrap=True,
        )
    )
    pieces = [(joined(parts), "rgb", 0.02)]
    if hat["seed"] % 4 == 0:
        pieces.append((ball(dome[-1].mean(0) + [0, 1.4, -0.4], 1.7, 24, 16), "band", 0.0))
    return pieces


def _brimmed(fit, hat):
    s = _Shell(fit, hat)
    turn = _around(96)
    tall = 1.6 + 2.2 * hat["loose"]

    def off(d, k):
        pinch = 0.8 * np.exp(-((d[..., 0] / 0.25) ** 2)) * np.clip(k * 2 - 1, 0, 1) ** 2
        wall = np.clip(k / 0.45, 0, 1)
        return s.off + tall * wall * (2 - wall) * (0.4 + 0.6 * np.abs(d[..., 1])) - pinch

    dome = s.dome(turn, np.linspace(0, 1, 22), off)
    wave = 0.35 * np.sin(2 * turn + hat["seed"] % 6)
    width = 5.2 * hat["reach"] + 1.6 * hat["loose"]
    outwards = dome[0] - (dome[0] - s.origin) @ s.normal[:, None] * s.normal
    outwards = outwards - outwards.mean(0)
    outwards /= np.linalg.norm(outwards, axis=1, keepdims=True)
    rows = []
    for k in np.linspace(0, 1, 8):
        lift = (
            0.5 * k + (wave - 0.9 * np.cos(turn) * 0.4) * k * k + 0.8 * k * k * np.abs(np.sin(turn))
        )
        rows.append(dome[0] + outwards * width * k + lift[:, None] * s.normal)
    rows = np.stack(rows)
    brow = fit.landmark(18, 19, 24, 25)[1]
    ahead = rows[..., 2] > 8
    rows[..., 1] = np.where(ahead, np.maximum(rows[..., 1], brow + 1.1), rows[..., 1])
    ribbon = s.dome(turn, np.linspace(0.01, 0.17, 4), lambda d, k: off(d, k) + 0.07)
    return [
        (joined([sheet(dome, wrap=True), thick(sheet(rows, wrap=True), 0.14)]), "rgb", 0.05),
        (sheet(ribbon, wrap=True), "band", 0.15),
    ]


def _headband(fit, hat):
    s = _Shell(fit, hat)
    turn = _around(96)
    wide = 0.10 + 0.08 * hat["reach"]
    rows = s.dome(
        turn,
        np.linspace(0, wide, 6),
        lambda d, k: s.off + 0.25 * np.sin(np.pi * np.clip(k / wide, 0, 1)),
    )
    return [(thick(sheet(rows, wrap=True), 0.2), "rgb", 0.1)]


def _scarf(fit, hat):
    """A headscarf that frames the face and wraps the throat."""
    skull = Skull(fit, low=60.0)
    r = np.random.default_rng(hat["seed"])
    brow, chin = fit.landmark(19, 24)[1], fit.landmark(8)
    half = abs(fit.landmark(16)[0] - fit.landmark(0)[0]) / 2
    # Rays from the opening (a ring round the face) over the head to a ring at the nape and throat.
    a = np.linspace(0, 2 * np.pi, 97)[:-1]
    top, low = brow + hat["front"] + 0.4, chin[1] - 0.9
    middle, tall = (top + low) / 2, (top - low) / 2
    x = half * (0.93 - 0.10 * np.clip(-np.cos(a), 0, 1)) * np.sin(a)
    y = middle + tall * np.cos(a)
    ahead = np.sqrt(np.clip(1 - (x / (half + 2.2)) ** 2, 0, 1))
    z = 5.2 + (8.8 - 0.16 * np.abs(y - 74)) * ahead * np.where(y < 66, 0.85, 1.0)
    ring = np.stack([x, y, z], 1) - Skull.CENTRE
    ring /= np.linalg.norm(ring, axis=1, keepdims=True)
    back = np.array([0.0, 0.17, -0.985])  # opposite to the middle of the face: the way is clear
    phases = r.uniform(0, 6.3, 3)
    ears = _ear_bumps(fit, skull)
    rows = []
    for k in np.linspace(0, 1, 26):
        angle = np.arccos(np.clip(ring @ back, -1, 1))[:, None]
        d = (np.sin((1 - k) * angle) * ring + np.sin(k * angle) * back) / np.sin(angle)
        fold = 0.10 * np.sin(9 * a + phases[0] + 4 * k) + 0.08 * np.sin(17 * a + phases[1] - 6 * k)
        off = (
            0.55 + 0.9 * np.sqrt(min(k * 3, 1)) * (0.7 + 0.5 * hat["loose"]) + fold * min(k * 6, 1)
        )
        off = off + ears(d)
        rows.append(Skull.CENTRE + (skull.radius(d) + off)[:, None] * d)
    rows = np.stack(rows)
    shell = thick(sheet(rows, wrap=True), 0.15)
    # Round the throat, down to the shoulders: rings that widen, with folds that slope.
    turn = _around(96)
    cos = np.cos(turn)
    cloth = []
    for k in np.linspace(0, 1, 22):
        height = 62.2 - 1.2 * (1 + cos) - k * (9.5 - 1.5 * cos)
        wide = 6.5 + 2.2 * np.sin(min(k * 2.2, 1.57)) + 6.5 * np.clip(k - 0.45, 0, 1) ** 1.3
        deep = 5.7 + 1.7 * np.sin(min(k * 2.2, 1.57)) + 2.6 * np.clip(k - 0.45, 0, 1)
        fold = 0.28 * np.sin(k * 17 + 2.0 * np.sin(turn + phases[2]) + phases[0])
        p = np.stack([(wide + fold) * np.sin(turn), height, 2.8 + (deep + fold) * cos], 1)
        cloth.append(p)
    return [(joined([shell, sheet(np.stack(cloth), wrap=True)]), "rgb", 0.04)]


def _ear_bumps(fit, skull):
    """How much further out, in cm, a cloth lies where an ear is under it: a function of [n, 3]."""
    bumps = []
    for side in (1, -1):
        e = fit.vertices[ear_region(fit.template) & (fit.template[:, 0] * side > 0)] - Skull.CENTRE
        r = np.linalg.norm(e, axis=1)
        d = e / r[:, None]
        out = r - skull.radius(d)
        middle = d[np.argmax(out)]
        bumps.append((middle, max(0.0, float(out.max()) - 0.9)))

    def further(d):
        return sum(h * np.exp(-((np.arccos(np.clip(d @ m, -1, 1)) / 0.4) ** 2)) for m, h in bumps)

    return further


def tucked(strands: Strands | None, head, neutral, wear: Wear) -> Strands | None:
    """Hair as it lies under the hat of `wear`; None where a headscarf hides all of it."""
    hat = wear.hat
    if strands is None or hat is None:
        return strands
    if hat["kind"] == "scarf":
        return None
    fit = Fit(head, neutral)
    shell = _Shell(fit, hat)
    if hat["kind"] == "headband":
        return strands
    p = (strands.points - fit.shift) / np.float32(fit.scale)
    q = p - Skull.CENTRE.astype(np.float32)
    r = np.linalg.norm(q, axis=-1)
    d = q / np.maximum(r, 1e-3)[..., None]
    below = np.clip(-shell.above(p), 0, None)
    # Under the rim hair is pressed flat; below it regains its volume within some centimetres.
    most = shell.skull.radius(d) + 0.18 + 0.75 * below
    limit = np.where(below < 6, most, np.inf)
    new = np.where(r > limit, limit, r)
    points = Skull.CENTRE + d * new[..., None]
    return replace(strands, points=fit.to_head(points))
