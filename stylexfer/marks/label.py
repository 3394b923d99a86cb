"""The label that people see: a few words in the lower right corner."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from stylexfer.marks.mark import LABEL

_SHARE = 0.04  # height of the letters, of the shorter side
_SMALLEST, _LARGEST = 9, 48  # pixels
_GROUND = 0.55  # how much darker it is behind the letters


def _words(text: str) -> str:
    """Pillow's own font has the letters of Latin, Greek and Cyrillic, and draws boxes for others."""
    return text if all(ord(letter) < 0x500 for letter in text) else LABEL


class Label:
    """Draws `text` into pictures of one size, uint8 `[height, width, 3]`."""

    def __init__(self, text: str, height: int, width: int):
        wanted = min(max(_SHARE * min(height, width), _SMALLEST), _LARGEST)
        box, font = (0, 0, 0, 0), ImageFont.load_default(wanted)
        while (box := font.getbbox(_words(text)))[2] > 0.8 * width and wanted > 4:
            wanted -= 1
            font = ImageFont.load_default(wanted)
        edge = max(2, round(wanted / 3))
        size = (min(width, box[2] - box[0] + 2 * edge), min(height, box[3] - box[1] + 2 * edge))
        letters = Image.new("L", size, 0)
        ImageDraw.Draw(letters).text((edge - box[0], edge - box[1]), _words(text), 255, font)
        self._letters = np.asarray(letters, np.float32)[..., None]
        ink = self._letters / 255
        self._keep = (1 - ink) * (1 - _GROUND)
        self._rows = slice(height - size[1], height)
        self._columns = slice(width - size[0], width)

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """A copy with the label."""
        drawn = picture.copy()
        place = drawn[self._rows, self._columns]
        place[...] = np.rint(place * self._keep + self._letters)
        return drawn
