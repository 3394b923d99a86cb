"""Clothes and things worn in a clip: sampling, and the meshes on one head."""

import colorsys

import numpy as np
from scipy.spatial import cKDTree

from train.heads.clothes import NECKLINES, Neck, above_neckline, clothes, dressed
from train.heads.glasses import glasses, sample_glasses
from train.heads.hats import hat_meshes, sample_hat, tucked
from train.heads.identity import linear
from train.heads.jewellery import earrings, necklace, sample_earrings, sample_necklace
from train.heads.params import Identity, Mesh, Wear
from train.heads.scalp import Fit
from train.heads.shapes import Skin

__all__ = ["above_neckline", "dressed", "meshes", "nearest_skin", "sample_wear", "tucked"]

GLASSES, HATS = 0.13, 0.06  # share of clips
OPEN = ("vneck", "scoop", "boat", "shirt")  # necklines that leave room for a necklace


def sample_wear(identity: Identity, rng: np.random.Generator) -> Wear:
    """What a person wears in one clip."""
    r = rng
    female, age = identity.shape.gender > 0.5, identity.shape.age
    p = (
        [0.30, 0.17, 0.12, 0.07, 0.09, 0.17, 0.08]
        if female
        else [0.42, 0.13, 0.02, 0, 0.09, 0.24, 0.10]
    )
    neckline = str(r.choice(NECKLINES, p=p))
    cloth = _cloth(r)
    pattern = str(r.choice(["plain", "stripes", "checks"], p=[0.8, 0.12, 0.08]))
    second = _cloth(r)
    if neckline == "jacket":  # over a light shirt or top, in a dark or muted colour
        pattern = "plain"
        second = tuple(float(c) for c in np.array(second) * 0.35)
    hat = sample_hat(r, female) if r.random() < HATS else None
    child = age < 0.35
    older = 0.18 * max(0.0, age - 0.5)
    ears = (0.35 if female else 0.05) * (0.4 if child else 1.0)
    throat = (0.18 if female else 0.04) if neckline in OPEN else 0.03
    return Wear(
        neckline=neckline,
        cloth_rgb=cloth,
        pattern=pattern,
        pattern_rgb=second,
        glasses=sample_glasses(r) if r.random() < GLASSES + older else None,
        hat=hat,
        earrings=sample_earrings(r) if r.random() < ears and not _covered(hat) else None,
        necklace=sample_necklace(r) if r.random() < throat and not _covered(hat) else None,
    )


def _covered(hat: dict | None) -> bool:
    return hat is not None and hat["kind"] == "scarf"


def _cloth(r):
    """Black, white, grey, navy and beige are worn more than all other colours together."""
    common = [
        (0.03, 0.03, 0.035),
        (0.93, 0.93, 0.92),
        (0.45, 0.45, 0.46),
        (0.10, 0.13, 0.24),
        (0.72, 0.64, 0.53),
    ]
    if r.random() < 0.55:
        c = np.array(common[r.integers(len(common))]) * r.uniform(0.8, 1.05)
    else:
        c = colorsys.hsv_to_rgb(r.uniform(), r.beta(1.6, 2.0) * 0.9, r.uniform(0.12, 0.9))
    return linear(c)


def meshes(head, neutral, wear: Wear) -> list[Mesh]:
    """Things worn on a dressed neutral head [V + J, 3]; `dressed` makes it.

    In the neutral frame, fitted to this head. The hair under a hat is pressed flat by `tucked`.
    """
    fit = Fit(head, neutral)
    skin = Skin(fit)
    out = []
    if not _covered(wear.hat):
        out += clothes(fit, skin, wear)
    if wear.glasses is not None:
        out += glasses(fit, skin, wear.glasses)
    if wear.hat is not None:
        out += hat_meshes(fit, wear.hat)
    if wear.earrings is not None:
        out += earrings(fit, skin, wear.earrings)
    if wear.necklace is not None:
        out += necklace(fit, Neck(skin), wear.necklace)
    return out


def nearest_skin(head, neutral, points):
    """Nearest coarse vertex of the skin [n] to points [n, 3]: what a skinned mesh moves with."""
    used = np.unique(head.coarse_faces)
    return used[cKDTree(np.asarray(neutral)[used]).query(points)[1]]
