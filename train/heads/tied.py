"""What hangs from a tie: buns, pony tails and braids."""

from dataclasses import dataclass, replace

import numpy as np

from train.heads.guides import integrate
from train.heads.scalp import unit


@dataclass(frozen=True)
class Tied:
    """As `params.Strands`, in template size."""

    points: np.ndarray
    width: np.ndarray
    shade: np.ndarray
    loose: np.ndarray
    ids: np.ndarray
    weights: np.ndarray
    normal: np.ndarray


def tied_hair(fit, hair, clearance, rng) -> Tied:
    """Strands beyond the tie of a style of `guides.TIED`."""
    make = {"bun": _bun, "tail": _tail, "braids": _braids}[hair.kind]
    sides = (1, -1) if hair.kind == "braids" else (1,)
    parts = [make(fit, hair, clearance, rng, np.array(hair.goal) * (s, 1, 1)) for s in sides]
    points = np.concatenate(parts).astype(np.float32)
    d, away = clearance(points)
    points += np.clip(0.05 - d, 0, 3)[..., None] * away
    n = len(points)
    # All hang from the skin nearest the tie.
    ids = np.zeros((n, 3), np.int32)
    body = fit.body()
    size = n // len(sides)
    for k, s in enumerate(sides):
        goal = np.array(hair.goal) * (s, 1, 1)
        far = np.linalg.norm(fit.vertices[body] - goal, axis=1)
        ids[k * size : (k + 1) * size] = body[np.argsort(far)[:3]]
    normal = unit(points[:, points.shape[1] // 2] - np.array([0, 75, 3.0]))
    return Tied(
        points,
        hair.width * np.exp(0.2 * rng.normal(size=n)),
        1 + 0.16 * rng.normal(size=n),
        np.full(n, 0.1 if hair.kind == "bun" else 0.8),
        ids,
        np.full((n, 3), 1 / 3),
        normal,
    )


def seated(goal, clearance):
    """A tie's place [3] brought onto the skin of this head."""
    g = np.array(goal, np.float32)
    for _ in range(2):
        d, n = clearance(g[None])
        g = g + (0.3 - d[0]) * n[0]
    return tuple(float(x) for x in g)


def _axes(direction):
    """Two unit vectors across a direction."""
    d = unit(np.asarray(direction, float))
    u = unit(np.cross(d, (0.2, 1.0, 0.1)))
    return u, np.cross(d, u)


def _outward(fit, clearance, goal):
    return clearance(np.asarray(goal, np.float32)[None])[1][0]


def _bun(fit, hair, clearance, rng, goal, n=2400):
    """A coil: strands wind over a flattened torus and slip a little out of it."""
    out = _outward(fit, clearance, goal)
    u, w = _axes(out)
    size = 1.5 + 0.35 * hair.length / 19
    major, minor = 0.95 * size, 0.85 * size
    t = np.linspace(0, 1, hair.points)[None]
    lock = rng.integers(0, 60, n)
    start = (rng.uniform(0, 6.3, 60)[lock] + 0.12 * rng.normal(size=n))[:, None]
    around = (rng.uniform(0, 6.3, 60)[lock] + 0.16 * rng.normal(size=n))[:, None]
    ring = start + t * rng.uniform(1.8, 3.4, (n, 1))
    tube = around + t * 2.2
    depth = (
        minor
        * (1 - 0.35 * rng.random((n, 1)) ** 3)
        * (1 + 0.10 * rng.normal(size=60)[lock])[:, None]
    )
    radius = major + depth * np.cos(tube)
    centre = np.asarray(goal) + out * minor * 0.6
    p = (
        centre
        + (radius * np.cos(ring))[..., None] * u
        + (radius * np.sin(ring))[..., None] * w
        + (depth * np.sin(tube) * 0.9)[..., None] * out
    )
    free = rng.random(n) < 0.03 + 0.35 * hair.messy  # ends that come out
    off = rng.normal(size=(n, 1, 3)) * (0.25 + 1.2 * free)[:, None, None] * (t**2)[..., None]
    return p + off * (0.25 + free[:, None, None])


def _centre_line(fit, hair, clearance, rng, goal, spread, count):
    """Guides [count, M, 3] that start within `spread` cm of the tie."""
    out = _outward(fit, clearance, goal)
    u, w = _axes(out)
    a, r = rng.uniform(0, 6.3, count), spread * np.sqrt(rng.random(count))
    start = np.asarray(goal) + (r * np.cos(a))[:, None] * u + (r * np.sin(a))[:, None] * w
    start = (start + 0.3 * out).astype(np.float32)
    tilt = unit(out + 0.22 * rng.normal(size=(count, 3)) + np.array([0, 0.25, 0]))
    roots = _Tie(start, tilt.astype(np.float32))
    style = replace(hair, kind="plume", length=hair.tail, side_length=1.0, volume=0.4, fringe=0.0)
    return integrate(roots, style, clearance, rng)


class _Tie:
    """Stands for `scalp.Roots` at a tie."""

    def __init__(self, position, normal):
        self.position, self.normal = position, normal
        self.template = np.tile(np.array([[0, 84.0, 4.0]], np.float32), (len(position), 1))

    def __len__(self):
        return len(self.position)


def _tail(fit, hair, clearance, rng, goal, n=2600):
    guides = _centre_line(fit, hair, clearance, rng, goal, 0.5, 40)
    pick = rng.integers(0, len(guides), n)
    mix = rng.random((n, 1, 1)) * 0.5
    other = rng.integers(0, len(guides), n)
    p = guides[pick] * (1 - mix) + guides[other] * mix
    t = np.linspace(0, 1, hair.points)[None, :, None]
    lock = rng.integers(0, 120, n)
    spread = 1.1 * np.sin(np.pi * np.clip(t * 0.75 + 0.08, 0, 1))
    p = p + rng.normal(size=(120, 1, 3))[lock] * spread * 0.55
    p = p + rng.normal(size=(n, 1, 3)) * spread * 0.22
    if hair.curl > 0:
        a = t * hair.tail * 6.3 / hair.wave + rng.uniform(0, 6.3, 120)[lock][:, None, None]
        u, w = _axes((0, -1, 0))
        p = p + hair.curl * np.minimum(t * 4, 1) * (np.cos(a) * u + np.sin(a) * w)
    share = rng.uniform(0.75, 1, 120)[lock] * rng.uniform(0.85, 1, n)
    at = share[:, None] * np.arange(hair.points)
    i = np.minimum(at.astype(int), hair.points - 2)
    f = (at - i)[..., None]
    row = np.arange(n)[:, None]
    return p[row, i] * (1 - f) + p[row, i + 1] * f


def _braids(fit, hair, clearance, rng, goal, n=1500):
    """Three strands, each a lateral sine and a deeper one of twice its pace."""
    line = _centre_line(fit, hair, clearance, rng, goal, 0.05, 8).mean(0)
    m = hair.points
    s = np.linspace(0, 1, m)[None]
    tangent = unit(np.gradient(line, axis=0))
    u = unit(np.cross(tangent, np.array([0, 0.1, 1.0])))
    w = np.cross(tangent, u)
    bundle = rng.integers(0, 3, n)
    a = s * hair.tail / 3.2 * 6.3 + bundle[:, None] * 6.283 / 3
    girth = 0.62 * (1 - 0.35 * s)
    r, b = 0.42 * np.sqrt(rng.random((n, 1))) * (1 - 0.3 * s), rng.uniform(0, 6.3, (n, 1))
    across = girth * np.sin(a) + r * np.cos(b)
    deep = 0.55 * girth * np.sin(2 * a) + r * np.sin(b)
    p = line[None] + across[..., None] * u[None] + deep[..., None] * w[None]
    return p + 0.05 * rng.normal(size=(n, 1, 3)) * s[..., None]
