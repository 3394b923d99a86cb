"""StyleGAN2's discriminator (Karras et al. 2020, residual, config f), for training alone.

Parameter names are those of the rosinality port, so that the `d` of a released StyleGAN2 checkpoint
loads as it is.
"""

import math
from itertools import pairwise
from math import log2

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylexfer.networks.ops import SQRT2, EqualLinear, blur_kernel, scaled_leaky_relu


class BlurDown(nn.Module):
    """The [1, 3, 3, 1] filter with a padding of (before, after), `[B, C, r, r]`."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.register_buffer("kernel", blur_kernel(1.0))
        self.pad = (before, after, before, after)

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.kernel.to(x.dtype).expand(x.shape[1], 1, 4, 4)
        return F.conv2d(F.pad(x, self.pad), kernel, groups=x.shape[1])


class EqualConv(nn.Module):
    """Convolution without bias, with run-time weight scaling 1 / sqrt(fan in)."""

    def __init__(self, a: int, b: int, kernel: int, stride: int, padding: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(b, a, kernel, kernel))
        self.scale = 1 / math.sqrt(a * kernel**2)
        self.stride, self.padding = stride, padding

    def forward(self, x: Tensor) -> Tensor:
        weight = (self.weight * self.scale).to(x.dtype)
        return F.conv2d(x, weight, None, self.stride, self.padding)


class BiasActivation(nn.Module):
    """sqrt(2) * leaky_relu(x + bias, 0.2)."""

    def __init__(self, channels: int):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return scaled_leaky_relu(x + self.bias[:, None, None].to(x.dtype))


def conv_layer(
    a: int, b: int, kernel: int, down: bool = False, activate: bool = True
) -> nn.Sequential:
    """Blur and stride where `down`, a convolution, and, where `activate`, bias and activation."""
    layers: list[nn.Module] = []
    if down:
        pad = 2 + kernel - 1  # of both sides together: the output is half the input
        layers.append(BlurDown((pad + 1) // 2, pad // 2))
    layers.append(EqualConv(a, b, kernel, 2 if down else 1, 0 if down else kernel // 2))
    if activate:
        layers.append(BiasActivation(b))
    return nn.Sequential(*layers)


class ResBlock(nn.Module):
    """Two 3x3 convolutions beside a 1x1 one, all to half the side."""

    def __init__(self, a: int, b: int):
        super().__init__()
        self.conv1 = conv_layer(a, a, 3)
        self.conv2 = conv_layer(a, b, 3, down=True)
        self.skip = conv_layer(a, b, 1, down=True, activate=False)

    def forward(self, x: Tensor) -> Tensor:
        return (self.conv2(self.conv1(x)) + self.skip(x)) / SQRT2


class Discriminator(nn.Module):
    """Pictures `[B, 3, size, size]` -> logits `[B]`: above 0 is real.

    `channels`: at 4, 8, .. `size` pixels, as a generator's.
    """

    def __init__(self, size: int, channels: tuple[int, ...], group: int = 4):
        super().__init__()
        if len(channels) != int(log2(size)) - 1:
            raise ValueError(f"channels must name {int(log2(size)) - 1} resolutions (4 to {size})")
        down = channels[::-1]
        blocks = [ResBlock(a, b) for a, b in pairwise(down)]
        self.convs = nn.Sequential(conv_layer(3, down[0], 1), *blocks)
        self.group = group
        self.final_conv = conv_layer(down[-1] + 1, down[-1], 3)
        self.final_linear = nn.Sequential(
            EqualLinear(down[-1] * 16, down[-1], activate=True), EqualLinear(down[-1], 1)
        )

    def spread(self, x: Tensor) -> Tensor:
        """Standard deviation within groups of the batch, one map `[B, 1, 4, 4]`."""
        group = next(g for g in range(min(self.group, len(x)), 0, -1) if len(x) % g == 0)
        y = x.float().view(group, -1, *x.shape[1:])
        deviation = (y.var(dim=0, unbiased=False) + 1e-8).sqrt().mean(dim=(1, 2, 3))
        return deviation.repeat(group)[:, None, None, None].expand(-1, 1, *x.shape[-2:]).to(x.dtype)

    def forward(self, images: Tensor) -> Tensor:
        x = self.convs(images)
        x = self.final_conv(torch.cat([x, self.spread(x)], dim=1))
        return self.final_linear(x.flatten(1).float())[:, 0]


class CodeDiscriminator(nn.Module):
    """e4e's (Tov et al. 2021): w `[B, style_dim]` -> logits `[B]`, above 0 where it is of W."""

    def __init__(self, style_dim: int, layers: int = 4):
        super().__init__()
        hidden = [EqualLinear(style_dim, style_dim, activate=True) for _ in range(layers)]
        self.mlp = nn.Sequential(*hidden, EqualLinear(style_dim, 1))

    def forward(self, w: Tensor) -> Tensor:
        return self.mlp(w)[:, 0]
