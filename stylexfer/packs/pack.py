"""The pack format: what is in a pack, how it is written, read and checked."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from stylexfer.errors import PackMismatch, PackNotFound
from stylexfer.networks import (
    Generator,
    Mapper,
    MotionEncoder,
    OnePassEncoder,
    PoseSplit,
    ReStyleEncoder,
)
from stylexfer.packs.components import (
    COMPONENTS,
    MOTION,
    REQUIRED,
    build,
    check_agreement,
    numbers_of,
)
from stylexfer.packs.weights import fill, write_state

FORMAT = 1
MANIFEST = "pack.json"
CHECKPOINTS = Path(__file__).resolve().parents[2] / "checkpoints"
METHODS = ("transfer", "psp", "e4e")  # what a pack can do, the best first


@dataclass(frozen=True)
class Pack:
    """The networks of one method (on the CPU, in eval mode) and what they are.

    `transfer` needs them all but `pose_split`, which tells pose from expression for the two
    strengths; without it, the first `coarse_rows` rows of a W+ code count as pose. The baselines
    `psp` and `e4e` need a generator and an encoder of that kind. `info` is the manifest less its
    file table: name, version, description, licence, `coarse_rows`. `folder`: where it was read from.
    """

    generator: Generator
    identity_encoder: ReStyleEncoder | OnePassEncoder
    motion_encoder: MotionEncoder | None = None
    mapper: Mapper | None = None
    pose_split: PoseSplit | None = None
    info: dict = field(default_factory=dict)
    method: str = "transfer"
    folder: Path | None = None

    @property
    def coarse_rows(self) -> int:
        return int(self.info.get("coarse_rows", 4))

    def networks(self) -> dict[str, nn.Module]:
        parts = {name: getattr(self, name) for name in (*REQUIRED, *MOTION, "pose_split")}
        return {name: part for name, part in parts.items() if part is not None}


def default_pack() -> str:
    """`$STYLEXFER_PACK` (on a Space: its variable), else the pack that ships."""
    return os.environ.get("STYLEXFER_PACK") or "default"


def resolve_pack(name: str | Path) -> Path | None:
    """The folder of a pack given by path or by its name in `checkpoints/`; None: ask the Hub."""
    for folder in (Path(name), CHECKPOINTS / name):
        if (folder / MANIFEST).is_file():
            return folder
    if Path(name).is_dir():
        raise PackNotFound(f"{name} is a folder without {MANIFEST}: give the folder of a pack.")
    return None


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def file_facts(path: Path, origin: str, licence: str) -> dict:
    """A file's entry in the manifest."""
    size = path.stat().st_size
    return {"sha256": sha256(path), "bytes": size, "origin": origin, "licence": licence}


def write_manifest(folder: Path, manifest: Mapping) -> None:
    """The last file of a pack: until it is there, the folder is none."""
    fresh = folder / f"{MANIFEST}.tmp"
    fresh.write_text(json.dumps(manifest, indent=2) + "\n")
    os.replace(fresh, folder / MANIFEST)


def save_pack(pack: Pack, folder: str | Path, dtype: torch.dtype = torch.float16) -> None:
    """Write a pack; floating tensors are stored as `dtype`. The manifest is written last."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    origins = pack.info.get("origin", {})
    files, numbers = {}, {}
    for name, network in pack.networks().items():
        path = folder / f"{name}.safetensors"
        state = network.state_dict()
        write_state(
            path, {k: v.to(dtype) if v.is_floating_point() else v for k, v in state.items()}
        )
        files[path.name] = file_facts(path, origins.get(name, ""), pack.info.get("licence", ""))
        numbers[name] = numbers_of(network)
    numbers["pose_split"] = pack.pose_split is not None
    head = {"format": FORMAT, **pack.info, "dtype": str(dtype).removeprefix("torch.")}
    write_manifest(folder, {**head, "architecture": numbers, "files": files})


def read_json(folder: str | Path) -> dict:
    """`pack.json`, of the right format; nothing else is checked. PackNotFound, PackMismatch."""
    path = Path(folder) / MANIFEST
    try:
        manifest = json.loads(path.read_text())
    except FileNotFoundError:
        raise PackNotFound(f"{folder} holds no {MANIFEST}: give the folder of a pack.") from None
    except (ValueError, OSError) as problem:
        raise PackMismatch(f"{path} cannot be read ({problem}): fetch the pack again.") from problem
    found = manifest.get("format") if isinstance(manifest, dict) else None
    if found != FORMAT:
        raise PackMismatch(
            f"{path} has format {found}, this version reads {FORMAT}: "
            "update stylexfer, or build the pack again."
        )
    return manifest


def read_manifest(folder: str | Path) -> dict:
    """The manifest of a pack: its components are listed and fit together.

    PackNotFound for a recipe (`checkpoints/ffhq`), whose weights are still to be fetched.
    """
    manifest = read_json(folder)
    path = Path(folder) / MANIFEST
    if "recipe" in manifest:
        name = manifest["name"]
        raise PackNotFound(
            f"The pack {name!r} is built from released files, which may not be shipped here: run "
            f"python -m stylexfer pack build {name} --help, then give the folder it wrote, or the "
            "Hub id of a pack that somebody built."
        )
    files, numbers = manifest.get("files"), manifest.get("architecture")
    if not isinstance(files, dict) or not isinstance(numbers, dict):
        raise PackMismatch(f"{path} does not list files and an architecture: fetch it again.")
    for name in files:  # they become paths
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise PackMismatch(f"{path} lists {name!r}, which is no file of a pack: refused.")
    wanted = [name for name in COMPONENTS if numbers.get(name) not in (None, False)]
    wanted += [name for name in REQUIRED if name not in wanted]
    if any(name in wanted for name in MOTION):
        wanted += [name for name in MOTION if name not in wanted]
    absent = [name for name in wanted if f"{name}.safetensors" not in files]
    if absent:  # what is not listed, nobody has checked
        raise PackMismatch(f"{path} does not list the files of {absent}: fetch it again.")
    check_agreement(wanted, numbers)
    return manifest


def held(manifest: Mapping) -> list[str]:
    """Names of what a pack holds."""
    return [name for name in COMPONENTS if f"{name}.safetensors" in manifest["files"]]


def _encoder(manifest: Mapping, kind: str) -> str | None:
    """The component that inverts pictures for baseline `kind`; ReStyle before one pass."""
    numbers = manifest["architecture"]
    if numbers["identity_encoder"].get("heads") == kind:
        return "identity_encoder"
    names = held(manifest)
    return next((n for n in (f"restyle_{kind}", f"{kind}_encoder") if n in names), None)


def methods(manifest: Mapping) -> list[str]:
    """What the pack can do, of `METHODS`, in that order."""
    found = [kind for kind in METHODS[1:] if _encoder(manifest, kind)]
    return (["transfer"] if "mapper" in held(manifest) else []) + found


def parts_of(manifest: Mapping, method: str | None) -> tuple[str, dict[str, str]]:
    """(method, field of `Pack` -> component). None chooses the best method. PackMismatch."""
    able = methods(manifest)
    method = method or next(iter(able), "transfer")
    if method not in able:
        raise PackMismatch(
            f"The pack {manifest.get('name')!r} cannot do {method!r}: it has the networks of "
            f"{', '.join(able)}. Choose one of these, or another pack."
        )
    if method == "transfer":
        fields = [*REQUIRED, *MOTION, "pose_split"]
        return method, {name: name for name in fields if name in held(manifest)}
    return method, {"generator": "generator", "identity_encoder": _encoder(manifest, method)}


def broken_files(folder: Path, manifest: Mapping, names: Iterable[str]) -> list[str]:
    """Of the files `names`, those that are missing or not what the manifest says."""

    def whole(name: str) -> bool:
        path, facts = folder / name, manifest["files"][name]
        same_size = path.is_file() and path.stat().st_size == facts["bytes"]
        return same_size and sha256(path) == facts["sha256"]

    return [name for name in names if not whole(name)]


def verify_pack(folder: str | Path, names: Iterable[str] | None = None) -> dict:
    """Check size and sha256 of every file (or of `names`) against the manifest, and return that."""
    folder = Path(folder)
    manifest = read_manifest(folder)
    for name in broken_files(folder, manifest, manifest["files"] if names is None else names):
        if not (folder / name).is_file():
            raise PackMismatch(f"{folder / name} is missing: fetch the pack again.")
        raise PackMismatch(
            f"{folder / name} is not the file the pack was made with: fetch it again."
        )
    return manifest


def _load(folder: Path, manifest: Mapping, name: str, dtype: torch.dtype) -> nn.Module:
    with torch.device("meta"):
        network = build(name, manifest["architecture"])
    return fill(network, folder / f"{name}.safetensors", dtype)


def load_component(folder: str | Path, name: str, dtype: torch.dtype = torch.float32) -> nn.Module:
    """One checked component, such as `recognition` or `head_pose`; dtype as of `load_pack`.

    PackNotFound or PackMismatch if the pack does not hold it whole.
    """
    folder = Path(folder)
    names = held(read_manifest(folder))
    if name not in names:
        raise PackMismatch(f"{folder} holds no {name}, only {', '.join(names)}: build it again.")
    return _load(folder, verify_pack(folder, [f"{name}.safetensors"]), name, dtype)


def load_pack(
    folder: str | Path, method: str | None = None, dtype: torch.dtype = torch.float32
) -> Pack:
    """Read what `method` needs (None: the best the pack can do); every file is checked first.

    dtype: what will be computed in. With bf16, large weights that the files have in bf16 stay so;
    all else is fp32. PackNotFound or PackMismatch if the pack is not whole.
    """
    folder = Path(folder)
    method, fields = parts_of(read_manifest(folder), method)
    manifest = verify_pack(folder, [f"{name}.safetensors" for name in fields.values()])
    networks = {key: _load(folder, manifest, name, dtype) for key, name in fields.items()}
    dropped = ("format", "files", "architecture", "dtype")
    info = {key: value for key, value in manifest.items() if key not in dropped}
    return Pack(**networks, info=info, method=method, folder=folder)
