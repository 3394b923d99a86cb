"""What a driver's frames show of the face: found, followed and cut out for the motion encoder."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from stylexfer.errors import NoFaceFound
from stylexfer.faces.align import align, crop_quad, ffhq_quad
from stylexfer.faces.detect import first_face
from stylexfer.faces.track import FaceTracker
from stylexfer.tensors import resized

FFHQ_SIDE = 1024  # at which FFHQ and the paper's code align


@dataclass(frozen=True)
class View:
    """The driver's face in one frame.

    `crop`: uint8 `[S, S, 3]`, aligned. `quad`: `[4, 2]`, its corners in the frame, in the order of
    `ffhq_quad`. `restarted`: it was not followed from the frame before, so it may be another's: the
    first face of the clip, the first after a cut, or one found elsewhere after the last was lost.
    """

    crop: np.ndarray
    quad: np.ndarray
    restarted: bool


@dataclass(frozen=True)
class Animated:
    """One frame: the result, uint8 `[size, size, 3]`, and the driver's face that it follows (None:
    the frame shows none, and the last motion is held)."""

    image: np.ndarray
    view: View | None

    @property
    def face(self) -> bool:
        """Whether the driver's frame shows a face."""
        return self.view is not None

    @property
    def driving(self) -> np.ndarray | None:
        """The driver's aligned crop."""
        return self.view and self.view.crop


def followed_views(
    frames: Iterable[np.ndarray], side: int, fps: float, steadiness: float
) -> Iterator[View | None]:
    """One face followed through the frames, uint8 `[H, W, 3]`; None for a frame without one.

    side: of the crops, in pixels; fps and steadiness: see `FaceTracker`.
    """
    tracker = FaceTracker(fps=fps, steadiness=steadiness)
    for frame in frames:
        face = tracker.update(frame)
        if face is None:
            yield None
            continue
        quad = ffhq_quad(face.landmarks)
        yield View(crop_quad(frame, quad, side), quad, face.restarted)


def faithful_views(frames: Iterable[np.ndarray], side: int) -> Iterator[View | None]:
    """Each frame by itself, as the released code cuts out a driver: the first face that dlib finds,
    FFHQ's alignment, then PIL's bilinear filter."""
    for frame in frames:
        try:
            landmarks = first_face(frame).landmarks
        except NoFaceFound:
            yield None
            continue
        crop = align(frame, landmarks, FFHQ_SIDE, 4 * FFHQ_SIDE)
        yield View(resized(crop, side), ffhq_quad(landmarks), False)


def spread(crops: list[np.ndarray], count: int) -> list[np.ndarray]:
    """At most `count` of the crops, evenly spread from the first to the last."""
    places = np.linspace(0, len(crops) - 1, min(count, len(crops))).round().astype(int)
    return [crops[k] for k in places]
