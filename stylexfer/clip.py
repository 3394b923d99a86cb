"""A clip of results: made ahead, laid out, written with the driver's sound, and accounted for."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from stylexfer.driving import Animated
from stylexfer.media import ClipInfo, Mark, VideoWriter
from stylexfer.stages import ahead

_AHEAD = 8  # results that wait to be written, at most


@dataclass
class Account:
    """What is in a clip that was made. Seconds count from its first frame."""

    fps: Fraction
    frames: int = 0
    faceless: int = 0  # frames of the driver without a face; there the last motion is held
    gaps: list[tuple[float, float]] = field(default_factory=list)  # seconds, from and to, of these
    # Seconds at which another face may be followed: a cut, or the track was lost and a face found
    # elsewhere. (The same is so after each gap.)
    changes: list[float] = field(default_factory=list)
    _face: bool = False  # in the frame before

    def add(self, result: Animated) -> None:
        """Count one more frame."""
        now, after = (float((self.frames + k) / self.fps) for k in (0, 1))
        if not result.face:
            self.faceless += 1
            begin = self.gaps.pop()[0] if self.gaps and self.gaps[-1][1] == now else now
            self.gaps.append((begin, after))
        elif result.view.restarted and self._face:
            self.changes.append(now)
        self._face = result.face
        self.frames += 1


def listed(items: list[str], most: int = 3) -> str:
    """`a`, `a and b`, `a, b and c`, `a, b, c and 4 more`."""
    shown = items[:most]
    if len(items) > most:
        shown.append(f"{len(items) - most} more")
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def write_clip(
    account: Account,
    path: str | Path,
    results: Iterator[Animated],
    arrange: Callable[[Animated], np.ndarray],
    info: ClipInfo,
    driving: str | Path,
    mark: Mark,
) -> Iterator[None]:
    """Write `arrange(result)` of each result to an mp4 with the sound of `driving`; yields after
    each frame, when `account` has counted it.

    info: of the clip (or the `part` of it) at `driving` that `results` come from. They are made in a
    thread, so that networks and tracking go on while a frame is laid out and encoded. Memory does
    not grow with the clip. To stop early, close this generator: what is written by then is finished
    and kept, and every thread and ffmpeg has ended. The same holds if `results` raises.
    """
    with (
        VideoWriter(path, info.fps, driving, mark, info.skipped) as writer,
        closing(ahead(results, _AHEAD)) as made,
    ):
        try:
            for result in made:
                writer.write(arrange(result))
                account.add(result)
                yield
        finally:  # Ctrl-C may come between the two
            account.frames = writer.frames
