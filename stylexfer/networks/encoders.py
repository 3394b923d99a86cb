"""The two encoders of the paper (section 3.1), motion (E_m) and identity (E_i, ReStyle), and the
one-pass encoders of its baselines.

E_m has the layout of pSp's `BackboneEncoderUsingLastLayerIntoWPlus`, as in the paper's released
code; E_i is ReStyle's `BackboneEncoder` (pSp) or `ProgressiveBackboneEncoder` (e4e); one pass is
pSp's `GradualStyleEncoder` or e4e's `Encoder4Editing`.
"""

from collections.abc import Callable
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
    feedback: Literal["pooled", "skip"] = "pooled"  # the whole picture averaged, or see `fed_back`
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


def style_rows(outputs: Tensor, heads: Literal["psp", "e4e"]) -> Tensor:
    """Outputs of the heads -> rows, both `[B, n_styles, style_dim]`.

    pSp: row k = head_k. e4e: row 0 = head_0, row k = head_0 + head_k (its inference stage).
    """
    if heads == "psp":
        return outputs
    return torch.cat([outputs[:, :1], outputs[:, :1] + outputs[:, 1:]], dim=1)


class ReStyleEncoder(IRSE):
    """One refinement step: (image, current reconstruction) -> change of the code (`style_rows`).

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
        return style_rows(rows, self.config.heads)

    def feedback(self, images: Tensor) -> Tensor:
        """Decoded images of any larger size, averaged down to the input size (ReStyle's pool)."""
        return F.adaptive_avg_pool2d(images, self.config.input_size)


def fed_back(
    encoder: ReStyleEncoder, generator: Callable[..., Tensor], code: Tensor, **own
) -> Tensor:
    """What the next step sees of a code `[B, n_styles, style_dim]`: `[B, 3, input_size, input_size]`.

    As released ("pooled") the generator's picture, averaged down. "skip": the sum of the skip
    architecture at the input size, so that no larger level is drawn; for encoders trained with it.
    """
    early = encoder.config.input_size if encoder.config.feedback == "skip" else None
    return encoder.feedback(generator(code, resolution=early, **own))


def first_feedback(encoder: ReStyleEncoder, generator: Callable[..., Tensor], **own) -> Tensor:
    """The average picture as the first step sees it, `[1, 3, input_size, input_size]`."""
    return fed_back(encoder, generator, encoder.latent_avg[None], **own)


def restyle(
    encoder: ReStyleEncoder,
    generator: Callable[..., Tensor],
    images: Tensor,
    iterations: int | None = None,
    dtype: torch.dtype | None = None,
    start: Tensor | None = None,
) -> list[Tensor]:
    """ReStyle's loop: `[B, 3, input_size, input_size]` -> the codes after each step.

    c_0 = latent_avg, c_t = c_(t-1) + E(image, `fed_back` G(c_(t-1))), constant noise; the last code
    is not decoded. Codes are `[B, n_styles, style_dim]` fp32. `dtype` is that of the convolutions; a
    prepared `generator` (`FastGenerator`) has its own. `start`: `first_feedback`, where it is known.
    """
    own = {"dtype": dtype} if isinstance(generator, Generator) else {}
    batch = images.shape[0]
    picture = first_feedback(encoder, generator, **own) if start is None else start
    picture = picture.expand(batch, -1, -1, -1)
    code = encoder.latent_avg.expand(batch, -1, -1)
    codes = []
    for step in range(iterations or encoder.config.iterations):
        if step:
            picture = fed_back(encoder, generator, code, **own)
        with torch.autocast(images.device.type, dtype, enabled=dtype not in (None, torch.float32)):
            code = code + encoder(images, picture).float()
        codes.append(code)
    return codes


@dataclass(frozen=True)
class OnePassConfig:
    n_styles: int = 18
    style_dim: int = 512
    input_size: int = 256
    heads: Literal["psp", "e4e"] = "psp"
    coarse: int = 3  # the first rows, read from the last map
    middle: int = 7  # rows before this one are read from the map before; the others from p1
    trunk: IRSEConfig = field(default_factory=IRSEConfig)


class OnePassEncoder(IRSE):
    """pSp or e4e: aligned picture `[B, 3, input_size, input_size]` -> W+ `[B, n_styles, style_dim]`.

    A feature pyramid on the trunk's last three stages c1, c2, c3: p2 = up(c3) + latlayer1(c2),
    p1 = up(p2) + latlayer2(c1). Heads 0-2 read c3, 3-6 p2, the others p1; `style_rows` makes rows
    of them, and `latent_avg` `[n_styles, style_dim]` is added (zeros where the original adds none).
    """

    def __init__(self, config: OnePassConfig):
        super().__init__(config.trunk)
        self.config = config
        c1, c2, c3 = config.trunk.widths[-3:]
        spatial = config.input_size // config.trunk.stride
        self.styles = nn.ModuleList(
            StyleHead(c3, config.style_dim, spatial * 2 ** self.level(k))
            for k in range(config.n_styles)
        )
        self.latlayer1 = nn.Conv2d(c2, c3, 1)
        self.latlayer2 = nn.Conv2d(c1, c3, 1)
        self.register_buffer("latent_avg", torch.zeros(config.n_styles, config.style_dim))

    def level(self, row: int) -> int:
        """Which map a row is read from: 0 c3, 1 p2, 2 p1."""
        return (row >= self.config.coarse) + (row >= self.config.middle)

    def forward(self, images: Tensor) -> Tensor:
        c1, c2, c3 = self.pyramid(images)[-3:]
        p2 = _upsampled(c3, c2) + self.latlayer1(c2)
        p1 = _upsampled(p2, c1) + self.latlayer2(c1)
        maps = (c3, p2, p1)
        rows = torch.stack([head(maps[self.level(k)]) for k, head in enumerate(self.styles)], dim=1)
        return style_rows(rows, self.config.heads) + self.latent_avg


def _upsampled(x: Tensor, like: Tensor) -> Tensor:
    """To the side of `like`, bilinear with aligned corners (pSp's `_upsample_add`)."""
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=True)
