"""Networks that a stage starts from: of a stage's checkpoint, a pack, or a released file.

A stage's checkpoint keeps the numbers of its networks under `architecture` and the averaged weights
under `ema`, each network's with its name in a pack as prefix (`generator.`, `motion_encoder.` ...).
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from stylexfer.errors import StylexferError
from stylexfer.packs import load_component, resolve_pack
from stylexfer.packs.components import COMPONENTS, build, numbers_of
from stylexfer.packs.contents import layout_of
from stylexfer.packs.convert import convert
from stylexfer.packs.torch_files import read_torch
from train import checkpoint
from train.config import ConfigError


def architecture(**networks: nn.Module) -> dict:
    """Numbers of networks by their names in a pack: `Run.facts["architecture"]`."""
    return {name: numbers_of(network) for name, network in networks.items()}


def below(state: Mapping, name: str) -> dict:
    """The entries of a state_dict that begin with `name.`, without it."""
    return {k.removeprefix(f"{name}."): v for k, v in state.items() if k.startswith(f"{name}.")}


def stage_state(path: str | Path) -> dict | None:
    """The checkpoint of a stage at `path`, or of what it fell back to; None: it is something else.

    ConfigError if there is no such file.
    """
    path = Path(path)
    if not path.is_file() and not checkpoint.previous(path).is_file():
        raise ConfigError(f"{path} is missing: train that stage first, or give another path.")
    try:
        state = checkpoint.load(path)
    except checkpoint.CheckpointError:
        return None
    return state if isinstance(state, dict) and "architecture" in state else None


def drawing(path: str | Path) -> str | Path:
    """Of the generator stage's checkpoint, the generator that draws people from normal z, which
    lies beside it (`coded.fold_gaussian`); any other path is as it is."""
    folded = Path(path).parent / "generator.pt"
    state = None if resolve_pack(path) is not None else stage_state(path)
    return folded if state and "appearances" in state["ema"] and folded.exists() else path


def find(path: str | Path, name: str) -> nn.Module:
    """The network `name` (as in a pack) of what is at `path`: fp32, in eval mode, frozen.

    `path`: a checkpoint of a stage, the folder of a pack or its name in checkpoints/, or a released
    file in its original layout (StyleGAN2, ReStyle, IR-SE 50, the paper's best_model.pt).
    ConfigError or PackMismatch if it does not hold that network.
    """
    if name not in COMPONENTS:
        raise ValueError(name)
    folder = resolve_pack(path)
    if folder is not None:
        return load_component(folder, name)
    state = stage_state(path)
    return _released(Path(path), name) if state is None else of_state(state, name, path)


def of_state(state: Mapping, name: str, path: str | Path) -> nn.Module:
    """The averaged network `name` of a stage's checkpoint that was read from `path`, frozen.

    ConfigError if it does not hold that network.
    """
    if name not in state["architecture"]:
        held = ", ".join(state["architecture"])
        raise ConfigError(f"{path} holds no {name}, only {held}: give another path.")
    network = build(name, state["architecture"])
    network.load_state_dict(below(state["ema"], name))
    return network.eval().requires_grad_(False)


def _released(path: Path, name: str) -> nn.Module:
    try:
        content = read_torch(path)
        layout = layout_of(content) if isinstance(content, Mapping) else None
    except StylexferError:
        raise
    except (
        Exception
    ) as problem:  # Refused and the unpickler's own: all mean that it is no such file
        raise ConfigError(f"{path} is no checkpoint ({problem}): give another path.") from problem
    del content
    parts = convert(layout or "stylegan2", path)
    if name not in parts:
        raise ConfigError(f"{path} holds no {name}, only {', '.join(parts)}: give another path.")
    part = parts[name]
    shape = parts["motion_encoder"].config if name == "mapper" else None
    numbers = (
        asdict(part.config)
        if shape is None
        else {"n_styles": shape.n_styles, "style_dim": shape.style_dim}
    )
    with torch.device("meta"):
        network = build(name, {name: numbers})
    # a copy: the file is memory-mapped, and training writes into weights
    network.load_state_dict({k: v.clone() for k, v in part.state.items()}, assign=True)
    return network.eval().requires_grad_(False)
