"""Optimisers, the learning rate over the steps, and averages of weights."""

import copy
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import nn

from train.config import ConfigError


class Ranger(torch.optim.RAdam):
    """RAdam (Liu et al. 2019) + Lookahead (Zhang et al. 2019) + gradient centralisation (Yong et
    al. 2020), the optimiser of the paper and of pSp.

    Every gradient of two or more dimensions loses its mean over all but the first. After every `k`
    steps the slow weights go `alpha` of the way to the fast ones, which start again from there. The
    slow weights are those before the first step, so the first synchronisation moves them too.
    Defaults are the released training code's: betas (0.95, 0.999), eps 1e-5, k 6, alpha 0.5.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-5,
        betas: tuple[float, float] = (0.95, 0.999),
        eps: float = 1e-5,
        weight_decay: float = 0.0,
        k: int = 6,
        alpha: float = 0.5,
    ):
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)
        for group in self.param_groups:
            group["k"], group["alpha"] = k, alpha

    @torch.no_grad()
    def step(self, closure=None):
        slow = {}
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                if p.grad.ndim > 1:
                    p.grad.sub_(p.grad.mean(dim=tuple(range(1, p.grad.ndim)), keepdim=True))
                if "slow" not in self.state[p]:  # RAdam makes its own state on an empty one
                    slow[p] = p.clone()
        loss = super().step(closure)
        for p, weights in slow.items():
            self.state[p]["slow"] = weights
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state.get(p)
                if p.grad is not None and int(state["step"]) % group["k"] == 0:
                    state["slow"].lerp_(p, group["alpha"])
                    p.copy_(state["slow"])
        return loss


def make_optimizer(groups: list[dict], config: Mapping) -> torch.optim.Optimizer:
    """From `lr`, `optimizer` ("adam" or "ranger"), `betas`, `eps` of a configuration; a group's
    `scale` is relative to the stage's rate (see `set_learning_rate`). ConfigError."""
    makers = {"adam": torch.optim.Adam, "ranger": Ranger}
    if config["optimizer"] not in makers:
        raise ConfigError(f"optimizer must be one of {', '.join(makers)}.")
    numbers = {"lr": config["lr"], "betas": tuple(config["betas"]), "eps": config["eps"]}
    return makers[config["optimizer"]]([{"scale": 1.0, **group} for group in groups], **numbers)


def learning_rate(base: float, schedule: str, step: int, steps: int, warmup: int = 100) -> float:
    """`constant`: the base rate (paper). `cosine`: linear warm-up, constant, then a cosine to zero
    over the last 40 % of the steps."""
    if schedule == "constant":
        return base
    if schedule != "cosine":
        raise ConfigError(f"schedule must be constant or cosine, not {schedule}.")
    progress = step / max(1, steps)
    tail = 1.0 if progress < 0.6 else 0.5 * (1 + np.cos(np.pi * (progress - 0.6) / 0.4))
    return base * min(1.0, (step + 1) / warmup) * float(tail)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Each group's rate: `rate` times the group's own `scale`."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["scale"]


def average_of(model: nn.Module) -> nn.Module:
    """A frozen copy of `model` to keep its moving average in."""
    return copy.deepcopy(model).requires_grad_(False)


@torch.no_grad()
def update_ema(ema: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """ema <- decay * ema + (1 - decay) * model, with a shorter memory at the start; 0 copies."""
    decay = min(decay, (1 + step) / (10 + step))
    for a, b in zip(ema.parameters(), model.parameters(), strict=True):
        a.lerp_(b, 1 - decay)
    for a, b in zip(ema.buffers(), model.buffers(), strict=True):
        a.copy_(b)
