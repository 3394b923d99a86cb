"""All that a mark puts into the pixels."""

import numpy as np

from stylexfer.marks.label import Label
from stylexfer.marks.mark import Mark
from stylexfer.marks.watermark import Watermark


class Stamp:
    """The label and the watermark, where the mark has them, for pictures of the size of `first`,
    uint8 `[H, W, 3]`: one picture, or the frames of one clip."""

    def __init__(self, mark: Mark, first: np.ndarray):
        self._label = Label(mark.label, *first.shape[:2]) if mark.label else None
        self._watermark = Watermark(self._labelled(first)) if mark.watermark else None

    def _labelled(self, picture: np.ndarray) -> np.ndarray:
        return self._label(picture) if self._label else picture

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """A marked copy, uint8 `[H, W, 3]`."""
        marked = self._labelled(picture)
        return self._watermark(marked) if self._watermark else np.ascontiguousarray(marked)
