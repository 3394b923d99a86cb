"""Hopenet (Ruiz et al. 2018): head pose of a face, for the pose metric.

Layout and numerics of deep-head-pose's `Hopenet` (`hopenet_robust_alpha1.pkl`): a ResNet-50 with
three heads of 66 bins of 3 degrees.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
ANGLES = ("yaw", "pitch", "roll")
BIN_DEGREES = 3.0  # width of a bin
LOWEST_DEGREES = -99.0  # angle of bin 0


@dataclass(frozen=True)
class HeadPoseConfig:
    input_size: int = 224  # side of the face it is given
    width: int = 64  # channels of the stem
    depths: tuple[int, ...] = (3, 4, 6, 3)  # bottlenecks of each stage
    bins: int = 66

    def __post_init__(self):
        object.__setattr__(self, "depths", tuple(self.depths))


class Bottleneck(nn.Module):
    """ResNet's 1x1, 3x3, 1x1 block, the stride in the 3x3: `[B, in, h, w] -> [B, 4 * width, ..]`."""

    def __init__(self, in_channels: int, width: int, stride: int):
        super().__init__()
        out = 4 * width
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample = None
        if stride != 1 or in_channels != out:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class HeadPose(nn.Module):
    """Face `[B, 3, input_size, input_size]` in [-1, 1] -> degrees `[B, 3]`: yaw, pitch, roll.

    Signs are those of 300W-LP, on which it was trained; yaw and roll change sign when the picture
    is mirrored. An FFHQ-aligned picture is given whole (`head_pose_view`).
    """

    def __init__(self, config: HeadPoseConfig):
        super().__init__()
        self.config = config
        self.conv1 = nn.Conv2d(3, config.width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(config.width)
        channels = config.width
        for stage, depth in enumerate(config.depths):
            width = config.width * 2**stage
            blocks = []
            for i in range(depth):
                blocks.append(Bottleneck(channels, width, 2 if i == 0 and stage else 1))
                channels = 4 * width
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        for angle in ANGLES:
            self.add_module(f"fc_{angle}", nn.Linear(channels, config.bins))

    def logits(self, x: Tensor) -> Tensor:
        """Of each bin, `[B, 3, bins]`; input as of `forward`."""
        mean, std = (x.new_tensor(v)[:, None, None] for v in (IMAGENET_MEAN, IMAGENET_STD))
        x = ((x + 1) / 2 - mean) / std
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for stage in range(len(self.config.depths)):
            x = self.get_submodule(f"layer{stage + 1}")(x)
        x = x.mean(dim=(2, 3))  # upstream: average pool 7, the whole map of a 224 px face
        return torch.stack([self.get_submodule(f"fc_{angle}")(x) for angle in ANGLES], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        share = self.logits(x).float().softmax(dim=2)
        bins = torch.arange(self.config.bins, device=x.device, dtype=share.dtype)
        return BIN_DEGREES * (share @ bins) + LOWEST_DEGREES


def head_pose_view(images: Tensor, size: int = 224) -> Tensor:
    """FFHQ-aligned pictures `[B, 3, H, H]` in [-1, 1] -> `[B, 3, size, size]` for `HeadPose`.

    The whole picture, resized (bilinear, antialiased): upstream has no rule for aligned pictures.
    Its own crop, twice the detector's box, is 1.2 times as wide as FFHQ's quad (1.0 to 1.4 on this
    repository's examples), so the face is a little larger here than in Hopenet's demo.
    """
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True, align_corners=False)
