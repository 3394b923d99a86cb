"""Closed-eye recall: does a blink of the driver arrive? (The paper names closed eyes as its limit.)

Lids have fallen where the mean aspect ratio of both eyes is below `SHUT` of what it is in that
clip with the eyes open, its 90th percentile: people, and the landmark model with them, differ in
how wide an open eye is and in how narrow a closed one. A blink is a run of such frames; it has
arrived if the output's lids fall, by the same rule, at some time from `SLACK` seconds before it to
as long after it.
"""

from dataclasses import dataclass

import numpy as np

SHUT = 0.5
OPEN_PERCENTILE = 90
SLACK = 0.08  # seconds; two frames at 25 frames/s


@dataclass(frozen=True)
class Blinks:
    """Counts of one clip; `recall` and `precision` are shares, NaN without a blink."""

    driver: int  # blinks of the driver
    arrived: int  # of these, in the output too
    output: int  # blinks of the output
    matched: int  # of these, with one of the driver

    @property
    def recall(self) -> float:
        return self.arrived / self.driver if self.driver else float("nan")

    @property
    def precision(self) -> float:
        return self.matched / self.output if self.output else float("nan")


def shut(openness: np.ndarray) -> np.ndarray:
    """Where the lids have fallen, `[frames]` bool, of eye aspect ratios `[frames]` (NaN: no)."""
    openness = np.asarray(openness, dtype=np.float64)
    if not np.isfinite(openness).any():
        return np.zeros(len(openness), dtype=bool)
    limit = SHUT * np.nanpercentile(openness, OPEN_PERCENTILE)
    return np.nan_to_num(openness, nan=np.inf) < limit


def runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """(first, one past the last) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def count_blinks(driver: np.ndarray, output: np.ndarray, fps: float) -> Blinks:
    """Compare the mean eye aspect ratios, `[frames]` each, of a driver and its output.

    A blink in frames where the output shows no face has not arrived.
    """
    ours, theirs = shut(driver), shut(output)
    slack = max(1, round(SLACK * fps))

    def met(events: list[tuple[int, int]], other: np.ndarray) -> int:
        return sum(bool(other[max(0, a - slack) : b + slack].any()) for a, b in events)

    sent, came = runs(ours), runs(theirs)
    return Blinks(len(sent), met(sent, theirs), len(came), met(came, ours))
