"""The maps of a person's skin, painted from numbers alone: no picture of anybody is used."""

import colorsys
from functools import lru_cache

import numpy as np
import warp as wp
from scipy.ndimage import gaussian_filter

from train.heads import brows, facial_hair
from train.heads import hair as strands
from train.heads.complexion import Paint
from train.heads.folds import FoldWeights, age_weights
from train.heads.head import HeadModel
from train.heads.paint import paint_skin
from train.heads.params import Hair, Identity, SkinMaps
from train.heads.pigment import skin_rgb
from train.heads.texels import SIZE, Texels, texels

ZONES = ("moustache", "chin", "jaw", "cheeks")


def skin_maps(head: HeadModel, identity: Identity, hair: Hair, device: str = "cpu") -> SkinMaps:
    """Albedo, gloss and relief of `identity`, with the shadow of `hair` on the scalp.

    Deterministic in `identity.seed` and `hair.seed`. About 0.3 s of one core; the chart itself is
    measured once a process. Where the chart has no texel the maps hold plain skin.
    """
    chart = texels(head)
    c = identity.complexion
    bare = np.array(skin_rgb(c.melanin, c.haemoglobin), np.float32)
    albedo = wp.array(np.broadcast_to(bare, (SIZE, SIZE, 3)), dtype=wp.vec3, device=device)
    gloss = wp.full((SIZE, SIZE), 0.4, dtype=float, device=device)
    relief = wp.zeros((SIZE, SIZE), dtype=float, device=device)
    above = strands.scalp_value(chart.coarse, hair.recede, hair.widow, hair.line)
    density = strands.root_density(hair)(chart.coarse.reshape(-1, 3)).reshape(above.shape)
    inputs = [
        *_on_device(head, device),
        _floats(above, device),
        _floats(density, device),
        _floats(_beard(identity, chart.coarse), device),
        *(_floats(x, device) for x in brows.decal(identity.brows, identity.seed)),
        wp.array(_marks(identity), dtype=wp.vec4, device=device),
        _paint(identity, hair),
    ]
    wp.launch(
        paint_skin,
        dim=len(chart.index),
        inputs=inputs,
        outputs=[albedo, gloss, relief],
        device=device,
    )
    return SkinMaps(albedo.numpy(), gloss.numpy(), relief.numpy())


@lru_cache(maxsize=2)
def _on_device(head: HeadModel, device: str) -> tuple:
    chart: Texels = texels(head)
    return (
        wp.array(chart.index, dtype=int, device=device),
        wp.array(chart.position, dtype=wp.vec3, device=device),
        _floats(chart.lips, device),
        _floats(chart.lid, device),
    )


def _floats(values: np.ndarray, device: str) -> wp.array:
    return wp.array(np.ascontiguousarray(values, np.float32), dtype=float, device=device)


def _paint(identity: Identity, hair: Hair) -> Paint:
    c, rng = identity.complexion, np.random.default_rng([identity.seed, 42])
    age = identity.shape.age
    old = float(np.clip((age - 0.55) / 0.4, 0, 1))
    fair = float(np.clip(1.1 - c.melanin, 0, 1))
    s = Paint()
    s.seed = int(rng.integers(1 << 20)) * 64  # the kernel adds less than 64 for each of its noises
    s.melanin, s.blood = c.melanin, c.haemoglobin * (1 - 0.15 * old)
    pink = np.clip(rng.normal(0.01, 0.03), -0.025, 0.06)
    gold = np.clip(rng.normal(0, 0.03), -0.05, 0.05) + 0.02 * old
    s.undertone = wp.vec3(-pink, pink, pink * 0.5 + gold)
    s.blush = c.blush
    s.mottle = float(rng.uniform(0.5, 1.1) * (0.6 + 0.5 * c.pores + 0.5 * old) * (0.6 + 0.4 * fair))
    s.eye_dark = c.eye_dark
    s.freckles = c.freckles
    s.age_spots = float(old * rng.uniform(0.0, 1.3))
    s.threads = float(fair * rng.uniform(0, 1) * (0.15 + 0.85 * old))
    s.pores, s.wrinkles, s.shine = c.pores, c.wrinkles, c.shine
    s.folds = FoldWeights(*age_weights(c.wrinkles, identity.seed).tolist())
    s.lip_red = c.lip_red * (1 - 0.35 * old)
    s.lip_rgb, s.lipstick = wp.vec3(*c.lipstick_rgb), c.lipstick
    s.lip_gloss = float(min(1.0, rng.uniform(0.0, 0.3) + c.lipstick * rng.uniform(0.0, 1.0)))
    s.liner = c.liner
    s.wing = float(rng.uniform(0.3, 0.8)) if c.liner > 0.65 and rng.random() < 0.5 else 0.0
    s.eyeshadow, s.eyeshadow_rgb = c.eyeshadow, wp.vec3(*c.eyeshadow_rgb)
    s.rouge = c.rouge
    hue = rng.uniform(0.96, 1.03) % 1
    s.rouge_rgb = wp.vec3(*colorsys.hsv_to_rgb(hue, rng.uniform(0.5, 0.7), 1.0))
    s.brow_rgb, s.brow_alpha = wp.vec3(*identity.brows.rgb), identity.brows.alpha
    s.hair_rgb = wp.vec3(*identity.hair_rgb)
    light = float(np.mean(identity.hair_rgb))  # fair hair hardly darkens the skin below it
    s.scalp = float(np.clip(0.95 - 0.7 * light, 0.51, 0.95))
    if hair.count == 0:  # shaved, or bald for good
        s.scalp *= float(rng.uniform(0.0, 0.45))
    return s


def _beard(identity: Identity, points: np.ndarray) -> np.ndarray:
    """Opacity [...] of stubble, and of the shadow under a beard of strands, at points [..., 3]."""
    hair, flat = identity.facial_hair, points.reshape(-1, 3)
    front = (flat[:, 2] > 2) & (flat[:, 1] < 74)

    def grown(zones: tuple[str, ...]) -> np.ndarray:
        density = np.zeros(len(flat), np.float32)
        density[front] = facial_hair.root_density(identity, flat[front], zones)
        return density.reshape(points.shape[:-1])

    amount = np.zeros(points.shape[:-1], np.float32)
    if hair.stubble > 0:  # its edges are soft: hairs beyond the outline are fewer, not absent
        full = grown(ZONES)
        amount += hair.stubble * np.maximum(0.65 * full, 1.1 * gaussian_filter(full, 4.0))
    if hair.length > 0 and hair.zones:
        amount += 0.55 * grown(hair.zones)
    return amount


def _marks(identity: Identity) -> np.ndarray:
    """Moles and, below zero, blemishes: x, y, radius (cm), strength; [M, 4] float32, M >= 1."""
    c, rng = identity.complexion, np.random.default_rng([identity.seed, 43])
    marks = [(99.0, 0.0, 0.1, 0.0)]  # Warp wants an array that is not empty
    for _ in range(c.moles):
        radius = rng.uniform(0.05, 0.13)
        marks.append((rng.uniform(-6, 6), rng.uniform(60, 80), radius, rng.uniform(0.5, 1.0)))
    young = np.clip(1.4 - 2 * abs(identity.shape.age - 0.4), 0, 1)
    for _ in range(rng.poisson(2.5 * young * c.pores * rng.uniform(0, 1))):
        place = rng.choice(3)
        x = (rng.normal(0, 2.2), rng.choice([-1, 1]) * rng.normal(4.2, 1.0), rng.normal(0, 1.2))
        y = (rng.normal(77.5, 0.9), rng.normal(68.0, 1.6), rng.normal(63.0, 0.8))
        marks.append((x[place], y[place], rng.uniform(0.07, 0.14), -rng.uniform(0.3, 0.9)))
    return np.array(marks, np.float32)
