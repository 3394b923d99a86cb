"""Results of single pairs on disk: whole or not there, and never those of other settings."""

import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

QUALITY = 92


def write_whole(path: Path, data: bytes) -> None:
    """`path` holds all of `data`, or what it held before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_bytes(data)
    part.replace(path)


def key_of(settings: Mapping) -> str:
    """Settings as one text: equal if and only if they are."""
    return json.dumps(settings, sort_keys=True)


def save(path: Path, settings: Mapping, facts: Mapping, arrays: Mapping[str, np.ndarray]) -> None:
    """Arrays and numbers, with the settings that they were made with."""
    data = io.BytesIO()
    texts = {"settings": key_of(settings), "facts": json.dumps(facts)}
    np.savez_compressed(data, **arrays, **{k: np.array(v) for k, v in texts.items()})
    write_whole(path, data.getvalue())


def load(path: Path, settings: Mapping) -> tuple[dict, dict[str, np.ndarray]] | None:
    """(facts, arrays) of a file that was made with these settings; None: make it (again)."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    if str(arrays.pop("settings", "")) != key_of(settings):
        return None
    return json.loads(str(arrays.pop("facts"))), arrays


def to_jpeg(picture: np.ndarray) -> np.ndarray:
    """uint8 `[H, W, 3]` -> the bytes of a JPEG, uint8 `[n]`."""
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "JPEG", quality=QUALITY, subsampling=0)
    return np.frombuffer(data.getvalue(), dtype=np.uint8)


def from_jpeg(data: np.ndarray) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data.tobytes())).convert("RGB"))
