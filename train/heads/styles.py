"""Hair styles, and which of them a person wears in a clip."""

from dataclasses import replace

import numpy as np

from train.heads.params import Hair, Identity


def _style(kind, points, count, guides, length, side, volume, **more) -> Hair:
    return Hair(
        name="", kind=kind, seed=0, count=count, guides=guides, points=points, length=length,
        side_length=side, volume=volume, **more,
    )  # fmt: skip


# fmt: off
STYLES = {
    "buzz": _style(
        "afro", 3, 13000, 500, 0.4, 0.8, 0.03, frizz=0.06, messy=0.15, clump=0, lock=0, width=0.045
    ),
    "crop": _style(
        "crop", 7, 11000, 800, 3.6, 0.42, 0.8, stiff=0.55, messy=0.22, forward=1.0, lock=0.5,
        width=0.052
    ),
    "tousled": _style(
        "crop", 8, 10000, 700, 5.5, 0.4, 1.5, stiff=0.5, messy=0.4, forward=0.8, lock=0.7,
        width=0.055
    ),
    "quiff": _style(
        "quiff", 9, 11000, 700, 6.0, 0.22, 1.4, stiff=0.5, messy=0.12, lock=0.55, width=0.052
    ),
    "undercut": _style(
        "back", 9, 11000, 700, 9.0, 0.08, 1.4, stiff=0.5, messy=0.12, lock=0.6, width=0.052
    ),
    "sidepart": _style(
        "side", 9, 11000, 650, 6.6, 0.33, 1.2, stiff=0.42, messy=0.14, forward=0.6, lock=0.6,
        width=0.055
    ),
    "slick": _style("back", 9, 8500, 600, 8.0, 0.5, 0.8, stiff=0.5, messy=0.09, lock=0.8),
    "curlytop": _style(
        "crop", 18, 8000, 600, 6.0, 0.4, 1.7, stiff=0.4, clump=0.2, frizz=0.3, messy=0.3,
        forward=0.7, curl=0.34, wave=2.3, curl_phase=0.3, per_lock=18
    ),
    "afro": _style(
        "afro", 16, 11000, 900, 4.6, 0.85, 0.3, stiff=0.3, clump=0.1, frizz=0.5, messy=0.3,
        curl=0.22, wave=1.3, curl_phase=0.5, lock=0.5, width=0.05
    ),
    "twa": _style(
        "afro", 9, 13000, 700, 1.6, 0.8, 0.1, stiff=0.3, clump=0.1, frizz=0.3, messy=0.3, curl=0.13,
        wave=0.8, curl_phase=0.5, lock=0.5, width=0.045
    ),
    "fringe": _style(
        "fringe", 9, 10500, 650, 6.8, 0.7, 0.9, stiff=0.5, messy=0.15, lock=0.6, width=0.055
    ),
    "pixie": _style(
        "crop", 8, 10500, 700, 6.0, 0.6, 0.8, stiff=0.5, messy=0.2, forward=1.0, fringe=0.7,
        lock=0.6, width=0.055
    ),
    "bob": _style(
        "long", 16, 9500, 520, 20, 0.85, 1.1, messy=0.05, lift=4.0, flare=-1.0, lock=0.45,
        uneven=0.07
    ),
    "shoulder": _style(
        "long", 17, 9500, 500, 27, 0.9, 1.0, messy=0.05, lift=4.0, flare=0.4, lock=0.5, uneven=0.12
    ),
    "long": _style("long", 19, 9500, 500, 37, 0.95, 1.0, messy=0.05, lift=4.0, flare=0.3, lock=0.5),
    "wavy": _style(
        "long", 26, 7500, 440, 33, 0.95, 1.3, stiff=0.45, frizz=0.35, messy=0.08, lift=4.0,
        curl=0.6, wave=7.0, curl_phase=0.25, per_lock=16
    ),
    "curlylong": _style(
        "long", 40, 5500, 420, 27, 0.95, 1.7, stiff=0.4, clump=0.3, frizz=0.5, messy=0.12, lift=4.5,
        flare=1.5, curl=0.5, wave=3.6, curl_phase=0.2, per_lock=16
    ),
    "coilylong": _style(
        "long", 40, 6500, 480, 21, 0.95, 2.2, stiff=0.35, clump=0.25, frizz=0.6, messy=0.25,
        lift=5.5, flare=2.2, curl=0.32, wave=1.9, curl_phase=0.3, per_lock=12, width=0.055
    ),
    "locs": _style(
        "long", 18, 7000, 150, 26, 0.9, 0.9, messy=0.1, lift=4.0, flare=0.8, rope=0.27, frizz=0.12
    ),
    "boxbraids": _style(
        "long", 18, 7000, 230, 34, 0.95, 0.7, messy=0.05, lift=3.5, flare=0.5, rope=0.17, frizz=0.06
    ),
    "bun": _style(
        "bun", 14, 8500, 650, 19, 0.95, 0.35, stiff=0.6, messy=0.05, frizz=0.16, goal=(0.0, 80.5,
        -5.0)
    ),
    "topknot": _style(
        "bun", 14, 8500, 650, 19, 0.95, 0.4, stiff=0.6, messy=0.08, frizz=0.2, goal=(0.0, 86.2, 1.0)
    ),
    "chignon": _style(
        "bun", 14, 8500, 650, 19, 0.95, 0.45, stiff=0.6, messy=0.08, frizz=0.2, goal=(0.0, 71.0,
        -5.0)
    ),
    "tail": _style(
        "tail", 16, 7500, 650, 19, 0.95, 0.4, stiff=0.6, messy=0.06, frizz=0.18, goal=(0.0, 79.0,
        -5.4), tail=26.0
    ),
    "braid": _style(
        "tail", 16, 7500, 650, 19, 0.95, 0.4, stiff=0.6, messy=0.06, frizz=0.18, goal=(0.0, 72.0,
        -5.0), tail=26.0
    ),
    "braids": _style(
        "braids", 26, 5500, 550, 20, 0.95, 0.4, stiff=0.6, messy=0.05, frizz=0.18, goal=(6.6, 67.5,
        -0.5), tail=24.0
    ),
    "ring": _style("ring", 6, 5500, 400, 2.0, 0.9, 0.4, messy=0.2, forward=0.3),
    "bald": _style("none", 3, 0, 10, 0.1, 1.0, 0.0),
}
# fmt: on
# Share of each style among women and men.
WOMEN = {
    "long": 0.16,
    "wavy": 0.15,
    "curlylong": 0.07,
    "shoulder": 0.11,
    "bob": 0.11,
    "bun": 0.05,
    "topknot": 0.02,
    "chignon": 0.05,
    "tail": 0.08,
    "braids": 0.03,
    "fringe": 0.03,
    "pixie": 0.05,
    "crop": 0.02,
    "slick": 0.02,
    "afro": 0.01,
    "twa": 0.005,
    "locs": 0.005,
    "boxbraids": 0.01,
    "coilylong": 0.01,
    "buzz": 0.005,
}  # fmt: skip
MEN = {
    "crop": 0.20, "tousled": 0.10, "quiff": 0.08, "undercut": 0.05, "sidepart": 0.14, "slick": 0.07,
    "buzz": 0.11, "curlytop": 0.07, "fringe": 0.06, "ring": 0.04, "bald": 0.03, "afro": 0.01,
    "twa": 0.01, "locs": 0.005, "long": 0.02, "shoulder": 0.02, "tail": 0.01, "topknot": 0.005,
}  # fmt: skip
# Coily hair: how much likelier (or rarer) a style is.
COILY = {
    "afro": 8, "twa": 14, "buzz": 2, "curlytop": 1.5, "curlylong": 1.5, "coilylong": 10, "locs": 9,
    "boxbraids": 9, "sidepart": 0.1, "fringe": 0.05, "long": 0.25, "wavy": 0.5, "quiff": 0.1,
    "undercut": 0.2, "slick": 0.5, "tousled": 0.1, "bob": 0.4, "shoulder": 0.3, "crop": 0.3,
}  # fmt: skip
COILY_ONLY = ("afro", "twa", "coilylong", "locs", "boxbraids")
FRINGED = ("bob", "shoulder", "long", "wavy", "tail", "bun", "braids", "curlylong")


def sample_hair(identity: Identity, seed: int) -> Hair:
    """The style of one clip; deterministic in `seed`.

    Its colour, the hair line and what is lost of it belong to the identity.
    """
    r = np.random.default_rng([seed, 23])
    who = np.random.default_rng([identity.seed, 24])
    age, female = identity.shape.age, identity.shape.gender > 0.5
    shares = WOMEN if female else MEN
    names, p = list(shares), np.array(list(shares.values()))
    coily = identity.complexion.melanin > 1.1
    if coily:
        p = p * [COILY.get(n, 1.0) for n in names]
    else:
        p = p * [n not in COILY_ONLY for n in names]
    recede, widow, thin = _hair_line(who, female, age)
    if thin < 0.5:
        p = p * [{"ring": 0.0, "bald": 0.5}.get(n, 1.0) for n in names]
    elif not female:
        p = p * [{"ring": 6.0, "bald": 3.0}.get(n, 1.0) for n in names]
    if age < 0.4:  # children
        p = p * [{"bald": 0, "slick": 0.2, "undercut": 0.2, "fringe": 3}.get(n, 1) for n in names]
    if age > 0.75 and female:
        short = {"pixie": 4, "bob": 2, "crop": 4, "curlytop": 2, "long": 0.3, "braids": 0.1}
        p = p * [short.get(n, 1.0) for n in names]
    name = str(r.choice(names, p=p / p.sum()))
    h = STYLES[name]
    vary = {
        k: float(getattr(h, k) * np.exp(r.normal(0, s)))
        for k, s in (("length", 0.2), ("volume", 0.25), ("curl", 0.2), ("frizz", 0.3),
                     ("wave", 0.2), ("flare", 0.3), ("messy", 0.35), ("flyaway", 0.4))
    }  # fmt: skip
    if female and not coily and h.curl == 0 and h.kind in ("long", "tail") and r.random() < 0.4:
        vary["curl"], vary["wave"] = float(r.uniform(0.1, 0.4)), float(r.uniform(6, 11))
    fringe = 0.0
    if h.fringe > 0 or (name in FRINGED and female and r.random() < 0.3):
        fringe = float(r.uniform(0.4, 1.0))
    part = r.choice([-2.6, 0.0, 2.6], p=[0.38, 0.24, 0.38]) + r.normal(0, 0.45)
    drape = tuple(
        float(x) for x in np.clip(r.choice([-1, 0.9], 2) + r.normal(0, 0.3, 2), -1.2, 1.2)
    )
    return replace(
        h, name=name, seed=int(seed % (1 << 31)), part=float(part), thin=thin, fringe=fringe,
        line=identity.seed % (1 << 31), recede=recede, widow=widow, drape=drape, uneven=float(h.uneven * r.uniform(0.5, 1.5)), **vary,
    )  # fmt: skip


def _hair_line(r, female: bool, age: float) -> tuple[float, float, float]:
    """How far a person's hair line recedes, its peak, and how thin the hair is on top."""
    old = max(0.0, age - 0.55)
    recede = r.normal(0.0, 0.25) if female else r.normal(0.25, 0.35) + 1.6 * old
    widow, lost, thin = max(0.0, r.uniform(-0.4, 0.8)), r.random(), 0.0
    if not female and age > 0.5 and lost < 0.15 + 1.2 * old:
        thin = r.uniform(0.2, 0.95)
    elif age > 0.75 and lost < 0.4:
        thin = r.uniform(0.1, 0.4)
    return float(np.clip(recede, 0, 1.5)), float(widow), float(thin)
