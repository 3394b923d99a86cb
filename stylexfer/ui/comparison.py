"""All methods of a pack on one clip: columns beside each other, and what can be measured quickly."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import islice

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from stylexfer.baseline import beside
from stylexfer.driving import Animated, View
from stylexfer.identity import Identity
from stylexfer.layouts import SIDE_BY_SIDE
from stylexfer.marks import Mark
from stylexfer.media import ClipInfo, read_frames
from stylexfer.metrics.identity import distance
from stylexfer.metrics.motion import fl_corr, pose_error, signals_of
from stylexfer.metrics.reading import Reader, Reading, square
from stylexfer.packs.pack import METHODS
from stylexfer.tensors import resized
from stylexfer.ui import texts
from stylexfer.ui.engine import Engine, Motion

_SIDE = 256  # of a column, at least
_HEAD = _SIDE // 8  # height of the line with the names
_CHUNK = 4  # frames that cross from the accelerator's process at once
_FRAMES_A_SECOND = 10  # on a GPU, all methods together
_MEASURED = 24  # frames at most: 25 ms each and method
_WHO = 6  # of these, those in which the person is recognised: 60 ms more


class Comparison:
    """The methods of an engine's pack, the best first. Holds nothing of a visitor."""

    def __init__(self, engine: Engine):
        self.engine = engine
        self.models = beside(engine.model)
        self.identify = engine.on_gpu(self._identify, 10)
        self.drive = engine.on_gpu(self._drive, self._seconds)

    @property
    def missing(self) -> list[str]:
        """Methods for which the pack has no networks."""
        return [method for method in METHODS if method not in self.models]

    def _identify(self, picture: np.ndarray, which: int | None) -> dict[str, Identity]:
        return {method: model.identify(picture, which) for method, model in self.models.items()}

    def _seconds(self, identities: dict, path: str, info: ClipInfo, motion: Motion) -> int:
        return 10 + round(info.frames / _FRAMES_A_SECOND)

    def _drive(
        self, identities: dict[str, Identity], path: str, info: ClipInfo, motion: Motion
    ) -> Iterator[list[tuple[View | None, list[np.ndarray]]]]:
        """The driver's face in each frame, and what each method makes of it; some at once."""
        settings = {"fps": float(info.fps), **motion.settings()}
        with ExitStack() as stack:
            runs = []
            for method, model in self.models.items():
                frames = read_frames(path, info)
                run = model.animate(identities[method], frames, **settings)
                runs.append(stack.enter_context(closing(run)))
            rows = (
                (
                    max((r.view for r in row if r.view), key=_crop_side, default=None),
                    [r.image for r in row],
                )
                for row in zip(*runs, strict=True)
            )
            while chunk := list(islice(rows, _CHUNK)):
                yield chunk


class Compared:
    """One visitor's comparison: to `render_clip` it is an engine, whose results are whole rows."""

    def __init__(self, comparison: Comparison, identities: dict[str, Identity]):
        self._comparison, self._identities = comparison, identities
        self._seen: list[tuple[np.ndarray, list[np.ndarray]]] = []  # for the measures

    def mark(self, label: bool, layout: str) -> Mark:
        """The driver's face, which is real, is in it too."""
        return self._comparison.engine.mark(label, SIDE_BY_SIDE)

    def drive_clip(
        self, identity: Identity, path: str, info: ClipInfo, motion: Motion
    ) -> Iterator[Animated]:
        """One row a frame: the driver, and each method in the order of `METHODS`."""
        models, every = self._comparison.models, -(-info.frames // _MEASURED)
        side = max(_SIDE, *(model.size for model in models.values()))
        head = _heading([texts.COLUMN_DRIVER, *(texts.COLUMNS[m] for m in METHODS)], side)
        empty = {m: _words(texts.EMPTY_COLUMN[m], side) for m in self._comparison.missing}
        nobody = _words("", side)
        number = 0
        with closing(self._comparison.drive(self._identities, path, info, motion)) as chunks:
            for chunk in chunks:
                for view, images in chunk:
                    if number % every == 0 and view is not None:
                        self._seen.append((square(view.crop), [square(i) for i in images]))
                    number += 1
                    made = dict(zip(models, images, strict=True))
                    row = [nobody if view is None else resized(view.crop, side)]
                    row += [resized(made[m], side) if m in made else empty[m] for m in METHODS]
                    yield Animated(np.vstack([head, np.hstack(row)]), view)

    def measures(self, portrait: Identity) -> tuple[int, list[tuple[str, list[float]]]]:
        """(Frames measured, rows of (what, its value for each method that there is)).

        A few seconds. NaN where no face was found.
        """
        reader = Reader()
        driver = reader.read((crop for crop, _ in self._seen), every=None)
        who = reader.read([square(portrait.crop)]).dlib[0]
        some = max(1, len(self._seen) // _WHO)
        columns = [
            _values(driver, reader.read((row[k] for _, row in self._seen), every=some), who)
            for k in range(len(self._comparison.models))
        ]
        names = (texts.POSE_OFF, texts.FACE_FOLLOWS, texts.IDENTITY_OFF)
        values = [list(row) for row in zip(*columns, strict=True)]
        return len(self._seen), list(zip(names, values, strict=True))


def _values(driver: Reading, made: Reading, who: np.ndarray) -> tuple[float, float, float]:
    """Pose error, FL CORR and distance from the portrait."""

    def mean(values: np.ndarray) -> float:
        known = values[np.isfinite(values)]
        return float(known.mean()) if known.size else float("nan")

    follows = fl_corr(signals_of(driver.landmarks), signals_of(made.landmarks))
    return mean(pose_error(driver.pose, made.pose)), follows, mean(distance(made.dlib, who))


def _crop_side(view: View) -> int:
    return view.crop.shape[0]


def _words(text: str, side: int, height: int | None = None) -> np.ndarray:
    """A grey picture with words in its middle, as large as they fit."""
    picture = Image.new("RGB", (side, height or side), (235, 235, 235))
    size = 0.6 * (height or side // 8)
    while (font := ImageFont.load_default(size)).getlength(text) > 0.92 * side:
        size *= 0.9
    middle = picture.width / 2, picture.height / 2
    ImageDraw.Draw(picture).text(middle, text, (60, 60, 60), font, anchor="mm")
    return np.asarray(picture)


def _heading(names: list[str], side: int) -> np.ndarray:
    return np.hstack([_words(name, side, side // 8) for name in names])
