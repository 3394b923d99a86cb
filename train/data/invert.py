"""Make the codes of a corpus (`codes` says where they are kept): `python -m train.data codes`."""

import json
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from accelerate import PartialState
from safetensors.numpy import save
from torch import Tensor
from tqdm import tqdm

from stylexfer.networks import Generator, OnePassEncoder, ReStyleEncoder, restyle
from stylexfer.packs.hub import locate_pack
from stylexfer.packs.pack import load_component
from train.augment import augment
from train.data import codes
from train.data.clip import digest
from train.data.dataset import open_corpus, splits_of
from train.heads.corpus import CorpusError, write_atomically
from train.loop import DTYPES

Encoder = ReStyleEncoder | OnePassEncoder


def load_inversion(pack: str | Path) -> tuple[Encoder, Generator]:
    """E_i and G of a pack by name, folder or Hub id, frozen, fp32; the rest is not read."""
    folder = locate_pack(pack, None)
    return load_component(folder, "identity_encoder"), load_component(folder, "generator")


@torch.inference_mode()
def inverted(
    encoder: Encoder, generator: Generator, images: Tensor, dtype: torch.dtype = torch.float32
) -> Tensor:
    """E_i: aligned faces `[B, 3, input_size, input_size]` -> fp32 `[B, n_styles, style_dim]`."""
    if isinstance(encoder, ReStyleEncoder):
        return restyle(encoder, generator, images, dtype=dtype)[-1]
    with torch.autocast(images.device.type, dtype, enabled=dtype != torch.float32):
        return encoder(images).float()


def make_codes(
    roots: Sequence[Path],
    folder: Path,
    encoder: Encoder,
    generator: Generator,
    batch: int = 32,
    precision: str = "fp32",
    strength: float = 0.0,
    seed: int = 0,
) -> dict:
    """Make those codes of all frames of all splits that `folder` does not hold -> `codes.json`.

    What is there is read through first, and made again where it is damaged. strength: of
    `train.augment` on each picture before it is inverted, drawn from (seed, split, frame). Under
    `accelerate launch`, the processes take a shard each in turn. CorpusError as of `Codes`.
    """
    state = PartialState()
    size = encoder.config.input_size
    datasets = {split: open_corpus(roots, size, split) for split in splits_of(roots)}
    table = {
        "format": codes.FORMAT,
        "weights": codes.fingerprint(encoder, generator),
        "corpus": codes.corpus_digest(roots),
        "precision": precision,
        "augment": strength,
        "seed": seed,
        "shape": [encoder.config.n_styles, encoder.config.style_dim],
        "splits": {split: len(data) for split, data in datasets.items()},
        "shard_rows": codes.SHARD_ROWS,
    }
    _claim(folder, table)
    encoder, generator = encoder.to(state.device), generator.to(state.device)
    shards = [
        (split, k, path)
        for split in datasets
        for k, path in enumerate(codes.shard_paths(folder, split, table))
    ][state.process_index :: state.num_processes]
    rows = sum(table["splits"].values())
    with tqdm(total=rows, unit="frame", disable=not state.is_main_process) as bar:
        for split, k, path in shards:
            span = range(len(datasets[split]))[k * codes.SHARD_ROWS : (k + 1) * codes.SHARD_ROWS]
            if _is_whole(path, table):
                bar.update(len(span) * state.num_processes)
                continue
            parts = []
            for pictures in _ahead(datasets[split], split, span, batch, strength, seed):
                images = pictures.to(state.device)
                found = inverted(encoder, generator, images, DTYPES[precision])
                parts.append(found.half().cpu().numpy())
                bar.update(len(found) * state.num_processes)
            _write_shard(path, np.concatenate(parts), table)
    state.wait_for_everyone()
    for torn in folder.glob(".*.safetensors.*"):  # of runs that were killed
        torn.unlink(missing_ok=True)
    return table


def _claim(folder: Path, table: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / codes.TABLE).is_file():
        codes.refuse_others(folder, codes.read_table(folder), table)
    else:
        write_atomically(folder / codes.TABLE, (json.dumps(table, indent=1) + "\n").encode())


def _is_whole(path: Path, table: dict) -> bool:
    if not path.is_file():
        return False
    try:
        codes.Shard(path, table).check_all()
    except CorpusError:
        return False
    return True


def _write_shard(path: Path, rows: np.ndarray, table: dict) -> None:
    """fp16 `[rows, n_styles, style_dim]` with the checksums of its blocks."""
    blocks = range(0, len(rows), codes.BLOCK_ROWS)
    crcs = [zlib.crc32(rows[k : k + codes.BLOCK_ROWS].tobytes()) for k in blocks]
    notes = {"weights": table["weights"], "corpus": table["corpus"], "crc32": crcs}
    # one entry: several come out of the library in any order, and the bytes would differ
    write_atomically(path, save({"codes": rows}, {"stylexfer": json.dumps(notes)}))


def _ahead(
    data, split: str, span: range, batch: int, strength: float, seed: int
) -> Iterator[Tensor]:
    """Batches of pictures `[B, 3, s, s]` of the rows `span`, one read ahead in a thread."""

    def read(rows: range) -> Tensor:
        pictures = data.pictures(rows)
        if strength:
            for k, row in enumerate(rows):
                number = int.from_bytes(digest("augment", seed, split, row)[:7], "little")
                rng = torch.Generator().manual_seed(number)
                pictures[k : k + 1] = augment(pictures[k : k + 1], rng, strength)
        return pictures

    groups = [span[k : k + batch] for k in range(0, len(span), batch)]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(read, groups[0])
        for group in [*groups[1:], None]:
            current, waiting = waiting, group and pool.submit(read, group)
            yield current.result()
