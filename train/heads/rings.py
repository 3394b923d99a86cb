"""Rings of vertices round an opening of the face: eyelids and lips are concentric loops of edges."""

import numpy as np


def neighbours(faces: np.ndarray, n: int) -> list[set[int]]:
    """Vertices joined to each of `n` by an edge of the quads (`head.triangles`: 0-2 is none)."""
    half = len(faces) // 2
    quads = np.concatenate([faces[:half], faces[half:, 2:]], 1)
    out = [set() for _ in range(n)]
    for q in quads.tolist():
        for a, b in zip(q, q[1:] + q[:1], strict=True):
            out[a].add(b)
            out[b].add(a)
    return out


def walk(ring: set[int], near: list[set[int]]) -> list[int]:
    """The vertices of a closed ring, in order along its edges."""
    out = [min(ring)]
    while len(out) < len(ring):
        out.append(min(i for i in near[out[-1]] & ring if i not in out))
    return out


def next_ring(ring: list[int], near: list[set[int]], seen: set[int]) -> list[int]:
    """The ring beyond `ring`, spoke by spoke; `seen` holds `ring` and what lies before it."""
    return [min(near[i] - seen) for i in ring]


def beside(ring: list[int], near: list[set[int]], base: np.ndarray) -> tuple[list, list]:
    """The rings on either side of `ring`, spoke by spoke: the one in front (larger z) first."""
    sides = [sorted(near[i] - set(ring), key=lambda j: -base[j, 2]) for i in ring]
    return [s[0] for s in sides], [s[-1] for s in sides]


def half_rings(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Spokes of the upper and of the lower half of a ring with corners at the ends of `x`.

    `x`, `y` [S] along the ring. Both start and end at the corners, x rising.
    """
    n, first, last = len(x), int(x.argmin()), int(x.argmax())
    one = (first + np.arange((last - first) % n + 1)) % n
    other = (first - np.arange((first - last) % n + 1)) % n
    return (one, other) if y[one].mean() > y[other].mean() else (other, one)
