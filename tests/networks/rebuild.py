"""Released checkpoints, rebuilt from key names as files, and the outputs to expect of them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

from stylexfer.packs.convert import Part
from tests.reference.weights import checkpoint_entry, sample_indices, smooth_image

FOLDER = Path(__file__).resolve().parents[1] / "reference"


def content(folder: str, file: str, component: str, size: int) -> Any:
    """What the released file holds, as `torch.save` is given it."""

    def built(name: str, entry: Any) -> Any:
        if isinstance(entry, dict):
            if set(entry) == {"value"}:
                return entry["value"]
            return {key: built(key, value) for key, value in entry.items()}
        shape, _ = entry
        if name == "latent_avg":
            return latent_avg(size).expand(shape).clone()
        return torch.from_numpy(checkpoint_entry(component, size, name, shape))

    return built("", json.loads((FOLDER / folder / "keys.json").read_text())[file])


def loaded(network: type[nn.Module], part: Part) -> nn.Module:
    """A network with a converted part's weights."""
    with torch.device("meta"):
        built = network(part.config)
    built.load_state_dict(part.state, assign=True)
    return built.eval().requires_grad_(False)


def latent_avg(size: int) -> Tensor:
    """The average w, [512]."""
    return torch.from_numpy(checkpoint_entry("stylegan2", size, "latent_avg", (512,)))


def picture(image: np.ndarray) -> Tensor:
    """uint8 [H, W, 3] -> [1, 3, H, W] in [-1, 1]."""
    scaled = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    return (scaled - 0.5) / 0.5


def smooth(*seeds: int) -> Tensor:
    """The references' 256 px test pictures, [len(seeds), 3, 256, 256] in [-1, 1]."""
    return torch.cat([picture(smooth_image(256, 256, seed)) for seed in seeds])


def resized_input(folder: str, name: str) -> Tensor:
    """An input that was resized by Pillow 13.0, [1, 3, 256, 256] in [-1, 1].

    Kept as a PNG: Pillow 12's bilinear kernel differs by 1 in a fifth of the bytes, and gradio
    asks for Pillow < 13.
    """
    x = picture(np.array(Image.open(FOLDER / folder / f"{name}.png"))).contiguous()
    assert digest(x) == facts(folder)["inputs"][name]["sha256"]
    return x


def facts(folder: str) -> dict:
    return json.loads((FOLDER / folder / "manifest.json").read_text())


def digest(x: Tensor) -> str:
    return hashlib.sha256(x.contiguous().numpy().tobytes()).hexdigest()


class Reference:
    """The recorded outputs of one component."""

    def __init__(self, folder: str):
        self.vectors = load_file(FOLDER / folder / "vectors.safetensors")
        self.facts = facts(folder)["outputs"]

    def sampled(self, name: str, ours: Tensor) -> tuple[Tensor, Tensor]:
        """Ours and theirs at the recorded positions."""
        assert list(ours.shape) == self.facts[name]["shape"]
        flat = ours.detach().contiguous().flatten()
        return flat[torch.from_numpy(sample_indices(flat.numel()))], self.vectors[f"out.{name}"]

    def error(self, name: str, ours: Tensor) -> float:
        """Largest difference."""
        a, b = self.sampled(name, ours)
        return float((a - b.flatten()).abs().max())

    def check(self, name: str, ours: Tensor, allowed: float | None = None) -> None:
        """Within the `suggested_atol`; `allowed` where the manifest suggests none."""
        allowed = self.facts[name].get("suggested_atol", allowed)
        found = self.error(name, ours)
        print(f"{name}: {found:.2e} of {allowed:.2e}")
        assert found <= allowed, f"{name}: off by {found:.3g}, allowed {allowed:.3g}"

    def check_bytes(self, name: str, ours: np.ndarray, share: float = 1e-3) -> None:
        """uint8 pictures: at most 1 off, in at most `share` of the bytes."""
        a, b = self.sampled(name, torch.from_numpy(ours))
        off = (a.int() - b.flatten().int()).abs()
        found = float((off > 0).float().mean())
        print(f"{name}: {int(off.max())} off in {found:.2%} of the bytes, of {share:.2%}")
        assert off.max() <= 1
        assert found <= share
