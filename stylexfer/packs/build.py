"""A pack from the released originals: checked, converted one after the other, written whole."""

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from stylexfer.errors import PackMismatch, PackNotFound
from stylexfer.packs.components import COMPONENTS, build, check_agreement
from stylexfer.packs.convert import Part, convert
from stylexfer.packs.originals import HUB, Source, download, recognise, where
from stylexfer.packs.pack import (
    CHECKPOINTS,
    MANIFEST,
    file_facts,
    read_json,
    sha256,
    write_manifest,
)
from stylexfer.packs.weights import check_state, large_weights, write_state

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
NOTICE = "LICENSE.txt"


def terms_text(sources: Iterable[Source]) -> str:
    """What the licences of these files say, and their full texts."""
    sources = list(sources)
    parts = [
        f"--{s.option}: {s.about}\n  Licence: {s.licence}\n  Terms: {s.terms}" for s in sources
    ]
    texts = dict.fromkeys(path for source in sources for path in source.texts)
    parts += [f"---- {path.stem} ----\n\n{path.read_text().strip()}" for path in texts]
    return "\n\n".join(parts)


def check_request(sources: Mapping[str, Source], given: Mapping[str, str], out: Path) -> None:
    """Everything that can be refused before any work. PackNotFound, PackMismatch."""
    for option, source in sources.items():
        if source.required and option not in given:
            raise PackNotFound(
                f"--{option} is needed: download the file from where the authors put it, "
                f"{where(source)}, and give its path."
            )
    for option, place in given.items():
        if place != HUB and not Path(place).is_file() and not Path(place).is_dir():
            raise PackNotFound(
                f"--{option}: there is no file {place}. The authors put it at "
                f"{where(sources[option])}; '{HUB}' takes it from a known mirror, where there is one."
            )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise PackMismatch(f"{out} is not empty: choose a new folder, or delete it first.")


def build_pack(
    name: str,
    sources: Mapping[str, Source],
    given: Mapping[str, str],
    out: Path,
    dtype: torch.dtype = torch.bfloat16,
    say: Callable[[str], None] = tqdm.write,
) -> dict:
    """Build the pack `name` in the new folder `out`; returns its manifest.

    given: option -> path of the released file, or "hub". One file is open at a time, memory-mapped.
    Large weights are stored as `dtype`, all else in fp32. `out` appears when all is done.
    PackNotFound, PackMismatch.
    """
    check_request(sources, given, out)
    part = out.parent / f".{out.name}.part"
    if part.exists():  # of a build that was killed
        shutil.rmtree(part)
    part.mkdir(parents=True)
    try:
        manifest = _build(name, sources, given, part, dtype, say)
        (part / NOTICE).write_text(terms_text(sources[option] for option in given) + "\n")
        write_manifest(part, manifest)
        if out.exists():
            out.rmdir()  # empty, see check_request
        part.replace(out)
    finally:
        if part.exists():
            shutil.rmtree(part)
    return manifest


def _build(name, sources, given, folder, dtype, say) -> dict:
    files: dict[str, dict] = {}
    numbers: dict[str, dict] = {}
    originals: dict[str, dict] = {}
    drawn: dict[str, Tensor] = {}  # the generator that is kept, to compare the others with
    with tqdm(given, disable=None, unit="file", leave=False) as bar:
        for option in (option for option in sources if option in given):
            bar.set_description(f"--{option}")
            source = sources[option]
            path = download(source) if given[option] == HUB else Path(given[option])
            originals[option] = _identify(source, path, say)
            made = _convert(source, path, folder, dtype, numbers, drawn, say)
            for component, entry in made.items():
                files[f"{component}.safetensors"] = entry | {"original": originals[option]}
            bar.update()
    names = [n for n in COMPONENTS if n in numbers]
    check_agreement(names, numbers)
    head = read_json(CHECKPOINTS / name)
    return {
        **{key: head[key] for key in ("format", "name", "version", "description", "licence")},
        "dtype": str(dtype).removeprefix("torch."),
        "originals": originals,
        "architecture": {n: numbers[n] for n in names},
        "files": {f"{n}.safetensors": files[f"{n}.safetensors"] for n in names},
    }


def _convert(
    source: Source,
    path: Path,
    folder: Path,
    dtype: torch.dtype,
    numbers: dict[str, dict],
    drawn: dict[str, Tensor],
    say: Callable[[str], None],
) -> dict[str, dict]:
    """Write what one released file gives; its entries in the manifest. Adds to numbers and drawn."""
    entries = {}
    for theirs, part in convert(source.layout, path).items():
        name = source.gives.get(theirs)
        if name is None:
            continue
        if name == "generator":
            if drawn:
                _compare(drawn, part, source.option, say)
                continue
            drawn.update({k: v.clone() for k, v in part.state.items() if v.ndim == 5})
        numbers[name] = _numbers(name, part, numbers)
        with torch.device("meta"):
            network = build(name, numbers)
        check_state(network, part.state, f"{path} ({name})")
        large = large_weights(network)
        target = folder / f"{name}.safetensors"
        write_state(target, {k: v.to(dtype) if k in large else v for k, v in part.state.items()})
        origin = f"{path.name} of --{source.option}, {where(source)}"
        entries[name] = file_facts(target, origin, f"{source.licence}. {source.terms}")
        say(f"{target.name:32} {entries[name]['bytes'] / 1e6:8.1f} MB  from {path.name}")
    return entries


def _identify(source: Source, path: Path, say: Callable) -> dict:
    """What the pack records of a file: is it a known original?"""
    if path.is_dir():
        return {"file": path.name, "known": False, "source": where(source)}
    digest = sha256(path)
    known = recognise(source, digest)
    if known is None:
        published = [file.sha256 for file in source.files if file.sha256]
        why = "none of the known ones" if published else "and none has been published to compare"
        say(
            f"WARNING: --{source.option} {path.name} has sha256 {digest}, {why}. It is recorded in "
            f"{MANIFEST}; use the file only if you trust where it is from."
        )
    return {
        "file": path.name,
        "sha256": digest,
        "bytes": path.stat().st_size,
        "known": known is not None,
        "source": (known.source if known else None) or where(source),
    }


def _numbers(name: str, part: Part, numbers: Mapping) -> dict:
    if part.config is not None:
        return asdict(part.config)
    if name == "mapper":  # its shape is that of the codes it adds
        return {key: numbers["motion_encoder"][key] for key in ("n_styles", "style_dim")}
    return {}


def _compare(drawn: Mapping[str, Tensor], other: Part, option: str, say: Callable) -> None:
    """Every released file holds a copy of the generator; it should be the one that is kept."""
    same = drawn.keys() == {k for k, v in other.state.items() if v.ndim == 5} and all(
        torch.equal(weight, other.state[key]) for key, weight in drawn.items()
    )
    if not same:
        say(
            f"WARNING: the generator inside --{option} is not the one that is kept: its codes may "
            f"be drawn wrongly. Give the file of --{option}'s own generator as --stylegan."
        )
