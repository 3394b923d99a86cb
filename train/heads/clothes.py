"""Clothes: the torso's skin, pushed out below a neckline; collars and jackets as meshes."""

import numpy as np

from train.heads.params import Mesh, Wear
from train.heads.scalp import Fit, vertex_normals
from train.heads.shapes import Skin, joined, sheet, thick, tube

NECKLINES = ("crew", "vneck", "scoop", "boat", "turtle", "shirt", "jacket")
THICKNESS = {"turtle": 0.7}  # cm, else 0.5


def above_neckline(template, neckline: str):
    """Height above the neckline in cm [...] at template points [..., 3]; < 0 is cloth."""
    p = np.asarray(template)
    x, y, z = np.abs(p[..., 0]), p[..., 1], p[..., 2]
    front = 1 / (1 + np.exp(-(z - 2.0) * 0.8))
    back = 60.6 - 0.02 * x * x
    if neckline == "turtle":
        t = np.clip((z - 7.0) / 2.5, 0, 1)
        low, back = 60.0 - 4.0 * t * t * (3 - 2 * t), 63.0 + 0 * x
    else:
        low = {
            "crew": 57.2 + 0.02 * x * x,
            "vneck": 53.0 + 0.85 * x,
            "scoop": 53.8 + 0.05 * x * x,
            "boat": 57.4 - 0.015 * x * x,
            "shirt": 55.6 + 0.95 * x,
            "jacket": 57.0 + 0.02 * x * x,
        }[neckline]
        if neckline == "boat":
            back = 60.0 - 0.03 * x * x
    return (y - (low * front + back * (1 - front))).astype(np.float32)


def dressed(head, neutral, wear: Wear):
    """`neutral` [V + J, 3] with the torso pushed out to the cloth."""
    v = np.array(neutral, np.float32)
    n = vertex_normals(v[: head.V], head.coarse_faces)
    above = above_neckline(head.base[: head.V], wear.neckline)
    t = np.clip((0.3 - above) / 1.5, 0, 1)
    w = t * t * (3 - 2 * t) * THICKNESS.get(wear.neckline, 0.5)
    v[: head.V] += w[:, None] * n
    return v


def clothes(fit: Fit, skin: Skin, wear: Wear) -> list[Mesh]:
    """Hem, collar or jacket of a dressed head."""
    neck = Neck(skin)
    rgb = wear.cloth_rgb
    if wear.neckline == "shirt":
        return [_mesh(fit, _collar(neck), rgb)]
    if wear.neckline == "jacket":
        dark = tuple(float(c) for c in wear.pattern_rgb)
        return [_mesh(fit, _jacket(neck), dark)]
    if wear.neckline in ("crew", "scoop", "boat", "turtle"):
        return [_mesh(fit, _hem(neck, wear.neckline), rgb)]
    return []


def _mesh(fit, solid, rgb):
    v, f = solid
    return Mesh(fit.to_head(v), f.astype(np.int32), rgb, gloss=0.05, skinned=True)


class Neck:
    """Skin of neck and shoulders as a distance from the neck's axis."""

    AXIS = np.array([0.0, 2.6])  # x, z

    def __init__(self, skin):
        self.skin = skin

    def on_skin(self, turn, height, off):
        """Points [n, 3] `off` cm above the cloth at azimuths `turn` (rad, 0 front) and heights.

        Found by walking out from the neck's axis along the surface's distance.
        """
        turn, height = np.broadcast_arrays(np.asarray(turn, float), np.asarray(height, float))
        r = np.full(turn.shape, 4.0)
        for _ in range(14):
            p = self._at(turn, height, r)
            d, n = self.skin.distance(p)
            out = np.maximum(n[:, 0] * np.sin(turn) + n[:, 2] * np.cos(turn), 0.35)
            r = np.clip(r + np.clip((off - d) / out, -1.5, 1.5) * 0.8, 2.5, 16)
        return self._at(turn, height, r)

    def _at(self, turn, height, r):
        x, z = self.AXIS
        return np.stack([x + r * np.sin(turn), height, z + r * np.cos(turn)], -1)

    def line(self, turn, neckline):
        """Heights [n] at which the neckline crosses the skin."""
        height = np.full(turn.shape, 58.0)
        for _ in range(12):
            p = self.on_skin(turn, height, 0.0)
            j = self.skin._tree.query(p)[1]
            height = np.clip(height - 0.6 * above_neckline(self.skin.template[j], neckline), 46, 66)
        return height


def _smoothed(values, n=2):
    for _ in range(n):
        values = (np.roll(values, 1, 0) + 2 * values + np.roll(values, -1, 0)) / 4
    return values


def _hem(neck, neckline):
    """A rolled edge along the neckline."""
    turn = np.linspace(-np.pi, np.pi, 72, endpoint=False)
    height = _smoothed(neck.line(turn, neckline))
    width = 0.9 if neckline in ("crew", "turtle") else 0.35
    rows = []
    for k in np.linspace(0, 1, 4):
        bulge = 0.16 + 0.10 * np.sin(np.pi * k)
        rows.append(_smoothed(neck.on_skin(turn, height + width * (0.45 - k), bulge), 1))
    return joined([sheet(np.stack(rows), wrap=True), tube(rows[0], 0.11, closed=True, sides=6)])


def _collar(neck):
    """A band round the neck and the leaf that folds over it, open at the throat."""
    turn = np.linspace(0.13, 2 * np.pi - 0.13, 80)
    back = (1 - np.cos(turn)) / 2  # 0 front .. 1 nape
    base = 56.4 + 3.6 * back**0.8
    top = base + 1.1 + 1.7 * back
    fall = (
        3.0 - 0.6 * back + 1.3 * np.exp(-(((np.minimum(turn, 2 * np.pi - turn) - 0.3) / 0.3) ** 2))
    )
    rows = [neck.on_skin(turn, base, 0.25), neck.on_skin(turn, top, 0.35)]
    for k in (0.06, 0.3, 0.55, 0.8, 1.0):
        rows.append(
            neck.on_skin(turn, top - fall * k + 0.1 * (k < 0.1), 0.55 + 0.25 * np.sin(2.4 * k))
        )
    return thick(sheet(np.stack(rows)), 0.12)


def _jacket(neck):
    """Lapels and collar of a jacket: a band that widens downwards and opens at the front."""
    turn = np.linspace(0.42, 2 * np.pi - 0.42, 80)
    back = (1 - np.cos(turn)) / 2
    inner = (
        54.2
        + 5.6 * np.clip(back * 1.6, 0, 1) ** 0.7
        - 5.0 * np.exp(-((np.minimum(turn, 2 * np.pi - turn) - 0.42) / 0.3))
    )
    rows = []
    for k in np.linspace(0, 1, 6):
        drop = 4.2 * (1 - 0.3 * back) * k
        rows.append(
            neck.on_skin(turn, np.maximum(inner - drop, 46), 0.45 + 0.35 * np.sin(2.6 * k + 0.2))
        )
    shoulders = []
    for k in np.linspace(0, 1, 6):
        shoulders.append(neck.on_skin(turn, np.maximum(inner - 2.5 - 9 * k, 46), 0.42))
    return joined([thick(sheet(np.stack(rows)), 0.15), sheet(np.stack(shoulders))])
