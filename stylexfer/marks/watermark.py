"""An invisible watermark: one bit, "made by this program", that outlives metadata.

A picture carries, added to its luminance, a sum of waves whose frequencies lie on a lattice and
whose phases are fixed numbers. Together they look like faint noise that repeats every `TILE` units;
strength follows the picture's own texture. `detector.py` measures the phases at these frequencies: in
a marked picture they agree with the numbers, in any other they are as good as random. This is spread
spectrum (Cox et al. 1997) with a lattice in the Fourier domain, so that one short table of waves
serves every size and a crop only turns all phases together.

The numbers are public, as the program is. So the mark helps the honest and proves nothing against
the malicious: who wants to can take it away, or put it on anything.
"""

import hashlib
import math
from functools import lru_cache

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

TILE = 128  # units after which the pattern repeats
# Waves in a tile, so from 16 to 6.4 units long: longer ones drown in what a picture shows, shorter
# ones are lost to JPEG and H.264.
LOWEST, HIGHEST = 8, 20

# A unit is a pixel up to this many pixels of the shorter side; then it grows, so that a large
# picture can be made small.
_LARGEST = 512

_FAINTEST, _STRONGEST, _BY_TEXTURE = 1.0, 3.6, 0.17  # grey levels; of them, per one of texture
_SMALLEST = 64  # pixels of the shorter side: a smaller picture holds no half of a tile, and none
_MOST = 2.4  # grey levels, root of mean square: 40.5 dB
_FULL, _LEAST = 256, 0.7  # so strong up to these pixels of the shorter side; in larger, this share
_BLOCK = 8  # pixels on which texture is measured
_FITTED = 320  # pixels of the shorter side, up to which a picture's own waves are reckoned with
_ROUNDS, _PACE = 8, 0.3
_WANTED = 2.5  # size of a wave that agrees, of the usual one of its length
_HEAVIEST = 2.0  # weight: a wave that would need more is given up


@lru_cache(maxsize=1)
def phases() -> np.ndarray:
    """e^(i phase) of each wave, complex64 `[HIGHEST + 1, 2 * HIGHEST + 1]`: rows are waves down a
    tile from 0, columns across from -HIGHEST; 0 where there is none."""
    down, across = np.mgrid[: HIGHEST + 1, -HIGHEST : HIGHEST + 1]
    reach = np.hypot(down, across)
    used = (reach >= LOWEST) & (reach <= HIGHEST) & ((down > 0) | (across > 0))
    count = int(used.sum())
    # From a hash and not from a generator of random numbers: those change with their library.
    blocks = range(math.ceil(count / 8))
    drawn = b"".join(hashlib.sha256(b"stylexfer %d" % k).digest() for k in blocks)
    turns = np.frombuffer(drawn, ">u4")[:count] / 2**32
    table = np.zeros(reach.shape, np.complex64)
    table[used] = np.exp(2j * np.pi * turns)
    return table


def unit_of(height: int, width: int) -> float:
    """Pixels in a unit of a picture of this size."""
    return max(1.0, min(height, width) / _LARGEST)


@lru_cache(maxsize=16)
def _waves(length: int, pixels: float, first: int) -> np.ndarray:
    """e^(-i ..) of the waves `first`.. HIGHEST along a side, complex64 `[waves, length]`; `pixels` in
    a unit. Counted from the middle of pixels, so that resizing turns no phase."""
    at = (np.arange(length) + 0.5) / (TILE * pixels)
    return np.exp(-2j * np.pi * np.outer(np.arange(first, HIGHEST + 1), at)).astype(np.complex64)


def measured(residual: np.ndarray, pixels: float) -> np.ndarray:
    """The waves in `residual`, float32 `[H, W]`, at `pixels` in a unit; shaped as `phases()`."""
    height, width = residual.shape
    return (_waves(height, pixels, 0) @ residual) @ _waves(width, pixels, -HIGHEST).T


@lru_cache(maxsize=1)
def _rings() -> tuple[np.ndarray, list[np.ndarray]]:
    """Which ring of about equal length each wave is in, and for each ring the waves near it."""
    down, across = np.mgrid[: HIGHEST + 1, -HIGHEST : HIGHEST + 1]
    ring = np.rint(np.hypot(down, across)).astype(int)
    used = phases() != 0
    near = [used & (abs(ring - k) <= 1) for k in range(LOWEST, HIGHEST + 1)]
    return np.clip(ring - LOWEST, 0, len(near) - 1), near


def usual(sizes: np.ndarray) -> np.ndarray:
    """The usual size of waves as long as each; shaped as `phases()`, like `sizes`."""
    ring, near = _rings()
    return np.maximum([np.median(sizes[those]) for those in near], 1e-6).astype(np.float32)[ring]


def residual_of(grey: np.ndarray) -> np.ndarray:
    """What is left of a picture, float32 `[H, W]`, without its large shapes, flat areas raised and
    busy ones lowered, so that no edge outweighs the waves."""
    fine = grey - gaussian_filter(grey, 2.0)
    fine /= np.sqrt(gaussian_filter(fine * fine, 2.0)) + 3.0
    for side in (0, 1):  # or the picture's border would count as an edge
        length = fine.shape[side]
        reach = min(12, length // 8)
        ramp = np.ones(length, np.float32)
        if reach:
            ramp[:reach] = np.sin(np.linspace(0, np.pi / 2, reach + 2)[1:-1]) ** 2
            ramp[-reach:] = ramp[:reach][::-1]
        fine *= ramp[:, None] if side == 0 else ramp
    return fine


def _strength(green: np.ndarray) -> np.ndarray:
    """Grey levels that hide in each place of a picture, float32 `[H, W]`."""
    height, width = green.shape
    rows, columns = max(1, height // _BLOCK), max(1, width // _BLOCK)
    high, wide = height // rows, width // columns
    blocks = green[: rows * high, : columns * wide].reshape(rows, high, columns, wide)
    texture = blocks.astype(np.float32).std(axis=(1, 3))
    levels = np.clip(_FAINTEST + _BY_TEXTURE * texture, _FAINTEST, _STRONGEST)
    levels *= max(_LEAST, min(1.0, _FULL / min(height, width)))  # a large picture has it many times
    smooth = Image.fromarray(levels).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(smooth)


class Watermark:
    """Puts the watermark into pictures of one size.

    Small pictures hold few tiles, so their own waves disturb the pattern: it is fitted to the first
    picture, and kept for the following ones, which in a clip are like it.
    """

    def __init__(self, first: np.ndarray):
        height, width = first.shape[:2]
        self._unit = unit_of(height, width)
        self._pattern: np.ndarray | None = None
        if min(height, width) < _SMALLEST:
            return
        weights = np.ones(phases().shape, np.float32)
        self._pattern = self._drawn(height, width, weights)
        if min(height, width) <= _FITTED:
            self._fit(first, weights)

    def _drawn(self, height: int, width: int, weights: np.ndarray) -> np.ndarray:
        """The waves, with these weights, of mean square 1, float32 `[H, W]`."""
        table = phases() * weights
        down = _waves(height, self._unit, 0).conj().T
        across = _waves(width, self._unit, -HIGHEST).conj()
        level = np.sqrt((np.abs(table) ** 2).sum() / 2)
        return ((down @ table) @ across).real / level

    def _fit(self, picture: np.ndarray, weights: np.ndarray) -> None:
        """More of the waves that the picture's own speak against, less of those that they help."""
        height, width = picture.shape[:2]
        used = phases() != 0
        for _ in range(_ROUNDS):
            grey = np.asarray(Image.fromarray(self(picture)).convert("L"), np.float32)
            waves = measured(residual_of(grey), self._unit)
            agreeing = (waves * phases().conj()).real / (_WANTED * usual(np.abs(waves)))
            weights = np.clip(weights + _PACE * (1 - agreeing), 0, _HEAVIEST)
            weights /= np.sqrt(np.mean(weights[used] ** 2))
            self._pattern = self._drawn(height, width, weights)

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """The picture, uint8 `[H, W, 3]` and of the size of the first, with the watermark; under 64 pixels without."""
        if self._pattern is None:
            return picture.copy()
        change = _strength(picture[..., 1]) * self._pattern
        level = math.sqrt(np.vdot(change, change) / change.size)
        if level > _MOST:
            change *= _MOST / level
        np.rint(change, out=change)
        marked = picture.astype(np.int16)
        marked += change.astype(np.int16)[..., None]
        return np.clip(marked, 0, 255, out=marked).astype(np.uint8)
