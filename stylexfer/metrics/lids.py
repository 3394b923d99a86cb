"""How far an eye is open, read from its pixels: the landmarks do not tell.

dlib's 68 landmarks keep close to an eye's open shape whatever the lids do: in rendered frames with
exact truth, its aspect ratio of a shut eye (0.27, sd 0.07) overlaps that of an open one (0.37, sd
0.06). So the eye is cut out by its corners and read by a small network, which `train/lids.py`
trained on rendered heads to say the true aspect ratio; its accuracy is in `lids.json` beside the
weights. In the 20 clips of `examples/evaluation` it sees all 31 blinks and no other.
"""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from scipy import ndimage
from torch import Tensor, nn

WEIGHTS = Path(__file__).with_name("lids.safetensors")
PATCH = (20, 32)  # rows, columns
WIDTH = 20  # columns from corner to corner of the eye
EYES = (
    (36, False),
    (42, True),
)  # first landmark, and whether it is mirrored to look like the first


class Lids(nn.Module):
    """Eyes `[B, 1, 20, 32]`, grey, of zero mean and unit deviation each -> `[B]`: true aspect ratio,
    mean height of the opening / width; 0.04 is shut and 0.43 open, on average."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 32, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * PATCH[0] * PATCH[1] // 16, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)[:, 0]


def eye_patches(image: np.ndarray, landmarks: np.ndarray, margin: int = 0) -> np.ndarray:
    """Both eyes cut out by their corners, float32 `[2, 20, 32]`, grey levels, the picture's left one
    first and the other mirrored.

    image: uint8 `[H, W, 3]`; landmarks `[68, 2]` in its pixels. margin: patch pixels more all round.
    """
    grey = image.astype(np.float32).mean(axis=2)
    points = np.asarray(landmarks, dtype=np.float64)
    rows, columns = (side + 2 * margin for side in PATCH)
    v, u = np.mgrid[:rows, :columns].astype(np.float64)
    u, v = u - (columns - 1) / 2, v - (rows - 1) / 2
    patches = []
    for first, mirrored in EYES:
        across = points[first + 3] - points[first]
        step = across / WIDTH
        down = np.array([-step[1], step[0]])
        x, y = (
            points[[first, first + 3]].mean(axis=0) + u[..., None] * step + v[..., None] * down
        ).T
        # only what is around the eye is blurred, by half a patch pixel against aliasing
        low = np.floor([y.min(), x.min()]).astype(int).clip(0) - 4
        low = low.clip(0)
        high = np.ceil([y.max(), x.max()]).astype(int) + 5
        around = grey[low[0] : high[0], low[1] : high[1]]
        if not around.size:
            patches.append(np.zeros((rows, columns), np.float32))
            continue
        around = ndimage.gaussian_filter(around, 0.5 * np.hypot(*step))
        patch = ndimage.map_coordinates(
            around, [y.T - low[0], x.T - low[1]], order=1, mode="nearest"
        )
        patches.append(patch[:, ::-1] if mirrored else patch)
    return np.stack(patches).astype(np.float32)


def standardised(patches: Tensor) -> Tensor:
    """Grey levels `[B, 20, 32]` -> what `Lids` takes."""
    mean, deviation = patches.mean(dim=(1, 2), keepdim=True), patches.std(dim=(1, 2), keepdim=True)
    return ((patches - mean) / (deviation + 3))[:, None]


@cache
def _network() -> Lids:
    network = Lids()
    network.load_state_dict({k: v.float() for k, v in load_file(WEIGHTS).items()})
    return network.eval().requires_grad_(False)


@torch.inference_mode()
def eye_openness(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Aspect ratios of the two eyes, float64 `[2]`, the picture's left one first; under 1 ms.

    image: uint8 `[H, W, 3]`; landmarks: `[68, 2]` in its pixels, of which the corners of the eyes
    are used.
    """
    patches = torch.from_numpy(eye_patches(image, landmarks))
    return _network()(standardised(patches)).double().numpy()
