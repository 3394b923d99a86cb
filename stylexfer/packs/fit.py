"""A state_dict of unknown origin against the network it should be: strict, finite, fp32."""

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn

from stylexfer.packs.torch_files import FETCH, Refused

AVERAGED = 100_000  # z whose mean w stands for a missing latent_avg, as in pSp's and ReStyle's code


def listed(names: Collection[str]) -> str:
    """A few of the names, and how many more there are."""
    names = sorted(map(str, names))
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(name[:80] for name in names[:4]) + more


def fit(network: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """`state` as the state_dict of `network` (on the meta device), in its order; fp32.

    Missing `num_batches_tracked` are filled with 0 (nothing reads them in eval mode); every other
    missing, surplus or misshapen entry, and any NaN or infinity, is Refused. `state` is emptied.
    """
    expected = network.state_dict()
    for key in expected.keys() - state:
        if key.endswith("num_batches_tracked"):
            state[key] = torch.zeros((), dtype=torch.int64)
    missing, surplus = expected.keys() - state, state.keys() - expected.keys()
    wrong = {
        f"{k} {list(state[k].shape)} not {list(expected[k].shape)}"
        for k in expected.keys() & state
        if state[k].shape != expected[k].shape
    }
    faults = [
        f"{what} {listed(names)}"
        for what, names in (("lacks", missing), ("has surplus", surplus), ("has misshapen", wrong))
        if names
    ]
    if faults:
        raise Refused(f"{'; '.join(faults)}: {FETCH}")
    return {key: _number(key, state.pop(key), expected[key]) for key in expected}


def _number(key: str, value: Tensor, expected: Tensor) -> Tensor:
    if value.is_floating_point() != expected.is_floating_point() or value.is_complex():
        raise Refused(f"has {key} as {value.dtype}, not {expected.dtype}: {FETCH}")
    value = value.detach().to(expected.dtype).contiguous()
    # min and max carry NaN through and need no memory, unlike isfinite
    if value.is_floating_point() and not all(torch.isfinite(v) for v in value.aminmax()):
        raise Refused(f"has numbers in {key} that are not finite: {FETCH}")
    return value


def average_w(style: nn.Module, z_dim: int) -> Tensor:
    """Mean of `style(z)` over AVERAGED normal z of a fixed seed, [style_dim]."""
    rng = torch.Generator().manual_seed(0)
    total, batch = torch.zeros((), dtype=torch.float64), 10_000
    with torch.inference_mode():
        for _ in range(AVERAGED // batch):
            z = torch.randn(batch, z_dim, generator=rng)
            total = total + style(z).sum(dim=0, dtype=torch.float64)
    return (total / AVERAGED).float().clone()


def average_rows(latent_avg: Any, rows: int, style_dim: int) -> Tensor:
    """`latent_avg` as a file has it, (style_dim), (1, style_dim) or (rows, style_dim) -> the last."""
    if not isinstance(latent_avg, Tensor) or latent_avg.shape not in (
        (style_dim,), (1, style_dim), (rows, style_dim),
    ):  # fmt: skip
        found = list(latent_avg.shape) if isinstance(latent_avg, Tensor) else type(latent_avg)
        raise Refused(f"has a latent_avg of shape {found}, not [{rows}, {style_dim}]: {FETCH}")
    return latent_avg.detach().float().expand(rows, style_dim).clone()
