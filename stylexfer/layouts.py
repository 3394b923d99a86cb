"""How results are laid out for a file: the face, side by side, or back in the picture."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from stylexfer.driving import Animated
from stylexfer.errors import StylexferError
from stylexfer.faces.composite import Paster
from stylexfer.identity import Identity
from stylexfer.marks import LABEL, Mark, Source

FACE, SIDE_BY_SIDE, PASTED = "face", "side-by-side", "pasted"
LAYOUTS = (FACE, SIDE_BY_SIDE, PASTED)
LONGEST = 1920  # side of a clip pasted back, in pixels: larger ones play on few devices

_EMPTY = 235  # grey of the driver's panel while no face is seen


def beside(*pictures: np.ndarray) -> np.ndarray:
    """Square pictures uint8 [S, S, 3] of any sizes in a row, all as large as the largest."""
    side = max(picture.shape[0] for picture in pictures)
    kernel = Image.Resampling.BICUBIC  # resizing to the same size copies
    return np.hstack(
        [np.asarray(Image.fromarray(p).resize((side, side), kernel)) for p in pictures]
    )


def mark_of(layout: str, label: bool = True, pack: str | None = None) -> Mark:
    """Of a file with this layout: all but the face alone show something real too. label: people see
    that it is AI-generated. pack: name of the weights."""
    source = Source.GENERATED if layout == FACE else Source.COMPOSITE
    return Mark(source, LABEL if label else None, pack)


def arranger(
    layout: str,
    identity: Identity,
    picture: np.ndarray | None = None,
    *,
    faithful: bool = False,
    follow: bool = False,
    longest: int | None = None,
) -> Callable[[Animated], np.ndarray]:
    """A function that lays out one result after the other.

    layout: one of LAYOUTS. picture: what the identity is from, uint8 `[H, W, 3]`, for PASTED, which
    shrinks it to `longest` pixels if it is larger. follow: PASTED moves, tilts and scales the face
    as the driver's does. faithful: FACE shows the rows that the released demo shows.
    StylexferError.
    """
    if layout == SIDE_BY_SIDE:
        nobody = np.full_like(identity.crop, _EMPTY)
        return lambda result: beside(
            identity.crop, nobody if result.view is None else result.view.crop, result.image
        )
    if layout == PASTED:
        if picture is None or identity.quad is None:
            raise StylexferError("A random identity has no picture: take another layout.")
        scale = min(1.0, (longest or np.inf) / max(picture.shape[:2]))
        height, width = (max(2, round(side * scale)) for side in picture.shape[:2])
        quad = identity.quad * (width / picture.shape[1], height / picture.shape[0])
        ground = Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS)
        paster = Paster(np.asarray(ground), quad)
        if not follow:
            return lambda result: paster(result.image)
        return lambda result: paster(
            result.image, *((v.quad, v.restarted) if (v := result.view) else ())
        )
    # 240 of 1024 rows
    top = faithful and identity.inversion.shape[0] * 15 // 128 * 2
    return lambda result: result.image[top:]
