"""The files of a prepared corpus of real video.

Laid out as the rendered one (`train.heads.corpus` says why): tar shards of JPEGs, each identity's
frames after a JSON of its own with their labels and what was left out, so that a shard alone is
complete. Beside them, for sampling at random from a corpus of any size, both memory-mapped:

    frames.npy     a row a frame (`ROW`): where its JPEG is, whose it is, its pose
    landmarks.npy  float32 [N, 68, 2], pixels of a stored frame

Rows stand split by split, so a split is a slice. `frames.json` names identities, clips, shards and
splits; it is written last, and a folder without it is no corpus.
"""

import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from train.heads.corpus import CorpusError, members

FORMAT = 1
TABLE, ROWS, LANDMARKS = "frames.json", "frames.npy", "landmarks.npy"
SPLITS = ("train", "validation", "test")
ROW = np.dtype(
    [
        ("identity", "<i4"),
        ("clip", "<i4"),
        ("time", "<f4"),  # seconds in its video
        ("pose", "<f4", (3,)),  # yaw, pitch, roll, degrees, estimated (`stylexfer.faces.pose`)
        ("side", "<f4"),  # px of FFHQ's square in the video
        ("shard", "<i4"),
        ("offset", "<i8"),
        ("length", "<i4"),
    ]
)


def pack_identity(stem: str, record: dict, jpegs: dict[str, bytes]) -> bytes:
    """An identity as a tar: `stem`.json with its record, then its frames."""
    data = io.BytesIO()
    text = json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in {f"{stem}.json": text, **jpegs}.items():
            info = tarfile.TarInfo(name)  # no owner, no time: the same bytes every time
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return data.getvalue()


def records(shards: Sequence[Path]) -> Iterator[tuple[int, dict, dict[str, tuple[int, int]]]]:
    """(shard, record, name -> (offset, length) of its frames) of each identity, in order."""
    for number, shard in enumerate(shards):
        record, places = None, {}
        data = np.memmap(shard, mode="r")
        for name, offset, length in members(shard):
            if not name.endswith(".json"):
                places[name] = (offset, length)
                continue
            if record is not None:
                yield number, record, places
            record, places = json.loads(data[offset : offset + length].tobytes()), {}
        if record is not None:
            yield number, record, places


def read_table(root: Path) -> dict:
    """`frames.json` of a prepared corpus."""
    path = root / TABLE
    if not path.is_file():
        raise CorpusError(
            f"{path} is missing: give the folder of a prepared corpus (python -m train.data "
            "prepare; the file is written when the last identity is done)."
        )
    table = json.loads(path.read_text())
    if table["format"] != FORMAT:
        raise CorpusError(f"{path} has format {table['format']}, not {FORMAT}: prepare it again.")
    return table


def whole(root: Path, name: str, table: dict) -> Path:
    """A file of the corpus, of the size that it was written with."""
    path, size = root / name, table["bytes"][name]
    if not path.is_file() or path.stat().st_size != size:
        raise CorpusError(f"{path} is missing or not {size} bytes long: prepare the corpus again.")
    return path
