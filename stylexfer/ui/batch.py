"""Many portraits by many drivers: every pair a file, all of them in one zip with an account.

A portrait or driver that cannot be used, or a pair that fails, is told in the account and does not
stop the others.
"""

import json
import logging
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from stylexfer import __version__
from stylexfer.errors import StylexferError, TooLong, UnreadableMedia
from stylexfer.layouts import LAYOUTS, SIDE_BY_SIDE, arranger
from stylexfer.media import ClipInfo, open_picture, save_picture
from stylexfer.ui import texts
from stylexfer.ui.clips import VIEWS, checked_clip, render_clip
from stylexfer.ui.engine import Engine, Motion, driver_frame
from stylexfer.ui.files import MAX_CLIP_FRAMES, MAX_CLIP_SECONDS
from stylexfer.ui.people import Person, someone
from stylexfer.ui.session import Run

log = logging.getLogger(__name__)

MAX_FILES = 16  # of either kind
MAX_PAIRS = 64
GRID = "grid.jpg"
_CELL = 256  # side of a picture on the grid, at most
_NAME = 80  # characters of a file's name that are repeated in the account


@dataclass(frozen=True)
class Sent:
    """A file as it came: where it lies, and what its sender called it."""

    path: str
    name: str


@dataclass(frozen=True)
class _Driver:
    path: str
    frame: np.ndarray | None = None  # of a picture
    info: ClipInfo | None = None  # of a clip


def _driver(sent: Sent) -> _Driver:
    """A picture or a clip. StylexferError."""
    try:
        return _Driver(sent.path, frame=driver_frame(open_picture(sent.path)))
    except UnreadableMedia as no_picture:
        try:
            return _Driver(sent.path, info=checked_clip(sent.path))
        except UnreadableMedia:
            raise no_picture from None


def numbered(portrait: Sent, driver: Sent, numbers: str) -> str:
    """01-02 is the first portrait by the second driver."""
    return numbers


def _time_left(done: int, total: int, spent: float) -> str:
    if not done:
        return texts.PAIR.format(done=1, total=total)
    seconds = spent / done * (total - done)
    return texts.PAIR_LEFT.format(done=done + 1, total=total, seconds=seconds)


def _explained(problem: Exception) -> str:
    if isinstance(problem, StylexferError):
        return str(problem)
    log.error("a part of a batch failed", exc_info=problem)
    return texts.UNEXPECTED


class Batch:
    """One request: everything it makes lies in `folder` until it is zipped."""

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        motion: Motion,
        layout: str,
        suffix: str,
        job: Run,
        name: Callable[[Sent, Sent, str], str] = numbered,
    ):
        """suffix: of pictures. job: how results are marked, and whether to stop. name: makes a
        file's, less its ending, of portrait, driver and their numbers."""
        self.engine, self.folder, self.motion = engine, folder, motion
        self.layout, self.suffix, self.job, self.name = layout, suffix, job, name
        self.items: list[dict] = []
        self._faces: dict[tuple[int, int], np.ndarray] = {}  # for the grid

    def account(self) -> dict:
        """The manifest: what was made of what, and what was not, and why."""
        done = sum("file" in item for item in self.items)
        return {
            "made_by": f"stylexfer {__version__}, pack {self.engine.info.get('name')}",
            "notice": "Every file in here was made by AI and says so in its metadata.",
            "layout": self.layout,
            "done": done,
            "failed": len(self.items) - done,
            "items": [dict(item) for item in self.items],
        }

    def run(self, portraits: list[Sent], drivers: list[Sent], progress: Callable) -> Iterator[dict]:
        """Make every pair; yields the account, as far as it goes, after each and about once a
        second. Close it to stop, or stop the job to keep what is done. StylexferError if it is too
        much, or nothing could be made."""
        if not (0 < len(portraits) <= MAX_FILES and 0 < len(drivers) <= MAX_FILES):
            raise TooLong(texts.BATCH_FILES.format(limit=MAX_FILES))
        total = len(portraits) * len(drivers)
        if total > MAX_PAIRS:
            raise TooLong(texts.TOO_MANY_PAIRS.format(limit=MAX_PAIRS, count=total))
        ready = {}
        for k, sent in enumerate(drivers):  # before any portrait is inverted, which is slow
            ready[k] = self._tried(lambda sent=sent: _driver(sent))
        clips = [d.info for d in ready.values() if isinstance(d, _Driver) and d.info]
        seconds = sum(info.duration for info in clips) * len(portraits)
        frames = sum(info.frames for info in clips) * len(portraits)
        if seconds > MAX_CLIP_SECONDS + 0.5 or frames > MAX_CLIP_FRAMES:
            limits = {"limit": MAX_CLIP_SECONDS, "most": MAX_CLIP_FRAMES}
            raise TooLong(texts.TOO_MUCH_CLIP.format(**limits, seconds=seconds, frames=frames))
        people = []
        started = time.monotonic()
        for i, sent in enumerate(portraits):
            if self.job.stopped:
                break
            person = self._tried(lambda sent=sent: someone(self.engine, sent.path))
            people.append(person)
            for k, driver in ready.items():
                if self.job.stopped:
                    break
                desc = _time_left(len(self.items), total, time.monotonic() - started)
                progress((len(self.items), total), desc=desc, unit="results")
                item = {"portrait": _said(i, sent), "driver": _said(k, drivers[k])}
                began = time.monotonic()
                problem = next((p for p in (person, driver) if isinstance(p, Exception)), None)
                if problem is None:
                    try:
                        name = self.name(sent, drivers[k], f"{i + 1:02}-{k + 1:02}")
                        with closing(self._pair(person, driver, item, name, (i, k))) as steps:
                            for _ in steps:
                                yield self.account()
                    except Exception as error:  # noqa: BLE001  the others go on
                        item.pop("file", None)
                        problem = error
                if problem is not None:
                    item["error"] = _explained(problem)
                item["seconds"] = round(time.monotonic() - began, 2)
                self.items.append(item)
                yield self.account()
        if not any("file" in item for item in self.items):
            if self.job.stopped:
                return
            raise StylexferError(texts.NOTHING_MADE.format(why=self.items[0]["error"]))
        self._grid(people, ready)

    def _tried(self, make: Callable):
        try:
            return make()
        except Exception as error:  # noqa: BLE001  told with each pair
            return error

    def _pair(
        self, person: Person, driver: _Driver, item: dict, name: str, place: tuple[int, int]
    ) -> Iterator[None]:
        if driver.info is None:
            arrange = arranger(self.layout, person.identity, person.picture)
            animated = self.engine.drive_picture(
                person.identity, driver.frame, self.motion.pose, self.motion.expression
            )
            item["file"] = f"{name}.{self.suffix}"
            mark = self.engine.mark(self.job.label, self.layout)
            save_picture(self.folder / item["file"], arrange(animated), mark)
            self._faces[place] = _small(animated.image)
            self._faces[-1, place[1]] = _small(animated.driving)
            return
        item["file"] = f"{name}.mp4"
        view = VIEWS[LAYOUTS.index(self.layout)]
        parts = render_clip(
            self.engine,
            person.identity,
            person.picture,
            driver.path,
            driver.info,
            self.motion,
            view,
            False,
            self.job,
            lambda *_, **__: None,
            lambda path: str(path.replace(self.folder / item["file"])),
        )
        for finished in parts:
            if finished:
                made, item["account"] = finished
                if made is None:
                    raise StylexferError(item.pop("account"))
            yield

    def _grid(self, people: list, drivers: dict) -> None:
        """Portraits down, drivers across, as the paper's figure 3; of pictures only."""
        columns = [k for k in drivers if (-1, k) in self._faces]
        rows = [i for i, person in enumerate(people) if isinstance(person, Person)]
        if not columns:
            return
        empty = np.full((_CELL, _CELL, 3), 255, np.uint8)
        sheet = [np.hstack([empty, *(self._faces[-1, k] for k in columns)])]
        for i in rows:
            made = [self._faces.get((i, k), empty) for k in columns]
            sheet.append(np.hstack([_small(people[i].identity.crop), *made]))
        mark = self.engine.mark(self.job.label, SIDE_BY_SIDE)
        save_picture(self.folder / GRID, np.vstack(sheet), mark)

    @property
    def grid(self) -> Path | None:
        """The sheet, where there is one."""
        path = self.folder / GRID
        return path if path.exists() else None

    def zipped(self, path: Path) -> None:
        """All files and `manifest.json` into one zip; they are compressed already."""
        manifest = json.dumps(self.account(), indent=2, ensure_ascii=False)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            names = [item["file"] for item in self.items if "file" in item]
            for name in [*names, *([GRID] if self.grid else [])]:
                archive.write(self.folder / name, name)
            archive.writestr("manifest.json", manifest)


def _small(image: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((_CELL, _CELL), Image.Resampling.LANCZOS))


def _said(place: int, sent: Sent) -> str:
    return f"{place + 1}: {sent.name[:_NAME]}"
