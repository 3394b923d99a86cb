"""Checkpoints in their released layout, rebuilt from key names, and the outputs to expect."""

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from tests.reference.weights import checkpoint_entry, sample_indices

FOLDER = Path(__file__).resolve().parents[1] / "reference"


def state(folder: str, file: str, component: str, size: int, *path: str, prefix: str = ""):
    """The entries below `prefix` of one released file, without it, as `load_state_dict` wants."""
    keys = json.loads((FOLDER / folder / "keys.json").read_text())[file]
    for name in path:
        keys = keys[name]
    return {
        key.removeprefix(prefix): torch.from_numpy(checkpoint_entry(component, size, key, shape))
        for key, (shape, _) in keys.items()
        if key.startswith(prefix)
    }


def latent_avg(size: int) -> Tensor:
    """The average w, [512]."""
    return torch.from_numpy(checkpoint_entry("stylegan2", size, "latent_avg", (512,)))


def picture(image: np.ndarray) -> Tensor:
    """uint8 [256, 256, 3] -> [1, 3, 256, 256] in [-1, 1]."""
    scaled = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    return (scaled - 0.5) / 0.5


def resized_input(folder: str, name: str) -> Tensor:
    """An input that was resized by Pillow 13.0, [1, 3, 256, 256] in [-1, 1].

    Kept as a PNG: Pillow 12's bilinear kernel differs by 1 in a fifth of the bytes, and gradio
    asks for Pillow < 13.
    """
    x = picture(np.array(Image.open(FOLDER / folder / f"{name}.png"))).contiguous()
    facts = json.loads((FOLDER / folder / "manifest.json").read_text())["inputs"][name]
    assert hashlib.sha256(x.numpy().tobytes()).hexdigest() == facts["sha256"]
    return x


class Reference:
    """The recorded outputs of one component."""

    def __init__(self, folder: str):
        self.vectors = load_file(FOLDER / folder / "vectors.safetensors")
        self.facts = json.loads((FOLDER / folder / "manifest.json").read_text())["outputs"]

    def sampled(self, name: str, ours: Tensor) -> tuple[Tensor, Tensor]:
        """Ours and theirs at the recorded positions."""
        assert list(ours.shape) == self.facts[name]["shape"]
        flat = ours.detach().contiguous().flatten()
        return flat[torch.from_numpy(sample_indices(flat.numel()))], self.vectors[f"out.{name}"]

    def error(self, name: str, ours: Tensor) -> tuple[float, float]:
        """Largest difference, and the allowed one."""
        a, b = self.sampled(name, ours)
        return float((a - b.flatten()).abs().max()), self.facts[name]["suggested_atol"]

    def check(self, name: str, ours: Tensor) -> None:
        found, allowed = self.error(name, ours)
        assert found <= allowed, f"{name}: off by {found:.3g}, allowed {allowed:.3g}"

    def check_bytes(self, name: str, ours: np.ndarray) -> None:
        """uint8 pictures: at most 1 off, in at most 0.1 % of the bytes."""
        a, b = self.sampled(name, torch.from_numpy(ours))
        off = (a.int() - b.flatten().int()).abs()
        assert off.max() <= 1
        assert (off > 0).float().mean() <= 1e-3
