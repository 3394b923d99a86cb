"""A stage that draws a face of a few ellipses: what writes and reads a corpus, without the renderer."""

import time
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from train.heads.expressions import EXPRESSIONS, VISEMES
from train.heads.params import State
from train.heads.writer import Plan

ACTIONS = sorted(
    {a for shapes in (EXPRESSIONS, VISEMES) for shape in shapes.values() for a in shape}
    | {f"eyeLook{d}{s}" for d in ("In", "Out", "Up", "Down") for s in ("Left", "Right")}
    | {"cheekSquintLeft", "cheekSquintRight", "jawForward", "jawRight", "mouthClose"}
    | {"mouthDimpleRight", "mouthPressRight", "mouthRight"}
)


@dataclass(frozen=True)
class DrawnFrame:
    image: np.ndarray
    landmarks: np.ndarray
    pose: tuple
    gaze: tuple
    coeffs: np.ndarray


@dataclass(frozen=True)
class DrawnShot:
    colours: np.ndarray

    def parameters(self) -> dict:
        return {"colours": self.colours}


class DrawnStage:
    """Colours from the seeds, place from the pose, mouth from jawOpen; `pause` seconds a frame."""

    actions = ACTIONS
    pause = 0.0

    def __init__(self, plan: Plan):
        self.size = plan.size

    def shot(self, identity: int, clip: int) -> DrawnShot:
        skin = np.random.default_rng([identity]).integers(60, 255, 3)
        back = np.random.default_rng([identity, clip]).integers(0, 200, 3)
        return DrawnShot(np.concatenate([skin, back]))

    def frame(self, shot: DrawnShot, state: State) -> DrawnFrame:
        time.sleep(self.pause)
        s = self.size / 256
        x, y = 128 + 2 * state.pose[0], 128 - 2 * state.pose[1]
        opened = 5 + 30 * state.coeffs[ACTIONS.index("jawOpen")]
        skin, back = (tuple(int(v) for v in part) for part in np.split(shot.colours, 2))
        image = Image.new("RGB", (self.size, self.size), back)
        draw = ImageDraw.Draw(image)
        draw.ellipse([s * v for v in (x - 60, y - 80, x + 60, y + 80)], fill=skin)
        draw.ellipse([s * v for v in (x - 20, y + 40, x + 20, y + 40 + opened)], fill=(90, 0, 0))
        around = np.linspace(0, 2 * np.pi, 68, endpoint=False)
        ring = np.stack([x + 60 * np.cos(around), y + 80 * np.sin(around)], axis=1) * s
        return DrawnFrame(
            np.asarray(image), ring.astype(np.float32), state.pose, state.gaze, state.coeffs
        )


class SlowStage(DrawnStage):
    """Slow enough to be killed in the middle."""

    pause = 0.05


class FailingStage(DrawnStage):
    """One person cannot be drawn."""

    def shot(self, identity: int, clip: int) -> DrawnShot:
        if identity == 2:
            raise ZeroDivisionError("a degenerate triangle")
        return super().shot(identity, clip)
