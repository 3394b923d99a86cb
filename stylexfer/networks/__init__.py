"""nn.Modules of the method. No I/O; images are RGB `[B, 3, H, W]` in [-1, 1]."""

from stylexfer.networks.encoders import (
    MotionConfig,
    MotionEncoder,
    ReStyleConfig,
    ReStyleEncoder,
    restyle,
)
from stylexfer.networks.irse import IRSE, IRSEConfig
from stylexfer.networks.mapper import Mapper, PoseSplit
from stylexfer.networks.stylegan2 import Generator, GeneratorConfig, ffhq_channels

__all__ = [
    "IRSE",
    "Generator",
    "GeneratorConfig",
    "IRSEConfig",
    "Mapper",
    "MotionConfig",
    "MotionEncoder",
    "PoseSplit",
    "ReStyleConfig",
    "ReStyleEncoder",
    "ffhq_channels",
    "restyle",
]
