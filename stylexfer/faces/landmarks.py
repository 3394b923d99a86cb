"""The 68 landmarks that all measures of movement start from, found in each picture by itself."""

import numpy as np
from PIL import Image

from stylexfer.faces.detect import detect_boxes, find_landmarks

# dlib's landmarks are whole pixels: on a face of 60 px a lip moves by one or two of them.
LOOK_SIDE = 640
# Enough for the detector where the face fills half of the picture, as in an aligned crop.
_QUICK_LOOK, _CLOSE_LOOK = 320, 960

# The landmark model starts from the detector's box, and answers a little differently to every box.
# The mean over boxes shifted (x, y) and grown by these fractions of their side is far steadier:
# between a clip and its mirror image, the correlation of the signals of FL CORR is 0.69 with the
# box alone and 0.82 with all nine (six clips of `examples/evaluation`), that of pitch 0.72 and 0.85.
_BOXES = (
    (0, 0, 0),
    *((0.04, 0, 0), (-0.04, 0, 0), (0, 0.04, 0), (0, -0.04, 0), (0, 0, 0.04), (0, 0, -0.04)),
    *((0.03, 0.03, 0.02), (-0.03, -0.03, -0.02)),
)


def enlarged(image: np.ndarray) -> np.ndarray:
    """uint8 `[H, W, 3]`, its long side brought up to `LOOK_SIDE`; larger ones stay as they are."""
    height, width = image.shape[:2]
    scale = LOOK_SIDE / max(height, width)
    if scale <= 1:
        return image
    size = (round(width * scale), round(height * scale))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def largest_face(image: np.ndarray) -> np.ndarray | None:
    """Landmarks float64 `[68, 2]` of the largest face of an `enlarged` picture, in its pixels.

    None if there is no face. About 20 ms; no frame knows of the one before it.
    """
    boxes = detect_boxes(image, _QUICK_LOOK) or detect_boxes(image, _CLOSE_LOOK)
    if not boxes:
        return None
    box = np.array(boxes[0][1], dtype=np.float64)
    side = box[2] - box[0]
    looks = []
    for x, y, growth in _BOXES:
        moved = box + side * np.array([x - growth, y - growth, x + growth, y + growth])
        looks.append(find_landmarks(image, tuple(round(edge) for edge in moved)))
    return np.mean(looks, axis=0)
