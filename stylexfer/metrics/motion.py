"""Does the output move as the driver does? Signals of head and face, from dlib's 68 landmarks.

    python -m stylexfer.metrics.motion DRIVER.mp4 OUTPUT.mp4

prints the correlation of each signal between the two clips, as one line of JSON.
"""

import argparse
import json
from collections.abc import Iterable

import numpy as np

from stylexfer.errors import StylexferError
from stylexfer.faces.landmarks import enlarged, largest_face
from stylexfer.faces.pose import head_pose
from stylexfer.media import probe, read_frames

POSE_SIGNALS = ("yaw", "pitch", "roll")
# The paper's (section 4.3): aspect ratios of both eyes and the mouth, brow-eye ratios.
FACE_SIGNALS = ("left_eye", "right_eye", "mouth", "left_brow", "right_brow")
SIGNALS = (*POSE_SIGNALS, *FACE_SIGNALS)
EYE_CORNERS = (36, 45)  # the outer ones


def landmark_signals(landmarks: np.ndarray) -> dict[str, float]:
    """The signals of one face, free of its place, size and roll.

    landmarks: [68, 2], x and y in pixels, 300-W order; left and right as seen in the picture.
    yaw, pitch, roll: degrees, `pose.head_pose`.
    left_eye, right_eye: aspect ratio of the eye, mean of its two heights / width.
    mouth: aspect ratio of the mouth, mean of the three gaps of the inner lips / its width.
    left_brow, right_brow: brow-eye ratio, mean distance of the brow's five points from the eye's
        corners at right angles to the eye line / eyes to nose base the same way, so that a head
        that bows changes it little.
    The paper has no formulas; its ratios are written out here as they are usually taken.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    left, right = EYE_CORNERS
    line = points[right] - points[left]
    across = line / max(np.hypot(*line), 1e-6)
    down = np.array([-across[1], across[0]])
    corners = points[[36, 39, 42, 45]]
    height = max((points[33] - corners.mean(axis=0)) @ down, 1e-6)

    def eye(corner: int) -> float:
        a, b, c, d, e, f = points[corner : corner + 6]
        return (np.hypot(*(b - f)) + np.hypot(*(c - e))) / (2 * max(np.hypot(*(a - d)), 1e-6))

    def brow(first: int, corner: int) -> float:
        between = points[[corner, corner + 3]].mean(axis=0)
        return (between - points[first : first + 5].mean(axis=0)) @ down / height

    gaps = (points[65:68][::-1] - points[61:64]) @ down
    yaw, pitch, roll = head_pose(points)
    return {
        "yaw": yaw,
        "pitch": pitch,
        "roll": roll,
        "left_eye": eye(36),
        "right_eye": eye(42),
        "mouth": gaps.mean() / max(np.hypot(*(points[54] - points[48])), 1e-6),
        "left_brow": brow(17, 36),
        "right_brow": brow(22, 42),
    }


def signals_of(landmarks: Iterable[np.ndarray | None]) -> dict[str, np.ndarray]:
    """`landmark_signals` of each frame's landmarks, `[68, 2]`, or None or NaN without a face.

    Returns float64 [frames] for each name in SIGNALS; NaN in a frame without a face.
    """
    blank = dict.fromkeys(SIGNALS, np.nan)
    rows = [
        blank if points is None or np.isnan(points).any() else landmark_signals(points)
        for points in landmarks
    ]
    return {name: np.array([row[name] for row in rows], dtype=np.float64) for name in SIGNALS}


def face_signals(frames: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
    """`signals_of` the largest face of each frame.

    frames: uint8 [H, W, 3] each, any size (128 px will do). Takes about 25 ms a frame.
    """
    return signals_of(largest_face(enlarged(frame)) for frame in frames)


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


def fl_corr(driver: dict[str, np.ndarray], output: dict[str, np.ndarray]) -> float:
    """FL CORR of a clip (paper, section 4.3): mean `correlation` of FACE_SIGNALS, -1 to 1.

    At no lag: an output belongs to its own driving frame. A signal that does not change in the
    driver is left out; one that changes there but not in the output, or is not seen there because
    fewer than three outputs show a face, counts 0. NaN if the driver has none.
    """
    parts = []
    for name in FACE_SIGNALS:
        if np.isfinite(correlation(driver[name], driver[name])):
            r = correlation(driver[name], output[name])
            parts.append(r if np.isfinite(r) else 0.0)
    return float(np.mean(parts)) if parts else float("nan")


def pose_error(driver: np.ndarray, output: np.ndarray) -> np.ndarray:
    """Absolute differences of yaw and pitch, degrees: `[frames, 3]` twice -> `[frames, 2]`.

    Their mean is the paper's pose MAE. Roll is left out: FFHQ's alignment takes it away.
    """
    return np.abs(np.asarray(driver)[:, :2] - np.asarray(output)[:, :2])


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
