"""One visitor's live run: what was chosen, where the face is, and the pictures of late."""

import io
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from stylexfer.errors import StylexferError, TooLarge, UnreadableMedia
from stylexfer.faces.align import crop_quad, ffhq_quad
from stylexfer.faces.track import FaceTracker
from stylexfer.marks import Mark
from stylexfer.marks.watermark import Watermark
from stylexfer.media import VideoWriter
from stylexfer.networks import FastGenerator
from stylexfer.transfer import FaceTransfer, Identity
from stylexfer.ui import texts

RECENT = 10  # seconds of pictures that a visitor can save
MAX_FRAME_BYTES = 256 * 2**10
MAX_FRAME_PIXELS = 1280 * 960

_RATE = 20.0  # frames a second that the tracker reckons with
_CLIP_RATE = 25  # frames a second of a saved clip


class LiveRefused(StylexferError):
    """A live run that can't begin or go on; the message says why."""


@dataclass(frozen=True)
class LiveSettings:
    """What a visitor may change while the run goes on: see `FaceTransfer.animate`."""

    pose: float = 1.0
    expression: float = 1.0
    relative: bool = False
    steadiness: float = 0.5

    @classmethod
    def of(cls, said: dict) -> "LiveSettings":
        """From what a browser said; LiveRefused for anything that is no such setting."""
        limits = {"pose": 1.5, "expression": 1.5, "steadiness": 1.0}
        values = {name: said.get(name) for name in limits}
        fine = all(
            isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= limits[name]
            for name, value in values.items()
        )
        if not fine or not isinstance(said.get("relative"), bool):
            raise LiveRefused(texts.LIVE_GARBLED)
        return cls(relative=said["relative"], **values)


@dataclass(frozen=True)
class LivePicture:
    """What a run hands to its visitor: the number of the frame that it answers, whether that frame
    showed a face (if not, the last motion is held), milliseconds it took here, and a JPEG."""

    number: int
    face: bool
    spent: float
    jpeg: bytes


def opened_frame(jpeg: bytes) -> np.ndarray:
    """A camera frame, uint8 `[H, W, 3]`. Size is checked before anything is decoded.

    TooLarge, UnreadableMedia.
    """
    if len(jpeg) > MAX_FRAME_BYTES:
        raise TooLarge(texts.LIVE_TOO_LARGE)
    try:
        with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as picture:
            if picture.width * picture.height > MAX_FRAME_PIXELS:
                raise TooLarge(texts.LIVE_TOO_LARGE)
            return np.asarray(picture.convert("RGB"))
    except TooLarge:
        raise
    except Exception as error:  # a hostile file can make a parser fail in any way
        raise UnreadableMedia(texts.LIVE_GARBLED) from error


class LiveRun:
    """All that is known of one visitor's run; it ends with the connection.

    The connection sets `settings` and `neutral_wanted`; all else is `Live`'s.

    deliver(picture): called in one of `Live`'s threads for each picture, and at the end with the
    error that ended the run, if one did.
    """

    def __init__(
        self,
        model: FaceTransfer,
        identity: Identity,
        deliver: Callable[[LivePicture | Exception], None],
    ):
        self.deliver = deliver
        self.settings = LiveSettings()
        self.ended = False
        self.neutral_wanted = False  # the next face becomes the origin of relative motion
        self.frame: tuple[int, float, bytes] | None = None  # number, when it came, JPEG
        self.crop: tuple[int, float, np.ndarray | None] | None = None
        self._own: torch.Tensor | None = None  # the origin of absolute motion
        self.identity = identity
        self.rest: torch.Tensor | None = None  # its code, once the network thread has made it,
        self.generator: FastGenerator | None = None  # and what draws it, if it is tuned
        self._neutral: torch.Tensor | None = None  # that of relative motion
        self._tracker = FaceTracker(fps=_RATE, steadiness=self.settings.steadiness)
        self._steadiness = self.settings.steadiness
        self._side = model.view_side
        self.watermark: Watermark | None = None  # for the pictures of this run
        self.last: bytes | None = None  # the picture that is held while no face is seen
        self._recent: deque[tuple[float, bytes]] = deque()  # when, JPEG; the last RECENT seconds

    def look(self, jpeg: bytes) -> np.ndarray | None:
        """The aligned crop of the face in a frame, or None."""
        frame = opened_frame(jpeg)
        if self.settings.steadiness != self._steadiness:
            self._steadiness = self.settings.steadiness
            self._tracker = FaceTracker(fps=_RATE, steadiness=self._steadiness)
        face = self._tracker.update(frame)
        return None if face is None else crop_quad(frame, ffhq_quad(face.landmarks), self._side)

    def remember(self, jpeg: bytes) -> None:
        now = time.monotonic()
        self._recent.append((now, jpeg))
        while self._recent[0][0] < now - RECENT:
            self._recent.popleft()

    def recent(self) -> list[tuple[float, bytes]]:
        """The pictures of the last `RECENT` seconds: (when, in seconds, and the JPEG)."""
        return list(self._recent)

    def code(self, model: FaceTransfer, crop: np.ndarray, motion: torch.Tensor) -> torch.Tensor:
        """The W+ code of the identity with the motion of this crop, `[1, n_styles, style_dim]`."""
        settings, motion = self.settings, model.steered(self.identity, motion)
        if self._own is None:
            self._own = model.own_origin(self.identity, [crop])
        if self._neutral is None or self.neutral_wanted:
            self._neutral, self.neutral_wanted = motion, False
        origin = self._neutral if settings.relative else self._own
        return self.rest + model.change(motion - origin, settings.pose, settings.expression)


def clip_of(pictures: list[tuple[float, bytes]], mark: Mark) -> Callable[[Path], None]:
    """What writes the pictures of a run, `LiveRun.recent`, as a marked mp4 to a path.

    LiveRefused when there are none yet.
    """
    if not pictures:
        raise LiveRefused(texts.LIVE_NOT_RUNNING)

    def write(path: Path) -> None:
        begin = pictures[0][0]
        with VideoWriter(path, Fraction(_CLIP_RATE), mark=mark) as writer:
            for (when, jpeg), (until, _) in zip(
                pictures, [*pictures[1:], pictures[-1]], strict=True
            ):
                frame = np.asarray(Image.open(io.BytesIO(jpeg)))
                # Pictures come as they are made; the clip's rate is even.
                while begin + writer.frames / _CLIP_RATE <= max(until, when):
                    writer.write(frame)

    return write
