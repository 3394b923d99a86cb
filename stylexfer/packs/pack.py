"""The pack format: what is in a pack, how it is written, read and checked."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from stylexfer.errors import PackMismatch, PackNotFound
from stylexfer.networks import (
    Generator,
    GeneratorConfig,
    IRSEConfig,
    Mapper,
    MotionConfig,
    MotionEncoder,
    PoseSplit,
    ReStyleConfig,
    ReStyleEncoder,
)

FORMAT = 1
MANIFEST = "pack.json"
CHECKPOINTS = Path(__file__).resolve().parents[2] / "checkpoints"
COMPONENTS = ("generator", "identity_encoder", "motion_encoder", "mapper")


@dataclass(frozen=True)
class Pack:
    """The four networks of the method (fp32, on the CPU, in eval mode) and what they are.

    `pose_split` tells pose from expression for the two strengths; without it, the first
    `coarse_rows` rows of a W+ code count as pose. `info` is the manifest less its file table: name,
    version, description, licence, `coarse_rows`.
    """

    generator: Generator
    identity_encoder: ReStyleEncoder
    motion_encoder: MotionEncoder
    mapper: Mapper
    pose_split: PoseSplit | None = None
    info: dict = field(default_factory=dict)

    @property
    def coarse_rows(self) -> int:
        return int(self.info.get("coarse_rows", 4))

    def networks(self) -> dict[str, nn.Module]:
        parts = {name: getattr(self, name) for name in (*COMPONENTS, "pose_split")}
        return {name: part for name, part in parts.items() if part is not None}


def resolve_pack(name: str | Path) -> Path | None:
    """The folder of a pack given by path or by its name in `checkpoints/`; None: ask the Hub."""
    for folder in (Path(name), CHECKPOINTS / name):
        if (folder / MANIFEST).is_file():
            return folder
    if Path(name).is_dir():
        raise PackNotFound(f"{name} is a folder without {MANIFEST}: give the folder of a pack.")
    return None


def architecture(pack: Pack) -> dict:
    """The numbers from which `build` makes the same networks."""
    n_styles, style_dim = pack.mapper.shape
    return {
        "generator": asdict(pack.generator.config),
        "identity_encoder": asdict(pack.identity_encoder.config),
        "motion_encoder": asdict(pack.motion_encoder.config),
        "mapper": {"n_styles": n_styles, "style_dim": style_dim},
        "pose_split": pack.pose_split is not None,
    }


def build(numbers: Mapping) -> dict[str, nn.Module]:
    """Untrained networks of an architecture as in `pack.json`; PackMismatch if it is not one."""

    def encoder(config_class, values):
        return config_class(**{**values, "trunk": IRSEConfig(**values["trunk"])})

    try:
        networks = {
            "generator": Generator(GeneratorConfig(**numbers["generator"])),
            "identity_encoder": ReStyleEncoder(encoder(ReStyleConfig, numbers["identity_encoder"])),
            "motion_encoder": MotionEncoder(encoder(MotionConfig, numbers["motion_encoder"])),
            "mapper": Mapper(**numbers["mapper"]),
        }
        if numbers.get("pose_split"):
            networks["pose_split"] = PoseSplit(**numbers["mapper"])
    except (KeyError, TypeError, ValueError) as problem:
        raise PackMismatch(
            f"The pack's architecture is not one this version knows ({problem}): update stylexfer, "
            "or build the pack again."
        ) from problem
    rows = {
        name: (n.n_styles, n.style_dim)
        for name, n in (
            ("generator", networks["generator"].config),
            ("identity_encoder", networks["identity_encoder"].config),
            ("motion_encoder", networks["motion_encoder"].config),
        )
    }
    rows["mapper"] = networks["mapper"].shape
    if len(set(rows.values())) != 1:
        raise PackMismatch(f"The pack's components disagree on the shape of a W+ code: {rows}.")
    return networks


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def save_pack(pack: Pack, folder: str | Path, dtype: torch.dtype = torch.float16) -> None:
    """Write a pack; floating tensors are stored as `dtype`. The manifest is written last."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    origins = pack.info.get("origin", {})
    files = {}
    for name, network in pack.networks().items():
        state = {
            k: (v.to(dtype) if v.is_floating_point() else v).contiguous()
            for k, v in network.state_dict().items()
        }
        path = folder / f"{name}.safetensors"
        save_file(state, path.with_suffix(".tmp"))
        os.replace(path.with_suffix(".tmp"), path)
        files[path.name] = {
            "sha256": sha256(path),
            "bytes": path.stat().st_size,
            "origin": origins.get(name, ""),
            "licence": pack.info.get("licence", ""),
        }
    manifest = {
        "format": FORMAT,
        **pack.info,
        "dtype": str(dtype).removeprefix("torch."),
        "architecture": architecture(pack),
        "files": files,
    }
    fresh = folder / "pack.json.tmp"
    fresh.write_text(json.dumps(manifest, indent=2) + "\n")
    os.replace(fresh, folder / MANIFEST)


def read_manifest(folder: str | Path) -> dict:
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
    files = manifest.get("files", {})
    absent = [name for name in COMPONENTS if f"{name}.safetensors" not in files]
    if absent or "architecture" not in manifest:
        raise PackMismatch(f"{path} does not list {absent or 'an architecture'}: fetch it again.")
    return manifest


def verify_pack(folder: str | Path) -> dict:
    """Check every file's size and sha256 against the manifest, which is returned."""
    folder = Path(folder)
    manifest = read_manifest(folder)
    for name, facts in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            raise PackMismatch(f"{path} is missing: fetch the pack again.")
        if path.stat().st_size != facts["bytes"] or sha256(path) != facts["sha256"]:
            raise PackMismatch(f"{path} is not the file the pack was made with: fetch it again.")
    return manifest


def load_pack(folder: str | Path) -> Pack:
    """Read a pack; every file is checked first. PackNotFound or PackMismatch if it is not whole."""
    folder = Path(folder)
    manifest = verify_pack(folder)
    networks = build(manifest["architecture"])
    for name, network in networks.items():
        path = folder / f"{name}.safetensors"
        if path.name not in manifest["files"]:  # then nobody has checked it
            raise PackMismatch(f"{folder / MANIFEST} does not list {path.name}: fetch it again.")
        try:
            state = load_file(path)
        except (SafetensorError, OSError) as problem:
            raise PackMismatch(f"{path} cannot be read ({problem}): fetch it again.") from problem
        expected = network.state_dict()
        missing, surplus = sorted(expected.keys() - state), sorted(state.keys() - expected.keys())
        wrong = [k for k in expected.keys() & state if expected[k].shape != state[k].shape]
        if missing or surplus or wrong:
            raise PackMismatch(
                f"{path} does not fit the architecture in {MANIFEST}: missing {missing[:5]}, "
                f"surplus {surplus[:5]}, of another shape {sorted(wrong)[:5]}."
            )
        network.load_state_dict(state)
        network.eval().requires_grad_(False)
    info = {
        k: v for k, v in manifest.items() if k not in ("format", "files", "architecture", "dtype")
    }
    return Pack(**networks, info=info)
