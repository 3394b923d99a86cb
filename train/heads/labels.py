"""The motion labels of rendered heads: 57 numbers a frame, and how they mirror."""

import torch
from torch import Tensor

MIRRORED_ANGLES = (0, 2, 3)  # yaw, roll, gaze to the side: they change sign


def mirror_table(actions: list[str]) -> tuple[Tensor, Tensor]:
    """(order `[57]`, sign `[57]`): mirrored motion = motion[:, order] * sign.

    Order of the numbers: yaw, pitch, roll, gaze x, gaze y, then the coefficients `actions`.
    """
    place = {name: i for i, name in enumerate(actions)}
    order = list(range(5))
    for name in actions:
        twin = name
        if name.endswith("Left"):
            twin = name.removesuffix("Left") + "Right"
        elif name.endswith("Right"):
            twin = name.removesuffix("Right") + "Left"
        order.append(5 + place[twin])
    sign = torch.ones(57)
    sign[list(MIRRORED_ANGLES)] = -1
    return torch.tensor(order), sign


def mirror(motion: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
    """Motion `[B, 57]` of the mirrored pictures."""
    order, sign = table
    return motion[:, order] * sign
