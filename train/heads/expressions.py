"""Named expressions and mouth shapes as weights of the 52 actions (ARKit names)."""

from collections.abc import Mapping, Sequence

import numpy as np


def _both(values: Mapping[str, float]) -> dict[str, float]:
    """`x*` stands for `xLeft` and `xRight`."""
    out = {}
    for name, value in values.items():
        if name.endswith("*"):
            out[name[:-1] + "Left"] = out[name[:-1] + "Right"] = value
        else:
            out[name] = value
    return out


EXPRESSIONS: dict[str, dict[str, float]] = {
    name: _both(values)
    for name, values in {
        "neutral": {},
        "smile": {"mouthSmile*": 0.65, "cheekSquint*": 0.35, "eyeSquint*": 0.2},
        "grin": {
            "mouthSmile*": 0.85, "mouthUpperUp*": 0.95, "mouthLowerDown*": 0.75, "jawOpen": 0.08,
            "cheekSquint*": 0.6, "eyeSquint*": 0.35,
        },
        "laugh": {
            "mouthSmile*": 0.85, "jawOpen": 0.4, "mouthUpperUp*": 0.9, "mouthLowerDown*": 0.4,
            "cheekSquint*": 0.7, "eyeSquint*": 0.5, "browInnerUp": 0.2,
        },
        "surprise": {
            "browInnerUp": 0.8, "browOuterUp*": 0.8, "eyeWide*": 0.8, "jawOpen": 0.4,
            "mouthFunnel": 0.3,
        },
        "anger": {
            "browDown*": 0.9, "eyeSquint*": 0.35, "noseSneer*": 0.5, "mouthPress*": 0.6,
            "mouthFrown*": 0.3,
        },
        "sad": {
            "browInnerUp": 0.9, "mouthFrown*": 0.7, "mouthShrugLower": 0.4, "eyeSquint*": 0.2,
        },
        "disgust": {
            "noseSneer*": 0.9, "mouthUpperUp*": 0.5, "browDown*": 0.4, "mouthFrown*": 0.3,
        },
        "fear": {"browInnerUp": 0.8, "eyeWide*": 0.8, "mouthStretch*": 0.6, "jawOpen": 0.15},
        "pucker": {"mouthPucker": 0.9, "mouthFunnel": 0.2},
        "funnel": {"mouthFunnel": 0.9, "jawOpen": 0.2},
        "eyes closed": {"eyeBlink*": 1.0},
        "half closed": {"eyeBlink*": 0.5},
        "wink left": {
            "eyeBlinkLeft": 1.0, "cheekSquintLeft": 0.5, "mouthSmileLeft": 0.4, "browDownLeft": 0.2,
        },
        "wink right": {
            "eyeBlinkRight": 1.0, "cheekSquintRight": 0.5, "mouthSmileRight": 0.4,
            "browDownRight": 0.2,
        },
        "open wide": {"jawOpen": 0.95, "browInnerUp": 0.15, "eyeWide*": 0.2},
        "tongue": {"tongueOut": 1.0, "jawOpen": 0.45},
        "puff": {"cheekPuff": 0.8, "mouthPress*": 0.3},
        "lips in": {"mouthRollLower": 0.6, "mouthRollUpper": 0.5},
        "smirk": {"mouthSmileLeft": 0.75, "mouthDimpleLeft": 0.4, "browOuterUpLeft": 0.3},
        "doubt": {
            "browDownLeft": 0.5, "browOuterUpRight": 0.8, "mouthPressLeft": 0.3, "mouthLeft": 0.35,
        },
        "shrug": {"mouthShrugLower": 0.7, "mouthShrugUpper": 0.5, "browInnerUp": 0.3},
        "jaw aside": {"jawLeft": 0.8, "jawOpen": 0.15},
    }.items()
}  # fmt: skip

# Mouth shapes of speech, by the sound that makes them.
VISEMES: dict[str, dict[str, float]] = {
    name: _both(values)
    for name, values in {
        "rest": {},
        "a": {"jawOpen": 0.42, "mouthLowerDown*": 0.12},
        "ae": {"jawOpen": 0.34, "mouthStretch*": 0.25, "mouthUpperUp*": 0.15},
        "e": {"jawOpen": 0.2, "mouthUpperUp*": 0.2, "mouthLowerDown*": 0.35},
        "i": {"jawOpen": 0.12, "mouthStretch*": 0.45, "mouthLowerDown*": 0.3},
        "o": {"jawOpen": 0.28, "mouthFunnel": 0.55},
        "u": {"mouthPucker": 0.7, "jawOpen": 0.1},
        "w": {"mouthPucker": 0.8, "mouthFunnel": 0.15, "jawOpen": 0.04},
        "m": {"mouthPress*": 0.4, "mouthRollLower": 0.25, "mouthRollUpper": 0.2},
        "f": {"mouthRollLower": 0.5, "mouthUpperUp*": 0.25, "jawOpen": 0.05},
        "s": {
            "mouthStretch*": 0.25, "mouthLowerDown*": 0.35, "mouthUpperUp*": 0.15, "jawOpen": 0.04,
        },
        "sh": {"mouthFunnel": 0.5, "mouthLowerDown*": 0.3, "mouthShrugUpper": 0.2, "jawOpen": 0.07},
        "t": {"jawOpen": 0.1, "mouthLowerDown*": 0.25, "mouthUpperUp*": 0.1},
        "th": {"jawOpen": 0.14, "mouthLowerDown*": 0.25, "tongueOut": 0.12},
        "l": {"jawOpen": 0.2, "mouthLowerDown*": 0.2},
        "k": {"jawOpen": 0.16, "mouthLowerDown*": 0.15},
        "r": {"mouthFunnel": 0.35, "mouthPucker": 0.2, "jawOpen": 0.12},
    }.items()
}  # fmt: skip


def vector(actions: Sequence[str], values: Mapping[str, float]) -> np.ndarray:
    """Weights by name -> coefficients `[52]` float32 in the order of `actions`."""
    out = np.zeros(len(actions), np.float32)
    for name, value in values.items():
        out[list(actions).index(name)] = value
    return out


def mirror_order(actions: Sequence[str]) -> np.ndarray:
    """`coeffs[..., mirror_order(actions)]` is the same face seen in a mirror. `[52]` int."""
    swap = {"Left": "Right", "Right": "Left"}
    twins = [
        next((a.removesuffix(s) + t for s, t in swap.items() if a.endswith(s)), a) for a in actions
    ]
    return np.array([list(actions).index(twin) for twin in twins])


def look(actions: Sequence[str], coeffs: np.ndarray, gaze: np.ndarray) -> np.ndarray:
    """`coeffs` `[..., 52]` with the eyeLook* that `gaze` `[..., 2]` (degrees) means.

    A full action is 35 degrees to the side, 28 up or down.
    """
    coeffs = coeffs.copy()
    side, up = gaze[..., 0] / 35.0, gaze[..., 1] / 28.0
    for eye, out in (("Left", side), ("Right", -side)):
        for name, value in (("Out", out), ("In", -out), ("Up", up), ("Down", -up)):
            coeffs[..., list(actions).index(f"eyeLook{name}{eye}")] = np.clip(value, 0, 1)
    return coeffs


def plausible(actions: Sequence[str], coeffs: np.ndarray) -> np.ndarray:
    """Coefficients `[..., 52]` in [0, 1] of a face that can be made.

    Opposites cancel, lids that close are not wide open, and an action that has no meaning without
    another (lips closed over an open jaw, the tongue between open teeth) gets it or fades.
    """
    coeffs = np.clip(coeffs, 0, 1).astype(np.float32)
    place = {name: i for i, name in enumerate(actions)}

    def column(name):
        return coeffs[..., place[name]]

    for a, b in (("jawLeft", "jawRight"), ("mouthLeft", "mouthRight")):
        common = np.minimum(column(a), column(b))
        coeffs[..., place[a]] -= common
        coeffs[..., place[b]] -= common
    for side in ("Left", "Right"):
        coeffs[..., place["eyeWide" + side]] *= 1 - column("eyeBlink" + side)
    # room for the tongue, and for lips that meet over an open jaw
    coeffs[..., place["jawOpen"]] = np.maximum.reduce(
        [column("jawOpen"), 0.4 * column("tongueOut")]
    )
    coeffs[..., place["mouthClose"]] = np.minimum.reduce(
        [column("mouthClose"), column("jawOpen"), np.full_like(column("jawOpen"), 0.4)]
    )
    tight = 1 - np.clip((column("jawOpen") - 0.15) / 0.3, 0, 1)
    for name in ("cheekPuff", "mouthPressLeft", "mouthPressRight"):
        coeffs[..., place[name]] *= tight
    return coeffs
