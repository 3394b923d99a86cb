"""Head pose in degrees, read from 68 landmarks (`hopenet` is used where its weights are at hand).

Signs are those of `train.heads`: yaw > 0 turns to the subject's left (the picture's right),
pitch > 0 looks up, roll > 0 tilts clockwise for the viewer.

The reading of landmarks is a linear map of the face's shape (place, size and roll taken out), the
same mirrored. It was fitted to dlib's landmarks on 4,658 rendered frames of `train.heads` (1,682
people, yaw to 35 and pitch to 20 degrees, exact truth), mostly on how the shape changes within a
person, and scaled so that a turn of 10 degrees reads as 10: a plain regression would shrink pitch
by half, and flatter every comparison. On 1,163 frames of 200 other people (one look each, where
`landmarks` now takes the mean of nine):

    mean error                       yaw 2.5, pitch 5.0 degrees
    of the change within a person    yaw 2.1, pitch 3.0 (slopes 1.02 and 0.96)
    two people in exactly one pose   yaw 3.3, pitch 6.2 apart (412 pairs)

The last line is what a transfer would read that copies every pose exactly onto any person. A
person's own proportions (a long nose, a low brow) look like pitch: in the 20 clips of
`examples/evaluation` the mean errors are 1.3 (yaw) and 4.0 (pitch) degrees, but 0.9 and 0.9 once each
clip's mean is left out, as in `changes only` of the table of `evaluate`.
"""

import numpy as np

# Landmark, its mirror image (itself on the midline), then degrees for each unit of its offset: of
# yaw by x and y, of pitch by x and y. The unit is the root mean square distance of landmarks 17 to
# 67 from their mean. The mirror image counts with the sign of yaw by x and of pitch by y turned.
_DEGREES = (
    (0, 16, -4.5, 5.6, 1.9, 8.3),
    (1, 15, -4.6, -0.1, 7.5, 3.1),
    (2, 14, -2.2, 0.4, -6.7, -4.0),
    (3, 13, -4.4, 3.4, -9.9, -7.6),
    (4, 12, 1.8, -0.7, -4.9, 5.4),
    (5, 11, 0.5, -4.5, 12.0, 2.5),
    (6, 10, -4.3, 1.9, 2.0, 8.4),
    (7, 9, -2.6, 1.7, -13.7, 3.8),
    (8, 8, 6.9, 0.0, 0.0, -11.4),
    (17, 26, -5.3, -3.7, 6.6, 15.3),
    (18, 25, -1.8, 0.6, 3.4, 2.1),
    (19, 24, 2.9, 1.4, 0.7, 0.4),
    (20, 23, 5.0, -5.7, -0.8, 1.6),
    (21, 22, 10.3, -2.9, 1.2, -11.2),
    (27, 27, 4.2, 0.0, 0.0, -8.5),
    (28, 28, -3.2, 0.0, 0.0, -4.8),
    (29, 29, -10.5, 0.0, 0.0, 0.1),
    (30, 30, -13.3, 0.0, 0.0, -5.3),
    (31, 35, 10.5, -1.8, -8.8, 13.4),
    (32, 34, 5.1, -2.7, -3.7, -5.9),
    (33, 33, 0.9, 0.0, 0.0, -14.7),
    (36, 45, -7.6, 0.0, 4.6, 5.9),
    (37, 44, -5.0, 4.7, -0.6, 1.6),
    (38, 43, -4.7, 5.6, 0.1, -3.6),
    (39, 42, 5.5, -3.3, -7.8, 10.0),
    (40, 47, 2.7, -0.2, 1.8, -2.1),
    (41, 46, -2.0, 0.0, -6.6, -2.5),
    (48, 54, -2.1, 2.7, 5.6, 5.3),
    (49, 53, -0.2, 1.4, 4.2, 7.8),
    (50, 52, 1.2, -1.2, 0.2, -9.7),
    (51, 51, 4.8, 0.0, 0.0, -14.4),
    (55, 59, -3.4, -2.9, -1.0, 3.9),
    (56, 58, -2.0, -0.1, -2.5, -4.5),
    (57, 57, -3.4, 0.0, 0.0, -13.5),
    (60, 64, -6.1, 1.1, -5.3, 5.0),
    (61, 63, 4.6, 0.3, -2.1, 0.4),
    (62, 62, 5.8, 0.0, 0.0, -12.1),
    (65, 67, 0.8, 2.1, 1.0, 4.8),
    (66, 66, -1.9, 0.0, 0.0, -3.1),
)
_PITCH_OF_NOTHING = 28.9  # degrees


def _weights() -> np.ndarray:
    """Degrees of yaw and pitch for each coordinate, `[68, 2, 2]`: landmark, x or y, angle."""
    weights = np.zeros((68, 2, 2))
    for one, other, *degrees in _DEGREES:
        yaw_x, yaw_y, pitch_x, pitch_y = degrees
        weights[other] = [[yaw_x, -pitch_x], [-yaw_y, pitch_y]]
        weights[one] = [[yaw_x, pitch_x], [yaw_y, pitch_y]]
    return weights


_WEIGHTS = _weights()


def head_pose(landmarks: np.ndarray) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees of a face `[68, 2]`, x and y in pixels, 300-W order.

    As accurate as the module says up to yaw 35 and pitch 20; beyond, it still grows.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    line = points[45] - points[36]
    across = line / max(float(np.hypot(*line)), 1e-9)
    inner = points[17:].mean(axis=0)
    upright = (points - inner) @ np.array([across, (-across[1], across[0])]).T
    scale = max(float(np.sqrt((upright[17:] ** 2).sum(axis=1).mean())), 1e-9)
    yaw, pitch = np.einsum("nc,nca->a", upright / scale, _WEIGHTS) + (0.0, _PITCH_OF_NOTHING)
    return float(yaw), float(pitch), float(np.degrees(np.arctan2(line[1], line[0])))
