"""All passes of an evaluation, each pair a file of its own: what was stopped goes on."""

import platform
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from stylexfer.errors import NoFaceFound, StylexferError, UnreadableMedia
from stylexfer.media import probe
from stylexfer.metrics import passes, store
from stylexfer.metrics.identity import DLIB
from stylexfer.metrics.pairs import NO_LIMITS, Clip, Pair, identity_picture, open_clip
from stylexfer.metrics.perceptual import load_lpips, trunk_path
from stylexfer.metrics.reading import Reader
from stylexfer.metrics.variants import Recorded, Variant, holder
from stylexfer.packs.pack import load_component, read_json, sha256
from stylexfer.transfer import FaceTransfer

VERSION = 2  # of what is stored; results of another are made again
TIMED_PAIRS = 3
GRID = 5  # people and drivers of the grid

Arrays = dict[str, np.ndarray]
Made = tuple[
    dict, Arrays
]  # facts and arrays of a pass; `failure` among the facts: why there is none


@dataclass(frozen=True)
class Plan:
    """What is evaluated."""

    folder: Path
    pairs: list[Pair]
    variants: list[Variant | Recorded]
    device: torch.device
    measuring: Path | None = None  # pack of head_pose and recognition; None: of the models


@dataclass(frozen=True)
class Row:
    """Of one model: a pass for each pair; `itself` is one and the same for pairs of one clip."""

    variant: Variant | Recorded
    cross: list[Made]
    itself: list[Made]
    grid: Made


@dataclass(frozen=True)
class Results:
    """Of all models; a driver for each pair. `by` names what measured."""

    drivers: list[Made]
    rows: list[Row]
    by: dict[str, str | None]


def hardware(device: torch.device) -> str:
    """What the frames per second were measured on."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    name, info = platform.processor() or platform.machine(), Path("/proc/cpuinfo")
    if info.is_file():
        found = re.search(r"^model name\s*:\s*(.+)$", info.read_text(), re.MULTILINE)
        name = found[1] if found else name
    return f"{name}, {torch.get_num_threads()} threads"


def slug(text: str) -> str:
    """A name for a file."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-") or "row"


class Runner:
    """Makes what is not there yet, in the folder `out`. Opening it checks all clips. StylexferError."""

    def __init__(self, plan: Plan, out: Path):
        self.plan, self.out = plan, out
        self._open_reader()
        self.clips = [open_clip(plan.folder, pair) for pair in plan.pairs]
        self._sha256: Callable[[Path], str] = cache(sha256)
        first: dict[tuple[str, str], int] = {}
        # pairs that share a driver share what is measured of it alone
        self._first = [first.setdefault((p.clip, p.frames), k) for k, p in enumerate(plan.pairs)]
        for row in plan.variants:
            if isinstance(row, Recorded):
                row.check([self.label(k) for k in range(len(plan.pairs))])

    def _open_reader(self) -> None:
        packs = [row.folder for row in self.plan.variants if isinstance(row, Variant)]
        packs = packs if self.plan.measuring is None else [self.plan.measuring]
        networks, self.by = {}, {"pose": "landmarks", "recognition": None, "unseen": DLIB}
        for key, name in (("pose", "head_pose"), ("recognition", "recognition")):
            if (folder := holder(packs, name)) is not None:
                networks[name] = load_component(folder, name).to(self.plan.device)
                facts = read_json(folder)["files"][f"{name}.safetensors"]
                label = "hopenet" if name == "head_pose" else "pack's network"
                self.by[key] = f"{label} {facts['sha256'][:8]}"
        self.by["lpips"] = "alex v0.1" if trunk_path().is_file() else None
        self.reader = Reader(**networks)

    @cached_property
    def _perceptual(self):
        return load_lpips().to(self.plan.device) if self.by["lpips"] else None

    def run(self) -> Results:
        """Everything, with a bar of the frames. Ctrl-C leaves whole files of what is done."""
        total = sum(self.clips[k].count for k in set(self._first))
        cross = sum(clip.count for clip in self.clips)
        models = sum(isinstance(row, Variant) for row in self.plan.variants)
        total += models * (total + self._grid_size**2) + len(self.plan.variants) * cross
        with tqdm(total=total, unit="frame", desc="evaluate", disable=None) as self._bar:
            drivers = self._shared(self._driver)
            if not any(np.isfinite(arrays["pose"]).any() for _, arrays in drivers):
                raise StylexferError(
                    "No face was found in any driving clip: use clips in which one face is seen "
                    "from the front, well lit and at least 80 pixels wide."
                )
            rows = [
                self._row(row, drivers) if isinstance(row, Variant) else self._recorded(row)
                for row in self.plan.variants
            ]
        return Results(drivers, rows, self.by)

    def _shared(self, make: Callable[[int], Made]) -> list[Made]:
        """`make(k)` for each pair, once for pairs that share a driver."""
        made = {k: make(k) for k in dict.fromkeys(self._first)}
        return [made[k] for k in self._first]

    def _row(self, variant: Variant, drivers: list[Made]) -> Row:
        opened: list[FaceTransfer] = []

        def model() -> FaceTransfer:
            if not opened:  # only where something is to be made
                opened.append(variant.open(self.plan.device))
            return opened[0]

        cross = [self._cross(k, variant, model) for k in range(len(self.plan.pairs))]
        itself = self._shared(lambda k: self._itself(k, variant, model, drivers[k]))
        return Row(variant, cross, itself, self._grid(variant, model, cross))

    def _recorded(self, row: Recorded) -> Row:
        """Pairs alone: nobody drives himself there, and no person meets another driver."""
        none: Made = ({}, {})
        cross = []
        for k, pair in enumerate(self.plan.pairs):
            path = row.clips[self.label(k)]

            def make(k=k, pair=pair, path=path) -> Made:
                output = Clip(path, probe(path, **NO_LIMITS), slice(None))
                picture = identity_picture(self.plan.folder, pair)
                return passes.recorded(picture, self.clips[k], output, self.reader, self._bar)

            settings = self._settings(k, people=True) | {"output": self._sha256(path)}
            name = f"results/{slug(row.name)}/{self.label(k)}"
            cross.append(self._stored(name, settings, self.clips[k].count, make))
        return Row(row, cross, [none] * len(cross), none)

    def _settings(
        self, *numbers: int, variant: Variant | None = None, people: bool = False
    ) -> dict:
        """All that what is stored of these pairs depends on."""
        folder, pairs = self.plan.folder, [self.plan.pairs[k] for k in numbers]
        settings: dict = {"version": VERSION, "by": self.by}
        settings["clips"] = [[self._sha256(folder / p.clip), p.frames] for p in pairs]
        if people:
            settings["people"] = [
                [self._sha256(folder / p.identity), p.identity_frame] for p in pairs
            ]
        if variant is not None:
            model = {k: v for k, v in variant.facts().items() if k != "name"}
            settings |= {"model": model, "hardware": hardware(self.plan.device)}
        return settings

    def _stored(self, name: str, settings: dict, steps: int, make: Callable[[], Made]) -> Made:
        """What the file holds, made if need be; one picture without a face must not end a run."""
        path, before = self.out / f"{name}.npz", self._bar.n
        made = store.load(path, settings)
        if made is None:
            try:
                made = make()
            except (NoFaceFound, UnreadableMedia) as problem:
                made = {"failure": str(problem)}, {}
            store.save(path, settings, *made)
        self._bar.update(steps - (self._bar.n - before))
        return made

    def label(self, k: int) -> str:
        """Of a pair, in names of files."""
        return f"{k:03d}_{slug(Path(self.plan.pairs[k].clip).stem)}"

    def _driver(self, k: int) -> Made:
        clip = self.clips[k]

        def make() -> Made:
            return passes.of_driver(clip, self.reader, self._bar)

        name = f"results/drivers/{self.label(k)}"
        made = self._stored(name, self._settings(k), clip.count, make)
        if "failure" in made[0]:
            raise StylexferError(f"{self.plan.pairs[k].clip}: {made[0]['failure']}")
        return made

    def _cross(self, k: int, variant: Variant, model: Callable[[], FaceTransfer]) -> Made:
        clip, pair = self.clips[k], self.plan.pairs[k]

        def make() -> Made:
            picture = identity_picture(self.plan.folder, pair)
            return passes.onto(
                *(model(), picture, clip, self.reader, variant.options, variant.tune),
                *(k < TIMED_PAIRS, self._bar),
            )

        settings = self._settings(k, variant=variant, people=True)
        return self._stored(
            f"results/{slug(variant.name)}/{self.label(k)}", settings, clip.count, make
        )

    def _itself(
        self, k: int, variant: Variant, model: Callable[[], FaceTransfer], driver: Made
    ) -> Made:
        clip = self.clips[k]

        def make() -> Made:
            found = np.flatnonzero(np.isfinite(driver[1]["pose"][:, 0]))
            if not len(found):
                return {"failure": "The driver has no frame with a face."}, {}
            return passes.onto_itself(
                *(model(), clip, int(found[0]), self.reader, self._perceptual),
                *(variant.options, variant.tune, self._bar),
            )

        settings = self._settings(k, variant=variant)
        return self._stored(
            f"results/{slug(variant.name)}/self_{self.label(k)}", settings, clip.count, make
        )

    @property
    def _grid_size(self) -> int:
        return min(GRID, len(set(self._first)))

    def _grid(self, variant: Variant, model: Callable[[], FaceTransfer], cross: list[Made]) -> Made:
        """The first drivers, and the people whom they drive in their pairs, all with all."""
        chosen = [k for k in dict.fromkeys(self._first) if "failure" not in cross[k][0]]
        chosen = chosen[: self._grid_size]

        def make() -> Made:
            pictures = [identity_picture(self.plan.folder, self.plan.pairs[k]) for k in chosen]
            clips = [self.clips[k] for k in chosen]
            return {}, passes.onto_many(
                *(model(), pictures, clips, variant.options, variant.tune, self._bar)
            )

        settings = self._settings(*chosen, variant=variant, people=True)
        return self._stored(
            f"results/{slug(variant.name)}/grid", settings, self._grid_size**2, make
        )
