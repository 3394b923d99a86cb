"""Ranger against its papers, learning rates, moving averages."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from train.config import ConfigError
from train.optim import Ranger, learning_rate, make_optimizer, update_ema

SETTINGS = {"betas": (0.95, 0.999), "eps": 1e-5}


def slow_ranger(start, gradients, lr, k=6, alpha=0.5):
    """RAdam (Liu et al., algorithm 2) on centralised gradients, then Lookahead, in float64."""
    (b1, b2), eps = SETTINGS["betas"], SETTINGS["eps"]
    x, slow = start.copy(), start.copy()
    m, v = np.zeros_like(x), np.zeros_like(x)
    longest = 2 / (1 - b2) - 1
    for t, gradient in enumerate(gradients, 1):
        g = gradient
        if g.ndim > 1:
            g = g - g.mean(axis=tuple(range(1, g.ndim)), keepdims=True)
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        corrected = m / (1 - b1**t)
        length = longest - 2 * t * b2**t / (1 - b2**t)
        if length > 5:
            above = (length - 4) * (length - 2) * longest
            rectified = math.sqrt(above / ((longest - 4) * (longest - 2) * length))
            x = x - lr * corrected * rectified * math.sqrt(1 - b2**t) / (np.sqrt(v) + eps)
        else:
            x = x - lr * corrected
        if t % k == 0:
            slow = slow + alpha * (x - slow)
            x = slow.copy()
    return x


@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 2, 2)])
@pytest.mark.parametrize("steps", [5, 6, 20])
def test_ranger_is_radam_lookahead_and_centralised_gradients(shape, steps):
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=shape), rng.normal(size=(steps, *shape))
    p = nn.Parameter(torch.from_numpy(start.copy()))
    optimizer = Ranger([p], lr=0.02)
    for gradient in gradients:
        p.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
    wanted = slow_ranger(start, gradients, 0.02)
    assert np.allclose(p.detach().numpy(), wanted, rtol=1e-9, atol=1e-12)


def test_ranger_descends_from_the_first_step():
    p = nn.Parameter(torch.tensor([3.0, -2.0]))
    optimizer = Ranger([p], lr=0.05)
    lengths = []
    for _ in range(12):
        optimizer.zero_grad()
        p.square().sum().backward()
        lengths.append(p.norm().item())
        optimizer.step()
    assert lengths[:6] == sorted(lengths[:6], reverse=True)  # the seventh is after a look back
    assert lengths[-1] < lengths[0]


def test_ranger_goes_on_from_its_state_to_the_bit(tmp_path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    optimizer = Ranger(model.parameters(), lr=0.01)
    inputs = torch.randn(20, 3, 4)

    def step(model, optimizer, x):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()

    for x in inputs[:9]:  # between two synchronisations
        step(model, optimizer, x)
    torch.save([model.state_dict(), optimizer.state_dict()], tmp_path / "state.pt")
    other = copy.deepcopy(model)
    for value in other.parameters():
        nn.init.zeros_(value)
    again = Ranger(other.parameters(), lr=0.01)
    weights, state = torch.load(tmp_path / "state.pt", weights_only=True)
    other.load_state_dict(weights)
    again.load_state_dict(state)
    for x in inputs[9:]:
        step(model, optimizer, x)
        step(other, again, x)
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_parameters_without_a_gradient_stay():
    used, unused = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
    optimizer = Ranger([used, unused], lr=0.1)
    for _ in range(7):
        used.grad = torch.ones(3)
        optimizer.step()
    assert (used < 1).all() and torch.equal(unused, torch.ones(3))


def test_optimizers_are_made_of_a_configuration():
    groups = [{"params": [nn.Parameter(torch.ones(1))], "scale": 0.5}]
    config = {"lr": 1e-5, "optimizer": "ranger", "betas": [0.95, 0.999], "eps": 1e-5}
    optimizer = make_optimizer(groups, config)
    assert isinstance(optimizer, Ranger)
    assert optimizer.param_groups[0]["scale"] == 0.5
    with pytest.raises(ConfigError, match="adam, ranger"):
        make_optimizer(groups, {**config, "optimizer": "sgd"})


def test_learning_rates():
    assert learning_rate(0.1, "constant", 0, 100) == 0.1
    cosine = [learning_rate(0.1, "cosine", s, 1000) for s in (0, 99, 500, 800, 999)]
    assert cosine[0] == pytest.approx(0.001)
    assert cosine[1:3] == pytest.approx([0.1, 0.1])
    assert cosine[3] == pytest.approx(0.05)
    assert cosine[4] < 1e-5
    with pytest.raises(ConfigError):
        learning_rate(0.1, "step", 0, 1)


def test_the_moving_average():
    model, ema = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    nn.init.ones_(model.weight), nn.init.zeros_(ema.weight)
    update_ema(ema, model, 0.9, step=10_000)
    assert ema.weight.item() == pytest.approx(0.1)
    update_ema(ema, model, 0.9, step=0)  # a short memory at the start: 1/10 is kept
    assert ema.weight.item() == pytest.approx(0.91)
    update_ema(ema, model, 0.0, step=5)
    assert ema.weight.item() == 1.0
