"""What differs between two clips of one person: light, camera, backdrop, clothes."""

import colorsys

import numpy as np

from train.heads.params import RGB, Backdrop, Conditions, Identity, Lamp, Lobe
from train.heads.wear import sample_wear

# Share of each kind of light, and the backdrops that go with it.
LIGHTS = {
    "indoor": 0.27,
    "window": 0.13,
    "studio": 0.16,
    "sun": 0.09,
    "overcast": 0.11,
    "backlit": 0.06,
    "coloured": 0.07,
    "low key": 0.05,
    "flash": 0.06,
}
INDOORS = {
    "room": 0.34, "shelves": 0.16, "window": 0.12, "wall": 0.22, "plain": 0.08, "bokeh": 0.08
}  # fmt: skip
OUTDOORS = {"outdoor": 0.34, "foliage": 0.22, "city": 0.22, "bokeh": 0.12, "wall": 0.10}
SET = {"studio": 0.45, "canvas": 0.25, "plain": 0.30}
DARK = {"bokeh": 0.35, "studio": 0.25, "canvas": 0.15, "room": 0.15, "plain": 0.10}
BACKDROPS = {
    "indoor": INDOORS,
    "window": INDOORS,
    "studio": SET,
    "sun": OUTDOORS,
    "overcast": OUTDOORS,
    "backlit": {"outdoor": 0.3, "foliage": 0.2, "window": 0.3, "bokeh": 0.2},
    "coloured": DARK,
    "low key": DARK,
    "flash": INDOORS | DARK,
}


def sample_conditions(identity: Identity, seed: int) -> Conditions:
    """Light, camera, backdrop and clothes of one clip; deterministic in `seed`."""
    r = np.random.default_rng([seed, 37])
    light = _choose(r, LIGHTS)
    key, rim, top, bottom, lobes = _LIGHT[light](r)
    near = r.random() < 0.15  # a phone at arm's length, else a portrait lens
    return Conditions(
        seed=seed,
        key=key,
        rim=rim,
        sky_top=top,
        sky_bottom=bottom,
        lobes=tuple(lobes),
        backdrop=_backdrop(r, light),
        wear=sample_wear(identity, np.random.default_rng([seed, 41])),
        distance=float(r.uniform(60, 80) if near else np.exp(r.uniform(np.log(80), np.log(200)))),
        exposure=float(np.clip(np.exp(r.normal(0, 0.12)), 0.72, 1.35)),
        grain=float(r.uniform(0.003, 0.009) if r.random() < 0.7 else r.uniform(0.009, 0.018)),
        blur=float(r.uniform(0.2, 0.55)),
    )


def _choose(r, shares: dict[str, float]) -> str:
    p = np.array(list(shares.values()))
    return str(r.choice(list(shares), p=p / p.sum()))


def _warm(k: float, power: float = 1.0) -> RGB:
    """A white, warmer (k > 0) or cooler than daylight."""
    return tuple(float(max(0.0, c * power)) for c in (1 + 0.28 * k, 1.0, 1 - 0.33 * k))


def _hue(r, saturation: float, power: float) -> RGB:
    return tuple(float(c * power) for c in colorsys.hsv_to_rgb(r.uniform(), saturation, 1.0))


def _side(r, low: float, high: float) -> float:
    return float(r.choice([-1, 1]) * r.uniform(low, high))


def _lamp(r, azimuth, elevation, power, rgb, soft) -> Lamp:
    return Lamp(float(azimuth), float(elevation), float(power), rgb, float(soft))


def _no_rim(r) -> Lamp:
    """Half of all clips have a weak light from behind."""
    power = r.uniform(0.1, 0.9) if r.random() < 0.4 else 0.0
    return _lamp(r, _side(r, 115, 160), r.uniform(5, 50), power, _warm(r.normal(0, 0.5)), 0.5)


def _lobes(r, count, power, kappa, warmth=0.35) -> list[Lobe]:
    return [
        Lobe(
            float(r.uniform(-120, 120)),
            float(r.uniform(-10, 70)),
            float(r.uniform(*power)),
            float(r.uniform(*kappa)),
            _warm(r.normal(0.1, warmth)),
        )
        for _ in range(count)
    ]


def _indoor(r):
    warm = r.normal(0.25, 0.25)
    key = _lamp(
        r,
        r.uniform(-46, 46),
        r.uniform(15, 62),
        r.uniform(0.5, 1.5),
        _warm(warm),
        r.uniform(0.5, 1),
    )
    lobes = _lobes(r, r.integers(1, 4), (0.3, 1.1), (3, 14))
    top = _warm(warm + r.normal(0, 0.1), r.uniform(0.5, 0.9))
    return key, _no_rim(r), top, _warm(warm + 0.1, r.uniform(0.15, 0.4)), lobes


def _window(r):
    side = _side(r, 30, 60)  # a head turned away adds its yaw: beyond 100 half a face is black
    cool = r.normal(-0.1, 0.2)
    key = _lamp(r, side, r.uniform(5, 35), r.uniform(0.9, 1.8), _warm(cool), r.uniform(0.75, 1))
    pane = Lobe(
        side, float(r.uniform(0, 25)), float(r.uniform(1, 2)), float(r.uniform(3, 7)), _warm(cool)
    )
    warm = r.normal(0.25, 0.15)
    wall = Lobe(-side, float(r.uniform(0, 30)), float(r.uniform(0.1, 0.4)), 2.5, _warm(warm))
    room = _warm(warm, r.uniform(0.25, 0.5))
    return key, _no_rim(r), room, _warm(0.3, r.uniform(0.15, 0.3)), [pane, wall]


def _studio(r):
    side = _side(r, 20, 55)
    white = r.normal(0, 0.08)
    key = _lamp(r, side, r.uniform(20, 50), r.uniform(1.0, 1.8), _warm(white), r.uniform(0.4, 0.95))
    fill = Lobe(-side, float(r.uniform(-5, 25)), float(r.uniform(0.3, 1)), 6.0, _warm(white))
    rim = _lamp(r, -side * 3.2, r.uniform(15, 50), r.uniform(0.2, 1.4), _warm(white), 0.4)
    return key, rim, _warm(white, r.uniform(0.3, 0.7)), _warm(white, r.uniform(0.1, 0.4)), [fill]


def _sun(r):
    key = _lamp(
        r, r.uniform(-60, 60), r.uniform(20, 65), r.uniform(1.7, 2.6), _warm(r.uniform(0, 0.6)),
        r.uniform(0.05, 0.25),
    )  # fmt: skip
    sky = _warm(r.uniform(-0.8, -0.3), r.uniform(0.45, 0.8))
    ground = _warm(r.normal(0.3, 0.3), r.uniform(0.25, 0.5))  # sunlit ground lights from below
    return key, _no_rim(r), sky, ground, _lobes(r, 1, (0.2, 0.6), (3, 6))


def _overcast(r):
    cool = r.normal(-0.15, 0.15)
    key = _lamp(r, r.uniform(-40, 40), r.uniform(40, 75), r.uniform(0.2, 0.6), _warm(cool), 1.0)
    lobes = _lobes(r, 1, (0.2, 0.5), (2, 4), 0.1)
    return key, _no_rim(r), _warm(cool, r.uniform(0.8, 1.1)), _warm(0.1, r.uniform(0.2, 0.4)), lobes


def _backlit(r):
    warm = r.uniform(0, 0.8)
    key = _lamp(r, r.uniform(-50, 50), r.uniform(10, 50), r.uniform(0.3, 0.7), _warm(0), 0.9)
    rim = _lamp(r, _side(r, 130, 170), r.uniform(10, 45), r.uniform(1.5, 3), _warm(warm), 0.2)
    return key, rim, _warm(warm / 2, r.uniform(0.5, 0.9)), _warm(0.2, r.uniform(0.2, 0.4)), []


def _coloured(r):
    a = _side(r, 40, 100)
    strong = r.uniform(0.35, 0.85)
    key = _lamp(
        r, r.uniform(-40, 40), r.uniform(5, 45), r.uniform(0.5, 1.2), _hue(r, strong * 0.5, 1), 0.7
    )
    lobes = [
        Lobe(s * a, float(r.uniform(-10, 40)), float(r.uniform(0.7, 1.6)), 5.0, _hue(r, strong, 1))
        for s in (1, -1)
    ]
    rim = _lamp(
        r, -np.sign(a) * r.uniform(115, 150), 20, r.uniform(0.5, 1.8), _hue(r, strong, 1), 0.4
    )
    return key, rim, _hue(r, 0.3, r.uniform(0.2, 0.5)), _hue(r, 0.3, r.uniform(0.1, 0.25)), lobes


def _low_key(r):
    warm = r.normal(0.3, 0.3)
    key = _lamp(
        r,
        _side(r, 20, 52),
        r.uniform(10, 45),
        r.uniform(1.3, 2.0),
        _warm(warm),
        r.uniform(0.2, 0.8),
    )
    return key, _no_rim(r), _warm(0, r.uniform(0.16, 0.25)), _warm(0.2, r.uniform(0.07, 0.14)), []


def _flash(r):
    key = _lamp(
        r, r.uniform(-8, 8), r.uniform(2, 15), r.uniform(1.5, 2.2), _warm(r.normal(-0.05, 0.1)),
        r.uniform(0.02, 0.2),
    )  # fmt: skip
    warm = r.normal(0.3, 0.2)
    rim = _lamp(r, 130, 20, 0.0, _warm(0), 0.5)
    return key, rim, _warm(warm, r.uniform(0.2, 0.45)), _warm(warm, r.uniform(0.08, 0.2)), []


_LIGHT = {
    "indoor": _indoor, "window": _window, "studio": _studio, "sun": _sun, "overcast": _overcast,
    "backlit": _backlit, "coloured": _coloured, "low key": _low_key, "flash": _flash,
}  # fmt: skip


def _backdrop(r, light: str) -> Backdrop:
    kind = _choose(r, BACKDROPS[light])
    # Walls and cloths are cream, blue-grey or green more often than any other hue.
    hue = r.choice([0.09, 0.58, 0.33, r.uniform()], p=[0.38, 0.27, 0.13, 0.22])
    bright = {"low key": (0.04, 0.25), "coloured": (0.06, 0.4), "flash": (0.1, 0.6)}
    bright |= {"backlit": (0.5, 1.0), "sun": (0.4, 0.95), "overcast": (0.35, 0.9)}
    sharp = kind in ("wall", "canvas", "plain", "studio")
    return Backdrop(
        kind=kind,
        seed=int(r.integers(1 << 30)),
        hue=float((hue + r.normal(0, 0.04)) % 1),
        saturation=float(r.beta(1.3, 3.0) * 0.7),
        value=float(r.uniform(*bright.get(light, (0.15, 0.9)))),
        blur=float(r.uniform(0.5, 4) if sharp else np.exp(r.uniform(np.log(1.5), np.log(11)))),
    )
