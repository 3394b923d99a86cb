"""Picture losses of the stages; all take images `[B, 3, H, W]` in [-1, 1] and return a scalar."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

EYES_AND_MOUTH = slice(36, 68)  # of the 68 landmarks


def focus_map(landmarks: np.ndarray, size: int, gain: float = 4.0, radius: float = 0.045) -> Tensor:
    """Weights `[B, 1, size, size]`, 1 .. 1 + gain: more on eyes and mouth, where expression is.

    `landmarks` `[B, 68, 2]` in fractions of the picture; `radius` likewise.
    """
    points = torch.from_numpy(np.asarray(landmarks, dtype=np.float32))[:, EYES_AND_MOUTH]
    coarse = min(size, 32)
    grid = (torch.arange(coarse, dtype=torch.float32) + 0.5) / coarse
    dx = (grid[None, None, :] - points[..., 0, None]).square()  # [B, P, coarse]
    dy = (grid[None, None, :] - points[..., 1, None]).square()
    distance = (dy[..., :, None] + dx[..., None, :]).amin(dim=1, keepdim=True)
    weight = 1 + gain * torch.exp(-distance / (2 * radius**2))
    return F.interpolate(weight, size=(size, size), mode="bilinear")


def pyramid_l1(a: Tensor, b: Tensor, weight: Tensor, levels: int = 3) -> Tensor:
    """Weighted L1 at full size and after each halving, averaged over the levels."""
    total = 0.0
    difference = a - b
    for level in range(levels + 1):
        if level:
            difference = F.avg_pool2d(difference, 2)
            weight = F.avg_pool2d(weight, 2)
        total = total + (difference.abs() * weight).mean()
    return total / (levels + 1)


def gradient_l1(a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
    """Weighted L1 between horizontal and vertical finite differences: edges."""
    difference = a - b
    dx = (difference[..., :, 1:] - difference[..., :, :-1]).abs() * weight[..., :, 1:]
    dy = (difference[..., 1:, :] - difference[..., :-1, :]).abs() * weight[..., 1:, :]
    return dx.mean() + dy.mean()
