"""pSp's and e4e's one-pass encoder against its formulas, written another way."""

import numpy as np
import pytest
import torch

from stylexfer.networks import IRSEConfig, OnePassConfig, OnePassEncoder

TRUNK = IRSEConfig(widths=(8, 16, 32), depths=(1, 2, 1), se_reduction=4)


def enlarged(x: torch.Tensor, side: int) -> torch.Tensor:
    """Linear between corner pixels, one axis after the other (bilinear with aligned corners)."""
    places = np.linspace(0, x.shape[-1] - 1, side)
    known = np.arange(x.shape[-1])
    rows = torch.from_numpy(
        np.stack([np.interp(places, known, unit) for unit in np.eye(len(known))])
    )
    return torch.einsum("bchw,hi,wj->bcij", x.double(), rows, rows).float()


@pytest.mark.parametrize("heads", ["psp", "e4e"])
@torch.inference_mode()
def test_rows_are_read_from_the_pyramid(heads):
    torch.manual_seed(0)
    config = OnePassConfig(n_styles=8, style_dim=16, input_size=32, heads=heads, trunk=TRUNK)
    encoder = OnePassEncoder(config).eval()
    encoder.latent_avg.normal_()
    x = torch.rand(2, 3, 32, 32) * 2 - 1
    c1, c2, c3 = (encoder.body[: k + 1](encoder.input_layer(x)) for k in (0, 2, 3))
    p2 = enlarged(c3, 8) + encoder.latlayer1(c2)
    p1 = enlarged(p2, 16) + encoder.latlayer2(c1)
    read = [c3, c3, c3, p2, p2, p2, p2, p1]
    rows = torch.stack([head(y) for head, y in zip(encoder.styles, read, strict=True)], dim=1)
    if heads == "e4e":
        rows[:, 1:] += rows[:, :1].clone()
    torch.testing.assert_close(encoder(x), rows + encoder.latent_avg, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_a_picture_does_not_depend_on_its_batch():
    config = OnePassConfig(n_styles=8, style_dim=16, input_size=32, trunk=TRUNK)
    encoder = OnePassEncoder(config).eval()
    x = torch.rand(3, 3, 32, 32)
    torch.testing.assert_close(encoder(x)[1:2], encoder(x[1:2]), rtol=1e-4, atol=1e-5)
