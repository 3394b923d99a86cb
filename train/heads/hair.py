"""Strand hair: strands drawn between guides, gathered in locks, curled, cut and kept off the skin.

`styles.sample_hair` chooses a style; `grow` makes its strands on one person's neutral head.
"""

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from train.heads.guides import SHORT, TIED, integrate, parting
from train.heads.params import Hair, Identity, Strands
from train.heads.scalp import Clearance, Fit, Roots, scalp_value, unit
from train.heads.styles import sample_hair
from train.heads.tied import seated, tied_hair

__all__ = ["grow", "sample_hair", "scalp_value"]

FADE = 1.15  # cm over which hair thins out towards the hair line


def grow(head, neutral, hair: Hair, identity: Identity) -> Strands | None:
    """Strands of `hair` on `neutral` [V + J, 3], or None for a bald head.

    `head` is a `HeadModel`. Deterministic in `hair.seed` and `identity.seed`.
    """
    if hair.count == 0:
        return None
    rng = np.random.default_rng([identity.seed, hair.seed, 73])
    fit = Fit(head, neutral)
    clearance = Clearance(fit)
    if hair.kind in TIED:
        hair = replace(hair, goal=seated(hair.goal, clearance))
    region = fit.template[:, 1] > 63
    density = root_density(hair)
    guide = Roots(fit, rng, hair.guides, lambda p: density(p) ** 0.5, region)
    root = Roots(fit, rng, hair.count, density, region)
    curves = integrate(guide, hair, clearance, rng)
    points, lock = _between(guide, curves, root, hair, rng)
    points = _bend(points, lock, hair, rng)
    n = len(root)
    fly = rng.random(n) < hair.flyaway
    _stray(points, root.normal, fly, hair, rng)
    above = scalp_value(root.template, hair.recede, hair.widow, hair.line)
    baby = above < rng.uniform(-0.4, 0.55, n)
    share = _cut(points, above, baby, lock, hair, rng)
    share = np.minimum(share, _face_guard(points, fit, fly, hair, rng))
    points = _shorten(points, share)
    _lift_off(points, clearance)
    width = hair.width * np.exp(0.22 * rng.normal(size=n)) * np.where(fly | baby, 0.55, 1.0)
    width *= np.clip(0.6 + 0.3 * above, 0.6, 1.0)
    own = rng.normal(size=lock.max() + 1)[lock]
    shade = 1 + 0.13 * own + 0.10 * rng.normal(size=n)
    loose = np.full(n, _looseness(hair))
    ids, weights, normal = root.ids, root.weights, root.normal
    if hair.kind in TIED:
        extra = tied_hair(fit, hair, clearance, rng)
        points = np.concatenate([points, extra.points])
        width = np.concatenate([width, extra.width])
        shade = np.concatenate([shade, extra.shade])
        loose = np.concatenate([loose, extra.loose])
        ids = np.concatenate([ids, extra.ids])
        weights = np.concatenate([weights, extra.weights])
        normal = np.concatenate([normal, extra.normal])
    return Strands(
        points=fit.to_head(points),
        width=(width * fit.scale).astype(np.float32),
        shade=np.clip(shade, 0.45, 1.7).astype(np.float32),
        root_normal=normal.astype(np.float32),
        root_ids=ids,
        root_weights=weights.astype(np.float32),
        grey=_grey(identity, points[:, 0], rng),
        loose=loose.astype(np.float32),
    )


def root_density(hair: Hair):
    """Density 0 .. 1 of roots at template points: fades at the hair line and where hair is lost."""

    def density(p):
        value = scalp_value(p, hair.recede, hair.widow, hair.line)
        d = np.clip((value + 0.45) / FADE, 0, 1) ** 1.25
        x, y, z = p.T
        if hair.thin > 0:
            r = np.hypot(np.hypot(x, z - 1.0) / 5.0, (y - 84.0) / 3.5)
            d = d * (1 - hair.thin * np.clip(1.7 - r, 0, 1) ** 0.6)
            d = d * (1 - 0.75 * hair.thin * np.clip((z - 7) / 5, 0, 1) * np.clip(y - 79.0, 0, 1))
        if hair.kind == "ring":
            edge = 79.2 + 0.5 * np.sin(0.9 * z + hair.line % 11) + 0.4 * np.sin(1.3 * x)
            edge = edge - 0.22 * np.clip(z - 3.0, 0, None)
            d = d * np.clip((edge - y) / 2.0, 0.004, 1) * np.clip((10.5 - z) / 2.5, 0, 1)
        return d

    return density


def _between(guide, curves, root, hair, rng):
    """Strands [S, M, 3] between the nearest guides, and the lock [S] each belongs to."""
    key = np.float32(50.0) if hair.kind in ("side", "long", "braids") else np.float32(0.0)

    def place(r):
        side = (parting(r.template, hair) > 0) * key
        return np.concatenate([r.position, side[:, None]], 1)

    d, near = cKDTree(place(guide)).query(place(root), k=2)
    m = curves.shape[1]
    t = np.linspace(0, 1, m, dtype=np.float32)[None, :, None]
    mix = (d[:, 0] / (d.sum(1) + 1e-6)).astype(np.float32)[:, None, None]
    relative = curves - curves[:, :1]
    points = root.position[:, None] + relative[near[:, 0]] * (1 - mix) + relative[near[:, 1]] * mix
    points = points.astype(np.float32)
    # Two scales of gathering: to the guide, and closer, to one strand in about a dozen.
    towards = (guide.position[near[:, 0]] - root.position).astype(np.float32)[:, None]
    if hair.rope > 0:  # locs and box braids: strands wind round their guide
        lock = near[:, 0]
        points = root.position[:, None] + relative[lock]
        points = points + towards * np.minimum(t * 8, 1)
        return _rope(points, hair, t, rng), lock
    points = points + towards * (t * np.float32(hair.clump))
    leaders = max(1, len(root) // hair.per_lock)
    lock = cKDTree(place(root)[:leaders]).query(place(root))[1]
    pull = (hair.lock * np.clip(rng.normal(1, 0.3, len(root)), 0, 1.15)).astype(np.float32)
    points = points + (points[lock] - points) * (pull[:, None, None] * t**1.1)
    return points, lock


def _rope(points, hair, t, rng):
    n = len(points)
    u, w = _frame(points)
    angle = rng.uniform(0, 6.3, (n, 1)) + 5.0 * t[..., 0] * hair.length / 3.0
    radius = hair.rope * np.sqrt(rng.random((n, 1))) * np.minimum(t[..., 0] * 6, 1)
    off = np.cos(angle)[..., None] * u + np.sin(angle)[..., None] * w
    return points + (radius[..., None] * off).astype(np.float32)


def _frame(points):
    """Two unit vectors [S, M, 3] across each strand."""
    tangent = np.diff(points, axis=1, prepend=points[:, :1] * 2 - points[:, 1:2])
    u = unit(np.cross(tangent, np.array([0.3, 0.2, 1.0], np.float32)))
    return u, unit(np.cross(tangent, u))


def _bend(points, lock, hair, rng):
    """Waves of a lock, frizz of a strand, curls."""
    n, m, _ = points.shape
    arc = np.zeros((n, m), np.float32)
    arc[:, 1:] = np.cumsum(np.sqrt((np.diff(points, axis=1) ** 2).sum(-1)), axis=1)
    locks = lock.max() + 1
    grown = (arc / (arc + 2.0)).astype(np.float32)
    for group, size, wave, count in ((lock, 0.55, 7.0, locks), (None, 0.45, 3.0, n)):
        phase = rng.uniform(0, 6.3, (count, 3)).astype(np.float32)
        direction = (rng.normal(size=(count, 3)) * hair.frizz * size).astype(np.float32)
        pace = (6.3 / wave * rng.uniform(0.7, 1.3, count)).astype(np.float32)
        if group is not None:
            phase, direction, pace = phase[group], direction[group], pace[group]
        turn = (arc * pace[:, None])[..., None] + phase[:, None]
        points = points + np.sin(turn) * direction[:, None] * grown[..., None]
    if hair.curl > 0:
        u, w = _frame(points)
        own = rng.uniform(0, 6.3, locks)[lock] + hair.curl_phase * rng.normal(size=n)
        pace = 6.3 / hair.wave * (rng.uniform(0.85, 1.15, locks)[lock] + 0.06 * rng.normal(size=n))
        a = (arc * pace[:, None] + own[:, None]).astype(np.float32)
        size = hair.curl * rng.uniform(0.7, 1.25, locks)[lock]
        amplitude = (size[:, None] * (arc / (arc + 1.5))).astype(np.float32)[..., None]
        points = points + amplitude * (np.cos(a)[..., None] * u + np.sin(a)[..., None] * w)
    return points


def _stray(points, normal, fly, hair, rng):
    """Fly-aways stand off the rest, in place."""
    k = np.flatnonzero(fly)
    t = np.linspace(0, 1, points.shape[1], dtype=np.float32)[None, :, None]
    reach = min(1.0, hair.length / 8)
    off = normal[k] * rng.uniform(0.1, 0.9, (len(k), 1)) + 0.5 * rng.normal(size=(len(k), 3))
    bow = 4 * t * (1 - 0.75 * t)
    points[k] += (off[:, None] * bow * reach * rng.uniform(0.3, 1.2, (len(k), 1, 1))).astype(
        np.float32
    )


def _cut(points, above, baby, lock, hair, rng):
    """Share [S] of its length each strand keeps: locks and strands end unevenly."""
    n = len(points)
    share = rng.uniform(1 - hair.uneven, 1, lock.max() + 1)[lock] * rng.uniform(0.86, 1, n)
    share = np.where(rng.random(n) < 0.10, share * rng.uniform(0.35, 1, n), share)
    if hair.kind != "afro":
        short = rng.uniform(0.5, 1.6, n) * (1 + np.clip(above, 0, 1))
        grown = np.cumsum(np.sqrt((np.diff(points, axis=1) ** 2).sum(-1)), axis=1)
        reached = (grown < short[:, None]).sum(1) + 0.5
        share = np.where(baby, np.minimum(share, reached / grown.shape[1]), share)
    return share


def _face_guard(points, fit, fly, hair, rng):
    """Share [S] of each strand before it comes over the face: the eyes stay free."""
    brow = fit.landmark(19, 24)[1] + 0.2
    chin = fit.landmark(8)[1] + 0.5
    half = abs(fit.landmark(16)[0] - fit.landmark(0)[0]) / 2
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    n, m = x.shape
    ragged = rng.normal(0, 0.35, (n, 1)).astype(np.float32)
    middle, radius = (brow + chin) / 2, (brow - chin) / 2
    # Wider at the eyes than at the mouth.
    wide = half * (0.82 + 0.06 * (y - middle) / radius)
    far = np.sqrt((x / wide) ** 2 + np.abs((y + ragged * 0.8 - middle) / radius) ** 3)
    inside = (far < 1) & (z > fit.landmark(36, 45)[2] - 5.5)
    inside[fly & (rng.random(n) < 0.25)] = False
    first = np.where(inside.any(1), inside.argmax(1), m)
    return np.clip((first - rng.uniform(0.2, 1.0, n)) / (m - 1), 0.02, 1)


def _shorten(points, share):
    """Strands [S, M, 3] cut to a share [S] of their length, with as many points."""
    n, m, _ = points.shape
    at = np.clip(share, 0.02, 1)[:, None] * np.arange(m)[None]
    i = np.minimum(at.astype(np.int32), m - 2)
    f = (at - i).astype(np.float32)[..., None]
    flat = points.reshape(-1, 3)
    i += (np.arange(n, dtype=np.int32) * m)[:, None]
    return flat[i] * (1 - f) + flat[i + 1] * f


def _lift_off(points, clearance):
    """Keeps strands off the skin, in place."""
    t = np.linspace(0, 1, points.shape[1], dtype=np.float32)
    need = np.minimum(0.02 + 0.4 * t, 0.12)
    strand, k = (i[:, 1:].ravel() for i in np.indices(points.shape[:2]))
    for _ in range(3):  # around an ear the way out turns
        d, n = clearance(points[strand, k])
        push = np.clip(need[k] - d, 0, 3)
        points[strand, k] += push[:, None] * n
        deep = push > 0.15
        strand, k = strand[deep], k[deep]


def _looseness(hair):
    if hair.kind in TIED or hair.rope == 0 and hair.kind in SHORT + ("afro",):
        return 0.15
    return 1.0


def _grey(identity, root, rng):
    """Part [S] of white in each strand: temples turn first, strand by strand."""
    who = np.random.default_rng([identity.seed, 74])
    amount = np.clip((identity.shape.age - 0.62) * 1.3 + who.normal(0, 0.1), 0, 0.5)
    temple = np.clip((79.0 - root[:, 1]) / 6, -0.3, 1) * 0.5
    white = rng.random(len(root)) < amount * (1 + temple)
    # Never pure white against black: at this size a strand stands for several hairs.
    return np.where(white, rng.uniform(0.1, 0.55, len(root)), 0.0).astype(np.float32)
