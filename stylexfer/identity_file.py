"""An `Identity` in a file of its own, so that it loads again anywhere with the same pack.

The file is safetensors: the codes and pictures of the identity, and as metadata which pack they
belong to. Codes are meaningless to other weights, so a file says what its pack answers to a fixed
question (`_answers`), and is refused where the answers differ.
"""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from stylexfer.errors import PackMismatch, TooLarge, UnreadableMedia
from stylexfer.identity import Identity, Tuning
from stylexfer.packs import Pack
from stylexfer.transfer import FaceTransfer

SUFFIX = ".safetensors"
MAX_BYTES = 64 * 2**20
MAX_CROP = 2048  # side of a crop, in pixels
_FORMAT = "stylexfer-identity-1"
_NEAR = 0.05  # of the largest answer: weights may have been rounded to 16 bits
_PARTS = ("code", "motion", "crop", "inversion", "quad")
_CHANGE = "change."  # before the name of a parameter of the generator that tuning has changed
_STEERING = "steering"


def is_identity_file(path: str | Path) -> bool:
    """Whether the file begins like safetensors; no picture or clip does."""
    with open(path, "rb") as file:
        start = file.read(9)
    return len(start) == 9 and start[8:] == b"{" and int.from_bytes(start[:8], "little") < 2**20


@torch.inference_mode()
def _answers(model: FaceTransfer) -> np.ndarray:
    """Eight numbers that tell packs apart: of the mapping network, and of the mapper if any."""
    generator, mapper = model.pack.generator, model.pack.mapper
    config = generator.config
    z = torch.linspace(-1, 1, config.z_dim, device=model.device)[None]
    said = [generator.mapping(z, 1.0).flatten()[:4].float()]
    if mapper is not None:
        motion = torch.linspace(-1, 1, config.n_styles * config.style_dim, device=model.device)
        motion = motion.reshape(1, config.n_styles, config.style_dim)
        said.append(mapper.motion_term(motion).flatten()[:4].float())
    return torch.cat(said).cpu().numpy()


def save_identity(path: str | Path, identity: Identity, model: FaceTransfer) -> None:
    """Write `identity`, which `model` made, to a safetensors file. It holds the person's face."""
    tensors = {}
    for name in _PARTS:
        if (value := getattr(identity, name)) is not None:
            tensors[name] = torch.tensor(value) if isinstance(value, np.ndarray) else value
    if tuning := identity.tuning:
        tensors |= {_CHANGE + name: part.contiguous() for name, part in tuning.change.items()}
        if tuning.steering is not None:
            tensors[_STEERING] = tuning.steering
    about = {
        "format": _FORMAT,
        "tuned": json.dumps([tuning.steps, tuning.planned] if tuning else None),
        "pack": f"{model.pack.info.get('name')} {model.pack.info.get('version', '')}".strip(),
        "method": model.method,
        "answers": json.dumps([round(float(number), 5) for number in _answers(model)]),
    }
    save_file(tensors, path, about)


def load_identity(path: str | Path, model: FaceTransfer) -> Identity:
    """Read what `save_identity` wrote; the file may come from anybody.

    TooLarge; UnreadableMedia for any other file or a damaged one; PackMismatch for one of another
    pack.
    """
    if Path(path).stat().st_size > MAX_BYTES:
        raise TooLarge(f"An identity file has at most {MAX_BYTES >> 20} MB. Save it again.")
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            if about.get("format") != _FORMAT:
                raise UnreadableMedia(
                    "This file holds no identity. Send one that was saved here, or a picture."
                )
            _check_pack(about, model)
            names = set(file.keys())
            parts = {name: file.get_tensor(name) for name in _PARTS if name in names}
            change = {
                name.removeprefix(_CHANGE): file.get_tensor(name)
                for name in names
                if name.startswith(_CHANGE)
            }
            steps = json.loads(about.get("tuned", "null")) or (0, 0)
            steering = file.get_tensor(_STEERING) if _STEERING in names else None
            tuning = Tuning(change, *map(int, steps), steering) if change else None
    except (SafetensorError, OSError, ValueError, TypeError, RuntimeError) as error:
        raise UnreadableMedia(
            "The identity file is damaged or was cut short. Save the identity again."
        ) from error
    return _checked(parts, tuning, model)


def _check_pack(about: dict[str, str], model: FaceTransfer) -> None:
    said, ours = np.array(json.loads(about.get("answers", "[]")), np.float64), _answers(model)
    same = about.get("method") == model.method and said.shape == ours.shape
    if not (same and np.abs(said - ours).max() <= _NEAR * np.abs(ours).max()):
        name = about.get("pack", "")[:80]
        raise PackMismatch(
            f"This identity was saved with another pack ({name}): open the app with that one, or "
            "send the person's picture."
        )


def _fits(tuning: Tuning, pack: Pack) -> bool:
    ours = dict(pack.generator.named_parameters())
    if (steering := tuning.steering) is not None and not (
        pack.pose_split is not None
        and steering.shape == (4, *pack.pose_split.shape)
        and steering.dtype == torch.float32
        and bool(steering.isfinite().all())
    ):
        return False
    return all(
        name in ours
        and part.shape == ours[name].shape
        and part.is_floating_point()
        and bool(part.isfinite().all())
        for name, part in tuning.change.items()
    )


def _checked(
    parts: dict[str, torch.Tensor], tuning: Tuning | None, model: FaceTransfer
) -> Identity:
    config = model.pack.generator.config
    shape = (1, config.n_styles, config.style_dim)

    def code(name: str) -> bool:
        part = parts.get(name)
        whole = part is not None and part.shape == shape and part.dtype == torch.float32
        return whole and bool(part.isfinite().all())

    def picture(name: str) -> bool:
        part = parts.get(name)
        if part is None or part.dtype != torch.uint8 or part.ndim != 3:
            return False
        height, width, channels = part.shape
        return height == width <= MAX_CROP and height > 0 and channels == 3

    quad = parts.get("quad")
    placed = quad is None or (
        quad.shape == (4, 2) and quad.is_floating_point() and bool(quad.isfinite().all())
    )
    whole = code("code") and code("motion") and picture("crop") and picture("inversion")
    if not (whole and placed and (tuning is None or _fits(tuning, model.pack))):
        raise UnreadableMedia("The identity file is damaged. Save the identity again.")
    values = {
        name: part if name in ("code", "motion") else part.numpy() for name, part in parts.items()
    }
    return Identity(**values, tuning=tuning)
