"""ArcFace on IR-SE 50: the identity embedding of the ID loss and of CSIM.

Layout and numerics of InsightFace_Pytorch's `Backbone` (`model_ir_se50.pth`, 112 px).
"""

from dataclasses import dataclass, field

import torch.nn.functional as F
from torch import Tensor, nn

from stylexfer.networks.irse import IRSE, IRSEConfig

# Rows and columns of a 256 px aligned face that pSp, e4e and ReStyle show to ArcFace (their IDLoss).
PSP_CROP = (slice(35, 223), slice(32, 220))


@dataclass(frozen=True)
class RecognitionConfig:
    input_size: int = 112  # side of the face it is given
    features: int = 512  # width of the embedding
    trunk: IRSEConfig = field(default_factory=IRSEConfig)

    @property
    def pool(self) -> int:
        """Side of the last map."""
        return self.input_size // self.trunk.stride


class Recognition(IRSE):
    """Face `[B, 3, input_size, input_size]` in [-1, 1] -> embedding `[B, features]` of length 1.

    Two embeddings' dot product is their cosine similarity (CSIM). The face is an FFHQ-aligned
    picture brought to the input size by `recognition_view`.
    """

    def __init__(self, config: RecognitionConfig):
        super().__init__(config.trunk)
        self.config = config
        width = config.trunk.widths[-1]
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.Dropout(0.5),
            nn.Flatten(),
            nn.Linear(width * config.pool**2, config.features),
            nn.BatchNorm1d(config.features),
        )

    def forward(self, x: Tensor) -> Tensor:
        embedding = self.output_layer(self.features(x)).float()
        return embedding / embedding.norm(dim=1, keepdim=True)


def recognition_view(images: Tensor, crop: bool = True, size: int = 112) -> Tensor:
    """Aligned faces `[B, 3, H, H]` of 256 px or a multiple -> `[B, 3, size, size]` for `Recognition`.

    `crop=True` is pSp's, e4e's and ReStyle's ID loss: pool to 256, take `PSP_CROP`, pool to `size`.
    `crop=False` is the paper's released ID loss: pool the whole 256 px picture to `size`.
    """
    if images.shape[-1] != 256:
        images = F.adaptive_avg_pool2d(images, 256)
    if crop:
        rows, columns = PSP_CROP
        images = images[:, :, rows, columns]
    return F.adaptive_avg_pool2d(images, size)
