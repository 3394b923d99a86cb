"""What backdrops are painted on: a square in sRGB with boxes, noise, uneven light and lamps."""

import colorsys

import numpy as np

from train.heads.params import Backdrop


class Canvas:
    """sRGB picture in the making; `x` runs to the right, `y` down, both 0 .. 1."""

    def __init__(self, backdrop: Backdrop, size: int):
        self.r = np.random.default_rng([backdrop.seed, 43])
        self.b, self.size = backdrop, size
        self.base = np.array(
            colorsys.hsv_to_rgb(backdrop.hue, backdrop.saturation, backdrop.value), np.float32
        )
        a = (np.arange(size, dtype=np.float32) + 0.5) / size
        self.x, self.y = (
            np.broadcast_to(a[None], (size, size)),
            np.broadcast_to(a[:, None], (size, size)),
        )
        self.image = np.broadcast_to(self.base, (size, size, 3)).astype(np.float32)
        self.glow = None

    def colour(self, hue=0.06, saturation=0.15, value=0.2, free=0.15):
        """A colour near the backdrop's own, or (a share `free`) any other."""
        r, b = self.r, self.b
        h = r.random() if r.random() < free else b.hue + r.normal(0, hue)
        s = np.clip(b.saturation + r.normal(0, saturation), 0, 0.85)
        v = np.clip(b.value + r.normal(0, value), 0.03, 1)
        return np.array(colorsys.hsv_to_rgb(h % 1, s, v), np.float32)

    def noise(self, cells, octaves=1, gain=0.55):
        """Smooth noise [size, size], about -1 .. 1; `cells` (down, across) of the first octave."""
        out, weight = 0.0, 1.0
        down, across = cells if isinstance(cells, tuple) else (cells, cells)
        for _ in range(octaves):
            grid = self.r.normal(0, 0.6, (down + 2, across + 2)).astype(np.float32)
            rows = _blend(self.size, down) @ grid @ _blend(self.size, across).T
            out, weight = out + rows * weight, weight * gain
            down, across = min(down * 2, self.size), min(across * 2, self.size)
        return out

    def light(self, amount=0.5):
        """Uneven light over what is painted."""
        a = self.r.uniform(-1, 1, 2) * amount
        self.image *= (1 + a[0] * (self.x - 0.5) + a[1] * (self.y - 0.5))[..., None]

    def box(self, x0, y0, width, height, rgb, alpha=1.0):
        s = self.size
        a, b = np.clip(np.rint(np.array([x0, x0 + width]) * s).astype(int), 0, s)
        c, d = np.clip(np.rint(np.array([y0, y0 + height]) * s).astype(int), 0, s)
        part = self.image[c:d, a:b]
        part[:] = part * (1 - alpha) + np.asarray(rgb, np.float32) * alpha

    def lights(self, count, rgb, radius, power):
        """Discs of lights out of focus, added after the blur."""
        glow = np.zeros((self.size, self.size, 4), np.float32)
        for _ in range(count):
            x0, y0 = self.r.uniform(-0.05, 1.05), self.r.uniform(-0.05, 1.0)
            rad = radius * self.r.uniform(0.6, 1.25)
            s = self.size
            lo = np.clip([int((y0 - rad) * s) - 1, int((x0 - rad) * s) - 1], 0, s)
            hi = np.clip([int((y0 + rad) * s) + 2, int((x0 + rad) * s) + 2], 0, s)
            part = np.s_[lo[0] : hi[0], lo[1] : hi[1]]
            d = np.hypot(self.x[part] - x0, self.y[part] - y0) / rad
            disc = np.clip((1 - d) * rad * s / 1.5, 0, 1) * (0.72 + 0.28 * d**3)
            alpha = disc[..., None] * self.r.uniform(0.15, 0.6)
            colour = np.concatenate([rgb() ** 2.2 * self.r.uniform(*power), [1.0]])
            glow[part] = glow[part] * (1 - alpha) + alpha * colour
        self.glow = glow


def _blend(size, cells):
    """Weights [size, cells + 2] of smooth interpolation in a grid of `cells` across a picture."""
    at = (np.arange(size) + 0.5) / size * cells
    i = at.astype(int)
    t = at - i
    t = t * t * (3 - 2 * t)
    out = np.zeros((size, cells + 2), np.float32)
    out[np.arange(size), i], out[np.arange(size), i + 1] = 1 - t, t
    return out
