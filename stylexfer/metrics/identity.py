"""Is it still the same person? Embeddings of two recognition networks, and how far they are apart.

One is the network that training had in its identity loss (the paper's: ArcFace): a generator can
please it without looking like the person. dlib's is in no loss of this project.
"""

import importlib.util
from functools import cache
from pathlib import Path

import dlib
import numpy as np
import torch

from stylexfer.errors import StylexferError
from stylexfer.networks import Recognition, recognition_view
from stylexfer.tensors import to_tensor

DLIB = "dlib_face_recognition_resnet_model_v1"
SAME_PERSON = 0.6  # dlib's own threshold of distance: below it, two pictures count as one person


def dlib_recognition_path() -> Path:
    """The file of the package `face_recognition_models`. StylexferError."""
    # Found, not imported: the package imports pkg_resources, which setuptools has dropped.
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise StylexferError(
            "dlib's recognition model is missing: pip install face_recognition_models."
        )
    return Path(spec.origin).parent / "models" / f"{DLIB}.dat"


@cache
def _dlib_network():
    return dlib.face_recognition_model_v1(str(dlib_recognition_path()))


def dlib_embedding(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """dlib's descriptor, float64 `[128]`, of about unit length; some 60 ms.

    image: uint8 `[H, W, 3]`; landmarks: `[68, 2]` in its pixels, by which dlib cuts the face out.
    """
    points = np.rint(landmarks).astype(int)
    (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    parts = dlib.points([dlib.point(*point) for point in points.tolist()])
    shape = dlib.full_object_detection(dlib.rectangle(left, top, right, bottom), parts)
    image = np.ascontiguousarray(image)
    return np.array(_dlib_network().compute_face_descriptor(image, shape), dtype=np.float64)


@torch.inference_mode()
def embedding(network: Recognition, images: list[np.ndarray]) -> np.ndarray:
    """Embeddings of length 1, float64 `[B, features]`, of aligned uint8 pictures of one side.

    The whole picture is shown, as in the paper's released identity loss (`recognition_view`).
    """
    device = next(network.parameters()).device
    views = recognition_view(
        to_tensor(images).to(device), crop=False, size=network.config.input_size
    )
    return network(views).double().cpu().numpy()


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine similarity (CSIM) of `[..., D]` with `[..., D]`: `[...]`, 1 for the same person."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return (a * b).sum(axis=-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))


def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distance of `[..., D]` from `[..., D]`: `[...]`; dlib's measure, see SAME_PERSON."""
    return np.linalg.norm(np.asarray(a, np.float64) - np.asarray(b, np.float64), axis=-1)


def alike_over_time(embeddings: np.ndarray, apart: int) -> tuple[float, float]:
    """(CSIM, distance) of two frames of one person: what a perfect transfer would score.

    embeddings: `[N, D]`, in order of time, NaN where there is no face. Means over all pairs of rows
    at least `apart` rows apart; NaN if there is none.
    """
    first, second = np.triu_indices(len(embeddings), k=max(1, apart))
    pairs = [
        (float(cosine(a, b)), float(distance(a, b)))
        for a, b in zip(embeddings[first], embeddings[second], strict=True)
        if np.isfinite(a).all() and np.isfinite(b).all()
    ]
    return tuple(np.mean(pairs, axis=0).tolist()) if pairs else (float("nan"), float("nan"))
