"""What the measures see of a picture: landmarks, head pose, and who it is.

Everything is measured on FFHQ-aligned squares of `SIDE` px: the driver's, cut out by its track,
the identity's and the outputs. So whatever the alignment takes away or adds, it does to both sides
of a comparison.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from stylexfer.faces.landmarks import enlarged, largest_face
from stylexfer.faces.pose import head_pose
from stylexfer.metrics.hopenet import hopenet_pose
from stylexfer.metrics.identity import dlib_embedding, embedding
from stylexfer.metrics.lids import eye_openness
from stylexfer.networks import HeadPose, Recognition

SIDE = 256
COLUMNS = ("landmarks", "pose", "lids", "dlib", "trained")  # of a Reading
SPARSE = 5  # recognition takes longer than all else together: every fifth frame


@dataclass(frozen=True)
class Reading:
    """Of N pictures; NaN where no face was found, or nobody looked."""

    landmarks: np.ndarray  # [N, 68, 2], px of a square of `SIDE`
    pose: np.ndarray  # [N, 3] yaw, pitch, roll, degrees
    lids: np.ndarray  # [N, 2] aspect ratios of the eyes, the picture's left one first
    dlib: np.ndarray  # [N, 128]
    trained: np.ndarray  # [N, features]; [N, 0] without a recognition network

    @property
    def faces(self) -> np.ndarray:
        """[N] bool: where one was found."""
        return np.isfinite(self.landmarks[:, 0, 0])


class Reader:
    """Reads pictures with the same networks for every model of a table."""

    def __init__(self, head_pose: HeadPose | None = None, recognition: Recognition | None = None):
        self._hopenet, self._recognition = head_pose, recognition

    @property
    def features(self) -> int:
        """Width of the training network's embedding; 0 without one."""
        return 0 if self._recognition is None else self._recognition.config.features

    def read(
        self, pictures: Iterable[np.ndarray], start: int = 0, every: int | None = 1
    ) -> Reading:
        """pictures: uint8 `[S, S, 3]`, aligned, any S. Who it is, is read in those whose number,
        counted from `start`, is a multiple of `every`; None: in none."""
        rows = [
            self._read(picture, every is not None and (start + k) % every == 0)
            for k, picture in enumerate(pictures)
        ]
        columns = zip(*rows, strict=True) if rows else ([],) * 5
        shapes = ((68, 2), (3,), (2,), (128,), (self.features,))
        return Reading(
            *(
                np.array(column, dtype=np.float64).reshape(len(rows), *shape)
                for column, shape in zip(columns, shapes, strict=True)
            )
        )

    def _read(self, picture: np.ndarray, who: bool) -> tuple[np.ndarray, ...]:
        large = enlarged(picture)
        points = largest_face(large)
        dlib, trained = np.full(128, np.nan), np.full(self.features, np.nan)
        if points is None:
            return np.full((68, 2), np.nan), np.full(3, np.nan), np.full(2, np.nan), dlib, trained
        if who:
            dlib = dlib_embedding(large, points)
            if self._recognition is not None:
                (trained,) = embedding(self._recognition, [square(picture)])
        if self._hopenet is None:
            pose = np.array(head_pose(points))
        else:
            (pose,) = hopenet_pose(self._hopenet, [square(picture)])
        points = points * (SIDE / large.shape[0])
        return points, pose, eye_openness(square(picture), points), dlib, trained


def join(readings: list[Reading]) -> Reading:
    """One after the other."""
    return Reading(*(np.concatenate([getattr(r, name) for r in readings]) for name in COLUMNS))


def square(picture: np.ndarray, side: int = SIDE) -> np.ndarray:
    """uint8 `[S, S, 3]` at `side` px; averaged down or interpolated up, never sharpened."""
    if picture.shape[0] == side:
        return picture
    kernel = Image.Resampling.BOX if picture.shape[0] > side else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(picture).resize((side, side), kernel))
