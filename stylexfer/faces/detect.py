"""Find faces and their 68 landmarks with dlib."""

import importlib.util
import os
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import dlib
import numpy as np
from PIL import Image

from stylexfer.errors import NoFaceFound, StylexferError, TooManyFaces

# Cost grows with the area, and the HOG detector needs faces of about 80 px: at 800 px it sees a
# face of a tenth of the picture in some 50 ms; the second look, at twice that, one of a twentieth.
FIRST_LOOK = 800

# Beside a clear face, a detection this faint or this small is a pattern on the wall or somebody
# far behind, and no reason to ask a person which face they mean. Fractions of the clear face.
FAINT_SCORE = 0.3
SMALL_SIDE = 0.35

_BLOT = (3, 3)  # pixels that are left of a face that is not to be found

NO_FACE = (
    "No face was found. Use a picture in which the face looks towards the camera, "
    "is well lit and not covered, and takes up more than a tenth of the picture."
)

_lock = threading.Lock()


@dataclass(frozen=True)
class Face:
    """One detected face, in pixels of the picture it was found in."""

    box: tuple[int, int, int, int]  # left, top, right, bottom; may reach outside the picture
    landmarks: np.ndarray  # int64 [68, 2], x and y, in the 300-W order
    score: float  # dlib's margin: about 0 is doubtful, above 1 is sure

    @property
    def side(self) -> int:
        return self.box[2] - self.box[0]


def landmarks_path() -> Path:
    """The 68-point model: `$STYLEXFER_LANDMARKS`, else the one in `face_recognition_models`.

    That model was trained on 300-W, whose pictures are for non-commercial use; point the variable
    at a model of your own (`dlib.train_shape_predictor`) where that matters.
    """
    if chosen := os.environ.get("STYLEXFER_LANDMARKS"):
        path = Path(chosen)
    else:
        # Found, not imported: the package imports pkg_resources, which setuptools has dropped.
        spec = importlib.util.find_spec("face_recognition_models")
        if spec is None or spec.origin is None:
            raise StylexferError(
                "The face landmark model is missing: pip install face_recognition_models, "
                "or set STYLEXFER_LANDMARKS to a 68-point .dat file."
            )
        path = Path(spec.origin).parent / "models" / "shape_predictor_68_face_landmarks.dat"
    if not path.is_file():
        raise StylexferError(
            f"There is no face landmark model at {path}: correct STYLEXFER_LANDMARKS, "
            "or unset it and pip install face_recognition_models."
        )
    return path


@cache
def _detector():
    return dlib.get_frontal_face_detector()


@cache
def _predictor():
    return dlib.shape_predictor(str(landmarks_path()))


def detect_boxes(
    image: np.ndarray, side: int, threshold: float = 0.0
) -> list[tuple[float, tuple[int, int, int, int]]]:
    """Run the detector on `image` scaled to a long side of `side` pixels.

    image: uint8 [H, W, 3]. threshold: the least score; below 0 finds more and errs more.
    Returns (score, box) pairs, boxes in pixels of `image`, the largest first.
    """
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale != 1:
        small = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = np.asarray(
            Image.fromarray(image).resize(small, Image.Resampling.BILINEAR, reducing_gap=2.0)
        )
    # The detector keeps its pyramid between calls, so two threads must not share a run.
    with _lock:
        boxes, scores, _ = _detector().run(np.ascontiguousarray(image), 0, threshold)
    found = []
    for box, score in zip(boxes, scores, strict=True):
        edges = (box.left(), box.top(), box.right(), box.bottom())
        left, top, right, bottom = (round(edge / scale) for edge in edges)
        found.append((float(score), (left, top, right, bottom)))
    return sorted(found, key=lambda pair: pair[1][2] - pair[1][0], reverse=True)


def find_landmarks(image: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """The 68 points of the face in `box`.

    image: uint8 [H, W, 3]; box: left, top, right, bottom in its pixels.
    Returns int64 [68, 2], x and y. Needs the 300-W model, see `landmarks_path`.
    """
    with _lock:  # only so that two threads do not load 95 MB twice
        predictor = _predictor()
    shape = predictor(np.ascontiguousarray(image), dlib.rectangle(*box))
    return np.array([(point.x, point.y) for point in shape.parts()], dtype=np.int64)


def find_faces(image: np.ndarray) -> list[Face]:
    """All faces of a picture, the largest first; an empty list if there are none.

    image: uint8 [H, W, 3]. Detection runs on a copy of bounded size, and once more on one of
    twice the side if that shows nothing; landmarks are placed at full resolution.
    """
    first = min(max(image.shape[:2]), FIRST_LOOK)
    boxes = detect_boxes(image, first) or detect_boxes(image, 2 * first)
    return [Face(box, find_landmarks(image, box), score) for score, box in boxes]


def first_face(image: np.ndarray) -> Face:
    """The first face that dlib finds in the picture at twice its size, as the paper's code has it.

    image: uint8 [H, W, 3]. Raises NoFaceFound. Slower than `find_face`, and it never asks which.
    """
    with _lock:
        boxes, scores, _ = _detector().run(np.ascontiguousarray(image), 1, 0.0)
    if not boxes:
        raise NoFaceFound("No face was found: dlib's detector sees none, at twice the size either.")
    box = boxes[0]
    edges = (box.left(), box.top(), box.right(), box.bottom())
    return Face(edges, find_landmarks(image, edges), float(scores[0]))


def clear_faces(faces: list[Face]) -> list[int]:
    """Positions in `faces` of those that count: not faint, not tiny beside the clearest."""
    if not faces:
        return []
    best = max(faces, key=lambda face: face.score)
    sure = [i for i, face in enumerate(faces) if face.score >= FAINT_SCORE * best.score]
    largest = max(faces[i].side for i in sure)
    return [i for i in sure if faces[i].side >= SMALL_SIDE * largest]


def find_face(image: np.ndarray, which: int | None = None) -> Face:
    """The face of a picture, or of several the one at position `which` of `find_faces`.

    image: uint8 [H, W, 3].
    Raises NoFaceFound, and TooManyFaces when there are several and `which` is None.
    """
    faces = find_faces(image)
    if not faces:
        raise NoFaceFound(NO_FACE)
    if which is not None:
        if not 0 <= which < len(faces):
            raise NoFaceFound(
                f"There is no face number {which + 1}: {len(faces)} found. Choose another."
            )
        return faces[which]
    clear = clear_faces(faces)
    if len(clear) > 1:
        raise TooManyFaces(
            f"{len(clear)} faces were found. Crop the picture to one face, "
            "or choose which one to use."
        )
    return faces[clear[0]]


def without_others(image: np.ndarray, which: int) -> np.ndarray:
    """A copy of a picture in which only the face at position `which` of `find_faces` is left to be
    found: all others are blurred away. image: uint8 [H, W, 3]."""
    faces = find_faces(image)
    chosen = faces.pop(which)
    height, width = image.shape[:2]
    alone = image.copy()
    for other in faces:
        left, top, right, bottom = np.clip(other.box, 0, (width, height, width, height))
        if right > left and bottom > top:
            blot = Image.fromarray(image[top:bottom, left:right])
            blot = blot.resize(_BLOT, Image.Resampling.BOX)
            blot = blot.resize((int(right - left), int(bottom - top)), Image.Resampling.BICUBIC)
            alone[top:bottom, left:right] = np.asarray(blot)
    left, top, right, bottom = np.clip(chosen.box, 0, (width, height, width, height))
    alone[top:bottom, left:right] = image[top:bottom, left:right]
    return alone
