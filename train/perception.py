"""What trained networks see in drawn frames, compared with what they see in the true ones.

Pixels say little of whom a face is of and of what it does; a recognition network (ArcFace's loss,
as in eq. 3 of the paper) and the motion encoder with its read-out say just that.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from stylexfer.networks import MotionEncoder, Recognition
from train import losses
from train.coded import MOTION
from train.config import ConfigError
from train.continuation import readout_of
from train.method import pooled
from train.origins import find


class MotionReader(nn.Module):
    """E_m and the read-out of the motion labels, as the transfer stage has trained them, frozen."""

    def __init__(self, motion_encoder: MotionEncoder, readout: nn.Linear):
        super().__init__()
        self.motion_encoder, self.readout = motion_encoder, readout

    def forward(self, images: Tensor) -> Tensor:
        """Pictures `[B, 3, s, s]` -> labels `[B, 57]`, each of about unit variance."""
        side = self.motion_encoder.config.input_size
        return self.readout(self.motion_encoder(pooled(images, side)).flatten(1))


def motion_reader(path: str) -> MotionReader:
    """Of a transfer stage's checkpoint, or of a pack that training can go on from. ConfigError if
    it has no read-out."""
    encoder, weights = find(path, "motion_encoder"), readout_of(path)
    if not weights:
        raise ConfigError(
            f"reader: {path} reads no motion labels: give the checkpoint of a transfer stage with "
            "weights.motion, or a pack with training.safetensors."
        )
    readout = nn.Linear(weights["weight"].shape[1], MOTION)
    readout.load_state_dict(weights)
    return MotionReader(encoder, readout).eval().requires_grad_(False)


class Perception(nn.Module):
    """`id` and `motion`: how far drawn frames are from the true ones as networks see them."""

    def __init__(self, recognition: Recognition | None, reader: MotionReader | None):
        super().__init__()
        self.recognition, self.reader = recognition, reader
        sides = [recognition.config.input_size] if recognition else []
        sides += [reader.motion_encoder.config.input_size] if reader else []
        self.fewest = max(sides, default=0) // 2  # px a side: smaller frames are not looked at

    def forward(self, images: Tensor, truth: Tensor) -> dict[str, Tensor]:
        terms = {}
        if images.shape[-1] < self.fewest:
            return terms
        if self.recognition is not None:
            terms["id"] = losses.identity(images, truth, self.recognition)
        if self.reader is not None:
            with torch.no_grad():
                wanted = self.reader(truth)
            terms["motion"] = (self.reader(images) - wanted).square().mean()
        return terms


def perception(config: Mapping) -> Perception:
    """Of a configuration's `recognition` and `reader`, whose weights are not 0. ConfigError."""
    weights, networks = config["weights"], []
    for key, weight, load in (
        ("recognition", "id", lambda path: find(path, "recognition")),
        ("reader", "motion", motion_reader),
    ):
        if weights[weight] and not config[key]:
            raise ConfigError(f"weights.{weight} needs a network: give {key}, or set it to 0.")
        networks.append(load(config[key]) if weights[weight] else None)
    return Perception(*networks)
