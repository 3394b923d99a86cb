"""Does the output move as the driver does? Signals of head and face, from dlib's 68 landmarks.

    python -m stylexfer.metrics.motion DRIVER.mp4 OUTPUT.mp4

prints the correlation of each signal between the two clips, as one line of JSON.
"""

import argparse
import json
from collections.abc import Iterable

import numpy as np
from PIL import Image

from stylexfer.errors import StylexferError
from stylexfer.faces.detect import detect_boxes, find_landmarks
from stylexfer.media import probe, read_frames

SIGNALS = ("yaw", "pitch", "roll", "mouth", "left_eye", "right_eye")

# dlib's landmarks are whole pixels: on a face of 60 px a lip moves by one or two of them.
_LANDMARK_SIDE = 640
# Enough for the detector where the face fills half of the picture, as in an aligned crop.
_QUICK_LOOK, _CLOSE_LOOK = 320, 960


def landmark_signals(landmarks: np.ndarray) -> dict[str, float]:
    """The signals of one face, free of its place, size and roll.

    landmarks: [68, 2], x and y in pixels, 300-W order. Lengths below are along the line through
    the outer eye corners ("across") or at right angles to it ("down"); u is the mean of the
    distance between those corners, which yaw shortens, and that from the eyes to the chin, which
    it does not.
    yaw: nose tip's offset across from the middle of the eyes / u; positive to the picture's right.
    pitch: down from the eyes to the nose's base / to the mouth's corners; greater as the head
        bows. A smile, which lifts the corners, shows in it too.
    roll: angle of the eye line in degrees, positive clockwise in the picture.
    mouth: gap of the inner lips, mean of three pairs / u.
    left_eye, right_eye: as seen in the picture; aspect ratio, mean height / width.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    line = points[45] - points[36]
    span = np.hypot(*line)
    across = line / max(span, 1e-6)
    down = np.array([-across[1], across[0]])
    eyes = points[36:48].mean(axis=0)
    unit = max((span + (points[8] - eyes) @ down) / 2, 1e-6)

    def openness(corner: int) -> float:
        a, b, c, d, e, f = points[corner : corner + 6]
        return (np.hypot(*(b - f)) + np.hypot(*(c - e))) / (2 * max(np.hypot(*(a - d)), 1e-6))

    lips = points[65:68][::-1] - points[61:64]
    nose = (points[33] - eyes) @ down
    mouth = ((points[48] + points[54]) / 2 - eyes) @ down
    return {
        "yaw": (points[30] - eyes) @ across / unit,
        "pitch": nose / max(mouth, 1e-6 * unit),
        "roll": np.degrees(np.arctan2(line[1], line[0])),
        "mouth": (lips @ down).mean() / unit,
        "left_eye": openness(36),
        "right_eye": openness(42),
    }


def _largest_face(frame: np.ndarray) -> np.ndarray | None:
    """Landmarks of the largest face, in pixels of the frame scaled up for them."""
    height, width = frame.shape[:2]
    scale = _LANDMARK_SIDE / max(height, width)
    if scale > 1:
        size = (round(width * scale), round(height * scale))
        frame = np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC))
    boxes = detect_boxes(frame, _QUICK_LOOK) or detect_boxes(frame, _CLOSE_LOOK)
    return find_landmarks(frame, boxes[0][1]) if boxes else None


def face_signals(frames: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
    """`landmark_signals` of the largest face of each frame.

    frames: uint8 [H, W, 3] each, any size (128 px will do). Takes about 25 ms a frame.
    Returns float64 [frames] for each name in SIGNALS; NaN in a frame without a face.
    """
    blank = dict.fromkeys(SIGNALS, np.nan)
    rows = []
    for frame in frames:
        landmarks = _largest_face(frame)
        rows.append(blank if landmarks is None else landmark_signals(landmarks))
    return {name: np.array([row[name] for row in rows], dtype=np.float64) for name in SIGNALS}


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's r of two series of one length, over the places where neither is NaN.

    NaN where fewer than three such places are left, or where one of the series does not change.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < 3:
        return float("nan")
    a, b = a[both] - a[both].mean(), b[both] - b[both].mean()
    size = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / size) if size > 0 else float("nan")


def compare_clips(driver: str, output: str) -> dict[str, float | int | None]:
    """Correlation of each signal over the frames that both clips have; None where undefined.

    Also `frames`, those compared, and `faceless_driver`, `faceless_output` of them.
    Raises UnreadableMedia.
    """
    ours, theirs = (face_signals(read_frames(path, probe(path))) for path in (output, driver))
    count = min(len(ours["yaw"]), len(theirs["yaw"]))
    result: dict[str, float | int | None] = {}
    for name in SIGNALS:
        r = correlation(theirs[name][:count], ours[name][:count])
        result[name] = round(r, 4) if np.isfinite(r) else None
    return result | {
        "frames": count,
        "faceless_driver": int(np.isnan(theirs["yaw"][:count]).sum()),
        "faceless_output": int(np.isnan(ours["yaw"][:count]).sum()),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("driver", metavar="DRIVER.mp4")
    parser.add_argument("output", metavar="OUTPUT.mp4")
    arguments = parser.parse_args()
    try:
        print(json.dumps(compare_clips(arguments.driver, arguments.output)))
    except StylexferError as problem:
        parser.error(str(problem))
