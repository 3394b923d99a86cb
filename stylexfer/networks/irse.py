"""The IR-SE trunk of ArcFace, pSp, ReStyle and the paper's motion encoder.

Names and numerics follow InsightFace_Pytorch's `Backbone` ("ir_se"): IR-SE 50 is the default
config; other depths and widths make small trunks of the same form.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class IRSEConfig:
    in_channels: int = 3
    widths: tuple[int, ...] = (64, 128, 256, 512)  # channels of each stage
    depths: tuple[int, ...] = (3, 4, 14, 3)  # units of each stage; the first has stride 2
    se_reduction: int = 16

    def __post_init__(self):
        object.__setattr__(self, "widths", tuple(self.widths))
        object.__setattr__(self, "depths", tuple(self.depths))
        if len(self.widths) != len(self.depths):
            raise ValueError("widths and depths must name the same number of stages")

    @property
    def stride(self) -> int:
        """Input pixels per pixel of the last map."""
        return 2 ** len(self.widths)


class SqueezeExcite(nn.Module):
    """y * sigmoid(fc2(relu(fc1(mean(y))))), `[B, C, h, w]`."""

    def __init__(self, channels: int, reduction: int):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate = F.relu(self.fc1(x.mean(dim=(2, 3), keepdim=True)))
        return x * torch.sigmoid(self.fc2(gate))


class PReLU(nn.PReLU):
    """Slope `[C]` below zero, `[B, C, h, w]`. Without gradients it may overwrite its input."""

    def forward(self, x: Tensor) -> Tensor:
        quick = x.device.type == "cpu" and x.dtype == torch.bfloat16 and not torch.is_grad_enabled()
        if not quick or not x.is_contiguous(memory_format=torch.channels_last):
            return super().forward(x)
        # torch's own kernel would take 40 % of E_m's time. Whole rows, because a loop over a pixel's
        # 16 channels is too short for the processor's vectors.
        b, c, height, width = x.shape
        rows = x.permute(0, 2, 3, 1).view(b, height, width * c)
        below = rows.clamp(max=0)
        rows.clamp_(min=0).addcmul_(below, self.weight.to(x.dtype).repeat(width))
        return x


class Subsample(nn.Module):
    """Every stride-th pixel: the max pool of 1x1 of the released code."""

    def __init__(self, stride: int):
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, :: self.stride, :: self.stride]


class Unit(nn.Module):
    """Residual unit `[B, in, h, w] -> [B, out, h/stride, w/stride]`; no activation at its end."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, reduction: int):
        super().__init__()
        if in_channels == out_channels:
            self.shortcut_layer = Subsample(stride)
        else:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(in_channels),
            nn.Conv2d(in_channels, out_channels, 3, 1, 1, bias=False),
            PReLU(out_channels),
            nn.Conv2d(out_channels, out_channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            SqueezeExcite(out_channels, reduction),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.res_layer(x) + self.shortcut_layer(x)


class IRSE(nn.Module):
    """`input_layer` and `body`; a subclass adds its own head."""

    def __init__(self, config: IRSEConfig):
        super().__init__()
        width = config.widths[0]
        self.input_layer = nn.Sequential(
            nn.Conv2d(config.in_channels, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
            PReLU(width),
        )
        units = []
        for out, depth in zip(config.widths, config.depths, strict=True):
            for i in range(depth):
                units.append(Unit(width, out, 2 if i == 0 else 1, config.se_reduction))
                width = out
        self.body = nn.Sequential(*units)
        self.stage_depths = config.depths

    def features(self, x: Tensor) -> Tensor:
        """Last map `[B, widths[-1], H/stride, W/stride]` of images `[B, in_channels, H, W]`."""
        x = x.contiguous(memory_format=torch.channels_last)
        return self.body(self.input_layer(x))

    def pyramid(self, x: Tensor) -> list[Tensor]:
        """The last map of every stage, `[B, widths[k], H / 2^(k+1), W / 2^(k+1)]`, widest first."""
        x = self.input_layer(x.contiguous(memory_format=torch.channels_last))
        maps, first = [], 0
        for depth in self.stage_depths:
            x = self.body[first : first + depth](x)
            maps.append(x)
            first += depth
        return maps
