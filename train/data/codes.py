"""E_i of every frame, made once: E_i and G are frozen where M and E_m are trained.

A cache is a folder: `codes.json` (of which networks and which corpus) and, for each split, shards
`train-00000.safetensors` .. of one tensor `codes`, fp16 `[rows, n_styles, style_dim]`, in the order
of the dataset's frames. Each is written whole or not at all, so a run that was killed goes on.

Opening looks at names, sizes and headers only. The CRC-32 of each block of rows stands in its
shard's header, and a block is checked when a row of it is first read: memory stays small, and no
damaged code is ever given out.
"""

import hashlib
import json
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from train.data.corpus import ROWS
from train.heads.corpus import CorpusError

FORMAT = 1
TABLE = "codes.json"
SHARD_ROWS = 4096  # of a new cache; 75 MB at 18 x 512
BLOCK_ROWS = 64  # of one CRC, 1 MB
LABELS = "labels.npz"  # of a rendered corpus


def fingerprint(*networks: nn.Module) -> str:
    """Digest of all weights, whatever precision they were stored in."""
    digest = hashlib.sha256()
    for network in networks:
        for name, value in sorted(network.state_dict().items()):
            digest.update(f"{name} {tuple(value.shape)}".encode())
            digest.update(value.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def corpus_digest(roots: Sequence[Path]) -> str:
    """Digest of the tables that say where each frame of a corpus lies."""
    digest = hashlib.sha256()
    for root in roots:
        table = next((root / name for name in (ROWS, LABELS) if (root / name).is_file()), None)
        if table is None:
            raise CorpusError(f"{root} is no corpus: it holds neither {ROWS} nor {LABELS}.")
        with table.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


class Codes:
    """The codes of one split, memory-mapped: `codes[indices]` is `[B, n_styles, style_dim]` fp32.

    Raises CorpusError if they are of other networks, of another corpus or pictures treated
    otherwise, not all there, or damaged.
    """

    def __init__(self, folder: str | Path, split: str, weights: str, corpus: str) -> None:
        """weights: `fingerprint` of E_i and G. corpus: `corpus_digest` of its folders."""
        self.folder = Path(folder)
        table = read_table(self.folder)
        refuse_others(self.folder, table, {"weights": weights, "corpus": corpus})
        if split not in table["splits"]:
            raise CorpusError(f"{folder} holds no codes of the split {split!r}.")
        self.shape = (table["splits"][split], *table["shape"])
        self._shard_rows = table["shard_rows"]
        paths = shard_paths(self.folder, split, table)
        missing = [path for path in paths if not path.is_file()]
        if missing:
            raise CorpusError(
                f"{len(missing)} of {len(paths)} shards of {folder} are missing, the first: "
                f"{missing[0].name}. Run the command that makes them again: it goes on."
            )
        self._shards = [Shard(path, table) for path in paths]
        if sum(len(shard.rows) for shard in self._shards) != self.shape[0]:
            raise CorpusError(f"{folder} has not {self.shape[0]} codes of {split}: make it anew.")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, indices: Sequence[int] | np.ndarray | Tensor) -> Tensor:
        out = torch.empty(len(indices), *self.shape[1:])
        for place, index in enumerate(np.asarray(indices).tolist()):
            if not 0 <= index < len(self):
                raise IndexError(f"code {index} of {len(self)}")
            shard, row = divmod(index, self._shard_rows)
            out[place] = torch.from_numpy(self._shards[shard].row(row))
        return out


class Shard:
    """One file: `row(k)` is fp16 `[n_styles, style_dim]`."""

    def __init__(self, path: Path, table: dict) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                (length,) = struct.unpack("<Q", file.read(8))
                header = json.loads(file.read(min(length, 1 << 24)))
            tensor, notes = header["codes"], json.loads(header["__metadata__"]["stylexfer"])
            rows, *shape = tensor["shape"]
            whole = path.stat().st_size == 8 + length + tensor["data_offsets"][1]
            ours = (shape, tensor["dtype"], notes["weights"]) == (
                table["shape"], "F16", table["weights"],
            )  # fmt: skip
        except (ValueError, KeyError, struct.error) as error:
            raise CorpusError(_damaged(path)) from error
        if not whole or not ours:
            raise CorpusError(_damaged(path))
        self.rows = np.memmap(path, "<f2", "r", 8 + length, (rows, *shape))
        self._crcs = notes["crc32"]
        self._checked: set[int] = set()

    def row(self, number: int) -> np.ndarray:
        self.check(number // BLOCK_ROWS)
        return np.array(self.rows[number])

    def check(self, block: int) -> None:
        if block not in self._checked:
            rows = self.rows[block * BLOCK_ROWS : (block + 1) * BLOCK_ROWS]
            if zlib.crc32(rows.tobytes()) != self._crcs[block]:
                raise CorpusError(_damaged(self.path))
            self._checked.add(block)

    def check_all(self) -> None:
        for block in range(len(self._crcs)):
            self.check(block)


def _damaged(path: Path) -> str:
    return f"{path} is damaged: run the command that makes the codes again, it replaces the file."


def refuse_others(folder: Path, held: dict, wanted: dict) -> None:
    """CorpusError if `codes.json` says otherwise than is wanted."""
    for key, value in wanted.items():
        if held.get(key) != value:
            made = {
                "weights": "was made with another pack (other weights of E_i or G)",
                "corpus": "was made of another corpus, or of this one before it was made anew",
            }.get(key, f"was made with {key} {held.get(key)}, not {value}")
            raise CorpusError(
                f"{folder} {made}: give what it was made with, or another folder for the codes."
            )


def read_table(folder: Path) -> dict:
    path = folder / TABLE
    if not path.is_file():
        raise CorpusError(f"{path} is missing: make the codes with python -m train.data codes.")
    table = json.loads(path.read_text())
    if table["format"] != FORMAT:
        raise CorpusError(f"{path} has format {table['format']}, not {FORMAT}: make them anew.")
    return table


def shard_paths(folder: Path, split: str, table: dict) -> list[Path]:
    count = -(-table["splits"][split] // table["shard_rows"])
    return [folder / f"{split}-{k:05d}.safetensors" for k in range(count)]
