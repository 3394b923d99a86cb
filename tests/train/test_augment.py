"""What every augmentation keeps: shape and range, the generator's word, and the untouched rest."""

import pytest
import torch

from train.augment import STEPS, augment
from train.painters import PAINTERS, Draw, kuwahara, paint


def pictures(count: int = 6, size: int = 64) -> torch.Tensor:
    """Smooth coloured blobs with an edge, `[count, 3, size, size]` in [0, 1]."""
    rng = torch.Generator().manual_seed(7)
    coarse = torch.rand(count, 3, 5, 5, generator=rng)
    x = torch.nn.functional.interpolate(coarse, (size, size), mode="bilinear")
    x[..., size // 4 : size // 2, size // 4 : size // 2] *= 0.3
    return x


def draw(count: int, seed: int = 0) -> Draw:
    return Draw(torch.Generator().manual_seed(seed), count, torch.device("cpu"))


@pytest.mark.parametrize("name", STEPS)
def test_a_step_changes_a_picture_and_is_given_by_its_generator(name):
    x = pictures()
    y = STEPS[name].apply(x, draw(len(x)), 1.0)
    assert y.shape == x.shape and y.isfinite().all()
    assert torch.equal(y, STEPS[name].apply(x, draw(len(x)), 1.0))
    assert not torch.equal(y, STEPS[name].apply(x, draw(len(x), 1), 1.0))
    change = (y.clamp(0, 1) - x).abs().mean(dim=(1, 2, 3))
    assert (change > 1e-4).float().mean() > 0.7, change
    assert change.mean() < 0.35


@pytest.mark.parametrize("painter", PAINTERS)
def test_a_painting_keeps_what_is_light_and_what_is_dark(painter):
    x = pictures()
    y = painter(x, draw(len(x)), 1.0)
    assert y.shape == x.shape and y.isfinite().all()
    small = [torch.nn.functional.avg_pool2d(v.mean(dim=1), 8).flatten() for v in (x, y)]
    assert torch.corrcoef(torch.stack(small))[0, 1] > 0.4


def test_kuwahara_flattens_and_keeps_an_edge():
    x = torch.full((1, 3, 32, 32), 0.2)
    x[..., 16:] = 0.8
    noisy = x + 0.05 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    y = kuwahara(noisy, 3)
    assert (y - x).abs().mean() < 0.6 * (noisy - x).abs().mean()
    assert (y[..., 15].mean() - 0.2).abs() < 0.03 and (y[..., 16].mean() - 0.8).abs() < 0.03


def test_all_together_stay_in_range_at_any_size():
    for size in (32, 50, 128):
        x = pictures(8, size) * 2 - 1
        y = augment(x, torch.Generator().manual_seed(3))
        assert y.shape == x.shape and y.isfinite().all()
        assert y.min() >= -1 and y.max() <= 1
        assert torch.equal(y, augment(x, torch.Generator().manual_seed(3)))


def test_strength_is_how_much():
    x = pictures(64, 32) * 2 - 1
    change = [
        (augment(x, torch.Generator().manual_seed(0), s) - x).abs().mean() for s in (0.0, 0.3, 1.0)
    ]
    assert change[0] < 0.005  # the cut at exact landmarks resamples the picture
    assert change[0] < change[1] < change[2]


def test_the_given_pictures_are_left_alone():
    x = pictures() * 2 - 1
    before = x.clone()
    augment(x, torch.Generator().manual_seed(0))
    paint(x, draw(len(x)), 1.0)
    assert torch.equal(x, before)
