"""The steps of the picture tab: results that became the next portrait, and the way back.

The portrait that the page shows then is the last result, but it is only shown: what goes on is the
first portrait's identity, from where the steps have brought it (`stylexfer.steps`).
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from stylexfer.errors import StylexferError
from stylexfer.steps import Held
from stylexfer.ui import texts

_STEPS = 12  # at most; the first ones go first


@dataclass(frozen=True, eq=False)
class Edit:
    """A result. portrait: the file that the person is from; shown, face: files of the result, in the
    portrait and alone."""

    portrait: str
    shown: str
    face: str
    held: Held


def _digest(path: str) -> bytes:
    return hashlib.blake2b(Path(path).read_bytes()).digest()


def there(path: str) -> str:
    """The path. StylexferError if the file was deleted, as all are after an hour."""
    if not Path(path).is_file():
        raise StylexferError(texts.STEP_GONE)
    return path


class Edits:
    """latest: what the last run made, None before it. steps: the results that were taken."""

    def __init__(self) -> None:
        self.latest: Edit | None = None
        self.steps: list[Edit] = []
        self._digests: list[bytes] = []  # of the first portrait, and of each step

    def place(self, path: str | None) -> int | None:
        """Which step the file shows, 0 the first portrait; None: neither."""
        if not (self.steps and path):
            return None
        digest = _digest(path)
        return self._digests.index(digest) if digest in self._digests else None

    def of(self, path: str | None) -> Edit | None:
        """The step that the file shows; None: it is somebody's picture."""
        place = self.place(path)
        return self.steps[place - 1] if place else None

    def shown(self) -> list[str]:
        """The files, the first portrait's at the start; none if no step was taken."""
        return [self.steps[0].portrait, *(step.shown for step in self.steps)] if self.steps else []

    def at(self, place: int) -> str:
        """The file of a place, within bounds. StylexferError if there is none."""
        if not self.steps:
            raise StylexferError(texts.NO_STEP)
        return there(self.shown()[max(0, min(place, len(self.steps)))])

    def take(self, path: str | None) -> str:
        """Go on from the latest result: the file to show as the portrait instead of `path`.

        Steps after the one that `path` shows are dropped. StylexferError.
        """
        if self.latest is None:
            raise StylexferError(texts.NO_RESULT_YET)
        first = _digest(there(self.latest.portrait))
        place = self.place(path) or 0
        if self._digests[:1] != [first]:
            place, self._digests = 0, [first]
        if not (place and self.steps[place - 1] is self.latest):
            there(self.latest.shown)
            self.steps = [*self.steps[:place], self.latest][-_STEPS:]
            self._digests = [first, *(_digest(there(step.shown)) for step in self.steps)]
        return self.latest.shown

    def forget(self) -> None:
        """Another portrait was sent."""
        self.steps, self._digests = [], []
