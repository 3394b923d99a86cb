"""The files of a rendered corpus: names, parts, shards and the table of labels.

A corpus is `heads-000.tar`, `heads-001.tar` ... and `labels.npz`.

Why tar shards of JPEGs with one table beside them:
- Frames are read far more often than written. A shard is one large file that a disk, a network
  mount or an HTTP range request reads in order, and that a memory map reads at random: a member of
  a tar is stored as it is, so its bytes are at a known offset. Thousands of small files would cost
  a round trip each; a video codec would tie a frame to its neighbours and blur the exact labels.
- Shards suit any WebDataset-like reader: the frames of a clip follow its labels (`*.npz`, every
  array of the clip and its sampled parameters), so one pass from front to back is enough, and a
  shard alone is complete.
- `labels.npz` holds the same rows for all frames with the place of each JPEG (shard, offset,
  length): sampling by label and opening a corpus of any size need no scan.
- JPEG at quality 92 without chroma subsampling (lips and irises keep their colour): 39 dB to the
  render, most of the loss its grain; 22 kB at 256x256, a ninth of the raw pixels.

While it is rendered, each clip is a small tar in `parts/`. Every file is written under another
name, flushed and renamed, `labels.npz` last of all: what has its name is whole.
"""

import gzip
import io
import json
import os
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from stylexfer.errors import StylexferError

QUALITY = 92
SHARD_FRAMES = 1600  # about 30 MB at 256x256
ROWS = ("name", "identity", "clip", "frame", "motion", "smooth")
TRACKS = ("pose", "gaze", "sway", "coeffs", "lm68")


SEEDS = 100_000  # identities a corpus seed has, and clips an identity has


class CorpusError(StylexferError):
    """A folder that is no corpus, is one of other options, or is damaged."""


def identity_seed(seed: int, index: int) -> int:
    """Seed of a corpus's identity: also its id in the labels, so corpora can be joined."""
    return seed * SEEDS + index


def clip_seed(identity: int, clip: int) -> int:
    return identity * SEEDS + clip


def write_atomically(path: Path, data: bytes) -> None:
    """`path` holds all of `data`, or what it held before."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def frame_name(identity: int, clip: int, frame: int) -> str:
    return f"{identity:05d}_{clip}_{frame:04d}.jpg"


def clip_name(identity: int, clip: int) -> str:
    return f"{identity:05d}_{clip}"


def jpeg(image: np.ndarray) -> bytes:
    """uint8 `[H, W, 3]` -> JPEG, 4:4:4."""
    data = io.BytesIO()
    Image.fromarray(image).save(data, "JPEG", quality=QUALITY, subsampling=0)
    return data.getvalue()


def write_png(path: Path, image: np.ndarray) -> None:
    """uint8 `[H, W, 3]` -> PNG."""
    data = io.BytesIO()
    Image.fromarray(image).save(data, "PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, data.getvalue())


def _plain(value):
    """numpy's numbers and arrays for JSON."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    data = io.BytesIO()
    np.savez_compressed(data, **arrays)  # dates its members 1980: the same bytes every time
    return data.getvalue()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)  # no owner, no time: the same bytes every time
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def write_part(
    path: Path,
    identity: int,
    clip: int,
    frames: Sequence[bytes],
    arrays: Mapping[str, np.ndarray],
    parameters: Mapping,
) -> None:
    """One clip: `arrays` (rows of `ROWS` and `TRACKS`, and `actions`), then its JPEGs."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        text = np.array(json.dumps(parameters, sort_keys=True, default=_plain))
        _add(tar, clip_name(identity, clip) + ".npz", _npz({**arrays, "parameters": text}))
        for name, frame in zip(arrays["name"], frames, strict=True):
            _add(tar, str(name), frame)
    write_atomically(path, data.getvalue())


def write_shard(path: Path, parts: Sequence[Path]) -> None:
    """The members of `parts`, in order, as one tar."""
    data = path.with_name(f".{path.name}.{os.getpid()}")
    with tarfile.open(data, "w", format=tarfile.USTAR_FORMAT) as shard:
        for part in parts:
            with tarfile.open(part) as tar:
                for member in tar:
                    shard.addfile(member, tar.extractfile(member))
    with data.open("rb+") as file:
        os.fsync(file.fileno())
    data.replace(path)


def members(shard: Path) -> Iterator[tuple[str, int, int]]:
    """(name, offset, length) of each member of a tar."""
    try:
        with tarfile.open(shard) as tar:
            for member in tar:
                yield member.name, member.offset_data, member.size
    except tarfile.TarError as error:
        raise CorpusError(f"{shard} is damaged ({error}): delete it and render again.") from error


def write_labels(out: Path, shards: Sequence[Path], size: int) -> None:
    """`labels.npz` and `params.jsonl.gz` from the labels inside the shards."""
    columns = {k: [] for k in (*ROWS, *TRACKS, "shard", "offset", "length")}
    actions, lines = None, []
    for number, shard in enumerate(shards):
        place = {name: (offset, length) for name, offset, length in members(shard)}
        data = np.memmap(shard, mode="r")
        for name, (offset, length) in place.items():
            if not name.endswith(".npz"):
                continue
            clip = np.load(io.BytesIO(data[offset : offset + length].tobytes()))
            actions = clip["actions"]
            for key in (*ROWS, *TRACKS):
                columns[key].append(clip[key])
            places = np.array([place[str(n)] for n in clip["name"]])
            columns["shard"].append(np.full(len(places), number, np.int32))
            columns["offset"].append(places[:, 0])
            columns["length"].append(places[:, 1])
            lines.append(str(clip["parameters"]))
    table = {k: np.concatenate(v) for k, v in columns.items()}
    sizes = np.array([s.stat().st_size for s in shards])
    names = np.array([s.name for s in shards])
    packed = gzip.compress("\n".join(lines).encode() + b"\n", mtime=0)
    write_atomically(out / "params.jsonl.gz", packed)
    table |= {"size": np.array(size), "actions": actions}
    table |= {"shards": names, "shard_sizes": sizes}
    write_atomically(out / "labels.npz", _npz(table))
