"""Who appears: the face of a picture, an identity that was saved, or somebody who does not exist."""

from dataclasses import dataclass

import numpy as np

from stylexfer.identity import Identity
from stylexfer.identity_file import SUFFIX, is_identity_file, load_identity, save_identity
from stylexfer.media import open_picture
from stylexfer.ui import texts
from stylexfer.ui.engine import Engine
from stylexfer.ui.faithful import known
from stylexfer.ui.files import handed_out
from stylexfer.ui.guard import explained
from stylexfer.ui.recipe import parts_of
from stylexfer.ui.session import Visitor, content_key
from stylexfer.ui.terms import allowed


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


def saved_identity(engine: Engine, visitor: Visitor, path: str, faithful: bool = False) -> Identity:
    """The identity in a file that a visitor sent; the same file again costs nothing. faithful: as
    it was learned before, where that is `known`."""
    with explained(texts.IDENTITY_FILE):
        key = content_key("saved", allowed(visitor, path))
        identity = visitor.remember(key, lambda: load_identity(path, engine.model))
        return known(visitor, path, identity) if faithful else identity


def identity_file(engine: Engine, identity: Identity) -> str:
    """A file for the visitor to keep, which stands for the person. It holds the face."""
    return handed_out(f"identity{SUFFIX}", lambda p: save_identity(p, identity, engine.model))


def random_person(engine: Engine, visitor: Visitor, recipe: str) -> Identity:
    """Somebody who does not exist; the same again costs nothing."""
    parts = [tuple(part) for part in parts_of(recipe)]
    return visitor.remember(("random", recipe), lambda: engine.mixed_identity(parts))


def person_or_file(engine: Engine, visitor: Visitor, recipe: str, saved: str | None) -> Identity:
    """Somebody who does not exist, unless a file says who it is."""
    if saved:
        return saved_identity(engine, visitor, saved)
    return random_person(engine, visitor, recipe)
