"""Jitter: how much the landmarks tremble from frame to frame."""

import numpy as np

from stylexfer.metrics.motion import EYE_CORNERS

INNER = slice(27, 68)  # nose, eyes, mouth: jaw and brows waver in the landmark model itself


def jitter(landmarks: np.ndarray) -> float:
    """Mean acceleration of the landmarks, in percent of the eyes' distance per frame squared.

    landmarks: `[frames, 68, 2]`, NaN where there is no face; three frames in a row count. The
    second difference takes out any steady movement, and keeps what alternates; it is not zero for
    a driver either, whose figure is the one to compare with. NaN if no three frames are there.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    left, right = EYE_CORNERS
    change = np.linalg.norm(np.diff(points[:, INNER], n=2, axis=0), axis=2)
    change = change[np.isfinite(change).all(axis=1)]
    if not len(change):
        return float("nan")
    scale = np.nanmedian(np.linalg.norm(points[:, left] - points[:, right], axis=1))
    return float(100 * change.mean() / scale)
