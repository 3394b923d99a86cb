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


class Unit(nn.Module):
    """Residual unit `[B, in, h, w] -> [B, out, h/stride, w/stride]`; no activation at its end."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, reduction: int):
        super().__init__()
        if in_channels == out_channels:
            self.shortcut_layer = nn.MaxPool2d(1, stride)
        else:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(in_channels),
            nn.Conv2d(in_channels, out_channels, 3, 1, 1, bias=False),
            nn.PReLU(out_channels),
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
            nn.PReLU(width),
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
