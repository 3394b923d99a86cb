"""Contact sheets: what the corpus looks like at a glance."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from train.heads.corpus import clip_seed, identity_seed, write_png
from train.heads.expressions import EXPRESSIONS, vector
from train.heads.motion import random_state
from train.heads.params import State
from train.heads.stage import Stage

SHOWN = (
    *("neutral", "eyes closed", "half closed", "wink left", "grin"),
    *("laugh", "pucker", "surprise", "anger", "sad"),
)
YAWS = (-35, -17, 0, 17, 35)


def _states(rows: str, actions: list[str], seed: int) -> list[State]:
    """The states of one row of a sheet; of `identities`, one state that is near the front."""
    if rows == "expressions":
        return [State(coeffs=vector(actions, EXPRESSIONS[name])) for name in SHOWN]
    if rows == "yaw":
        return [State(pose=(yaw, 0.0, 0.0), gaze=(-0.5 * yaw, 0.0)) for yaw in YAWS]
    state = random_state(actions, seed)
    pose = tuple(0.4 * angle for angle in state.pose)
    resting = State(pose=pose, coeffs=vector(actions, EXPRESSIONS["smile"]) * (seed % 3) / 3)
    return [replace(resting, gaze=(-0.8 * pose[0], -0.5 * pose[1]))]


def _pictures(rows: str, people: int, size: int, seed: int, device: str) -> Iterator[np.ndarray]:
    stage = Stage(size=size, device=device)
    for index in tqdm(range(people), unit="person", mininterval=1):
        identity = identity_seed(seed, index)
        shot = stage.shot(identity, 0)
        for state in _states(rows, list(stage.actions), clip_seed(identity, 0)):
            yield stage.frame(shot, state).image


def sheet(
    path: Path, rows: str, people: int | None = None, size: int = 256, seed: int = 0, device="cpu"
) -> None:
    """Write a PNG of `people` (64, or 6) as `rows`: identities, expressions or yaw.

    No person is left out: they are the first of the corpus of that seed, in its first clips.
    """
    people = people or (64 if rows == "identities" else 6)
    pictures = list(_pictures(rows, people, size, seed, device))
    columns = {"identities": 8, "expressions": len(SHOWN), "yaw": len(YAWS)}[rows]
    columns = min(columns, len(pictures))
    lines = -(-len(pictures) // columns)
    canvas = np.full((lines * size, columns * size, 3), 255, np.uint8)
    for k, picture in enumerate(pictures):
        y, x = size * (k // columns), size * (k % columns)
        canvas[y : y + size, x : x + size] = picture
    write_png(path, canvas)
