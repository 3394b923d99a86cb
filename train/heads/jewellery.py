"""Earrings and necklaces."""

import numpy as np

from train.heads.params import Mesh
from train.heads.scalp import ear_region
from train.heads.shapes import ball, joined, tube

METALS = {"gold": (0.72, 0.48, 0.17), "silver": (0.62, 0.62, 0.63), "rose": (0.70, 0.40, 0.30)}


def sample_earrings(r) -> dict:
    kind = str(r.choice(["stud", "pearl", "hoop", "drop"], p=[0.3, 0.15, 0.32, 0.23]))
    size = {"stud": (0.12, 0.22), "pearl": (0.22, 0.42), "hoop": (0.5, 2.2), "drop": (0.9, 2.6)}
    return {
        "kind": kind,
        "metal": str(r.choice(list(METALS), p=[0.5, 0.38, 0.12])),
        "size": float(r.uniform(*size[kind])),
        "stone": tuple(float(x) for x in r.uniform(0.02, 0.5, 3)),
    }


def sample_necklace(r) -> dict:
    kind = str(r.choice(["chain", "beads", "pearls", "pendant"], p=[0.4, 0.15, 0.15, 0.3]))
    return {
        "kind": kind,
        "metal": str(r.choice(list(METALS), p=[0.55, 0.35, 0.10])),
        "drop": float(r.uniform(2.5, 7.5)),  # of its lowest point below the pit of the neck, cm
        "thick": float(r.uniform(0.05, 0.12)),
        "stone": tuple(float(x) for x in r.uniform(0.02, 0.5, 3)),
    }


def _mesh(fit, solid, rgb, gloss=0.9, metal=1.0, skinned=False):
    return Mesh(fit.to_head(solid[0]), solid[1].astype(np.int32), rgb, gloss, metal, skinned)


def lobe(fit, side):
    """Lowest part of an ear [3], where it is pierced."""
    ids = np.flatnonzero(ear_region(fit.template) & (fit.template[:, 0] * side > 0))
    low = ids[np.argsort(fit.template[ids, 1])[:10]]
    p = fit.vertices[low]
    return np.array(
        [side * (np.abs(p[:, 0]).max() - 0.05), p[:, 1].mean() + 0.15, p[:, 2].mean() + 0.1]
    )


def earrings(fit, skin, e: dict) -> list[Mesh]:
    metal, stone = METALS[e["metal"]], e["stone"]
    metals, stones = [], []
    for side in (1, -1):
        at = lobe(fit, side)
        size = e["size"]
        if e["kind"] == "stud":
            metals.append(ball(at + [side * 0.08, 0, 0.05], size))
        elif e["kind"] == "pearl":
            stones.append(ball(at + [side * 0.15, 0, 0.08], size))
        elif e["kind"] == "hoop":
            a = np.linspace(0, 2 * np.pi, 33)[:-1]
            ring = np.stack(
                [0.25 * side * (1 - np.cos(a)) * size, np.cos(a) * size, np.sin(a) * size * 0.9], 1
            )
            ring = ring + at + [side * 0.05, -size, 0]
            metals.append(tube(ring, 0.06 + 0.02 * size, closed=True))
        else:
            metals.append(ball(at + [side * 0.08, 0, 0.05], 0.13))
            line = at + np.array([side * 0.1, 0, 0.05]) - np.array([[0, 0, 0], [0, size * 0.5, 0]])
            metals.append(tube(line, 0.035))
            stones.append(ball(line[1] - [0, size * 0.3, 0], (0.2, size * 0.3, 0.2)))
    out = [_mesh(fit, joined(metals), metal)] if metals else []
    if stones:
        rgb = (0.75, 0.70, 0.64) if e["kind"] == "pearl" else stone
        out.append(_mesh(fit, joined(stones), rgb, 0.85, 0.0))
    return out


def necklace(fit, neck, n: dict) -> list[Mesh]:
    """Lies on skin and cloth; `neck` as `clothes.Neck`."""
    turn = np.linspace(-np.pi, np.pi, 97)[:-1]
    front = (1 + np.cos(turn)) / 2
    height = 60.6 - 3.0 * front**1.8 - n["drop"] * front**6
    metal = METALS[n["metal"]]
    if n["kind"] in ("chain", "pendant"):
        curve = neck.on_skin(turn, height, n["thick"] + 0.03)
        out = [_mesh(fit, tube(curve, n["thick"], closed=True, sides=6), metal, skinned=True)]
        if n["kind"] == "pendant":
            low = curve[np.argmin(np.abs(turn))]
            out.append(
                _mesh(
                    fit, ball(low - [0, 0.45, -0.1], (0.28, 0.4, 0.14)), n["stone"], 0.9, 0.0, True
                )
            )
        return out
    size = 0.22 + 2 * n["thick"]
    curve = neck.on_skin(turn, height, size)
    step = np.linalg.norm(np.diff(curve, axis=0), axis=1)
    arc = np.concatenate([[0], np.cumsum(step)])
    at = np.arange(0, arc[-1], 2.05 * size)
    beads = np.stack([np.interp(at, arc, curve[:, k]) for k in range(3)], 1)
    front_beads = beads[beads[:, 2] > 0]
    solid = joined([ball(b, size, 10, 7) for b in front_beads])
    rgb = (0.75, 0.70, 0.64) if n["kind"] == "pearls" else n["stone"]
    return [_mesh(fit, solid, rgb, 0.7, 0.0, True)]
