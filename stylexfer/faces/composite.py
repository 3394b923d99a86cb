"""Put an aligned square back into the picture it was cut from."""

from functools import lru_cache

import numpy as np
from PIL import Image

# Width of the soft edge, as a fraction of the square's side. The FFHQ square leaves about a
# fifth of its side around the face, so the fade stays off the face itself.
FEATHER = 0.12


@lru_cache(maxsize=4)
def _mask(size: int) -> Image.Image:
    """1 inside, 0 on the border, smooth and with round corners in between; mode L."""
    edge = np.minimum(np.arange(size) + 0.5, size - 0.5 - np.arange(size)) / (FEATHER * size)
    depth = np.clip(1 - edge, 0, None)
    rise = np.clip(1 - np.hypot(depth[:, None], depth[None, :]), 0, 1)
    return Image.fromarray(np.uint8(np.rint(255 * rise * rise * (3 - 2 * rise))))


def paste_back(picture: np.ndarray, quad: np.ndarray, aligned: np.ndarray) -> np.ndarray:
    """Warp an aligned square back to its place, with a soft edge.

    picture: uint8 [H, W, 3]; quad: [4, 2], as `ffhq_quad` gives it for `picture`, a
    parallelogram; aligned: uint8 [S, S, 3], any S.
    Returns a new uint8 [H, W, 3], equal to `picture` outside the quad's bounding box.
    """
    result = picture.copy()
    height, width = picture.shape[:2]
    corners = np.asarray(quad, dtype=np.float64) + 0.5  # edges, not centres, of pixels
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, (width, height))
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int), 0, (width, height))
    if right <= left or bottom <= top:
        return result

    square = Image.fromarray(aligned)
    size = square.width
    side = np.hypot(*(corners[3] - corners[0]))
    if side < size:  # average first: the warp below samples only four neighbours
        size = max(1, round(side))
        square = square.resize((size, size), Image.Resampling.LANCZOS)

    # From picture to square, both in units of their own pixels.
    towards = np.linalg.inv(np.stack([corners[3] - corners[0], corners[1] - corners[0]], axis=1))
    towards *= size
    offset = towards @ (np.array([left, top]) - corners[0])
    warp = (*towards[0], offset[0], *towards[1], offset[1])
    place = (int(right - left), int(bottom - top))

    weight = _mask(size).transform(place, Image.Transform.AFFINE, warp, Image.Resampling.BILINEAR)
    new = square.transform(place, Image.Transform.AFFINE, warp, Image.Resampling.BICUBIC)
    old = Image.fromarray(picture[top:bottom, left:right])
    old.paste(new, mask=weight)
    result[top:bottom, left:right] = np.asarray(old)
    return result
