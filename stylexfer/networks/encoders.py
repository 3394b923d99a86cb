"""The two encoders of the paper (section 3.1): motion (E_m) and identity (E_i, ReStyle).

E_m has the layout of pSp's `BackboneEncoderUsingLastLayerIntoWPlus`, as in the paper's released
code; E_i is ReStyle's `BackboneEncoder` (pSp) or `ProgressiveBackboneEncoder` (e4e).
"""

from dataclasses import dataclass, field
from math import log2
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylexfer.networks.irse import IRSE, IRSEConfig
from stylexfer.networks.ops import EqualLinear
from stylexfer.networks.stylegan2 import Generator


@dataclass(frozen=True)
class MotionConfig:
    n_styles: int = 18
    style_dim: int = 512
    input_size: int = 256  # side of the aligned face it is given
    pool: int = 7  # side of the pooled last map
    features: int = 512  # width between the two linear layers
    trunk: IRSEConfig = field(default_factory=IRSEConfig)


class MotionEncoder(IRSE):
    """E_m: aligned source `[B, 3, input_size, input_size]` -> motion code `[B, n_styles, style_dim]`."""

    def __init__(self, config: MotionConfig):
        super().__init__(config.trunk)
        self.config = config
        width = config.trunk.widths[-1]
        self.output_layer_2 = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.AdaptiveAvgPool2d(config.pool),
            nn.Flatten(),
            nn.Linear(width * config.pool**2, config.features),
        )
        self.linear = EqualLinear(config.features, config.n_styles * config.style_dim)

    def forward(self, x: Tensor) -> Tensor:
        code = self.linear(self.output_layer_2(self.features(x)).float())
        return code.reshape(-1, self.config.n_styles, self.config.style_dim)


@dataclass(frozen=True)
class ReStyleConfig:
    n_styles: int = 18
    style_dim: int = 512
    input_size: int = 256
    heads: Literal["psp", "e4e"] = "psp"
    iterations: int = 5
    trunk: IRSEConfig = field(default_factory=lambda: IRSEConfig(in_channels=6))


class StyleHead(nn.Module):
    """Last map `[B, C, s, s]` -> one style row `[B, style_dim]` by log2(s) stride-2 convolutions."""

    def __init__(self, in_channels: int, style_dim: int, spatial: int):
        super().__init__()
        convs = []
        for i in range(int(log2(spatial))):
            convs += [
                nn.Conv2d(in_channels if i == 0 else style_dim, style_dim, 3, 2, 1),
                nn.LeakyReLU(0.01),
            ]
        self.convs = nn.Sequential(*convs)
        self.linear = EqualLinear(style_dim, style_dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.convs(x).flatten(1).float())


class ReStyleEncoder(IRSE):
    """One refinement step: (image, current reconstruction) -> change of the code.

    pSp: row k = head_k(f). e4e: row 0 = head_0(f), row k = head_0(f) + head_k(f).
    `latent_avg` `[n_styles, style_dim]` is the code it starts from.
    """

    def __init__(self, config: ReStyleConfig):
        super().__init__(config.trunk)
        self.config = config
        spatial = config.input_size // config.trunk.stride
        self.styles = nn.ModuleList(
            StyleHead(config.trunk.widths[-1], config.style_dim, spatial)
            for _ in range(config.n_styles)
        )
        self.register_buffer("latent_avg", torch.zeros(config.n_styles, config.style_dim))

    def forward(self, image: Tensor, reconstruction: Tensor) -> Tensor:
        """Both `[B, 3, input_size, input_size]` -> `[B, n_styles, style_dim]`."""
        features = self.features(torch.cat([image, reconstruction], dim=1))
        rows = torch.stack([head(features) for head in self.styles], dim=1)
        if self.config.heads == "psp":
            return rows
        return torch.cat([rows[:, :1], rows[:, :1] + rows[:, 1:]], dim=1)

    def feedback(self, images: Tensor) -> Tensor:
        """Decoded images of any larger size, averaged down to the input size (ReStyle's pool)."""
        return F.adaptive_avg_pool2d(images, self.config.input_size)


def restyle(
    encoder: ReStyleEncoder,
    generator: Generator,
    images: Tensor,
    iterations: int | None = None,
    dtype: torch.dtype | None = None,
) -> list[Tensor]:
    """ReStyle's loop: `[B, 3, input_size, input_size]` -> the codes after each step.

    c_0 = latent_avg, c_t = c_(t-1) + E(image, pool(G(c_(t-1)))), constant noise; the last code is
    not decoded. Codes are `[B, n_styles, style_dim]` fp32. `dtype` is that of the convolutions.
    """
    batch = images.shape[0]
    code = encoder.latent_avg[None]
    picture = encoder.feedback(generator(code, dtype=dtype)).expand(batch, -1, -1, -1)
    code = code.expand(batch, -1, -1)
    codes = []
    for step in range(iterations or encoder.config.iterations):
        if step:
            picture = encoder.feedback(generator(code, dtype=dtype))
        with torch.autocast(images.device.type, dtype, enabled=dtype not in (None, torch.float32)):
            code = code + encoder(images, picture).float()
        codes.append(code)
    return codes
