"""Who appears: the face of a picture, or an identity that was saved."""

from dataclasses import dataclass

import numpy as np

from stylexfer.identity import Identity
from stylexfer.identity_file import is_identity_file, load_identity
from stylexfer.media import open_picture
from stylexfer.ui.engine import Engine


@dataclass(frozen=True)
class Person:
    """An identity, and the picture that it is from (None: it came from a file, or from a seed)."""

    identity: Identity
    picture: np.ndarray | None


def someone(engine: Engine, path: str) -> Person:
    """From a picture with one face, or from a file of `save_identity`. StylexferError."""
    if is_identity_file(path):
        return Person(load_identity(path, engine.model), None)
    picture = open_picture(path)
    return Person(engine.identify(picture), picture)
