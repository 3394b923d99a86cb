"""Head pose of 68 landmarks, in degrees, without a network: enough to leave extreme poses out.

A rigid template of sixteen landmarks that expressions hardly move (nose, eye and mouth corners,
chin) is laid over the face by least squares as a scaled orthographic camera sees it. The template
was solved for from dlib's landmarks on 698 frames of `train.heads` whose pose is known exactly, so
it holds dlib's habits too. Solved on one half of them, its mean error on the other was 2.4 degrees
in yaw (of up to 40) and 5.6 in pitch (of up to 22), of which it reads four fifths. A person's own
proportions shift the pitch: by 15 degrees in the worse of the two clips of `examples/`.
"""

import numpy as np

# x to the subject's left, y up, z out of the face; about centimetres.
_POINTS = {
    8: (0.0, -7.69, -1.45),
    27: (0.0, 3.51, 0.46),
    28: (0.0, 2.28, 0.95),
    29: (0.0, 1.06, 1.52),
    30: (0.0, -0.18, 2.09),
    31: (-1.35, -0.93, 0.56),
    32: (-0.71, -1.21, 0.84),
    33: (0.0, -1.43, 1.0),
    34: (0.71, -1.21, 0.84),
    35: (1.35, -0.93, 0.56),
    36: (-4.15, 3.47, -1.61),
    39: (-1.73, 3.23, -1.08),
    42: (1.73, 3.23, -1.08),
    45: (4.15, 3.47, -1.61),
    48: (-2.36, -3.35, -0.99),
    54: (2.36, -3.35, -0.99),
}
LANDMARKS = np.array(list(_POINTS))
TEMPLATE = np.array(list(_POINTS.values()))  # [16, 3]
_SOLVE = np.linalg.pinv(TEMPLATE - TEMPLATE.mean(axis=0))  # [3, 16]


def head_pose(landmarks: np.ndarray) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees of a face `[68, 2]`, x and y in pixels, 300-W order.

    Signs are those of `train.heads`: yaw > 0 turns to the subject's left (image right), pitch > 0
    looks up, roll > 0 tilts clockwise for the viewer.
    """
    points = np.asarray(landmarks, dtype=np.float64)[LANDMARKS] * (1, -1)
    affine = (_SOLVE @ (points - points.mean(axis=0))).T
    u, _, v = np.linalg.svd(affine, full_matrices=False)
    right, up = u @ v  # the nearest two orthonormal rows
    out = np.cross(right, up)
    yaw = np.arctan2(right[2], out[2])
    pitch = np.arcsin(np.clip(up[2], -1, 1))
    roll = -np.arctan2(up[0], up[1])
    return tuple(float(angle) for angle in np.degrees((yaw, pitch, roll)))
