"""Checkpoints that nothing breaks: written beside and renamed, checked when read, two kept.

A checkpoint is a `torch.save` file of tensors, numbers, strings, lists and dicts, read with
`weights_only=True`.
"""

import os
import pickle
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch

from stylexfer.errors import StylexferError


class CheckpointError(StylexferError):
    """A checkpoint that cannot be written or read, or that is of another configuration."""


def previous(path: Path) -> Path:
    """Where the checkpoint before that of `path` is kept."""
    return path.with_suffix(".previous")


def save(path: str | Path, state: Mapping) -> None:
    """Write `state` atomically; what was there stays beside it as `.previous`.

    CheckpointError if there is no room: the checkpoint that was there is untouched.
    """
    path = Path(path)
    fresh = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("wb") as file:
            torch.save(dict(state), file)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            os.replace(path, previous(path))
        os.replace(fresh, path)
    except (OSError, RuntimeError) as problem:  # torch's writer raises the latter
        reason = (
            problem.strerror if isinstance(problem, OSError) else problem.__context__ or problem
        )
        try:
            fresh.unlink(missing_ok=True)
        except OSError:
            pass
        kept = "goes on from the last one, which is whole" if path.exists() else "starts anew"
        raise CheckpointError(
            f"{path} could not be written ({reason}): make room on that disk and give the same "
            f"command again; it {kept}."
        ) from problem


def _read(path: Path) -> dict:
    with zipfile.ZipFile(path) as archive:  # torch writes checksums, but does not check them
        if broken := archive.testzip():
            raise OSError(f"checksum of {broken}")
    return torch.load(path, map_location="cpu", weights_only=True)


def load(path: str | Path) -> dict | None:
    """The newest whole state of `path` or of the one before it; None if there is neither.

    Says on stderr when it takes the one before. CheckpointError if none of them can be read.
    """
    path = Path(path)
    problems = []
    for candidate in (path, previous(path)):
        if not candidate.exists():
            continue
        try:
            state = _read(candidate)
        except (
            *(RuntimeError, OSError, EOFError, ValueError, NotImplementedError),
            *(pickle.UnpicklingError, zipfile.BadZipFile),
        ) as problem:
            problems.append(f"{candidate} ({str(problem).splitlines()[0]})")
            continue
        if problems:
            print(f"{problems[0]} is damaged: going on from {candidate}", file=sys.stderr)
        return state
    if problems:
        raise CheckpointError(
            f"{' and '.join(problems)} cannot be read: remove them to start anew."
        )
    return None


def restore(state: Mapping, parts: Mapping[str, object], where: str | Path) -> None:
    """Give each part (anything with `load_state_dict`) its state of that name. CheckpointError."""
    for name, part in parts.items():
        try:
            part.load_state_dict(state[name])
        except (KeyError, RuntimeError, ValueError) as problem:
            first = " ".join(str(problem).split())[:200]
            raise CheckpointError(
                f"{where} is of another configuration ({name}: {first}): take the configuration it "
                "was made with, or another --out."
            ) from problem
