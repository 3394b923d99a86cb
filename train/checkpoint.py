"""Checkpoints that a kill cannot break: written beside, then renamed."""

import os
import pickle
from pathlib import Path

import torch


def save(path: str | Path, state: dict) -> None:
    """Write `state` (tensors, numbers, strings, lists, dicts) atomically; the last one is kept."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    torch.save(state, fresh)
    if path.exists():
        os.replace(path, path.with_suffix(".previous"))
    os.replace(fresh, path)


def load(path: str | Path) -> dict | None:
    """The newest readable state of `path` (else of the one before it); None if there is none."""
    path = Path(path)
    problems = []
    for candidate in (path, path.with_suffix(".previous")):
        if not candidate.exists():
            continue
        try:
            return torch.load(candidate, map_location="cpu", weights_only=True)
        except (RuntimeError, OSError, EOFError, ValueError, pickle.UnpicklingError) as problem:
            problems.append(f"{candidate}: {problem}")
    if problems:
        raise RuntimeError(
            "no checkpoint could be read; remove them to start anew: " + "; ".join(problems)
        )
    return None


def save_stage(path: str | Path, step: int, model, ema, optimizer, config: dict) -> None:
    """What a stage needs to go on after `step` steps; batches follow from (seed, step)."""
    parts = {"model": model, "ema": ema, "optimizer": optimizer}
    state = {name: part.state_dict() for name, part in parts.items()}
    save(path, {"step": step, "config": config, **state})


def resume_stage(path: str | Path, model, ema, optimizer) -> int:
    """Load what `save_stage` wrote, if anything; returns the step to go on from."""
    state = load(path)
    if state is None:
        return 0
    for name, part in (("model", model), ("ema", ema), ("optimizer", optimizer)):
        part.load_state_dict(state[name])
    return state["step"]
