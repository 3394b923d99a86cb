"""The StyleGAN2 generator (Karras et al. 2020, config f), skip architecture, any power-of-two size.

Parameter names are those of the rosinality port, so that its FFHQ checkpoints load as they are;
`latent_avg` is kept here as a buffer too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log2

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylexfer.networks.ops import SQRT2, EqualLinear, ModulatedConv, PixelNorm, Upsample


def ffhq_channels(size: int, multiplier: int = 2) -> tuple[int, ...]:
    """Channels at 4, 8, .. `size` pixels in the released FFHQ generators."""
    table = {
        4: 512, 8: 512, 16: 512, 32: 512,
        64: 256 * multiplier, 128: 128 * multiplier, 256: 64 * multiplier,
        512: 32 * multiplier, 1024: 16 * multiplier,
    }  # fmt: skip
    return tuple(table[2**i] for i in range(2, int(log2(size)) + 1))


@dataclass(frozen=True)
class GeneratorConfig:
    size: int = 1024  # side of the picture in pixels, a power of two
    channels: tuple[int, ...] = ffhq_channels(1024)  # at 4, 8, .. size pixels
    style_dim: int = 512  # width of w
    z_dim: int = 512  # width of z
    n_mlp: int = 8  # layers of the mapping network
    lr_mlp: float = 0.01  # its run-time weight multiplier
    conv_clamp: float | None = None  # limit of activations and RGB; NVIDIA's fp16 trainings: 256

    def __post_init__(self):
        object.__setattr__(self, "channels", tuple(self.channels))
        if self.size < 8 or self.size & (self.size - 1):
            raise ValueError(f"size must be a power of two of at least 8, not {self.size}")
        if len(self.channels) != int(log2(self.size)) - 1:
            raise ValueError(
                f"channels must name {int(log2(self.size)) - 1} resolutions (4 to {self.size}), "
                f"not {len(self.channels)}"
            )

    @property
    def n_styles(self) -> int:
        """Rows of a W+ code: 2 * log2(size) - 2."""
        return 2 * int(log2(self.size)) - 2


class ConstantInput(nn.Module):
    """The learned `[1, C, 4, 4]` input."""

    def __init__(self, channels: int):
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channels, 4, 4))

    def forward(self, batch: int) -> Tensor:
        return self.input.expand(batch, -1, -1, -1)


class NoiseInjection(nn.Module):
    """Strength of the noise map of one layer."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))


class ActivationBias(nn.Module):
    """Bias `[C]` added before the activation."""

    def __init__(self, channels: int):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))


class StyledConv(nn.Module):
    """Modulated 3x3 convolution, noise, bias, activation: `[B, in, r, r] -> [B, out, r or 2r, ..]`."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        style_dim: int,
        upsample: bool = False,
        clamp: float | None = None,
    ):
        super().__init__()
        self.clamp = clamp
        self.conv = ModulatedConv(in_channels, out_channels, 3, style_dim, upsample=upsample)
        self.noise = NoiseInjection()
        self.activate = ActivationBias(out_channels)

    def forward(self, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        styles = self.conv.modulation(w)
        # sqrt(2) of the activation is folded into the factors: leaky ReLU is homogeneous.
        gain = (self.conv.demodulation(styles) * SQRT2).to(x.dtype)
        shift = SQRT2 * (self.noise.weight * noise + self.activate.bias[:, None, None])
        x = self.conv.convolve(x, styles)
        x = torch.addcmul(shift.to(x.dtype), x, gain[:, :, None, None])
        return _clamped(F.leaky_relu(x, 0.2), self.clamp)


class ToRGB(nn.Module):
    """1x1 modulated convolution without demodulation, added to the upsampled skip, in fp32."""

    def __init__(
        self, in_channels: int, style_dim: int, upsample: bool = True, clamp: float | None = None
    ):
        super().__init__()
        self.clamp = clamp
        self.conv = ModulatedConv(in_channels, 3, 1, style_dim, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        if upsample:
            self.upsample = Upsample()

    def forward(self, x: Tensor, w: Tensor, skip: Tensor | None) -> Tensor:
        b, c, height, width = x.shape
        styles = self.conv.modulation(w)
        # three outputs only: scaling the weights per sample is cheaper than scaling the input
        weight = self.conv.weight[0, :, :, 0, 0] * self.conv.scale * styles[:, None, :]
        pixels = x.permute(0, 2, 3, 1).reshape(b, height * width, c)
        rgb = torch.matmul(pixels, weight.transpose(1, 2).to(x.dtype)).float()
        rgb = rgb.reshape(b, height, width, 3).permute(0, 3, 1, 2) + self.bias
        rgb = _clamped(rgb, self.clamp)
        return rgb if skip is None else rgb + self.upsample(skip)


def _clamped(x: Tensor, limit: float | None) -> Tensor:
    """NVIDIA's `conv_clamp`: after bias, activation and its gain."""
    return x if limit is None else x.clamp(-limit, limit)


class Generator(nn.Module):
    """z -> w -> image. `forward` takes W+ codes; `mapping` makes w from z."""

    def __init__(self, config: GeneratorConfig):
        super().__init__()
        self.config = config
        style_dim, channels, clamp = config.style_dim, config.channels, config.conv_clamp
        widths = [config.z_dim] + [style_dim] * config.n_mlp
        self.style = nn.Sequential(
            PixelNorm(),
            *(EqualLinear(a, b, lr_mul=config.lr_mlp, activate=True) for a, b in pairwise(widths)),
        )
        self.input = ConstantInput(channels[0])
        self.conv1 = StyledConv(channels[0], channels[0], style_dim, clamp=clamp)
        self.to_rgb1 = ToRGB(channels[0], style_dim, upsample=False, clamp=clamp)
        self.convs = nn.ModuleList()
        self.to_rgbs = nn.ModuleList()
        self.noises = nn.Module()
        self.noises.register_buffer("noise_0", torch.randn(1, 1, 4, 4))
        for level, (a, b) in enumerate(pairwise(channels)):
            side = 8 * 2**level
            self.convs.append(StyledConv(a, b, style_dim, upsample=True, clamp=clamp))
            self.convs.append(StyledConv(b, b, style_dim, clamp=clamp))
            self.to_rgbs.append(ToRGB(b, style_dim, clamp=clamp))
            for k in (2 * level + 1, 2 * level + 2):
                self.noises.register_buffer(f"noise_{k}", torch.randn(1, 1, side, side))
        self.register_buffer("latent_avg", torch.zeros(style_dim))

    @property
    def n_styles(self) -> int:
        return self.config.n_styles

    def mapping(self, z: Tensor, truncation: float = 1.0) -> Tensor:
        """z `[B, z_dim]`, normal -> w `[B, style_dim]`, drawn to `latent_avg` if truncation < 1."""
        w = self.style(z)
        return self.latent_avg + truncation * (w - self.latent_avg) if truncation < 1 else w

    def broadcast(self, w: Tensor) -> Tensor:
        """w `[B, style_dim]` -> W+ `[B, n_styles, style_dim]`."""
        return w[:, None].expand(-1, self.n_styles, -1)

    def average_code(self) -> Tensor:
        """`latent_avg` as a W+ code `[1, n_styles, style_dim]`."""
        return self.broadcast(self.latent_avg[None])

    def constant_noise(self) -> list[Tensor]:
        """The stored noise maps, `[1, 1, r, r]` each, one for each 3x3 layer."""
        return [getattr(self.noises, f"noise_{k}") for k in range(len(self.convs) + 1)]

    def random_noise(self, batch: int, rng: torch.Generator | None = None) -> list[Tensor]:
        """Fresh normal maps, `[B, 1, r, r]` each (upstream's default at inference)."""
        return [
            torch.randn(batch, *n.shape[1:], generator=rng, device=n.device, dtype=n.dtype)
            for n in self.constant_noise()
        ]

    def forward(
        self,
        codes: Tensor,
        noise: Sequence[Tensor] | None = None,
        resolution: int | None = None,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        """W+ codes `[B, n_styles, style_dim]` -> images `[B, 3, resolution, resolution]`, fp32.

        About [-1, 1], unclamped. `noise`: maps as of `random_noise`, else the stored ones.
        `resolution`: an earlier output of the skip architecture (default: full size).
        `dtype`: of the convolutions (styles, demodulation and the RGB sum stay fp32).
        """
        noise = self.constant_noise() if noise is None else noise
        resolution = resolution or self.config.size
        x = self.input(codes.shape[0]).to(dtype or codes.dtype)
        x = x.contiguous(memory_format=torch.channels_last)
        x = self.conv1(x, codes[:, 0], noise[0])
        image = self.to_rgb1(x, codes[:, 1], None)
        row = 1
        for up, conv, to_rgb in zip(self.convs[::2], self.convs[1::2], self.to_rgbs, strict=True):
            if image.shape[-1] >= resolution:
                break
            x = up(x, codes[:, row], noise[row])
            x = conv(x, codes[:, row + 1], noise[row + 1])
            image = to_rgb(x, codes[:, row + 2], image)
            row += 2
        return image
