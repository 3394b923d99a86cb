"""The square around a face that FFHQ-trained networks expect, and how to cut it out.

`ffhq_quad` and `align` are the alignment of the FFHQ dataset as its script, ReStyle and the
paper's code run it, to the byte. `crop_quad` is its fast sibling for the frames of a video.
"""

import numpy as np
from PIL import Image
from scipy import ndimage

# How many times smaller than the cut-out region the output may be before bilinear sampling skips
# pixels visibly.
_ALIASING = 1.2


def ffhq_quad(landmarks: np.ndarray) -> np.ndarray:
    """The oriented square of the FFHQ dataset around a face.

    landmarks: [68, 2], x and y in pixels, 300-W order.
    Returns float64 [4, 2]: top-left, bottom-left, bottom-right, top-right corner, as the face
    sees it; corners may lie outside the picture.
    Source: ffhq-dataset, download_ffhq.py, recreate_aligned_images.
    """
    points = np.asarray(landmarks)
    left_eye, right_eye = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    eyes = (left_eye + right_eye) * 0.5
    across = right_eye - left_eye
    mouth = (points[48] + points[54]) * 0.5
    down = mouth - eyes
    x = across + (down[1], -down[0])
    x /= np.hypot(*x)
    x *= max(np.hypot(*across) * 2.0, np.hypot(*down) * 1.8)
    y = np.array([-x[1], x[0]])
    centre = eyes + down * 0.1
    return np.stack([centre - x - y, centre - x + y, centre + x + y, centre + x - y])


def _pad_blurred(image: np.ndarray, quad: np.ndarray, side: float, border: int):
    """Reflect the picture where the quad leaves it, fading to blur and to the median colour."""
    height, width = image.shape[:2]
    low, high = np.floor(quad.min(axis=0)), np.ceil(quad.max(axis=0))
    pad = np.concatenate([border - low, high - (width, height) + border]).astype(int).clip(min=0)
    if pad.max() <= border - 4:
        return image, quad
    left, top, right, bottom = np.maximum(pad, int(np.rint(side * 0.3)))
    wide = np.pad(image.astype(np.float32), ((top, bottom), (left, right), (0, 0)), mode="reflect")
    height, width = wide.shape[:2]
    y, x, _ = np.ogrid[:height, :width, :1]
    # 1 at the outer edge, 0 on the old border, negative inside. float32 over int64 is float64.
    mask = np.maximum(
        1.0 - np.minimum(np.float32(x) / left, np.float32(width - 1 - x) / right),
        1.0 - np.minimum(np.float32(y) / top, np.float32(height - 1 - y) / bottom),
    )
    blur = side * 0.02
    wide += (ndimage.gaussian_filter(wide, [blur, blur, 0]) - wide) * np.clip(3 * mask + 1, 0, 1)
    wide += (np.median(wide, axis=(0, 1)) - wide) * np.clip(mask, 0, 1)
    return np.uint8(np.clip(np.rint(wide), 0, 255)), quad + (left, top)


def align(
    image: np.ndarray, landmarks: np.ndarray, size: int, transform_size: int | None = None
) -> np.ndarray:
    """Cut out a face as the FFHQ dataset does.

    image: uint8 [H, W, 3]; landmarks: [68, 2] in its pixels; size: side of the output.
    transform_size: side of the square sampled before shrinking to `size`; None means `size`, as
    in ReStyle. FFHQ itself and the paper: size 1024, transform_size 4096.
    Returns uint8 [size, size, 3]. Bit-exact with Pillow 13.0 and scipy 1.17.
    """
    sampled = transform_size or size
    quad = ffhq_quad(landmarks)
    side = np.hypot(*(quad[3] - quad[0]))

    shrink = int(np.floor(side / size * 0.5))
    if shrink > 1:
        height, width = image.shape[:2]
        smaller = (int(np.rint(width / shrink)), int(np.rint(height / shrink)))
        image = np.asarray(Image.fromarray(image).resize(smaller, Image.Resampling.LANCZOS))
        quad, side = quad / shrink, side / shrink

    height, width = image.shape[:2]
    border = max(int(np.rint(side * 0.1)), 3)
    low = np.floor(quad.min(axis=0)).astype(int) - border
    high = np.ceil(quad.max(axis=0)).astype(int) + border
    left, top = np.maximum(low, 0)
    right, bottom = np.minimum(high, (width, height))
    if right - left < width or bottom - top < height:
        image, quad = image[top:bottom, left:right], quad - (left, top)

    image, quad = _pad_blurred(image, quad, side, border)
    square = Image.fromarray(np.ascontiguousarray(image)).transform(
        (sampled, sampled),
        Image.Transform.QUAD,
        tuple((quad + 0.5).ravel()),
        Image.Resampling.BILINEAR,
    )
    if size < sampled:
        square = square.resize((size, size), Image.Resampling.LANCZOS)
    return np.asarray(square)


def crop_quad(image: np.ndarray, quad: np.ndarray, size: int) -> np.ndarray:
    """Cut a square out of a video frame: `align` without its slow steps.

    image: uint8 [H, W, 3]; quad: [4, 2] in its pixels, in the order of `ffhq_quad`.
    Returns uint8 [size, size, 3]. Outside the picture it is mirrored, without the blur and fade
    of FFHQ; a quad of several times `size` is averaged down before sampling.
    """
    height, width = image.shape[:2]
    corners = np.asarray(quad, dtype=np.float64) + 0.5  # edges, not centres, of pixels
    low = np.floor(corners.min(axis=0)).astype(int) - 2
    high = np.ceil(corners.max(axis=0)).astype(int) + 2
    # Never empty, even for a quad that has left the picture.
    left, top = np.clip(low, 0, (width - 1, height - 1))
    right, bottom = np.clip(high, (left + 1, top + 1), (width, height))
    region = image[top:bottom, left:right]
    corners -= (left, top)

    ratio = np.hypot(*(corners[3] - corners[0])) / size
    if ratio > _ALIASING:
        wide, tall = region.shape[1], region.shape[0]
        smaller = (max(1, round(wide / ratio)), max(1, round(tall / ratio)))
        shrunk = Image.fromarray(np.ascontiguousarray(region)).resize(
            smaller, Image.Resampling.BILINEAR, reducing_gap=1.0
        )
        region = np.asarray(shrunk)
        corners *= np.array(smaller) / (wide, tall)

    before = np.maximum(np.ceil(-corners.min(axis=0)).astype(int) + 1, 0)
    after = np.maximum(np.ceil(corners.max(axis=0)).astype(int) + 1 - region.shape[1::-1], 0)
    if before.any() or after.any():
        sides = ((before[1], after[1]), (before[0], after[0]), (0, 0))
        region = np.pad(region, sides, mode="symmetric")
        corners += before
    square = Image.fromarray(np.ascontiguousarray(region)).transform(
        (size, size), Image.Transform.QUAD, tuple(corners.ravel()), Image.Resampling.BILINEAR
    )
    return np.asarray(square)
