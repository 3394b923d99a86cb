"""Architecture numbers of a released file, read from its tensors.

Each function takes a state_dict in our names and returns the config of the network it fits. Where
the tensors do not tell (one that is needed is missing), it is the released one's: the strict check
that follows (`fit`) then lists what is missing.
"""

import re
from collections.abc import Callable, Mapping
from functools import wraps
from math import isqrt
from typing import Literal

from torch import Tensor

from stylexfer.networks import (
    GeneratorConfig,
    HeadPoseConfig,
    IRSEConfig,
    MotionConfig,
    OnePassConfig,
    RecognitionConfig,
    ReStyleConfig,
)

State = Mapping[str, Tensor]
_TOO_MANY = 64  # more blocks than any network of these kinds has


def _or_released(released: Callable) -> Callable:
    """The released numbers, where a state lacks the tensors to tell its own."""

    def decorate(read: Callable) -> Callable:
        @wraps(read)
        def reading(*args, **kwargs):
            try:
                return read(*args, **kwargs)
            except (KeyError, IndexError, ValueError, ZeroDivisionError):
                return released()

        return reading

    return decorate


def _count(state: State, pattern: str) -> int:
    """One more than the greatest k of the entries "{k}" in `pattern`; ValueError if out of all
    proportion. Holes are left for the strict check to list."""
    before, after = pattern.split("{}")
    found = re.compile(re.escape(before) + r"(\d{1,4})" + re.escape(after))
    count = 1 + max((int(m[1]) for m in map(found.fullmatch, state) if m), default=-1)
    if count > _TOO_MANY:
        raise ValueError(f"{count} of {pattern}")
    return count


@_or_released(GeneratorConfig)
def generator(
    state: State, lr_mlp: float = 0.01, conv_clamp: float | None = None
) -> GeneratorConfig:
    """Rosinality names. `lr_mlp` and `conv_clamp` are in no tensor."""
    levels = _count(state, "to_rgbs.{}.bias")
    widths = [state["conv1.conv.weight"].shape[1]]
    widths += [state[f"convs.{2 * j}.conv.weight"].shape[1] for j in range(levels)]
    style_dim = state["conv1.conv.modulation.weight"].shape[1]
    z_dim = state["style.1.weight"].shape[1] if "style.1.weight" in state else style_dim
    n_mlp = _count(state, "style.{}.weight") - 1  # index 0 is the pixel norm
    return GeneratorConfig(
        size=4 * 2**levels,
        channels=tuple(widths),
        style_dim=style_dim,
        z_dim=z_dim,
        n_mlp=n_mlp,
        lr_mlp=lr_mlp,
        conv_clamp=conv_clamp,
    )


@_or_released(IRSEConfig)
def trunk(state: State, in_channels: int = 3) -> IRSEConfig:
    """A stage is a run of units of one width."""
    widths, depths = [], []
    for k in range(_count(state, "body.{}.res_layer.1.weight")):
        width = state[f"body.{k}.res_layer.1.weight"].shape[0]
        if not widths or widths[-1] != width:
            widths.append(width)
            depths.append(0)
        depths[-1] += 1
    reduction = widths[0] // state["body.0.res_layer.5.fc1.weight"].shape[0]
    return IRSEConfig(in_channels, tuple(widths), tuple(depths), reduction)


def _styles(state: State, in_channels: int) -> dict:
    """Numbers of the style heads: the input side follows from the head on the last map."""
    style_dim = state["styles.0.linear.weight"].shape[0]
    convs = (_count(state, "styles.0.convs.{}.weight") + 1) // 2  # every second is an activation
    body = trunk(state, in_channels)
    return {
        "n_styles": _count(state, "styles.{}.linear.weight"),
        "style_dim": style_dim,
        "input_size": body.stride * 2**convs,
        "trunk": body,
    }


@_or_released(ReStyleConfig)
def restyle(state: State, heads: Literal["psp", "e4e"], iterations: int) -> ReStyleConfig:
    return ReStyleConfig(**_styles(state, 6), heads=heads, iterations=iterations)


@_or_released(OnePassConfig)
def one_pass(state: State, heads: Literal["psp", "e4e"]) -> OnePassConfig:
    return OnePassConfig(**_styles(state, 3), heads=heads)


@_or_released(MotionConfig)
def motion(state: State, style_dim: int) -> MotionConfig:
    """`style_dim` is the generator's. The input is 256 px in every released file."""
    body = trunk(state)
    rows, features = state["linear.weight"].shape
    return MotionConfig(
        n_styles=rows // style_dim,
        style_dim=style_dim,
        pool=isqrt(state["output_layer_2.3.weight"].shape[1] // body.widths[-1]),
        features=features,
        trunk=body,
    )


@_or_released(RecognitionConfig)
def recognition(state: State) -> RecognitionConfig:
    body = trunk(state)
    features, flat = state["output_layer.3.weight"].shape
    return RecognitionConfig(isqrt(flat // body.widths[-1]) * body.stride, features, body)


@_or_released(HeadPoseConfig)
def head_pose(state: State) -> HeadPoseConfig:
    """The input is 224 px in the released file."""
    depths = []
    while depth := _count(state, f"layer{len(depths) + 1}.{{}}.conv1.weight"):
        depths.append(depth)
    return HeadPoseConfig(
        width=state["conv1.weight"].shape[0],
        depths=tuple(depths),
        bins=state["fc_yaw.weight"].shape[0],
    )
