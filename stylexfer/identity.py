"""The person who is animated: all that is kept of one visitor's portrait."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class Tuning:
    """How the pack's generator is changed to draw one person faithfully (`stylexfer.tuning`).

    `change`: what is added to its parameters, by name, fp16 on the CPU. `steps` were taken of the
    `planned` ones; fewer when the time was up. `steering`: what is added to motion codes
    (`stylexfer.steering`), `[4, n_styles, style_dim]` fp32 on the CPU.
    """

    change: dict[str, Tensor]
    steps: int
    planned: int
    steering: Tensor | None = None

    @property
    def bytes(self) -> int:
        steering = 0 if self.steering is None else self.steering.nbytes
        return steering + sum(change.nbytes for change in self.change.values())


@dataclass(frozen=True)
class Identity:
    """The person who will be animated. Made by `identify` or `random_identity`; never changed.

    `code` and `motion` are `[1, n_styles, style_dim]` fp32 on the CPU: the W+ inversion E_i(t) and
    the own motion E_m(t) (a baseline: the code of the mirrored face). `crop` is the aligned face,
    `inversion` its reconstruction G(code), both uint8 `[S, S, 3]`. `quad` `[4, 2]` places the crop
    in the picture (None for a random identity). `tuning`: what `FaceTransfer.tune` learned of the
    person; `code` and `inversion` are then of it, too.
    """

    code: Tensor
    motion: Tensor
    crop: np.ndarray
    inversion: np.ndarray
    quad: np.ndarray | None = None
    tuning: Tuning | None = None
