"""A corpus of drawn faces in which dlib finds a face and sees how it turns and opens its mouth.

Like `heads/drawn.py`, in a moment and without the renderer, but faces enough for the metrics: at 32
px dlib finds all of them, and what it reads follows yaw with r = 0.998, the mouth with 0.92.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tests.train.heads.drawn import ACTIONS, DrawnFrame
from train.heads.params import State
from train.heads.writer import Plan, render

SIDE = 256


@dataclass(frozen=True)
class Person:
    skin: np.ndarray
    back: np.ndarray

    def parameters(self) -> dict:
        return {"skin": self.skin, "back": self.back}


class CartoonStage:
    """Features slide over an oval as the head turns; lids and jaw from the coefficients."""

    actions = ACTIONS

    def __init__(self, plan: Plan):
        self.size = plan.size

    def shot(self, identity: int, clip: int) -> Person:
        skin = np.random.default_rng([identity]).integers(110, 240, 3)
        return Person(skin, np.random.default_rng([identity, clip]).integers(0, 200, 3))

    def frame(self, person: Person, state: State) -> DrawnFrame:
        coeffs = dict(zip(ACTIONS, state.coeffs, strict=True))
        lids = 1 - 0.9 * max(coeffs["eyeBlinkLeft"], coeffs["eyeBlinkRight"])
        yaw, pitch = state.pose[:2]
        across, down = 0.7 * yaw, -1.0 * pitch
        image, landmarks = _draw(person, across, down, lids, coeffs["jawOpen"])
        small = image.filter(ImageFilter.GaussianBlur(2)).resize((self.size,) * 2, Image.BOX)
        pose = (yaw, pitch, 0.0)
        return DrawnFrame(
            np.asarray(small), landmarks * self.size / SIDE, pose, state.gaze, state.coeffs
        )


def _draw(person: Person, across: float, down: float, lids: float, jaw: float):
    """A picture of `SIDE` px and 68 landmarks, those of eyes and mouth where these are."""

    def skin(light: float) -> tuple[int, ...]:
        return tuple(int(v) for v in np.clip(person.skin * light, 0, 255))

    image = Image.new("RGB", (SIDE, SIDE), tuple(int(v) for v in person.back))
    draw = ImageDraw.Draw(image)

    def oval(x, y, w, h, fill):
        draw.ellipse((x - w, y - h, x + w, y + h), fill=fill)

    oval(128, 116, 76, 98, skin(0.25))  # hair
    oval(128, 132, 68, 92, skin(1))
    x, y = 128 + across, 112 + down
    for side in (-30, 30):
        oval(x + side, y, 22, 15, skin(0.75))
        oval(x + side, y, 17, 10 * lids + 1, (245, 245, 245))
        oval(x + side, y, 9, 10 * lids + 1, (30, 20, 20))
        draw.line((x + side - 19, y - 24, x + side + 19, y - 26), fill=skin(0.3), width=9)
    tip, base = x + 0.6 * across, y + 36
    draw.polygon(
        [(x - 5, y + 6), (x + 5, y + 6), (tip + 15, base), (tip - 15, base)], fill=skin(0.88)
    )
    draw.line((tip - 13, base, tip + 13, base), fill=skin(0.4), width=8)
    gap = 4 + 16 * jaw
    oval(x, y + 66, 26, gap, (120, 40, 40))
    oval(x, y + 66, 20, max(gap - 4, 0), (50, 10, 10))
    landmarks = np.full((68, 2), (128.0, 132.0))
    for points, place in ((slice(36, 42), (-30, 0)), (slice(42, 48), (30, 0))):
        landmarks[points] = np.add((x, y), place)
    landmarks[48:] = (x, y + 66)
    return image, landmarks


def draw_corpus(folder: Path, people: int) -> Path:
    """A corpus of `people`, each in two clips of six frames, 64 px."""
    plan = Plan(identities=people, clips=2, frames=6, size=64, stride=50)
    render(folder, plan, make_stage=CartoonStage)
    return folder
