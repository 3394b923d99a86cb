"""The motion labels of rendered heads: 57 numbers a frame, and how they mirror."""

import torch
from torch import Tensor

from train.heads.expressions import mirror_order

MIRRORED_ANGLES = (0, 2, 3)  # yaw, roll, gaze to the side: they change sign


def mirror_table(actions: list[str]) -> tuple[Tensor, Tensor]:
    """(order `[57]`, sign `[57]`): mirrored motion = motion[:, order] * sign.

    Order of the numbers: yaw, pitch, roll, gaze x, gaze y, then the coefficients `actions`.
    """
    sign = torch.ones(57)
    sign[list(MIRRORED_ANGLES)] = -1
    return torch.cat([torch.arange(5), 5 + torch.from_numpy(mirror_order(actions))]), sign


def mirror(motion: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
    """Motion `[B, 57]` of the mirrored pictures."""
    order, sign = table
    return motion[:, order] * sign
