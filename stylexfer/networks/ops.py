"""Layers that StyleGAN2 and the encoders share: equalised linear, blur, input-scaling modulation.

Numerics follow the rosinality port of StyleGAN2 (Karras et al. 2020), the layout of the public
FFHQ checkpoints.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SQRT2 = math.sqrt(2.0)


def scaled_leaky_relu(x: Tensor) -> Tensor:
    """sqrt(2) * leaky_relu(x, 0.2), StyleGAN2's activation."""
    return F.leaky_relu(x, 0.2) * SQRT2


class PixelNorm(nn.Module):
    """x / sqrt(mean(x^2) + 1e-8) over the last dimension."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + 1e-8)


class EqualLinear(nn.Module):
    """Linear layer with run-time weight scaling `lr_mul / sqrt(in)`; `[..., in] -> [..., out]`.

    The stored weight and bias are the effective ones divided by `lr_mul` (StyleGAN2, section 2.2
    of the first StyleGAN's appendix). `activate` adds `scaled_leaky_relu`.
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        bias_init: float = 0.0,
        lr_mul: float = 1.0,
        activate: bool = False,
    ):
        super().__init__()
        # in place: `randn / lr_mul` on the meta device imports torch._dynamo, which takes 2 s
        self.weight = nn.Parameter(torch.randn(out_dim, in_dim).div_(lr_mul))
        self.bias = nn.Parameter(torch.full((out_dim,), float(bias_init)))
        self.scale = lr_mul / math.sqrt(in_dim)
        self.lr_mul = lr_mul
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        x = F.linear(x, self.weight * self.scale, self.bias * self.lr_mul)
        return scaled_leaky_relu(x) if self.activate else x


def blur_kernel(gain: float = 4.0) -> Tensor:
    """The [1, 3, 3, 1] binomial filter as `[4, 4]`, summing to `gain` (4 after upsampling by 2)."""
    row = (1.0, 3.0, 3.0, 1.0)
    return torch.tensor([[a * b / 64.0 * gain for a in row] for b in row])


class Blur(nn.Module):
    """The filter after an upsampling convolution: `[B, C, 2r+1, 2r+1] -> [B, C, 2r, 2r]`."""

    def __init__(self):
        super().__init__()
        self.register_buffer("kernel", blur_kernel())

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        kernel = self.kernel.to(x.dtype).expand(channels, 1, 4, 4)
        return F.conv2d(x, kernel, padding=1, groups=channels)


class Upsample(nn.Module):
    """Upsampling of the RGB skip by 2 with the binomial filter: `[B, 3, r, r] -> [B, 3, 2r, 2r]`.

    The same as zero insertion, padding (2, 1) and a convolution (rosinality's `upfirdn`).
    """

    def __init__(self):
        super().__init__()
        self.register_buffer("kernel", blur_kernel())

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        kernel = self.kernel.to(x.dtype).expand(channels, 1, 4, 4)
        return F.conv_transpose2d(x, kernel, stride=2, padding=1, groups=channels)


class ModulatedConv(nn.Module):
    """StyleGAN2's modulated convolution in the input-scaling form: `[B, in, r, r]` -> `[B, out, .., ..]`.

    Instead of scaling the weights by each sample's styles (a grouped convolution), the input is
    scaled by the styles and the output by the demodulation factors: the weights stay constant, so
    one plain convolution serves the batch. Equal up to float rounding.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        style_dim: int,
        demodulate: bool = True,
        upsample: bool = False,
    ):
        super().__init__()
        self.weight = nn.Parameter(
            torch.randn(1, out_channels, in_channels, kernel_size, kernel_size)
        )
        self.modulation = EqualLinear(style_dim, in_channels, bias_init=1.0)
        self.scale = 1.0 / math.sqrt(in_channels * kernel_size**2)
        self.padding = kernel_size // 2
        self.demodulate = demodulate
        if upsample:
            self.blur = Blur()
        self.upsample = upsample

    def demodulation(self, styles: Tensor) -> Tensor:
        """`[B, in] -> [B, out]`: 1 / sqrt(sum over in, k of (W * scale * s)^2 + 1e-8), in fp32."""
        power = (self.weight[0] * self.scale).float().square().sum(dim=(2, 3))
        return torch.rsqrt(styles.float().square() @ power.t() + 1e-8)

    def convolve(self, x: Tensor, styles: Tensor) -> Tensor:
        """The convolution of the scaled input, before demodulation; styles `[B, in]`."""
        x = x * styles[:, :, None, None].to(x.dtype)
        weight = (self.weight[0] * self.scale).to(x.dtype)
        if not self.upsample:
            return F.conv2d(x, weight, padding=self.padding)
        return self.blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2))
