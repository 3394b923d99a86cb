"""Names and values of NVIDIA's StyleGAN2 generators, brought to the rosinality layout."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import log2
from typing import Any

import torch
from torch import Tensor

from stylexfer.networks.ops import blur_kernel
from stylexfer.packs.torch_files import Refused


@dataclass(frozen=True)
class NvidiaGenerator:
    """`state`: rosinality names, latent_avg among them. The other numbers are not in tensors."""

    state: dict[str, Tensor]
    lr_mlp: float = 0.01
    conv_clamp: float | None = None


# What a layer's options must be for `Generator` to be the same network.
_PYTORCH_OPTIONS = {
    "architecture": "skip",
    "use_noise": True,
    "c_dim": 0,
    "img_channels": 3,
}
_TENSORFLOW_OPTIONS = {
    "architecture": "skip",
    "nonlinearity": "lrelu",
    "mapping_nonlinearity": "lrelu",
    "normalize_latents": True,
    "use_noise": True,
    "label_size": 0,
    "num_channels": 3,
    "resample_kernel": [1, 3, 3, 1],
}


def check_options(options: Mapping[str, Mapping[str, Any]]) -> tuple[float, float | None]:
    """Options of each module of a PyTorch pickle -> (lr_mlp, conv_clamp); Refused if they differ
    from what `Generator` does."""
    clamps, rates = set(), set()
    for name, values in options.items():
        activation = "linear" if name.endswith((".affine", ".embed")) else "lrelu"
        for key, expected in (_PYTORCH_OPTIONS | {"activation": activation}).items():
            if key in values and values[key] != expected:
                raise Refused(f"has {key} {values[key]!r} in {name or 'G_ema'}, not {expected!r}")
        if "conv_clamp" in values:
            clamps.add(values["conv_clamp"])
        if re.fullmatch(r"mapping\.fc\d+", name) and "bias_gain" in values:
            rates.add(values["bias_gain"])
    if len(clamps) > 1 or len(rates) > 1:
        raise Refused(f"has layers that differ: conv_clamp {clamps}, learning rates {rates}")
    return next(iter(rates), 0.01), next(iter(clamps), None)


def _layer(side: int, name: str) -> str:
    """Layer of NVIDIA's at a resolution -> its rosinality name."""
    level = int(log2(side)) - 3  # -1 at 4 px
    if name in ("torgb", "ToRGB"):
        return "to_rgb1" if level < 0 else f"to_rgbs.{level}"
    if level < 0:
        return "conv1"
    return f"convs.{2 * level + (name not in ('conv0', 'Conv0_up'))}"


def _noise(layer: str) -> str:
    index = 0 if layer == "conv1" else int(layer.partition(".")[2]) + 1
    return f"noises.noise_{index}"


def from_pytorch(
    weights: dict[str, Tensor], lr_mlp: float = 0.01, conv_clamp: float | None = None
) -> NvidiaGenerator:
    """The flattened state_dict of stylegan2-ada-pytorch's G_ema; names that are not of a StyleGAN2
    generator stay as they are, for the strict check to list. `weights` is emptied."""
    state = {}
    parts = {
        "weight": "conv.weight",
        "affine.weight": "conv.modulation.weight",
        "affine.bias": "conv.modulation.bias",
        "noise_strength": "noise.weight",
    }
    while weights:
        key, value = weights.popitem()
        if key == "mapping.w_avg":
            state["latent_avg"] = value
        elif key == "synthesis.b4.const":
            state["input.input"] = value[None]
        elif found := re.fullmatch(r"mapping\.fc(\d+)\.(weight|bias)", key):
            state[f"style.{int(found[1]) + 1}.{found[2]}"] = value
        elif found := re.fullmatch(r"synthesis\.b(\d+)\.(?:conv[01]\.)?resample_filter", key):
            if value.shape != (4, 4) or not torch.allclose(value.float(), blur_kernel(1.0)):
                raise Refused(f"has a resampling filter {key} that is not [1, 3, 3, 1]")
        elif found := re.fullmatch(r"synthesis\.b(\d+)\.(conv[01]|torgb)\.(.+)", key):
            layer, part = _layer(int(found[1]), found[2]), found[3]
            if part == "noise_const":
                state[_noise(layer)] = value[None, None]
            elif part == "bias":
                rgb = layer.startswith("to_rgb")
                state[f"{layer}.bias" if rgb else f"{layer}.activate.bias"] = (
                    value[None, :, None, None] if rgb else value
                )
            elif part in parts:
                unit = part in ("weight", "noise_strength")  # a dimension that rosinality adds
                state[f"{layer}.{parts[part]}"] = value[None] if unit else value
            else:
                state[key] = value
        else:
            state[key] = value
    return NvidiaGenerator(_with_kernels(state), lr_mlp, conv_clamp)


def from_tensorflow(weights: dict[str, Tensor], options: Mapping[str, Any]) -> NvidiaGenerator:
    """Variables of the TensorFlow Gs as "mapping/..", "synthesis/..", and its static options.

    Kernels are (kh, kw, in, out) there; those of `Conv0_up` are flipped (TensorFlow's transposed
    convolution), and modulation biases are stored less 1. `weights` is emptied.
    """
    for key, expected in _TENSORFLOW_OPTIONS.items():
        if options.get(key, expected) != expected:
            raise Refused(f"has {key} {options[key]!r}, not {expected!r}")
    state = {}
    while weights:
        key, value = weights.popitem()
        if key == "dlatent_avg":
            state["latent_avg"] = value
        elif key == "lod":  # of progressive growing; unused here
            continue
        elif found := re.fullmatch(r"mapping/Dense(\d+)/(weight|bias)", key):
            state[f"style.{int(found[1]) + 1}.{found[2]}"] = value.t() if value.ndim == 2 else value
        elif found := re.fullmatch(r"synthesis/noise(\d+)", key):
            state[f"noises.noise_{found[1]}"] = value
        elif key == "synthesis/4x4/Const/const":
            state["input.input"] = value
        elif found := re.fullmatch(r"synthesis/(\d+)x\1/(Conv|Conv0_up|Conv1|ToRGB)/(\w+)", key):
            name, value = _tensorflow_layer(
                _layer(int(found[1]), found[2]), *found.groups()[1:], value
            )
            state[name or key] = value
        else:
            state[key] = value
    return NvidiaGenerator(_with_kernels(state), float(options.get("mapping_lrmul", 0.01)))


def _tensorflow_layer(layer: str, kind: str, part: str, value: Tensor) -> tuple[str, Tensor]:
    """(our name, our value) of one variable; an empty name if it is not known."""
    if part == "weight" and value.ndim == 4:
        flipped = value.flip(0, 1) if kind == "Conv0_up" else value
        return f"{layer}.conv.weight", flipped.permute(3, 2, 0, 1)[None]
    if part == "mod_weight" and value.ndim == 2:
        return f"{layer}.conv.modulation.weight", value.t()
    if part == "mod_bias":
        return f"{layer}.conv.modulation.bias", value + 1
    if part == "noise_strength":
        return f"{layer}.noise.weight", value.reshape(1)
    if part == "bias" and kind == "ToRGB":
        return f"{layer}.bias", value.reshape(1, -1, 1, 1)
    return (f"{layer}.activate.bias", value) if part == "bias" else ("", value)


def _with_kernels(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The constant filters, which rosinality stores with each layer that upsamples."""
    for level in range(sum(key.startswith("to_rgbs.") for key in state)):
        if f"to_rgbs.{level}.bias" in state:
            state[f"convs.{2 * level}.conv.blur.kernel"] = blur_kernel()
            state[f"to_rgbs.{level}.upsample.kernel"] = blur_kernel()
    return state
