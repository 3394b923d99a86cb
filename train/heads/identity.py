"""Sampling of people."""

import colorsys

import numpy as np

from train.heads.head import HeadModel
from train.heads.params import RGB, Brows, Complexion, Eyes, FacialHair, Identity, Shape

# sRGB
HAIR = {
    "black": (0.085, 0.070, 0.065),
    "dark brown": (0.170, 0.115, 0.085),
    "brown": (0.280, 0.185, 0.125),
    "light brown": (0.420, 0.300, 0.200),
    "dark blond": (0.560, 0.440, 0.290),
    "blond": (0.760, 0.630, 0.430),
    "red": (0.450, 0.200, 0.100),
    "auburn": (0.310, 0.130, 0.080),
}
GREY, WHITE = (0.56, 0.55, 0.54), (0.83, 0.82, 0.80)
IRIS = {
    "brown": (0.28, 0.15, 0.07),
    "dark brown": (0.14, 0.075, 0.045),
    "hazel": (0.38, 0.29, 0.13),
    "green": (0.34, 0.42, 0.26),
    "blue": (0.33, 0.48, 0.62),
    "grey": (0.45, 0.50, 0.53),
}
# standard deviation of a local slider, by the first prefix that fits; the widest are those by which
# people (and a face recogniser) tell people apart
SIGMA = (
    *(("ear-", 0.40), ("eye-trans-in", 0.36), ("eye-trans", 0.30), ("eye-scale", 0.32)),
    *(("eye-push", 0.14), ("eye-eyefold", 0.34), ("eye-corner", 0.36), ("eye-height", 0.20)),
    *(("eye-bag", 0.24), ("eye-epicanthus", 0.26), ("eyebrows-trans-back", 0.24)),
    *(("eyebrows-trans-down", 0.26), ("eyebrows", 0.28), ("nose-trans-down", 0.30)),
    *(("nose-trans-in", 0.06), ("nose-trans", 0.18), ("nose-compression", 0.15)),
    *(("nose-point-down", 0.26), ("nose-scale", 0.34), ("nose-", 0.38), ("mouth-trans-in", 0.04)),
    *(("mouth-trans-down", 0.30), ("mouth-trans", 0.22), ("mouth-scale-horiz", 0.36)),
    *(("mouth-scale-vert", 0.22), ("mouth-angles", 0.14), ("mouth-upperlip", 0.30)),
    *(("mouth-lowerlip", 0.30), ("mouth-", 0.28), ("chin-jaw-drop", 0.24), ("chin-height", 0.38)),
    *(("chin-", 0.34), ("cheek-trans", 0.22), ("cheek-", 0.36), ("forehead-nubian", 0.15)),
    *(("forehead", 0.32), ("head-age", 0.0), ("head-trans", 0.0), ("head-angle", 0.14)),
    *(("head-fat", 0.24), ("head-scale", 0.36), ("head-back", 0.25), ("neck-trans", 0.08)),
    *(("neck-double", 0.10), ("neck-", 0.22), ("measure-neck", 0.18)),
)
# MakeHuman's weight hardly reaches the face: what these sliders get for a weight of 1 (of 0: less)
FAT = {"head-fat-decr-incr": 0.55, "cheek-volume-decr-incr": 0.35, "neck-double-decr-incr": 0.5}
FORMS = "head-"  # sliders from 0 to 1 whose name starts so are forms of the face: one a person
ADULT_YEARS = (16.0, 84.0)
CHILD_YEARS = (5.0, 15.0)
CHILDREN = 0.08  # of all


def sample_identity(head: HeadModel, seed: int) -> Identity:
    """A person; deterministic in `seed`."""
    r = np.random.default_rng([seed, 11])
    gender = float(r.beta(0.35, 0.35))
    child = r.random() < CHILDREN
    age = age_of(r.uniform(*CHILD_YEARS) if child else _adult_years(r))
    ancestry = r.dirichlet([0.32, 0.32, 0.42])
    shape = _shape(head, r, gender, age, child, ancestry)
    melanin = float(np.clip(ancestry @ [1.75, 0.62, 0.42] + r.normal(0, 0.2), 0.15, 2.7))
    dark = melanin > 0.75 or ancestry[1] > 0.5
    female = gender > 0.5
    makeup = female and not child and r.random() < 0.55
    hair, brow = _hair_colours(r, dark, age)
    return Identity(
        seed=seed,
        shape=shape,
        complexion=_complexion(r, shape, melanin, makeup),
        eyes=_eyes(r, dark, female),
        brows=_brows(r, female or child, brow),
        facial_hair=_facial_hair(r, gender, age),
        hair_rgb=hair,
        teeth_rgb=tuple(float(x) for x in np.array([0.84, 0.76, 0.64]) * r.uniform(0.9, 1.05)),
    )


def age_of(years: float) -> float:
    """`Shape.age` of an age in years (MakeHuman: baby 1, child 10, young 25, old 80 or more)."""
    return float(np.interp(years, (1, 10, 25, 90), (-0.5, 0.0, 0.5, 1.0)))


def _adult_years(r: np.random.Generator) -> float:
    low, high = ADULT_YEARS
    return low + (high - low) * r.beta(1.15, 1.9)


def _shape(
    head: HeadModel,
    r: np.random.Generator,
    gender: float,
    age: float,
    child: bool,
    ancestry: np.ndarray,
) -> Shape:
    old = max(0.0, age - 0.6)
    weight = float(r.beta(2.4, 2.8))
    return Shape(
        gender=gender,
        age=age,
        muscle=float(r.uniform(0.3, 0.75)),
        weight=weight,
        ancestry=tuple(float(x) for x in ancestry),
        local=_local(head, r, weight, 0.8 if child else 1.05),
        asymmetry={n: float(abs(r.normal(0, 0.09))) for n in head.asym if r.random() < 0.25},
        lid_lift=float(np.clip(r.normal(0.34, 0.14) - 0.4 * old, 0.05, 0.7)),
        rest_smile=float(np.clip(r.normal(0.16, 0.09), 0, 0.36)),
        rest_frown=float(np.clip(r.normal(-0.06, 0.09), -0.3, 0.12)),
    )


def _local(
    head: HeadModel, r: np.random.Generator, weight: float, amount: float
) -> dict[str, float]:
    """Sliders: most near 0, some far from it, as features stand out in a face one at a time.

    Left and right are drawn together, with a little of their own.
    """
    out, drawn = {}, {}
    forms = [n for n in head.locals if n.startswith(FORMS) and not head.has_negative(n)]
    form = str(r.choice(forms))
    for name in head.locals:
        base = name.removesuffix(".L").removesuffix(".R")
        low = -1.0 if head.has_negative(name) else 0.0
        if base not in drawn:
            sigma = next((s for prefix, s in SIGMA if name.startswith(prefix)), 0.2)
            spread = 1.55 if r.random() < 0.32 else 0.45
            x = float(np.clip(r.normal(0, sigma) * spread * amount, -0.75, 0.75))
            if name in forms:
                x = float(np.clip(abs(r.normal(0, 0.35)), 0, 0.7)) * (name == form) * amount
            x = x if low < 0 else abs(x)
            drawn[base] = x + FAT.get(base, 0.0) * (2 * weight - 1)
        own = r.normal(0, 0.04) * amount if name != base else 0.0
        out[name] = float(np.clip(drawn[base] + own, low, 0.95))
    return out


def _hair_colours(r: np.random.Generator, dark: bool, age: float) -> tuple[RGB, RGB]:
    """Linear RGB of hair and brows."""
    if dark:
        name = r.choice(["black", "dark brown", "brown"], p=[0.6, 0.33, 0.07])
    else:
        name = r.choice(list(HAIR), p=[0.12, 0.20, 0.24, 0.18, 0.12, 0.06, 0.03, 0.05])
    hair = np.array(HAIR[name]) * r.uniform(0.85, 1.15)
    brow = hair * (0.9 if name in ("black", "dark brown") else 0.68)
    grey = np.clip((age - 0.68) * 3.2 + r.normal(0, 0.15), 0, 1) if age > 0.6 else 0.0
    hair = hair * (1 - grey) + np.array(GREY if grey < 0.85 else WHITE) * grey
    return linear(hair), linear(brow)


def _complexion(r: np.random.Generator, shape: Shape, melanin: float, makeup: bool) -> Complexion:
    age, female = shape.age, shape.gender > 0.5
    old = max(0.0, age - 0.6)
    lipstick = linear(
        colorsys.hsv_to_rgb(r.uniform(0.95, 1.02) % 1, *_uniform(r, 0.5, 0.8, 0.45, 0.72))
    )
    shadow = linear(colorsys.hsv_to_rgb(r.uniform(0.9, 1.1) % 1, *_uniform(r, 0.2, 0.5, 0.2, 0.45)))
    return Complexion(
        melanin=melanin,
        haemoglobin=float(np.clip(r.normal(0.66, 0.11) - 0.06 * melanin, 0.35, 0.95)),
        blush=float(r.uniform(0.08, 0.4)),
        eye_dark=float(r.uniform(0.2, 1.0) + 0.5 * old),
        freckles=float(r.uniform(0.4, 1.0)) if melanin < 0.5 and r.random() < 0.22 else 0.0,
        moles=int(r.poisson(0.6)),
        pores=float(np.clip(0.25 + 0.6 * age + r.normal(0, 0.15) - 0.15 * female, 0, 1)),
        wrinkles=float(np.clip((age - 0.45) * 2 + r.normal(0, 0.08), 0, 1)),
        shine=float(np.clip(r.normal(0, 0.4), -1, 1)),
        lip_red=float(r.uniform(0.35, 0.8) + 0.12 * female),
        lipstick=float(r.uniform(0.4, 0.85)) if makeup and r.random() < 0.7 else 0.0,
        lipstick_rgb=lipstick,
        liner=float(r.uniform(0.4, 1)) if makeup else float(r.uniform(0, 0.25)),
        eyeshadow=float(r.uniform(0.1, 0.45)) if makeup and r.random() < 0.5 else 0.0,
        eyeshadow_rgb=shadow,
        rouge=float(r.uniform(0.1, 0.5)) if makeup and r.random() < 0.5 else 0.0,
    )


def _uniform(r: np.random.Generator, *ends: float) -> list[float]:
    """One draw for each pair of ends."""
    return [float(r.uniform(a, b)) for a, b in zip(ends[::2], ends[1::2], strict=True)]


def _eyes(r: np.random.Generator, dark: bool, female: bool) -> Eyes:
    if dark:
        name = r.choice(["brown", "dark brown"], p=[0.4, 0.6])
    else:
        name = r.choice(list(IRIS), p=[0.26, 0.12, 0.17, 0.12, 0.23, 0.10])
    return Eyes(
        iris_rgb=linear(np.array(IRIS[name]) * r.uniform(0.8, 1.2)),
        iris_radius=float(r.uniform(0.61, 0.67)),
        pupil=float(r.uniform(0.30, 0.45)),
        lashes=float(r.uniform(0.75, 1.0) if female else r.uniform(0.35, 0.7)),
    )


def _brows(r: np.random.Generator, female: bool, rgb: RGB) -> Brows:
    thickness = r.uniform(0.38, 0.78) if female else r.uniform(0.5, 1.1)
    return Brows(
        rgb=rgb,
        thickness=float(thickness),
        density=int(r.uniform(240, 600)),
        arch=float(np.clip(r.normal(0.22 if female else -0.05, 0.28), -0.5, 0.6)),
        lift=float(np.clip(r.normal(-0.25, 0.18), -0.6, 0.2)),
        inner=float(r.uniform(1.05, 1.6)),
        length=float(r.uniform(4.5, 5.3)),
        unruly=float(r.uniform(0, 0.8)),
        alpha=float(r.uniform(0.6, 0.98)),
        asymmetry=float(r.normal(0, 0.05)),
    )


def _facial_hair(r: np.random.Generator, gender: float, age: float) -> FacialHair:
    if not (gender < 0.35 and age > 0.45 and r.random() < 0.3):
        return FacialHair(stubble=float(r.uniform(0, 0.35)) if gender < 0.4 else 0.0)
    length = float(r.choice([0.0, 0.4, 0.8, 1.6], p=[0.5, 0.3, 0.14, 0.06]))
    zones = ("moustache", "chin") if r.random() < 0.25 else ("moustache", "chin", "jaw", "cheeks")
    return FacialHair(float(r.uniform(0.25, 0.8)), length, zones if length else ())


def linear(srgb) -> RGB:
    """Linear RGB of sRGB, clipped to [0, 1]."""
    c = np.clip(np.asarray(srgb, float), 0, 1)
    out = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return tuple(float(x) for x in out)
