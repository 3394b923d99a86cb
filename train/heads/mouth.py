"""The mouth of a person: lips that touch at rest, and teeth that fit behind them.

MakeHuman's sliders and actions each move the lips by themselves, so that most people's stand a
little open, and the teeth follow the mouth only roughly. Lips are rings of 38 vertices; what is
missing between the upper and the lower half is shared out over both, fading from ring to ring.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from train.heads.rings import beside, half_rings, neighbours, next_ring, walk

MEETING = (0.0, 66.08, 15.53)  # cm on the template: upper lip, where it meets the lower one
# share of a correction that a ring takes on: outwards from the meeting ring, and inwards
OUT = (1.0, 1.0, 0.92, 0.80, 0.64, 0.46, 0.26, 0.10)
IN = (1.0, 1.0, 0.90, 0.70, 0.45, 0.22, 0.07)
CONTACT = (0, 1, len(OUT), len(OUT) + 1)  # rings that may touch the other lip
PRESS = 0.05  # cm that lips at rest overlap
RETREAT = 0.45  # cm by which the walls of the mouth stand back: sliders never push them out
# actions in which the lips stay together
SHUT = ("mouthSmile", "mouthDimple", "mouthFrown", "mouthPress", "mouthRoll", "mouthPucker") + (
    ("mouthLeft", "mouthRight", "mouthShrugLower", "cheek", "jawForward", "jawLeft", "jawRight")
)


@dataclass(frozen=True)
class Mouth:
    """Where lips and teeth are in the mesh."""

    rings: np.ndarray  # [15, 38] vertices: outwards from the meeting ring, then inwards
    upper: np.ndarray  # [n] spokes of the upper lip from corner to corner, x rising
    lower: np.ndarray
    contact: sparse.csr_matrix  # [4 * 38, V]: smoothed positions of the rings CONTACT
    upper_teeth: np.ndarray  # vertices
    lower_teeth: np.ndarray


def find_mouth(
    base: np.ndarray, faces: np.ndarray, smooth: sparse.csr_matrix, teeth: list[np.ndarray]
) -> Mouth:
    """The mouth of the template `base`; `faces` of the skin, `teeth` upper and lower vertices."""
    near = neighbours(faces, len(base))
    start = int(((base - MEETING) ** 2).sum(1).argmin())
    meeting = walk(_loop(start, near, base), near)
    front, back = beside(meeting, near, base)
    rings, seen = [meeting, front], {*meeting, *front, *back}
    for ring, count in ((front, len(OUT)), (back, len(OUT) + len(IN))):
        if ring is back:
            rings.append(back)
        while len(rings) < count:
            rings.append(next_ring(rings[-1], near, seen))
            seen |= set(rings[-1])
    rings = np.array(rings)
    upper, lower = half_rings(*base[rings[0], :2].T)
    contact = smooth[rings[list(CONTACT)].ravel()]
    return Mouth(rings, upper, lower, contact, *teeth)


def _loop(start: int, near: list[set[int]], base: np.ndarray) -> set[int]:
    """The loop of edges through `start` that leaves it sideways (all its vertices have 4 edges)."""
    here, there = start, max(near[start], key=lambda j: base[j, 0])
    out = {start}
    while there != start:
        out.add(there)
        # straight on: the edge that shares no quad with the one we came by
        beside_us = {k for j in near[here] - {there} for k in near[j] if k != here}
        here, there = there, next(k for k in near[there] - {here} if k not in beside_us)
    return out


def gap(v: np.ndarray, mouth: Mouth) -> tuple[np.ndarray, np.ndarray]:
    """Distance between the lips, cm (< 0: they overlap), at the spokes of the upper, lower lip."""
    p = (mouth.contact @ v[: mouth.contact.shape[1]]).reshape(len(CONTACT), -1, 3)
    up, low = p[:, mouth.upper], p[:, mouth.lower]
    x_up, y_up = np.maximum.accumulate(up[0, :, 0]), up[..., 1].min(0)
    x_low, y_low = np.maximum.accumulate(low[0, :, 0]), low[..., 1].max(0)
    return y_up - np.interp(x_up, x_low, y_low), np.interp(x_low, x_up, y_up) - y_low


def close_lips(v: np.ndarray, mouth: Mouth, press: float = PRESS) -> None:
    """Bring lips that stand apart together in `v` [V + J, 3], in place; the corners stay."""
    fade = np.array(OUT + IN, np.float32)
    for _ in range(3):
        for spokes, missing, sign in zip(
            (mouth.upper, mouth.lower), gap(v, mouth), (-0.5, 0.5), strict=True
        ):
            t = np.linspace(-1, 1, len(spokes))
            move = np.maximum(missing + press * (1 - t**4), 0) * sign
            move[[0, -1]] = 0
            v[mouth.rings[:, spokes], 1] += np.outer(fade, move)


def retreat(base: np.ndarray, mouth: Mouth, cavity: np.ndarray) -> None:
    """Move the walls of the mouth back from the lips, in place; `cavity` its other vertices."""
    inner = mouth.rings[len(OUT) :]
    base[inner, 2] -= RETREAT * (1 - np.array(IN, np.float32))[:, None]
    base[np.setdiff1d(cavity, mouth.rings), 2] -= RETREAT


def fit_teeth(v: np.ndarray, base: np.ndarray, mouth: Mouth) -> None:
    """Place the teeth of `v` [V + J, 3], in place, by the lips: as the template's are by its own.

    The arch takes on the mouth's depth and, in part, its width; the upper row overlaps the lower.
    """
    middle = len(mouth.upper) // 2
    ours, theirs = _place(v, mouth, middle), _place(base, mouth, middle)
    wide = np.clip((ours[3] / theirs[3]) ** 0.6, 0.80, 1.12) * 0.90
    deep = np.clip(ours[4] / theirs[4], 0.85, 1.2) * 0.92
    for ids, drop, back in ((mouth.upper_teeth, 0.20, 0.30), (mouth.lower_teeth, 0.05, 0.34)):
        x, y, z = base[ids].T
        root = np.abs(y - theirs[1]) / 2.3  # 0 at the edges: the gums are narrower
        v[ids] = np.stack(
            [
                ours[0] + (x - theirs[0]) * wide * (1 - 0.16 * root),
                ours[1] + (y - theirs[1]) * 0.97 - drop,
                ours[2] + (z - theirs[2]) * deep - back,
            ],
            1,
        )


def _place(v: np.ndarray, mouth: Mouth, middle: int) -> tuple[float, ...]:
    """x, y, z of the middle of the mouth, its width, and the depth from there to the corners."""
    ring = v[mouth.rings[0]]
    corners, lips = ring[mouth.upper[[0, -1]]], ring[mouth.upper[middle]]
    low = ring[mouth.lower[len(mouth.lower) // 2]]
    return (
        corners[:, 0].mean() * 0.5 + lips[0] * 0.5,
        (lips[1] + low[1]) / 2,
        min(lips[2], low[2] + 0.13),
        np.ptp(corners[:, 0]),
        lips[2] - corners[:, 2].mean(),
    )
