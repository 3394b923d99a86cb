"""Finds the watermark of `watermark.py`, at any size and after any cropping."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from stylexfer.marks.watermark import HIGHEST, TILE, measured, phases, residual_of, unit_of, usual

FALSE_ALARMS = 1e-6  # share of unmarked pictures in which it is found, at most

_SMALLEST = 32  # pixels of the shorter side: less holds no pattern
_LONGEST = 4  # sides in ratio: of a longer strip, the middle is looked at
_LARGEST = 512  # pixels of the shorter side that are looked at
_LEAST, _MOST, _STEP = 0.4, 2.2, 0.006  # how much smaller and larger a picture may have become


@dataclass(frozen=True)
class Found:
    """A watermark, or the best that was found in its place.

    chance: that an unmarked picture looks as much like a marked one, at most. (Over the choice of
    the phases: a sum of unit vectors of random direction, Hoeffding's bound, times the number of
    places looked at.) scale: size now, relative to when it was marked.
    """

    chance: float
    scale: float

    @property
    def marked(self) -> bool:
        return self.chance < FALSE_ALARMS


def _normed(waves: np.ndarray) -> np.ndarray:
    """The measured waves, those that stand out of their like cut down to it."""
    sizes = np.abs(waves)
    like = usual(sizes)
    # Of each wave the direction counts, and by how far it is from drowning; where waves are larger, a
    # picture has more of its own, so they count less.
    return np.where(phases() != 0, waves / np.maximum(sizes, like) / like, 0)


def _agreement(waves: np.ndarray) -> np.ndarray:
    """How well the waves agree with the phases for each shift of the picture, `[TILE, TILE]`: 0 in
    the mean, spread 1 for random ones."""
    normed = _normed(waves)
    turned = normed * phases().conj()
    table = np.zeros((TILE, TILE), np.complex64)
    table[: HIGHEST + 1, : HIGHEST + 1] = turned[:, HIGHEST:]
    table[: HIGHEST + 1, -HIGHEST:] = turned[:, :HIGHEST]
    spread = math.sqrt(float((np.abs(normed) ** 2).sum()) / 2) or 1.0
    return np.fft.ifft2(table).real * (TILE * TILE / spread)


def _grey(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    side = min(height, width)
    if max(height, width) > _LONGEST * side:
        rows, columns = min(height, _LONGEST * side), min(width, _LONGEST * side)
        top, left = (height - rows) // 2, (width - columns) // 2
        picture = picture[top : top + rows, left : left + columns]
    grey = Image.fromarray(picture).convert("L")
    if side > _LARGEST:
        size = (round(grey.width * _LARGEST / side), round(grey.height * _LARGEST / side))
        grey = grey.resize(size, Image.Resampling.BOX)
    return np.asarray(grey, np.float32)


def detect(pictures: Iterable[np.ndarray]) -> Found:
    """Look for the watermark in a picture, or in frames of one clip together.

    pictures: uint8 `[H, W, 3]`, all of one size. Takes up to a second, whatever the size.
    """
    residual, size = 0.0, None
    for picture in pictures:
        if size is not None and picture.shape != size:
            continue
        size = picture.shape
        if min(size[:2]) < _SMALLEST:
            return Found(1.0, 1.0)
        residual = residual + residual_of(_grey(picture))
    if size is None:
        return Found(1.0, 1.0)
    whole = unit_of(*size[:2])
    shrunk = max(1.0, min(size[:2]) / _LARGEST)  # by `_grey`

    count = math.ceil(math.log(_MOST / _LEAST) / _STEP)
    steps = [_LEAST * math.exp(k * _STEP) for k in range(count)]
    # The likely cases have a share of the false alarms for themselves, as they are few: the whole
    # picture at its size or half of it, the whole at any size, and any part at any size.
    near = [(0, 0), (0, 1), (1, 0), (0, -1), (-1, 0)]
    best = Found(1.0, 1.0)
    for scale, part in [(1.0, "likely"), (0.5, "likely"), *((s, "any") for s in steps)]:
        agreement = _agreement(measured(residual, scale * whole / shrunk))
        at_home = max(agreement[shift] for shift in near)
        tests = [(at_home, len(near) * (2 if part == "likely" else count))]
        if part == "any":
            tests.append((float(agreement.max()), TILE * TILE * count))
        for value, looked in tests:
            chance = min(1.0, 3 * looked * math.exp(-(max(0.0, value) ** 2) / 2))
            if chance < best.chance:
                best = Found(chance, scale)
        if part == "likely" and best.marked:
            break
    return best
