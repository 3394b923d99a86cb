"""Training that goes on from a pack: `training.safetensors` holds what its networks lack for that.

The corpus's appearances and their encoder, the first mapping layer before the Gaussian was folded
in (`coded.fold_gaussian`), and the read-out of the motion labels. `train.export` writes it.
"""

from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from stylexfer.packs import load_component, resolve_pack
from stylexfer.packs.weights import write_state
from train import checkpoint
from train.coded import AppearanceGenerator
from train.config import ConfigError
from train.origins import below, stage_state

FILE = "training.safetensors"
_MAPPING = "generator.style.1."


def save_continuation(runs: Path, path: Path) -> None:
    """Write it, fp16, from the checkpoints of the run folders generator and transfer."""
    generator = checkpoint.load(runs / "generator" / "checkpoint.pt")["ema"]
    transfer = checkpoint.load(runs / "transfer" / "checkpoint.pt")["ema"]
    kept = ("appearances", "encoder.", _MAPPING)
    state = {k: v for k, v in generator.items() if k.startswith(kept)}
    state |= {k: v for k, v in transfer.items() if k.startswith("readout.")}
    write_state(path, {k: v.half() if v.is_floating_point() else v for k, v in state.items()})


def _continuation(folder: Path) -> dict[str, Tensor]:
    """Of the pack in `folder`, fp32. ConfigError if it has none."""
    path = folder / FILE
    if not path.is_file():
        raise ConfigError(f"{folder} has no {FILE}: give a pack that has one, or a checkpoint.")
    state = load_file(path)
    return {k: v.float() if v.is_floating_point() else v for k, v in state.items()}


def go_on_from(model: AppearanceGenerator, pack: str) -> None:
    """Give `model` the weights of a pack's generator and of its encoder of appearance.

    The appearances stay as they are: they belong to a corpus, and are read at the end of the stage.
    ConfigError if the pack has no `training.safetensors`, or is of other sizes.
    """
    folder = resolve_pack(pack)
    if folder is None:
        raise ConfigError(f"start: {pack} is no pack: give its folder, or its name.")
    more = _continuation(folder)
    drawn = load_component(folder, "generator").state_dict()
    state = {f"generator.{k}": v for k, v in drawn.items()} | more
    kept = {k: v for k, v in state.items() if not k.startswith(("appearances", "readout."))}
    try:
        model.load_state_dict(kept | {"appearances": model.appearances})
    except RuntimeError as problem:
        raise ConfigError(
            f"start: {pack} is of other sizes: take `generator` and `encoder` from its pack.json "
            f"and from the configuration that it was trained with ({problem})."
        ) from problem


def readout_of(path: str) -> dict[str, Tensor]:
    """`weight` and `bias` of the map from E_m's codes to motion labels, of the checkpoint of a
    transfer stage or of a pack with `training.safetensors`; empty if there is none."""
    folder = resolve_pack(path)
    if folder is not None:
        return below(_continuation(folder), "readout") if (folder / FILE).is_file() else {}
    state = stage_state(path)
    return below(state["ema"], "readout") if state else {}
