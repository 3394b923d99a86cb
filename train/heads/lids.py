"""Eyelids that close: every person's lids slide over that person's eyeball and meet.

A blend shape of a closed lid is right for one eye opening only, and moves the lid along a chord
through the eyeball. Here closing is solved on the face at hand: the mesh has rings of 28 vertices
around each opening, so the two margins are curves of elevation over x, seen from the eyeball's
centre; the upper margin slides down and the lower one a little up until they meet. Whatever
other actions (eyeWide, squint, gaze) have done to the lids before, 1 is closed.
"""

from dataclasses import dataclass

import numpy as np

from train.heads.rings import beside, half_rings, neighbours, next_ring, walk

EDGE = 2  # the ring of the lid margin; 0 is hidden inside the eyeball
# share of the margin's motion that a ring takes on, from ring 0 outwards
UPPER = (1.0, 1.0, 1.0, 1.0, 1.0, 0.97, 0.94, 0.88, 0.70, 0.48, 0.24, 0.09, 0.02)
LOWER = (1.0, 1.0, 1.0, 1.0, 1.0, 0.96, 0.90, 0.82, 0.66, 0.46, 0.28, 0.14, 0.05)
LOWER_SHARE = 0.13  # of the opening, closed by the lower lid in a blink
SQUINT = (0.30, 0.12)  # of the opening, closed by the lower and the upper lid in a full squint
OVERLAP = np.radians(3.0)  # beyond the meeting of the margins: no sliver at any view
CLEARANCE = 0.6  # of the template's distance from the eyeball, never less


@dataclass(frozen=True)
class Lids:
    """Where the lids of one eye are in the mesh."""

    rings: np.ndarray  # [13, 28] vertices; spoke s of ring k + 1 continues spoke s of ring k
    upper: np.ndarray  # [n] spokes of the upper lid from corner to corner, x rising
    lower: np.ndarray  # [m] likewise of the lower lid
    lashes: tuple[np.ndarray, np.ndarray]  # vertices of upper and lower lashes
    ball: np.ndarray  # vertices of the eyeball
    joint: int  # row of its centre
    gap: np.ndarray  # [13, 28] least distance from the eyeball, cm; -inf inside it


def find_lids(
    base: np.ndarray,
    faces: np.ndarray,
    ball: np.ndarray,
    joint: int,
    lashes: tuple[np.ndarray, np.ndarray],
) -> Lids:
    """The lids around the eyeball `ball` on the template `base` [V + J, 3], `faces` of the skin."""
    centre = base[joint]
    radius = np.linalg.norm(base[ball] - centre, axis=1).mean()
    near = neighbours(faces, len(base))
    distance = np.linalg.norm(base - centre, axis=1)
    skin = np.unique(faces)
    hidden = walk(set(skin[distance[skin] < radius].tolist()), near)
    front, behind = beside(hidden, near, base)  # one leads outwards, one round the eyeball
    rings, seen = [hidden, front], {*hidden, *front, *behind}
    while len(rings) < len(UPPER):
        rings.append(next_ring(rings[-1], near, seen))
        seen |= set(rings[-1])
    rings = np.array(rings)
    upper, lower = half_rings(*base[rings[EDGE], :2].T)
    away = distance[rings] - radius
    gap = np.where(away > 0, CLEARANCE * away, -np.inf)
    return Lids(rings, upper, lower, lashes, ball, joint, gap)


def close_lids(v: np.ndarray, lids: Lids, amount: float, squint: float = 0.0) -> None:
    """Close the lids of one eye in `v` [V + J, 3] by `amount` (0 as they are, 1 shut), in place.

    `squint` 0 .. 1 narrows the eye before, mostly from below. At 0 lids that other actions have
    pushed into the eyeball are still lifted out of it.
    """
    centre = v[lids.joint]
    radius = np.linalg.norm(v[lids.ball] - centre, axis=1).mean()
    p = v[lids.rings] - centre  # [13, 28, 3]
    if amount > 0 or squint > 0:
        left = (1 - amount) * (1 - sum(SQUINT) * squint)  # of the opening
        rise = amount * LOWER_SHARE + (1 - amount) * SQUINT[0] * squint
        up, low = _margin(p, lids.upper), _margin(p, lids.lower)
        opened = np.maximum(up[1] - np.interp(up[0], *low), 0)
        beyond = np.minimum(OVERLAP, 0.02 + 0.3 * opened)
        beyond[[0, -1]] = 0  # the corners stay
        lift = rise * np.maximum(np.interp(low[0], *up) - low[1], 0)
        p[:, lids.lower] = _about_x(p[:, lids.lower], np.outer(LOWER, lift))
        met = np.interp(up[0], low[0], low[1] + lift)
        down = np.minimum(0, met + left * opened - amount * beyond - up[1])
        p[:, lids.upper] = _about_x(p[:, lids.upper], np.outer(UPPER, down))
        for ids, (x, _), angle in zip(lids.lashes, (up, low), (down, lift), strict=True):
            q = v[ids] - centre
            v[ids] = _about_x(q, np.interp(q[:, 0], x, angle)) + centre
    rho = np.linalg.norm(p, axis=-1)
    p *= np.maximum(1, (radius + lids.gap) / rho)[..., None]
    v[lids.rings] = p + centre


def opening(v: np.ndarray, lids: Lids) -> float:
    """Greatest distance of the lid margins along the eyeball, cm; 0 or less: shut.

    The last hundredths towards a corner, where the margins run into each other, do not count.
    """
    p = v[lids.rings] - v[lids.joint]
    up, low = _margin(p, lids.upper), _margin(p, lids.lower)
    radius = np.linalg.norm(v[lids.ball] - v[lids.joint], axis=1).mean()
    x = np.linspace(0.02, 0.98, 49) * (up[0][-1] - up[0][0]) + up[0][0]
    return float(radius * (np.interp(x, *up) - np.interp(x, *low)).max())


def _margin(p: np.ndarray, spokes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A lid margin as a curve: x [n] that rises, and the elevation [n] in radians."""
    q = p[EDGE, spokes]
    return np.maximum.accumulate(q[:, 0]), np.arctan2(q[:, 1], q[:, 2])


def _about_x(p: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """`p` [..., 3] turned up by `angle` [...] about the x axis."""
    c, s = np.cos(angle), np.sin(angle)
    x, y, z = p[..., 0], p[..., 1], p[..., 2]
    return np.stack([x, y * c + z * s, z * c - y * s], -1).astype(np.float32)
