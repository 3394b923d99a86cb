"""What is in a released PyTorch file, and of which layout it is."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from stylexfer.packs.fit import listed
from stylexfer.packs.torch_files import FETCH, Refused, read_torch

# What training code stores beside the weights; dropped.
TRAINING = (
    "opts", "global_step", "optimizer", "best_val_loss", "discriminator_state_dict",
    "discriminator_optimizer_state_dict", "g", "d", "g_optim", "d_optim", "args", "ada_aug_p",
)  # fmt: skip


def options(values: Any) -> dict:
    """opts as a dict: pSp and its kin store a dict or an `argparse.Namespace`."""
    if isinstance(values, argparse.Namespace):
        return vars(values)
    return dict(values) if isinstance(values, Mapping) else {}


def layout_of(data: Mapping) -> str | None:
    """Which layout the content of a PyTorch file has; None if it is none of ours."""
    state = data.get("state_dict", data)
    state = state if isinstance(state, Mapping) else {}
    one_pass = {"GradualStyleEncoder": "psp", "Encoder4Editing": "e4e"}
    if "mapping_net.linear_relu.0.weight" in state:
        return "paper"
    if "encoder.latlayer1.weight" in state:
        return one_pass.get(str(options(data.get("opts")).get("encoder_type")))
    signs = {
        "g_ema": "stylegan2",
        "conv1.conv.weight": "stylegan2",
        "synthesis.b4.const": "stylegan2",
        "encoder.styles.0.linear.weight": "restyle",
        "output_layer.3.weight": "arcface",
        "fc_yaw.weight": "hopenet",
        "features.0.weight": "lpips",
        "lin0.model.1.weight": "lpips",
    }
    return next((layout for key, layout in signs.items() if key in state), None)


def read_content(path: Path, layout: str) -> dict[str, Any]:
    """The top level of a PyTorch file; Refused if it is plainly of another layout."""
    data = read_torch(path)
    if not isinstance(data, Mapping):
        raise Refused(f"holds a {type(data).__name__}, not named tensors: {FETCH}")
    data = dict(data)
    found = layout_of(data)
    if found not in (None, layout):
        raise Refused(f"is of another kind, {found}: give it as that")
    return data if layout in ("restyle", "psp", "e4e", "paper", "stylegan2") else tensors(data)


def tensors(state: Any) -> dict[str, Tensor]:
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise Refused(f"has something else than tensors among its weights: {FETCH}")
    return {str(key): value for key, value in state.items()}


def only(data: Mapping, known: tuple[str, ...]) -> None:
    if surplus := data.keys() - set(known):
        raise Refused(f"has surplus {listed(surplus)}: {FETCH}")


def state_of(data: Mapping, name: str) -> dict[str, Tensor]:
    if name not in data:
        raise Refused(f"lacks {name}: {FETCH}")
    return tensors(data[name])


def networks_of(data: Mapping, *names: str) -> dict[str, dict[str, Tensor]]:
    """`state_dict` split by the network's name before the first dot."""
    only(data, ("state_dict", "latent_avg", *TRAINING))
    below: dict[str, dict[str, Tensor]] = {name: {} for name in names}
    surplus = []
    for key, value in state_of(data, "state_dict").items():
        name, _, rest = key.partition(".")
        if name in below:
            below[name][rest] = value
        else:
            surplus.append(key)
    if surplus:
        raise Refused(f"has surplus {listed(surplus)}: {FETCH}")
    return below
