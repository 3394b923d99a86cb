"""The released files that a pack is built from: where they are, their sha256, their terms.

The table is `checkpoints/NAME/pack.json`, so that people and code read the same one.
"""

from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import hf_hub_download

from stylexfer.errors import PackNotFound
from stylexfer.packs.pack import CHECKPOINTS, read_json, sha256

HUB = "hub"  # in the place of a path: from a known mirror


@dataclass(frozen=True)
class Mirror:
    """A file on the Hub. `confidence`: A seen with size and sha256, B seen by name only."""

    repo: str
    type: str  # model or space
    path: str
    confidence: str


@dataclass(frozen=True)
class Original:
    """One released file; `bytes` and `sha256` are None where nobody has published them."""

    file: str
    bytes: int | None
    sha256: str | None
    source: str | None  # where its authors put it
    mirrors: tuple[Mirror, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Source:
    """An option of `pack build`: a file in `layout` gives the components `gives[theirs] = ours`."""

    option: str
    layout: str
    gives: dict[str, str]
    about: str
    licence: str
    terms: str
    texts: tuple[Path, ...]  # full texts of the licences
    files: tuple[Original, ...]
    required: bool = False


def recipe(name: str) -> dict[str, Source]:
    """The sources of a pack that is to be built, by option. PackNotFound."""
    folder = CHECKPOINTS / name
    manifest = read_json(folder) if folder.is_dir() else {}
    if "recipe" not in manifest:
        known = [path.parent.name for path in CHECKPOINTS.glob("*/pack.json")]
        known = [other for other in sorted(known) if "recipe" in read_json(CHECKPOINTS / other)]
        raise PackNotFound(f"There is no recipe for {name!r}: it can be {', '.join(known)}.")
    return {
        option: _source(folder, option, **facts) for option, facts in manifest["recipe"].items()
    }


def _source(folder: Path, option: str, *, files: list, texts: list, **facts) -> Source:
    originals = tuple(
        Original(**{**file, "mirrors": tuple(Mirror(**mirror) for mirror in file["mirrors"])})
        for file in files
    )
    paths = tuple(folder / "licences" / text for text in texts)
    return Source(option=option, files=originals, texts=paths, **facts)


def recognise(source: Source, digest: str) -> Original | None:
    """The known file with this sha256; None: unknown."""
    return next((file for file in source.files if file.sha256 == digest), None)


def where(source: Source) -> str:
    """In one line: where the authors put the file(s) of an option."""
    places = [f"{file.file}: {file.source}" for file in source.files if file.source]
    return "; ".join(places)


def download(source: Source, **options) -> Path:
    """The file of an option from the first mirror whose sha256 is known, checked.

    options: those of `hf_hub_download`. PackNotFound with the authors' link if there is no such
    mirror, or none that gives the very file.
    """
    known = [(f, m) for f in source.files if f.sha256 for m in f.mirrors if m.confidence == "A"]
    if not known:
        raise PackNotFound(
            f"--{source.option} has no known mirror on the Hub. The authors put it at "
            f"{where(source)}. Download it and give its path."
        )
    problems = []
    for original, mirror in known:
        wanted = {"repo_type": mirror.type, **options}
        try:
            path = Path(hf_hub_download(mirror.repo, mirror.path, **wanted))
            if sha256(path) != original.sha256:  # damaged in the cache?
                wanted["force_download"] = True
                path = Path(hf_hub_download(mirror.repo, mirror.path, **wanted))
            if sha256(path) == original.sha256:
                return path
            problems.append(f"{mirror.repo} serves another file")
        except Exception as problem:  # noqa: BLE001  the network's errors are of many kinds
            problems.append(f"{mirror.repo}: {type(problem).__name__}")
    raise PackNotFound(
        f"No mirror of --{source.option} gave the file ({'; '.join(problems)}): check the network, "
        f"or download it from where the authors put it, {where(source)}, and give its path."
    )
