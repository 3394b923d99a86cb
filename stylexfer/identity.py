"""The person who is animated: all that is kept of one visitor's portrait."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class Identity:
    """The person who will be animated. Made by `identify` or `random_identity`; never changed.

    `code` and `motion` are `[1, n_styles, style_dim]` fp32 on the CPU: the W+ inversion E_i(t) and
    the own motion E_m(t) (a baseline: the code of the mirrored face). `crop` is the aligned face,
    `inversion` its reconstruction G(code), both uint8 `[S, S, 3]`. `quad` `[4, 2]` places the crop
    in the picture (None for a random identity).
    """

    code: Tensor
    motion: Tensor
    crop: np.ndarray
    inversion: np.ndarray
    quad: np.ndarray | None = None
