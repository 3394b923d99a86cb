"""Whether a found face will do, before anything is computed with it."""

from enum import Enum, auto

import numpy as np
from PIL import Image

from stylexfer.faces.detect import FIRST_LOOK, Face, detect_boxes

# Judged on the repository's examples, photographs and paintings, none of which is doubtful, and on
# copies of them that were blurred, darkened, scaled down and cut.
_SMALL = 64  # pixels: the encoders look at squares of 256, twice as wide as the face
_ASIDE = 0.3  # the nose's place between the ears, 0.5 in front: the examples reach 0.27
_OUTSIDE = 0.08  # of the box's side
_POINTS_OUTSIDE = 2
_SIDE = 128  # pixels to which a face is scaled before detail and light are looked at
_FINE, _COARSE = 64, 16  # and at which its detail is compared
_DETAIL = 0.18  # fine of coarse detail: examples 0.3 to 0.8, blurred by a fiftieth of the side 0.17
_LIT = 60.0  # grey level which a tenth of the face should pass


class Doubt(Enum):
    """What makes for a poor result; none of these forbids to try."""

    SMALL = auto()
    TURNED = auto()
    CUT_OFF = auto()
    BLURRED = auto()
    DARK = auto()


def _aside(landmarks: np.ndarray) -> float:
    """How far the tip of the nose is from the middle between the ears: 0 from the front, 0.5 from
    the side."""
    points = landmarks.astype(np.float64)
    across = points[42:48].mean(axis=0) - points[36:42].mean(axis=0)
    left, nose, right = points[[0, 30, 16]] @ across
    return abs((nose - left) / (right - left or 1.0) - 0.5)


def _cut_off(picture: np.ndarray, face: Face) -> bool:
    height, width = picture.shape[:2]
    left, top, right, bottom = face.box
    beyond = max(-left, -top, right - width, bottom - height) / face.side
    outside = ((face.landmarks < 0) | (face.landmarks >= (width, height))).any(axis=1)
    return beyond > _OUTSIDE or outside.sum() >= _POINTS_OUTSIDE


def _grey(picture: np.ndarray, face: Face) -> np.ndarray:
    """The face within its box, float64 `[_SIDE, _SIDE]`."""
    height, width = picture.shape[:2]
    left, top = (max(0, edge) for edge in face.box[:2])
    right, bottom = max(left + 1, min(width, face.box[2])), max(top + 1, min(height, face.box[3]))
    square = Image.fromarray(picture[top:bottom, left:right]).convert("L")
    return np.asarray(square.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS), np.float64)


def _detail(grey: np.ndarray, side: int) -> float:
    """What is left at `side` pixels that is lost at half of them, in grey levels."""
    here = Image.fromarray(grey.astype(np.float32)).resize((side, side), Image.Resampling.BOX)
    half = here.resize((side // 2, side // 2), Image.Resampling.BOX)
    lost = np.asarray(here) - np.asarray(half.resize((side, side), Image.Resampling.BICUBIC))
    return float(lost.std())


def doubts(picture: np.ndarray, face: Face) -> list[Doubt]:
    """What speaks against a face of `find_faces`, for the picture uint8 `[H, W, 3]` it is in."""
    grey = _grey(picture, face)
    found = {
        Doubt.SMALL: face.side < _SMALL,
        Doubt.TURNED: _aside(face.landmarks) > _ASIDE,
        Doubt.CUT_OFF: _cut_off(picture, face),
        Doubt.BLURRED: _detail(grey, _FINE) < _DETAIL * _detail(grey, _COARSE),
        Doubt.DARK: np.percentile(grey, 90) < _LIT,
    }
    return [doubt for doubt, there in found.items() if there]


def lies_aside(picture: np.ndarray) -> bool:
    """Whether a picture without a face, uint8 `[H, W, 3]`, shows one when it is turned."""
    side = min(max(picture.shape[:2]), FIRST_LOOK)
    return any(detect_boxes(np.rot90(picture, turns), side) for turns in (1, 2, 3))
