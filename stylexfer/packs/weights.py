"""Weights in and out of safetensors: memory-mapped, checked against the network, never held twice."""

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from stylexfer.errors import PackMismatch

# Weights larger than this are kept in bf16 where a pack has them so. They are those of convolutions
# and linear layers that compute in bf16 anyway and make up 97 % of an `ffhq` pack; statistics,
# biases, modulation and the mapping network stay exact.
LARGE = 2**18


def large_weights(network: nn.Module) -> set[str]:
    """Names of the parameters that may be kept in half the bytes."""
    return {name for name, weight in network.named_parameters() if weight.numel() > LARGE}


def check_state(network: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """PackMismatch that lists what is missing, surplus or of another shape."""
    expected = network.state_dict()
    missing, surplus = sorted(expected.keys() - state), sorted(state.keys() - expected.keys())
    wrong = sorted(k for k in expected.keys() & state if expected[k].shape != state[k].shape)
    if missing or surplus or wrong:
        raise PackMismatch(
            f"{where} does not fit the architecture in pack.json: missing {missing[:5]}, "
            f"surplus {surplus[:5]}, of another shape {wrong[:5]}."
        )


def fill(network: nn.Module, path: Path, dtype: torch.dtype = torch.float32) -> nn.Module:
    """The weights of a safetensors file for a network on the `meta` device; it is returned.

    In eval mode, without gradients. dtype: what will be computed in; with bf16, large weights that
    the file has in bf16 stay so, all else becomes fp32. A file that needs no conversion stays
    mapped and costs no memory of its own. PackMismatch.
    """
    keep = large_weights(network) if dtype == torch.bfloat16 else ()
    state, converted = {}, set()
    try:
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118  it is no dict
                tensor = file.get_tensor(name)
                ready = not tensor.is_floating_point() or tensor.dtype == torch.float32
                if not ready and not (tensor.dtype == dtype and name in keep):
                    tensor = tensor.float()
                    converted.add(name)
                state[name] = tensor
    except (SafetensorError, OSError) as problem:
        raise PackMismatch(f"{path} cannot be read ({problem}): fetch it again.") from problem
    check_state(network, state, str(path))
    if converted:  # one view left would keep the whole file mapped
        state = {k: v if k in converted else v.clone() for k, v in state.items()}
    network.load_state_dict(state, assign=True)
    return network.eval().requires_grad_(False)


def write_state(path: Path, state: Mapping[str, Tensor]) -> None:
    """A safetensors file, complete or not there at all."""
    fresh = path.with_suffix(".tmp")
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, fresh)
    os.replace(fresh, path)
