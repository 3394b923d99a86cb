"""Guide hairs: a few hundred curves combed over the head, between which the strands are drawn.

Template size throughout (`scalp.Fit`), cm. A guide starts along the skin's normal and turns, step
by step, to the direction its style combs at that place (`_Comb`), kept off the skin (`Clearance`).
"""

import numpy as np

from train.heads.scalp import scalp_value, unit

CROWN = np.array([0.8, 83.2, -0.8], np.float32)  # of the whorl
SHORT = ("crop", "quiff", "side", "back", "fringe", "ring")
TIED = ("bun", "tail", "braids")


def integrate(roots, hair, clearance, rng):
    """Guides [G, M, 3] that start at `roots` (a `scalp.Roots`)."""
    p, n = roots.position, roots.normal
    count, steps = len(roots), hair.points - 1
    c = _Comb(roots, hair, rng)
    length = lengths(roots.template, hair, rng) * (0.85 + 0.3 * rng.random(count))
    length = np.where(c.bangs > 0.5, c.bang_length, length)
    mean_step = (length / steps)[:, None].astype(np.float32)
    off = hair.volume * (0.25 + 0.75 * rng.random((count, 1))).astype(np.float32)
    # Close to the hair line hair lies flat, or a style ends in a step like a helmet's.
    off *= 0.25 + 0.75 * np.clip(scalp_value(roots.template) / 3.0, 0, 1)[:, None]
    if hair.kind in ("long", "side"):  # and at the parting
        off *= 0.45 + 0.55 * np.clip(np.abs(parting(roots.template, hair)) / 2.8, 0, 1)[:, None]
    d, curve = n.copy(), [p]
    gap, near = np.zeros((count, 1), np.float32), np.ones((count, 1), np.float32)
    travelled = np.zeros((count, 1), np.float32)
    for k in range(steps):
        t = k / steps
        step = mean_step * _pace(k, steps)
        goal = c.direction(p, n, t, travelled, gap, off)
        if hair.kind not in ("afro", "plume"):
            close = near * (gap < off * 1.3 + 0.3)
            goal = goal - close * 0.92 * np.minimum((goal * n).sum(1, keepdims=True), 0) * n
            goal = goal - 0.35 * near * np.clip(gap - off, 0, 1) * n
        goal = unit(goal + c.wind * (0.4 + t))
        stiff = hair.stiff if k else 0.35
        d = unit(d * (1 - stiff) + goal * stiff)
        p = p + d * step
        dist, n = clearance(p)
        gap, near = dist[:, None], (dist[:, None] < 4).astype(np.float32)
        need = off * (0.5 if hair.kind in TIED else min(1.0, 0.25 + 1.5 * t))
        push = np.maximum(need - gap, 0) * near
        p = p + push * n
        d = unit(d + 0.5 * push / np.maximum(step, 1e-3) * n)
        travelled = travelled + step
        curve.append(p)
    return np.stack(curve, 1).astype(np.float32)


def _pace(k, steps):
    """Length of step k, of the mean: short at the root, where a strand turns most."""
    return 0.3 + 1.4 * k / max(1, steps - 1) if steps > 4 else 1.0


def lengths(template, hair, rng):
    """Length [n] of hair that grows at template points, cm."""
    _, y, z = template.T
    edge = 0.6 if hair.side_length < 0.2 else 2.2  # an undercut has an edge, a graded cut none
    top = np.clip((y - (79.3 - edge)) / (2 * edge), 0, 1)
    length = hair.length * (hair.side_length + (1 - hair.side_length) * top)
    if hair.kind in SHORT or (hair.kind == "afro" and hair.length < 4):
        above = scalp_value(template)
        fade = 2.0 if hair.kind == "ring" else 5.0
        length = length * np.where(z < 9, np.clip(0.25 + above / fade, 0.25, 1), 1)
    return length.astype(np.float32)


def parting(template, hair):
    """Signed distance [n] from the parting, cm: > 0 on the subject's left. Not a straight line."""
    x, _, z = template.T
    r = np.random.default_rng([hair.seed, 72])
    a, b, slope = r.uniform(0, 6.3), r.uniform(0, 6.3), r.normal(0, 0.06)
    line = hair.part + slope * (z - 6) + 0.16 * np.sin(1.1 * z + a) + 0.10 * np.sin(2.7 * z + b)
    # Behind the crown there is no parting: hair simply falls to its own side.
    line = np.where(z > 0, line, 0.6 * np.sin(2.1 * template[:, 1] + a))
    return (x - line).astype(np.float32)


class _Comb:
    """Directions of one style."""

    def __init__(self, roots, hair, rng):
        x, y, z = roots.template.T
        self.hair, self.x = hair, x
        self.side = np.where(parting(roots.template, hair) > 0, 1.0, -1.0).astype(np.float32)
        self.front = np.clip((z - 5.0) / 7, 0, 1)
        self.top = np.clip((y - 77.5) / 4, 0, 1)
        self.normal = roots.normal
        self.wind = (hair.messy * (_smooth_noise(roots.template, rng) * 0.8)).astype(np.float32)
        self.wind += (0.6 * hair.messy * rng.normal(size=(len(x), 3))).astype(np.float32)
        self._bangs(roots, rng)
        drape = np.where(self.side > 0, hair.drape[0], hair.drape[1])
        self.drape = drape + 0.25 * rng.normal(size=len(x))
        self.drape = np.where(z < 1, np.minimum(self.drape, -0.3), self.drape)

    def _bangs(self, roots, rng):
        """Which guides fall over the forehead, and how long these are."""
        x, y, z = roots.template.T
        h = self.hair
        reach = np.clip((z - 8.0) / 1.5, 0, 1) * np.clip((y - 78.5) / 1.0, 0, 1)
        reach *= np.abs(x - 0.3 * h.part) < 5.4
        self.bangs = (reach * h.fringe > rng.random(len(x)) * 0.8).astype(np.float32)
        curtain = h.part * h.part < 1.0  # a middle parting opens like a curtain
        far = np.abs(x - h.part)
        self.bang_length = (y - 75.6) * 0.95 + 2.0 + (1.1 * far if curtain else 0.25 * far)
        self.bang_length *= 0.9 + 0.2 * rng.random(len(x))
        self.curtain = 0.55 if curtain else 0.16

    def direction(self, p, n, t, travelled, gap, off):
        h, x = self.hair, self.x
        zero = np.zeros_like(x)
        flow = unit(p - CROWN)
        whorl = np.exp(-((np.linalg.norm(p - CROWN, axis=1) / 4.0) ** 2))[:, None]
        flow = flow + whorl * np.cross(n, flow)
        goal = getattr(self, "_" + h.kind)(p, n, t, travelled, flow, zero)
        if h.kind in SHORT:  # gravity, once the strand leaves the skull or comes to the temples
            hang = np.clip((77.5 - p[:, 1:2]) / 2.5, 0, 1) * (p[:, 2:3] < 9)
            hang = np.maximum(hang, (gap > off + 0.8) * 0.7)
            if h.kind == "quiff":
                hang = hang * (1 - self.front * self.top)[:, None]
            goal = unit(goal) * (1 - 0.8 * hang) + hang * np.array([0, -1.3, 0], np.float32)
        if h.fringe > 0:
            f = self.bangs[:, None]
            spread = self.side * self.curtain * min(1.0, 0.4 + t) + 0.05 * x
            over = np.stack([spread, -0.45 - 0.8 * t + zero, 0.9 - 0.9 * t + zero], 1)
            goal = unit(goal) * (1 - f) + unit(over) * f
        return unit(goal)

    def _crop(self, p, n, t, travelled, flow, zero):
        return flow + np.stack([zero, zero - 0.2, 0.5 * self.top], 1) * self.hair.forward

    _ring = _crop

    def _quiff(self, p, n, t, travelled, flow, zero):
        w = (self.front * self.top)[:, None]
        up = np.stack([0.35 * self.side * t, zero + 1.0 - 1.1 * t, zero - 0.25 - 0.9 * t], 1)
        return self._crop(p, n, t, travelled, flow, zero) * (1 - w) + 1.4 * up * w

    def _side(self, p, n, t, travelled, flow, zero):
        low = np.clip((82.0 - p[:, 1]) / 4, 0, 1.2) + 0.5 * t
        most = np.clip(low, 0, 1)
        lift = 0.4 * self.front * self.hair.forward * (1 - most)
        return np.stack([self.side * (0.9 - 0.75 * most), -0.25 - 1.3 * low, lift - 0.2], 1)

    def _back(self, p, n, t, travelled, flow, zero):
        low = (p[:, 2] < -1.0) * 0.9 + 0.5 * t
        return np.stack([0.1 * self.x * (1 - t), -0.3 * (1 - self.top) - low, 0.6 * low - 1], 1)

    def _fringe(self, p, n, t, travelled, flow, zero):
        f = self.front * self.top
        return flow + np.stack([0.12 * self.x * (1 - f), -0.6 - 0.4 * f, 0.9 * f], 1)

    def _afro(self, p, n, t, travelled, flow, zero):
        return self.normal

    def _long(self, p, n, t, travelled, flow, zero):
        h = self.hair
        a = np.exp(-travelled / h.lift)
        lateral = np.stack(
            [
                self.side * (0.25 + 0.75 * self.top),
                0.4 * self.top - 0.65,
                -0.45 * self.front - 0.15,
            ],
            1,
        )
        # Below the jaw hair goes before or behind the shoulder.
        low = np.clip((67.0 - p[:, 1]) / 4, 0, 1)
        z = -0.12 + low * (0.55 * self.drape - 0.05 * np.clip(p[:, 2] - 9, 0, 5))
        out = np.sign(p[:, 0]) * 0.06 * max(h.flare, 0) * (1 - 0.7 * low)
        fall = np.stack([out, zero - 1.0, z], 1)
        # Cut tips turn to the neck (flare < 0) or away from it.
        away = unit(np.stack([p[:, 0], zero, p[:, 2] - 3.0], 1))
        fall = fall + away * (0.9 * h.flare * max(0.0, (t - 0.6) / 0.4) ** 2)
        return a * lateral + (1 - a) * fall

    def _bun(self, p, n, t, travelled, flow, zero):
        goal = np.array(self.hair.goal, np.float32)
        if self.hair.kind == "braids":
            goal = goal * np.stack([self.side, 1 + zero, 1 + zero], 1)
        to = goal - p
        close = np.linalg.norm(to, axis=1, keepdims=True) < 1.6
        return np.where(close, unit(to) * 0.3 + self.wind * 2, unit(to))

    _tail = _bun
    _braids = _bun

    def _plume(self, p, n, t, travelled, flow, zero):
        """A tail from its tie: out along the normal, then down."""
        a = np.exp(-travelled / self.hair.lift)
        low = np.clip((68.0 - p[:, 1]) / 4, 0, 1)
        fall = np.stack([zero + 0.02 * p[:, 0], zero - 1, 0.5 * self.hair.drape[0] * low], 1)
        return a * self.normal + (1 - a) * fall


def _smooth_noise(p, rng):
    """Vector noise [n, 3] with features of 2 to 5 cm: hair next to hair goes the same way."""
    out = np.zeros(p.shape)
    for size in (4.5, 2.4):
        k = rng.normal(size=(3, 3)) * (6.3 / size / 1.7)
        out += np.sin(p @ k + rng.uniform(0, 6.3, 3))
    return out
