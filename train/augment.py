"""Augmentations that make encoders of rendered faces work on real photos and paintings.

Batched, on images `[B, 3, H, W]` in [-1, 1]; each step's randomness comes from its own generator.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def jitter_crop(x: Tensor, rng: torch.Generator, strength: float = 1.0) -> Tensor:
    """Shift (4 %), scale (5 %) and turn (3 degrees): detected landmarks are not the exact ones."""
    n = len(x)
    normal = torch.randn(n, 4, generator=rng).clamp(-2, 2) * strength / 2
    scale = 1 + 0.05 * normal[:, 0]
    angle = math.radians(3.0) * normal[:, 1]
    cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
    shift = 0.08 * normal[:, 2:]  # grid units run from -1 to 1
    rows = torch.stack(
        [torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)], 1
    )
    grid = F.affine_grid(rows, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)


def jitter_colour(x: Tensor, rng: torch.Generator, strength: float = 1.0) -> Tensor:
    """Gain, gamma, tint, saturation, and grey for one picture in eight."""
    n = len(x)

    def normal(*shape):
        return torch.randn(n, *shape, generator=rng).clamp(-2, 2) * strength

    y = ((x + 1) / 2).clamp(1e-3, 1)
    y = y ** torch.exp(0.2 * normal(1, 1, 1))
    grey = (y * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
    saturation = (1 + 0.3 * normal(1, 1, 1)).clamp_min(0)
    is_grey = torch.rand(n, 1, 1, 1, generator=rng) < 0.125 * strength
    y = grey + torch.where(is_grey, 0.0, saturation) * (y - grey)
    y = y * torch.exp(0.12 * normal(1, 1, 1) + 0.07 * normal(3, 1, 1))
    mean = y.mean(dim=(1, 2, 3), keepdim=True)
    y = mean + (y - mean) * torch.exp(0.12 * normal(1, 1, 1))
    return y.clamp(0, 1) * 2 - 1


def degrade(x: Tensor, rng: torch.Generator, strength: float = 1.0) -> Tensor:
    """Low resolution (1/2 or 1/4 side), noise, and a flat patch over a part, each for some."""
    n, _, height, width = x.shape
    half = F.interpolate(F.avg_pool2d(x, 2), (height, width), mode="bilinear")
    quarter = F.interpolate(F.avg_pool2d(x, 4), (height, width), mode="bilinear")
    kind = torch.rand(n, 1, 1, 1, generator=rng)
    y = torch.where(kind < 0.3 * strength, half, x)
    y = torch.where(kind < 0.08 * strength, quarter, y)
    level = torch.rand(n, 1, 1, 1, generator=rng) ** 3 * 0.15 * strength
    y = y + level * torch.randn(x.shape, generator=rng)
    # a patch of one colour, of 10 to 35 % of the side, over one picture in five
    side = torch.empty(n, 2).uniform_(0.1, 0.35, generator=rng)
    corner = torch.rand(n, 2, generator=rng) * (1 - side)
    rows = (torch.arange(height) + 0.5) / height
    columns = (torch.arange(width) + 0.5) / width
    inside_rows = (rows >= corner[:, :1]) & (rows < corner[:, :1] + side[:, :1])
    inside_columns = (columns >= corner[:, 1:]) & (columns < corner[:, 1:] + side[:, 1:])
    patch = inside_rows[:, None, :, None] & inside_columns[:, None, None, :]
    patch &= torch.rand(n, 1, 1, 1, generator=rng) < 0.2 * strength
    colour = torch.rand(n, 3, 1, 1, generator=rng) * 2 - 1
    return torch.where(patch, colour, y).clamp(-1, 1)


def augment(x: Tensor, rng: torch.Generator, strength: float = 1.0) -> Tensor:
    """All of the above."""
    x = jitter_crop(x, rng, strength)
    return degrade(jitter_colour(x, rng, strength), rng, strength)
