"""Who drives whom: a folder with `pairs.csv`, or of clips alone.

    FOLDER/pairs.csv            clip,identity,identity_frame,frames  (paths relative to FOLDER)
    FOLDER/clips/PERSON.mp4     or clips/PERSON/ANY.mp4
    FOLDER/portraits/PERSON.jpg or portraits/PERSON/ANY.jpg (optional)

A row of `pairs.csv`: the driving clip; the identity, a picture, or a clip with the number of its
frame (from 0) in `identity_frame`; and which frames drive, `start:stop:step` as in Python, empty
for all. Without a `pairs.csv` every clip drives random pictures of other people: portraits where
there are any, else frames of the other clips, as in the paper's section 4.3.
"""

import csv
import io
import os
import re
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from itertools import islice
from pathlib import Path

import numpy as np

from stylexfer.errors import StylexferError
from stylexfer.media import ClipInfo, open_picture, probe, read_frames

CLIPS = (".mp4", ".mov", ".webm", ".mkv", ".avi", ".m4v")
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".heic", ".avif")
TABLE = "pairs.csv"
# The limits of `probe` guard a public page; these are the user's own files.
NO_LIMITS = {"max_bytes": 2**60, "max_seconds": 1e6}


class BadPairs(StylexferError):
    """A folder or a `pairs.csv` that cannot be evaluated."""


@dataclass(frozen=True)
class Pair:
    """One driving clip and one identity; paths relative to the folder of the pairs."""

    clip: str
    identity: str
    identity_frame: str = ""  # a number, or empty for a picture
    frames: str = ""  # start:stop:step, or empty for all

    def slice(self) -> slice:
        return frame_slice(self.frames)


def frame_slice(text: str) -> slice:
    """`start:stop:step` -> slice; only counts from the start, because a clip's end is not known."""
    found = re.fullmatch(r"(\d*):(\d*)(?::(\d*))?", text.strip() or ":")
    start, stop, step = (int(n) if n else None for n in found.groups()) if found else (0, 0, 0)
    if step == 0:
        raise BadPairs(
            f"frames {text!r} is no start:stop:step of frames counted from 0: write 0:50, say, or "
            "leave it empty for all."
        )
    return slice(start, stop, step)


def read_pairs(folder: Path) -> list[Pair]:
    """The rows of `folder/pairs.csv`; every file that they name exists. BadPairs."""
    path = folder / TABLE
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise BadPairs(f"{path} cannot be read ({problem}): save it as CSV in UTF-8.") from problem
    names = [field.name for field in fields(Pair)]
    if not rows:
        raise BadPairs(f"{path} has no rows: write {','.join(names)} and a line for each pair.")
    if not {"clip", "identity"} <= set(rows[0]) or not set(rows[0]) <= set(names):
        raise BadPairs(f"{path} has other columns than {','.join(names)}: correct its first line.")
    pairs = []
    for number, row in enumerate(rows, start=2):
        pair = Pair(**{name: (row.get(name) or "").strip() for name in names})
        try:
            pair.slice()
            for name in (pair.clip, pair.identity):
                if not name or not (folder / name).is_file():
                    raise BadPairs(f"there is no file {name!r} beside it.")
            frame = pair.identity_frame
            if is_clip(pair.identity) and not frame.isdecimal():
                raise BadPairs("the identity is a clip: give the number of its frame.")
            if not is_clip(pair.identity) and frame:
                raise BadPairs("the identity is a picture: leave identity_frame empty.")
        except BadPairs as problem:
            raise BadPairs(f"{path}, line {number}: {problem}") from None
        pairs.append(pair)
    return pairs


def write_pairs(path: Path, pairs: list[Pair]) -> None:
    """A `pairs.csv`, whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(Pair))
    writer.writerows(astuple(pair) for pair in pairs)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text.getvalue(), encoding="utf-8")
    part.replace(path)


def is_clip(name: str) -> bool:
    return Path(name).suffix.lower() in CLIPS


def find_media(folder: Path, endings: tuple[str, ...]) -> dict[str, list[str]]:
    """Person -> files at or below `folder`: its folder in there, else its name without ending."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if path.is_file() and path.suffix.lower() in endings and not hidden:
            person = inside.parts[0] if len(inside.parts) > 1 else path.stem
            found.setdefault(person, []).append(str(inside))
    return found


def draw_pairs(folder: Path, targets: int, seed: int) -> list[Pair]:
    """`targets` random pairs for every clip of a folder without `pairs.csv`. BadPairs.

    The same files, numbers and seed give the same pairs. Identities are never the driver's own.
    """
    clips = find_media(folder / "clips", CLIPS) if (folder / "clips").is_dir() else {}
    portraits = folder / "portraits"
    pictures = find_media(portraits, PICTURES) if portraits.is_dir() else {}
    if not clips:
        raise BadPairs(
            f"{folder} has neither {TABLE} nor a folder `clips` with videos in it: see "
            "python -m stylexfer evaluate --help."
        )
    rng = np.random.default_rng(seed)
    pairs = []
    for person, names in clips.items():
        others = [p for p in (pictures or clips) if p != person]
        if not others:
            raise BadPairs(f"{folder} shows one person only: another one's clip or portrait lacks.")
        for name in names:
            for other in _spread(rng, others, targets):
                if pictures:
                    chosen = str(rng.choice(pictures[other]))
                    pairs.append(Pair(f"clips/{name}", f"portraits/{chosen}"))
                else:
                    chosen = str(rng.choice(clips[other]))
                    count = probe(folder / "clips" / chosen, **NO_LIMITS).frames
                    frame = str(rng.integers(max(1, count)))
                    pairs.append(Pair(f"clips/{name}", f"clips/{chosen}", frame))
    return pairs


def _spread(rng: np.random.Generator, people: list[str], count: int) -> list[str]:
    """`count` of `people`, each once before any comes twice."""
    order: list[str] = []
    while len(order) < count:
        order += [people[k] for k in rng.permutation(len(people))]
    return order[:count]


def open_pairs(folder: Path, targets: int = 1, seed: int = 0) -> list[Pair]:
    """`read_pairs` where there is a table, else `draw_pairs`. BadPairs."""
    if not folder.is_dir():
        raise BadPairs(f"There is no folder {folder}: give one with {TABLE} or clips/.")
    if (folder / TABLE).is_file():
        return read_pairs(folder)
    return draw_pairs(folder, targets, seed)


def identity_picture(folder: Path, pair: Pair) -> np.ndarray:
    """The picture of the identity, uint8 `[H, W, 3]`. BadPairs, UnreadableMedia."""
    path = folder / pair.identity
    if not is_clip(pair.identity):
        return open_picture(path)
    number = int(pair.identity_frame)
    frame = next(islice(read_frames(path, probe(path, **NO_LIMITS)), number, None), None)
    if frame is None:
        raise BadPairs(f"{path} has no frame {number}: its frames are counted from 0.")
    return frame


@dataclass(frozen=True)
class Clip:
    """The frames of a driving clip that drive."""

    path: Path
    info: ClipInfo
    chosen: slice

    @property
    def fps(self) -> float:
        """Of the frames that drive."""
        return float(self.info.fps) / (self.chosen.step or 1)

    @property
    def count(self) -> int:
        """Frames, as far as the file tells."""
        return len(range(*self.chosen.indices(self.info.frames)))

    def frames(self) -> Iterator[np.ndarray]:
        """uint8 `[H, W, 3]` each; a new pass over the file every time."""
        chosen = self.chosen
        yield from islice(read_frames(self.path, self.info), chosen.start, chosen.stop, chosen.step)


def open_clip(folder: Path, pair: Pair) -> Clip:
    """BadPairs if no frame is chosen; UnreadableMedia."""
    path = folder / pair.clip
    clip = Clip(path, probe(path, **NO_LIMITS), pair.slice())
    if not clip.count:
        raise BadPairs(f"{pair.clip} has no frames {pair.frames}: it has {clip.info.frames}.")
    return clip
