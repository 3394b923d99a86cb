"""Backdrops: painted once for a clip, out of focus behind the head."""

import colorsys

import numpy as np
from scipy.ndimage import gaussian_filter

from train.heads.canvas import Canvas
from train.heads.params import Backdrop


def paint(backdrop: Backdrop, size: int) -> np.ndarray:
    """Linear RGB [size, size, 3] float32 of a backdrop, blurred as it says.

    Raises ValueError for a kind that `KINDS` does not have.
    """
    if backdrop.kind not in KINDS:
        raise ValueError(f"unknown backdrop {backdrop.kind!r}: take one of {', '.join(KINDS)}")
    c = Canvas(backdrop, size)
    KINDS[backdrop.kind](c)
    linear = np.clip(c.image, 0, 1.4) ** 2.2
    sigma = backdrop.blur * size / 256
    linear = gaussian_filter(linear, (sigma, sigma, 0), mode="nearest", truncate=3)
    if c.glow is not None:  # lights keep their discs
        linear = linear * (1 - c.glow[..., 3:]) + c.glow[..., :3]
    return np.ascontiguousarray(linear, np.float32)


def _plain(c):
    c.light(0.35)
    c.image *= (1 + 0.015 * c.noise(5, 3))[..., None]


def _studio(c):
    r = c.r
    d = np.hypot(c.x - r.uniform(0.2, 0.8), (c.y - r.uniform(0.1, 0.75)) * r.uniform(0.7, 1.2))
    c.image *= (1.2 - r.uniform(0.3, 1.1) * d)[..., None]
    if r.random() < 0.3:  # a coloured gel from one side
        side = c.x if r.random() < 0.5 else 1 - c.x
        c.image += np.clip(side - 0.3, 0, 1)[..., None] ** 2 * c.colour(free=0.8) * 0.7


def _canvas(c):
    """Painted muslin: cloudy, in two or three colours, darker to the edges."""
    for colour, cells in ((c.colour(0.04), 3), (c.colour(0.04), 5)):
        w = np.clip(0.5 + 0.8 * c.noise(cells, 4, 0.6), 0, 1)[..., None]
        c.image = c.image * (1 - 0.6 * w) + colour * 0.6 * w
    d = np.hypot(c.x - 0.5, c.y - 0.45)
    c.image *= (1.15 - c.r.uniform(0.3, 0.9) * d)[..., None]


def _wall(c):
    r, kind = c.r, c.r.choice(["plaster", "bricks", "boards", "tiles", "concrete"])
    if kind in ("plaster", "concrete"):
        rough = 0.05 if kind == "plaster" else 0.12
        c.image *= (1 + rough * c.noise(6, 5, 0.7))[..., None]
    else:
        across = {"bricks": 7, "boards": 0.01, "tiles": 8}[kind] * r.uniform(0.7, 1.4)
        down = {"bricks": 18, "boards": 9, "tiles": 8}[kind] * r.uniform(0.7, 1.4)
        x, y = (c.y, c.x) if kind == "boards" and r.random() < 0.6 else (c.x, c.y)
        row = np.floor(y * down)
        u = x * across + (0.5 * (row % 2) if kind == "bricks" else 0)
        cell = (row * 37 + np.floor(u) * 17).astype(int) % 211
        c.image *= r.uniform(0.75, 1.15, 211).astype(np.float32)[cell][..., None]
        joint = np.minimum(
            np.abs(u - np.rint(u)) / max(across, 1), np.abs(y * down - np.rint(y * down)) / down
        )
        line = np.clip(1 - joint / 0.006, 0, 1)[..., None]
        c.image = c.image * (1 - line) + c.base * r.choice([0.5, 1.3]) * line
        c.image *= (1 + 0.06 * c.noise(20, 3, 0.8))[..., None]
    c.light(0.9)
    if r.random() < 0.35:  # light that falls in a slanted patch
        s = c.x + c.y * r.uniform(-0.6, 0.6) - r.uniform(0, 1)
        c.image *= (1 + 0.4 * np.clip(1 - np.abs(s) * 5, 0, 1))[..., None]


def _shelf(c, x0, y0, width, rows, height):
    r = c.r
    wood = c.colour(0.03) * 0.6
    for k in range(rows):
        y = y0 + k * height
        c.box(x0, y, width, height, wood * 0.35)
        x = x0 + 0.01
        while x < x0 + width - 0.02:
            w, h = r.uniform(0.008, 0.03), height * r.uniform(0.55, 0.88)
            if r.random() < 0.08:
                x += r.uniform(0.02, 0.1)
                continue
            c.box(x, y + height - h, w, h, c.colour(0.3, 0.2, 0.3, 0.5) * 0.7)
            x += w
        c.box(x0, y + height * 0.96, width, height * 0.05, wood)


def _pane(c, x0, y0, width, height):
    """A window: bright outside, frame, bars."""
    r = c.r
    frame = np.clip(c.colour(0.02) * r.uniform(0.7, 1.4), 0, 1)
    c.box(x0 - 0.015, y0 - 0.015, width + 0.03, height + 0.03, frame)
    sky = np.array([0.92, 0.97, 1.05]) * r.uniform(0.8, 1.25)
    c.box(x0, y0, width, height, sky)
    c.box(x0, y0 + height * r.uniform(0.5, 0.8), width, height, c.colour(0.1, 0.1, 0.1, 0) * 0.9)
    c.box(x0, y0 + height, width, 2, c.base * 0.9)
    n = r.integers(1, 4)
    for k in range(1, n):
        c.box(x0 + width * k / n - 0.006, y0, 0.012, height, frame)
    c.box(x0, y0 + height * 0.5 - 0.006, width, 0.012, frame)


def _room(c):
    r = c.r
    c.image *= (1 + 0.03 * c.noise(4, 3))[..., None]
    corner = r.uniform(0.1, 0.9)
    c.image *= np.where(c.x < corner, 1.0, r.uniform(0.7, 0.95))[..., None]
    c.light(0.6)
    for _ in range(r.integers(1, 4)):  # doors, curtains, furniture
        x = r.uniform(-0.1, 0.95)
        y = r.choice([0.0, r.uniform(0.2, 0.8)])
        c.box(x, y, r.uniform(0.06, 0.35), 1.2, c.colour(value=0.25), 0.9)
    for _ in range(r.integers(0, 4)):  # pictures
        x, y, w, h = r.uniform(-0.1, 0.9), r.uniform(-0.1, 0.5), *r.uniform(0.08, 0.25, 2)
        c.box(x, y, w, h, c.colour(value=0.3) * 0.5)
        c.box(x + 0.012, y + 0.012, w - 0.024, h - 0.024, c.colour(0.2, 0.2, 0.3, 0.5))
    if r.random() < 0.3:
        _shelf(c, r.uniform(-0.2, 0.7), r.uniform(-0.1, 0.3), r.uniform(0.2, 0.5), 2, 0.16)
    if r.random() < 0.3:  # a lamp
        d = np.hypot(c.x - r.uniform(0, 1), c.y - r.uniform(0, 0.5))
        c.image += (np.exp(-((d / 0.09) ** 2)) + 0.25 * np.exp(-d / 0.2))[..., None] * np.array(
            [1.0, 0.8, 0.5]
        )
    if r.random() < 0.25:
        _leaves(c, r.uniform(0, 1), r.uniform(0.3, 1), 0.16, 60, 0.3)


def _shelves(c):
    c.light(0.4)
    height = c.r.uniform(0.16, 0.3)
    _shelf(c, c.r.uniform(-0.3, 0.0), c.r.uniform(-0.2, 0), 1.5, 8, height)
    c.light(0.5)


def _window(c):
    r = c.r
    c.image *= 0.75
    c.light(0.5)
    for x in (r.uniform(-0.2, 0.25), r.uniform(0.55, 0.8))[: r.integers(1, 3)]:
        _pane(c, x, r.uniform(-0.2, 0.2), r.uniform(0.25, 0.5), r.uniform(0.5, 0.9))
    if r.random() < 0.5:  # a curtain
        x, w = r.uniform(-0.1, 0.9), r.uniform(0.1, 0.25)
        fold = 1 + 0.2 * np.sin(c.x * r.uniform(100, 200))[..., None]
        inside = ((c.x > x) & (c.x < x + w))[..., None]
        c.image = np.where(inside, c.colour() * fold, c.image)


def _leaves(c, x0, y0, spread, count, green=0.3):
    r = c.r
    for _ in range(count):
        x, y = x0 + r.normal(0, spread), y0 + r.normal(0, spread)
        rad = r.uniform(0.008, 0.03)
        hue = green + r.normal(0, 0.03)
        rgb = colorsys.hsv_to_rgb(hue % 1, r.uniform(0.3, 0.7), r.uniform(0.15, 0.75))
        c.box(x, y, rad, rad * r.uniform(0.6, 1.6), rgb, 0.85)


def _foliage(c):
    r = c.r
    green = r.choice([0.27, 0.31, 0.12, 0.07], p=[0.45, 0.35, 0.12, 0.08])  # autumn too
    n = c.noise(5, 6, 0.8)
    v = np.clip(0.25 + 0.5 * c.b.value + 0.35 * n, 0.04, 1.1)[..., None]
    dark = np.array(colorsys.hsv_to_rgb(green, 0.65, 0.35))
    lit = np.array(colorsys.hsv_to_rgb((green - 0.06) % 1, 0.5, 0.95))
    w = np.clip(0.5 + 0.8 * c.noise(7, 5, 0.8), 0, 1)[..., None]
    c.image = ((dark * (1 - w) + lit * w) * v).astype(np.float32)
    sky = np.clip((c.noise(9, 4, 0.8) - 1.1 + (0.45 - c.y)) * 3, 0, 1)[..., None]
    c.image = c.image * (1 - sky) + np.array([0.9, 0.97, 1.1]) * sky
    if r.random() < 0.4:
        c.lights(int(r.integers(6, 30)), lambda: np.clip(lit * 1.2, 0, 1), 0.03, (0.7, 1.8))


def _outdoor(c):
    r = c.r
    day = r.uniform()
    top = np.array(colorsys.hsv_to_rgb(0.58, 0.15 + 0.45 * day, 0.75 + 0.25 * day))
    low = np.array(colorsys.hsv_to_rgb(r.choice([0.57, 0.09]), r.uniform(0.03, 0.25), 1.0))
    t = np.clip(c.y * 1.6, 0, 1)[..., None]
    c.image = (top * (1 - t) + low * t).astype(np.float32)
    cloud = np.clip(0.9 * c.noise((5, 3), 5, 0.6) - r.uniform(-0.2, 0.8), 0, 1)[..., None]
    c.image = c.image * (1 - cloud) + np.array([1.0, 0.99, 0.98]) * cloud
    level = r.uniform(0.35, 0.85)
    edge = level + 0.06 * c.noise((1, 5), 4, 0.7)
    colour = np.array(
        colorsys.hsv_to_rgb(r.choice([0.29, 0.25, 0.6]), r.uniform(0.2, 0.5), r.uniform(0.25, 0.6))
    )
    land = np.clip((c.y - edge) * 60, 0, 1)[..., None]
    c.image = c.image * (1 - land) + colour * (1 + 0.35 * c.noise(9, 5, 0.8))[..., None] * land
    ground = np.clip((c.y - level - r.uniform(0.08, 0.35)) * 30, 0, 1)[..., None]
    earth = np.array(
        colorsys.hsv_to_rgb(r.choice([0.1, 0.24, 0.12]), r.uniform(0.15, 0.5), r.uniform(0.4, 0.8))
    )
    c.image = c.image * (1 - ground) + earth * (1 + 0.12 * c.noise((14, 5), 4))[..., None] * ground


def _city(c):
    r = c.r
    c.image[:] = np.array([0.82, 0.88, 0.95]) * (0.6 + 0.4 * c.b.value)
    x = -0.1
    while x < 1:
        w, top = r.uniform(0.15, 0.5), r.uniform(-0.4, 0.35)
        face = c.colour(0.05, 0.1, 0.15)
        c.box(x, top, w, 2, face)
        nx, ny = r.uniform(0.03, 0.08), r.uniform(0.05, 0.12)
        glass = c.colour(0.1, 0.1, 0.2) * r.uniform(0.3, 0.8)
        for yy in np.arange(top + 0.02, 1, ny):
            for xx in np.arange(x + 0.01, x + w - nx * 0.5, nx):
                c.box(xx, yy, nx * 0.6, ny * 0.6, glass * r.uniform(0.6, 1.4))
        x += w + r.choice([0, 0.05])
    c.light(0.5)
    if r.random() < 0.3:
        _leaves(c, r.uniform(0, 1), r.uniform(0.2, 0.7), 0.2, 300, 0.29)


def _bokeh(c):
    r = c.r
    c.image *= np.clip(0.45 + 0.5 * c.noise(3, 3), 0.05, 1.4)[..., None]
    for _ in range(r.integers(2, 8)):
        c.box(
            r.uniform(-0.2, 1),
            r.uniform(-0.2, 1),
            *r.uniform(0.05, 0.5, 2),
            c.colour(value=0.25),
            0.6,
        )
    c.image = gaussian_filter(c.image, (c.size * 0.03, c.size * 0.03, 0), mode="nearest")
    warm = r.random() < 0.6

    def lamp():
        hue = r.normal(0.1, 0.03) if warm and r.random() < 0.8 else r.random()
        return np.array(colorsys.hsv_to_rgb(hue % 1, r.uniform(0.1, 0.7), 1.0))

    c.lights(int(r.integers(8, 60)), lamp, r.uniform(0.015, 0.06), (0.4, 2.2))


KINDS = {
    "plain": _plain, "studio": _studio, "canvas": _canvas, "wall": _wall, "room": _room,
    "shelves": _shelves, "window": _window, "foliage": _foliage, "outdoor": _outdoor,
    "city": _city, "bokeh": _bokeh,
}  # fmt: skip
