"""The rows of a table: models, `PACK[,key=value ...]`, and outputs made elsewhere, `FOLDER[,name=TEXT]`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch

from stylexfer.baseline import load_model
from stylexfer.errors import StylexferError
from stylexfer.metrics.pairs import CLIPS
from stylexfer.packs.hub import locate_pack
from stylexfer.packs.pack import MANIFEST, METHODS, held, methods, parts_of, read_manifest, sha256
from stylexfer.transfer import FaceTransfer

NUMBERS = ("pose", "expression", "steadiness")  # of `FaceTransfer.animate`
SWITCHES = ("relative", "best_start", "faithful", "tune")
KEYS = ("name", "method", *NUMBERS, *SWITCHES)
_TITLES = {"transfer": "", "psp": " pSp baseline", "e4e": " e4e baseline"}


class BadVariant(StylexferError):
    """A model of the command line that cannot be understood."""


@dataclass(frozen=True)
class Variant:
    """A pack, what is done with it, and what it is called in the table."""

    folder: Path
    manifest: dict
    method: str
    name: str
    options: dict = field(default_factory=dict)  # of `animate`
    faithful: bool = False
    tune: bool = False  # each identity is tuned to its picture

    def open(self, device: str | torch.device | None) -> FaceTransfer:
        return load_model(self.folder, self.method, device=device, faithful=self.faithful)

    def facts(self) -> dict:
        """What decides on the results, for JSON."""
        return {
            "name": self.name,
            "pack": self.manifest.get("name"),
            "version": self.manifest.get("version"),
            "pack_sha256": sha256(self.folder / MANIFEST),
            "method": self.method,
            "faithful": self.faithful,
            "tune": self.tune,
            "options": self.options,
        }


@dataclass(frozen=True)
class Recorded:
    """Outputs that another method, or a renderer that knows the truth, has drawn: a clip a pair."""

    folder: Path
    name: str

    @cached_property
    def clips(self) -> dict[str, Path]:
        """By the name of the pair: `NNN_CLIP`, its number and its driving clip."""
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        return {path.stem: path for path in sorted(found) if path.suffix.lower() in CLIPS}

    def facts(self) -> dict:
        """What decides on the results, for JSON."""
        files = {name: sha256(path) for name, path in self.clips.items()}
        return {"name": self.name, "method": "outputs", "files": files}

    def check(self, labels: Sequence[str]) -> None:
        """BadVariant if the clip of a pair lacks."""
        lacks = [label for label in labels if label not in self.clips]
        if lacks:
            raise BadVariant(
                f"{self.folder} lacks the clips of {len(lacks)} of {len(labels)} pairs: "
                f"save what pair 0 gave as {labels[0]}.mp4, and so on; the first that lacks is "
                f"{lacks[0]}.mp4."
            )


def parse_recorded(spec: str) -> Recorded:
    """The row that `FOLDER[,name=TEXT]` asks for. BadVariant."""
    folder, *settings = spec.split(",")
    names = [text for key, _, text in (s.partition("=") for s in settings) if key == "name"]
    if len(names) != len(settings) or len(names) > 1 or "" in names:
        raise BadVariant(f"{spec}: write FOLDER or FOLDER,name=TEXT.")
    return Recorded(Path(folder), names[0] if names else Path(folder).resolve().name)


def _value(key: str, text: str, spec: str) -> str | float | bool:
    if key in NUMBERS:
        try:
            return float(text)
        except ValueError:
            raise BadVariant(f"{spec}: {key}={text} is no number.") from None
    if key in SWITCHES:
        if text.lower() not in ("true", "false"):
            raise BadVariant(f"{spec}: {key} is true or false.")
        return text.lower() == "true"
    if key == "method" and text not in METHODS:
        raise BadVariant(f"{spec}: the method is one of {', '.join(METHODS)}.")
    return text


def parse(spec: str) -> list[Variant]:
    """The rows that `PACK[,key=value ...]` asks for. Without `method`, `name` or another key these
    are all methods of the pack. BadVariant, PackNotFound, PackMismatch."""
    pack, *settings = spec.split(",")
    chosen: dict = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or key not in KEYS:
            raise BadVariant(f"{spec}: write PACK,key=value with keys of {', '.join(KEYS)}.")
        chosen[key] = _value(key, text, spec)
    folder = locate_pack(pack, chosen.get("method"))
    manifest = read_manifest(folder)
    wanted = [] if chosen else methods(manifest)
    wanted = wanted or [parts_of(manifest, chosen.get("method"))[0]]  # says what it cannot do
    options = {key: chosen[key] for key in (*NUMBERS, "relative", "best_start") if key in chosen}
    rows = []
    for method in wanted:
        extra = [f"{k} {v:g}" for k, v in options.items() if k in NUMBERS]
        extra += [key.replace("_", " ") for key in SWITCHES if chosen.get(key)]
        plain = f"{manifest.get('name')} {manifest.get('version', '')}".strip() + _TITLES[method]
        name = chosen.get("name") or ", ".join([plain, *extra])
        switches = {key: chosen.get(key, False) for key in ("faithful", "tune")}
        if all(switches.values()) or (switches["tune"] and method != "transfer"):
            raise BadVariant(f"{spec}: tune=true goes with method=transfer, and without faithful.")
        rows.append(Variant(folder, manifest, method, name, options, **switches))
    return rows


def parse_all(models: list[str], outputs: list[str]) -> list[Variant | Recorded]:
    """All rows, in order. BadVariant if two have one name."""
    rows: list[Variant | Recorded] = [row for spec in models for row in parse(spec)]
    rows += [parse_recorded(spec) for spec in outputs]
    names = [row.name for row in rows]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadVariant(f"Two rows are called {twice[0]!r}: give one a name, PACK,name=TEXT.")
    return rows


def holder(folders: list[Path], component: str) -> Path | None:
    """The first of the packs that holds `component`."""
    return next((f for f in folders if component in held(read_manifest(f))), None)
