"""What the tabs ask of the model, one call each: all that touches the accelerator is here."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import numpy as np
from PIL import Image

from stylexfer.faces.align import ffhq_quad
from stylexfer.faces.detect import find_face, without_others
from stylexfer.layouts import FACE, mark_of
from stylexfer.marks import Mark
from stylexfer.media import ClipInfo, read_frames
from stylexfer.steps import Driven, Held, drive_step
from stylexfer.transfer import Animated, FaceTransfer, Identity
from stylexfer.tuning import SECONDS, Step, seconds_needed

# Seconds for which a shared accelerator (ZeroGPU) is asked; small, because a visitor's daily
# quota is checked against them before the work starts.
_SHORT = 10
_FRAMES_A_SECOND = 20
_TUNING = 20  # for faithful identity
_QUICK = 10.0  # seconds: if it takes less, it is on at first

_CHUNK = 8  # frames that cross from the accelerator's process at once

# A driver's picture is cut down to its face and surroundings: this wide, in face squares, and at
# most this many pixels, in which the tracker finds any face that the detector found.
_SURROUNDINGS = 1.6
_FRAME_SIDE = 640


@dataclass(frozen=True)
class Motion:
    """How a clip drives: see `FaceTransfer.animate`."""

    pose: float
    expression: float
    relative: bool
    steadiness: float
    best_start: bool = False

    def settings(self) -> dict[str, float | bool]:
        """As `FaceTransfer.animate` takes them."""
        return dict(vars(self))


def _alone(function: Callable, seconds: int | Callable) -> Callable:
    """No shared accelerator: the function as it is."""
    return function


def shared_gpu() -> bool:
    """ZeroGPU: lent for a call, out of the visitor's daily quota."""
    return bool(os.environ.get("SPACES_ZERO_GPU"))


def _tunes_quickly(model: FaceTransfer) -> bool:
    """Tried out on a GPU of the page's own; a CPU takes half a minute by plan."""
    if model.device.type == "cpu" or shared_gpu():
        return False
    return 0 < seconds_needed(model) < _QUICK


def driver_frame(picture: np.ndarray, which: int | None = None) -> np.ndarray:
    """The surroundings of the one face in a driver's picture, uint8 `[H, W, 3]`; of several, of the
    one at position `which` of `find_faces`.

    NoFaceFound, TooManyFaces: the same messages as for a portrait.
    """
    quad = ffhq_quad(find_face(picture, which).landmarks)
    if which is not None:
        picture = without_others(picture, which)
    centre = quad.mean(axis=0)
    reach = _SURROUNDINGS / 2 * np.hypot(*(quad[3] - quad[0]))
    low = np.clip(centre - reach, 0, None).astype(int)
    high = np.ceil(centre + reach).astype(int)
    around = Image.fromarray(picture[low[1] : high[1], low[0] : high[0]])
    around.thumbnail((_FRAME_SIDE, _FRAME_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(around)


class Engine:
    """The model behind the page. Holds nothing of a visitor.

    on_gpu(function, seconds): wraps a function that needs the accelerator where it is shared
    (`spaces.GPU`); `seconds` is a number, or a function of the same arguments.
    """

    def __init__(self, model: FaceTransfer, on_gpu: Callable[..., Callable] = _alone):
        self.model, self.on_gpu = model, on_gpu
        self.size = model.size
        self.info = model.pack.info
        self.method = model.method
        self.identify: Callable[[np.ndarray], Identity] = on_gpu(model.identify, _SHORT)
        self.random_identity: Callable[[int, float], Identity] = on_gpu(
            model.random_identity, _SHORT
        )
        self.mixed_identity: Callable[[list[tuple]], Identity] = on_gpu(
            model.mixed_identity, _SHORT
        )
        self.tuning_steps = model.tuning_steps
        self.tuning_is_quick = _tunes_quickly(model)
        self.tune: Callable[[Identity], Iterator[Step]] = on_gpu(self._tune, _TUNING)
        self.drive_picture = on_gpu(self._drive_picture, _SHORT)
        self._drive_chunks_on_gpu = on_gpu(self._drive_chunks, self._clip_seconds)

    def mark(self, label: bool = True, layout: str = FACE) -> Mark:
        """Of what this model makes; see `mark_of`."""
        return mark_of(layout, label, self.info.get("name"))

    def _tune(self, identity: Identity) -> Iterator[Step]:
        yield from self.model.tune(identity, _TUNING - 5 if shared_gpu() else SECONDS)

    def _drive_picture(
        self,
        identity: Identity,
        frame: np.ndarray,
        pose: float,
        expression: float,
        held: Held | None = None,
    ) -> Driven:
        """One picture in, as `driver_frame` cuts it; one result out. held: see `drive_step`."""
        return drive_step(self.model, identity, frame, pose, expression, held)

    def _clip_seconds(self, identity: Identity, path: str, info: ClipInfo, motion: Motion) -> int:
        return _SHORT + round(info.frames / _FRAMES_A_SECOND)

    def _drive_chunks(
        self, identity: Identity, path: str, info: ClipInfo, motion: Motion
    ) -> Iterator[list[Animated]]:
        animated = self.model.animate(
            identity,
            read_frames(path, info),
            fps=float(info.fps),
            **motion.settings(),
        )
        with closing(animated):
            while chunk := list(islice(animated, _CHUNK)):
                yield chunk

    def drive_clip(
        self, identity: Identity, path: str, info: ClipInfo, motion: Motion
    ) -> Iterator[Animated]:
        """One result a frame of the clip at `path`, in order. Close it to stop early."""
        with closing(self._drive_chunks_on_gpu(identity, path, info, motion)) as chunks:
            for chunk in chunks:
                yield from chunk
