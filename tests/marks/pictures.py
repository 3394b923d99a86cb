"""Pictures to mark: the examples, and what is like nothing at all."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = Path(__file__).resolve().parents[2] / "examples"
FACES = [
    "photos/collins_astronaut.png",
    "photos/grace_hopper.jpg",
    "paintings/mona_lisa_joconde.jpg",
    "evaluation/portraits/00.jpg",
]


def square(name: str, side: int) -> np.ndarray:
    """The middle of an example, uint8 `[side, side, 3]`."""
    with Image.open(FOLDER / name) as opened:
        picture = opened.convert("RGB")
    short = min(picture.size)
    left, top = (picture.width - short) // 2, (picture.height - short) // 4
    box = (left, top, left + short, top + short)
    return np.asarray(picture.resize((side, side), Image.Resampling.LANCZOS, box))


def saved_again(picture: np.ndarray, form: str, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, form, quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def resized(picture: np.ndarray, by: float) -> np.ndarray:
    image = Image.fromarray(picture)
    size = (round(image.width * by), round(image.height * by))
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC))


def cropped(picture: np.ndarray, share: float = 0.1) -> np.ndarray:
    """Without a tenth of each side, unevenly."""
    height, width = picture.shape[:2]
    top, left = round(0.3 * share * height), round(0.6 * share * width)
    return picture[
        top : top + round((1 - share) * height), left : left + round((1 - share) * width)
    ]


def psnr(picture: np.ndarray, other: np.ndarray) -> float:
    """dB."""
    return 10 * np.log10(255**2 / np.mean((picture.astype(float) - other) ** 2))
