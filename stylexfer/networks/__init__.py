"""nn.Modules of the method. No I/O; images are RGB `[B, 3, H, W]` in [-1, 1]."""

from stylexfer.networks.encoders import (
    MotionConfig,
    MotionEncoder,
    OnePassConfig,
    OnePassEncoder,
    ReStyleConfig,
    ReStyleEncoder,
    fed_back,
    first_feedback,
    restyle,
)
from stylexfer.networks.fast import FastGenerator, lowered
from stylexfer.networks.headpose import HeadPose, HeadPoseConfig, head_pose_view
from stylexfer.networks.irse import IRSE, IRSEConfig
from stylexfer.networks.mapper import Mapper, PoseSplit
from stylexfer.networks.perceptual import LPIPS
from stylexfer.networks.recognition import Recognition, RecognitionConfig, recognition_view
from stylexfer.networks.stylegan2 import Generator, GeneratorConfig, ffhq_channels

__all__ = [
    "IRSE",
    "LPIPS",
    "FastGenerator",
    "Generator",
    "GeneratorConfig",
    "HeadPose",
    "HeadPoseConfig",
    "IRSEConfig",
    "Mapper",
    "MotionConfig",
    "MotionEncoder",
    "OnePassConfig",
    "OnePassEncoder",
    "PoseSplit",
    "ReStyleConfig",
    "ReStyleEncoder",
    "Recognition",
    "RecognitionConfig",
    "fed_back",
    "ffhq_channels",
    "first_feedback",
    "head_pose_view",
    "lowered",
    "recognition_view",
    "restyle",
]
