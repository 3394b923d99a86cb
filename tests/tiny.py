"""A pack of the real architecture at a size that runs in milliseconds, with random weights."""

import torch

from stylexfer.networks import (
    Generator,
    GeneratorConfig,
    IRSEConfig,
    Mapper,
    MotionConfig,
    MotionEncoder,
    ReStyleConfig,
    ReStyleEncoder,
)
from stylexfer.packs import Pack

# Not 8: torch 2.13 writes beyond its memory in the gradient of a 1x1 convolution with stride 2
# and 8 input channels on the CPU, with two threads or more.
TRUNK = {"widths": (16, 16, 16), "depths": (1, 1, 1), "se_reduction": 4}


def tiny_pack(seed: int = 0, size: int = 32, heads: str = "psp") -> Pack:
    """32 px, 8 style rows of 16 numbers."""
    torch.manual_seed(seed)
    levels = size.bit_length() - 2  # 4, 8, .. size
    config = GeneratorConfig(
        size=size, channels=(16,) * (levels - 1) + (8,), style_dim=16, z_dim=24, n_mlp=2
    )
    rows = {"n_styles": config.n_styles, "style_dim": 16, "input_size": 32}
    pack = Pack(
        generator=Generator(config),
        identity_encoder=ReStyleEncoder(
            ReStyleConfig(
                **rows, heads=heads, iterations=2, trunk=IRSEConfig(in_channels=6, **TRUNK)
            )
        ),
        motion_encoder=MotionEncoder(
            MotionConfig(**rows, pool=2, features=16, trunk=IRSEConfig(**TRUNK))
        ),
        mapper=Mapper(config.n_styles, 16),
        info={"name": "tiny", "version": "0", "coarse_rows": 3, "licence": "Apache-2.0"},
    )
    for network in pack.networks().values():
        network.eval().requires_grad_(False)
    return pack
