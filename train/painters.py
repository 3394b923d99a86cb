"""Painters: pictures as oil, pencil, engraving or print would show them.

For `train.augment`: pictures are `[k, 3, H, W]` in [0, 1], lengths in fractions of the side.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Draw:
    """Random numbers for each of `count` pictures, from one generator."""

    rng: torch.Generator
    count: int
    device: torch.device

    def of(self, count: int) -> "Draw":
        """For `count` of the pictures, from the same generator."""
        return Draw(self.rng, count, self.device)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """`[count, *shape]` in [low, high)."""
        x = torch.rand(self.count, *shape, generator=self.rng, device=self.rng.device)
        return (low + (high - low) * x).to(self.device)

    def normal(self, *shape: int) -> Tensor:
        """`[count, *shape]`, normal, within two deviations."""
        x = torch.randn(self.count, *shape, generator=self.rng, device=self.rng.device)
        return x.clamp_(-2, 2).to(self.device)

    def choice(self, shares: tuple[float, ...]) -> Tensor:
        """`[count]` numbers of the shares, which sum to 1."""
        bounds = torch.tensor(shares, device=self.device).cumsum(0)[:-1]
        return torch.bucketize(self.uniform(0, 1), bounds)


def grid(x: Tensor) -> tuple[Tensor, Tensor]:
    """u and v `[1, H, W]` of the pixel centres of `x`, -0.5 .. 0.5."""
    height, width = x.shape[-2:]
    v = (torch.arange(height, device=x.device) + 0.5) / height - 0.5
    u = (torch.arange(width, device=x.device) + 0.5) / width - 0.5
    return u.expand(1, height, width), v[:, None].expand(1, height, width)


def luma(x: Tensor) -> Tensor:
    """`[k, 1, H, W]`."""
    return 0.299 * x[:, :1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:]


def smooth_field(draw: Draw, size, cells: int, channels: int = 1) -> Tensor:
    """Smooth normal noise `[count, channels, *size]` of about `cells` bumps a side."""
    coarse = draw.normal(channels, cells, cells)
    return F.interpolate(coarse, tuple(size), mode="bilinear", align_corners=True)


def kuwahara(x: Tensor, radius: int) -> Tensor:
    """Each pixel takes the mean of the flattest of the four squares at its corners.

    Kuwahara et al. 1976: flat patches with sharp edges, as of a loaded brush.
    """
    side = radius + 1
    y = luma(x)
    planes = F.pad(torch.cat([x, y, y * y], dim=1), [radius] * 4, mode="replicate")
    means = F.avg_pool2d(planes, side, stride=1)  # of the square whose first pixel it is
    height, width = x.shape[-2:]
    corners = [means[..., a : a + height, b : b + width] for a in (0, radius) for b in (0, radius)]
    best, least = corners[0][:, :3], corners[0][:, 4:] - corners[0][:, 3:4] ** 2
    for corner in corners[1:]:
        spread = corner[:, 4:] - corner[:, 3:4] ** 2
        flatter = spread < least
        best, least = torch.where(flatter, corner[:, :3], best), torch.minimum(spread, least)
    return best


def canvas(x: Tensor, draw: Draw) -> Tensor:
    """Weave of the cloth and relief of the paint, lit from one side `[k, 1, H, W]`, about 1."""
    u, v = grid(x)
    pitch = draw.uniform(150, 420, 1, 1)
    weave = torch.sin(pitch * u) * torch.sin(pitch * v)
    relief = smooth_field(draw, x.shape[-2:], 40)
    relief = relief[..., 1:, 1:] - relief[..., :-1, :-1]
    relief = F.pad(relief, (0, 1, 0, 1), mode="replicate")
    depth = draw.uniform(0, 1, 1, 1, 1)
    return 1 + 0.06 * depth * weave.unsqueeze(1) + 0.05 * (1 - depth) * relief


def oil(x: Tensor, draw: Draw, strength: float) -> Tensor:
    """Patches of paint whose edges waver, on canvas."""
    side = x.shape[-1]
    u, v = grid(x)
    bend = 0.02 * strength * smooth_field(draw, x.shape[-2:], 16, channels=2)
    places = torch.stack([2 * u + bend[:, 0], 2 * v + bend[:, 1]], dim=-1)
    x = F.grid_sample(x, places, padding_mode="reflection", align_corners=False)
    out = torch.empty_like(x)
    for k, part in enumerate(torch.arange(len(x), device=x.device).chunk(2)):
        radius = max(1, round(side * (0.012 + 0.012 * k) * strength))
        out[part] = kuwahara(x[part], radius)
    return out * canvas(x, draw)


def sketch(x: Tensor, draw: Draw, strength: float) -> Tensor:
    """Pencil: dark where it is darker than its surroundings, on paper."""
    y = luma(x)
    width = 2 * max(1, round(x.shape[-1] / 40)) + 1
    around = F.avg_pool2d(y, width, 1, width // 2, count_include_pad=False)
    line = (y / around.clamp_min(0.05)).clamp(0, 1) ** draw.uniform(2, 5, 1, 1, 1)
    shade = line * (0.55 + 0.45 * y**0.5) * canvas(x, draw)
    yellow = torch.tensor([0.05, 0.1, 0.2], device=x.device)[:, None, None]
    paper = 1 - draw.uniform(0, 1, 1, 1, 1) * yellow
    return shade * paper


def engraving(x: Tensor, draw: Draw, strength: float) -> Tensor:
    """Lines that swell where it is dark, following the light."""
    y = luma(x)
    u, v = grid(x)
    angle = draw.uniform(0, 3.14, 1, 1)
    phase = torch.cos(angle) * u + torch.sin(angle) * v
    phase = draw.uniform(230, 380, 1, 1) * (phase + 0.04 * y[:, 0])
    lines = 0.5 + 0.5 * torch.sin(phase).unsqueeze(1)
    ink = torch.sigmoid((y * 1.3 - lines * 0.9) / 0.22)
    return (0.08 + 0.87 * ink).expand_as(x) * (1 - draw.uniform(0, 0.12, 3, 1, 1))


def flat_print(x: Tensor, draw: Draw, strength: float) -> Tensor:
    """Few tones, soft steps between them: posters, cartoons, watercolour."""
    tones = draw.uniform(3, 7, 1, 1, 1)
    x = kuwahara(x, max(1, round(x.shape[-1] / 64)))
    level = x * tones
    step = level.floor()
    return (step + torch.sigmoid(12 * (level - step - 0.5))) / tones


PAINTERS = (oil, sketch, engraving, flat_print)
SHARES = (0.6, 0.15, 0.1, 0.15)


def paint(x: Tensor, draw: Draw, strength: float) -> Tensor:
    """One painter for each picture, at an opacity of 1 - strength / 2 .. 1 of the photograph."""
    kind = draw.choice(SHARES)
    opacity = 1 - draw.uniform(0, 1, 1, 1, 1) * 0.6 - 0.4 * (1 - strength)
    out = x.clone()
    for number, painter in enumerate(PAINTERS):
        places = (kind == number).nonzero()[:, 0]
        if len(places):
            drawn = painter(x[places], draw.of(len(places)), strength)
            out[places] = torch.lerp(x[places], drawn.clamp(0, 1), opacity[places])
    return out
