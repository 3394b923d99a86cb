"""How results are laid out for a file: the face, side by side, or back in the picture."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from stylexfer.errors import StylexferError
from stylexfer.faces.composite import paste_back
from stylexfer.transfer import Animated, Identity


def beside(*pictures: np.ndarray) -> np.ndarray:
    """Square pictures uint8 [S, S, 3] of any sizes in a row, all as large as the largest."""
    side = max(picture.shape[0] for picture in pictures)
    kernel = Image.Resampling.BICUBIC  # resizing to the same size copies
    return np.hstack(
        [np.asarray(Image.fromarray(p).resize((side, side), kernel)) for p in pictures]
    )


def arranger(
    kind: str, identity: Identity, picture: np.ndarray | None, faithful: bool
) -> Callable[[Animated], np.ndarray]:
    """What `--output` asks for, as a function of one result. StylexferError."""
    if kind == "face":
        # the released demo shows rows 240 to 1023 of 1024
        top = faithful and identity.inversion.shape[0] * 15 // 128 * 2
        return lambda result: result.image[top:]
    if kind == "pasted":
        if picture is None:
            raise StylexferError("A random identity has no picture: take --output face.")
        return lambda result: paste_back(picture, identity.quad, result.image)
    black = np.zeros_like(identity.crop)
    return lambda result: beside(
        identity.crop, black if result.driving is None else result.driving, result.image
    )
