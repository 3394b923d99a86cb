"""Reader of prepared video for the training stages (`corpus` says how its files are laid out)."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from stylexfer.tensors import to_tensor
from train.data.corpus import LANDMARKS, ROWS, TABLE, read_table, whole
from train.heads.corpus import CorpusError
from train.heads.dataset import HeadsDataset


class VideoDataset:
    """Frames of one split of a prepared corpus, read as `HeadsDataset` reads rendered ones.

    `labels`, a row a frame: `identity` and `clip` (rows of `names` and `clip_names`), `time`
    (seconds in its video), `pose` (yaw, pitch, roll, degrees, estimated), `side` (px that the
    face's square had in the video) and `lm68` `[N, 68, 2]`, memory-mapped (pixels of a stored
    picture, whose side is `stored`). `identity_index` and `clip_index` number those of this split;
    `frames_of_clip[c]` are the frames of clip c. Raises CorpusError if the folder holds no
    prepared corpus or is damaged, or the split is empty.
    """

    def __init__(self, root: str | Path, size: int, split: str = "train") -> None:
        root = Path(root)
        table = read_table(root)
        start, stop = table["splits"].get(split, (0, 0))
        if start == stop:
            raise CorpusError(f"{root} holds no frames of the split {split!r}.")
        self.size, self.stored = size, table["size"]
        rows = np.load(whole(root, ROWS, table), mmap_mode="r")[start:stop]
        shards = [whole(root, name, table) for name in table["shards"]]
        self._shards = [np.memmap(path, mode="r") for path in shards]
        self._places = np.stack([rows[k].astype(np.int64) for k in ("shard", "offset", "length")])
        columns = ("identity", "clip", "time", "pose", "side")
        self.labels = {k: np.ascontiguousarray(rows[k]) for k in columns}
        self.labels["lm68"] = np.load(whole(root, LANDMARKS, table), mmap_mode="r")[start:stop]
        self.names: list[str] = table["identities"]
        self.clip_names: list[str] = table["clips"]
        self.identity_index = np.unique(self.labels["identity"], return_inverse=True)[1]
        self.clip_index = np.unique(self.labels["clip"], return_inverse=True)[1]
        # the frames of a clip stand together
        ends = np.bincount(self.clip_index).cumsum()
        self.frames_of_clip = np.split(np.arange(len(self)), ends[:-1])

    def __len__(self) -> int:
        return self._places.shape[1]

    def picture(self, index: int) -> np.ndarray:
        """Frame `index` as uint8 `[size, size, 3]`."""
        shard, offset, length = self._places[:, index]
        return decode(self._shards[shard][offset : offset + length].tobytes(), self.size)

    def pictures(self, indices: Sequence[int] | np.ndarray) -> Tensor:
        """Frames as float `[B, 3, size, size]` in [-1, 1]."""
        return to_tensor([self.picture(int(i)) for i in indices])


def decode(jpeg: bytes, size: int) -> np.ndarray:
    """uint8 `[size, size, 3]`; CorpusError if the JPEG is damaged."""
    try:
        image = Image.open(io.BytesIO(jpeg))
        image.draft("RGB", (size, size))  # the JPEG decoder halves the picture for free
        image = image.convert("RGB")
    except OSError as error:
        raise CorpusError(
            f"A frame of the corpus is damaged ({error}): prepare it again."
        ) from error
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BOX)
    return np.asarray(image)


def open_corpus(
    root: str | Path | Sequence[str | Path], size: int, split: str = "train"
) -> HeadsDataset | VideoDataset:
    """One split of a prepared corpus, or of a rendered one (or several) of `train.heads`."""
    roots = _roots(root)
    prepared = [path for path in roots if (path / TABLE).is_file()]
    if not prepared:
        return HeadsDataset(roots, size, split)
    if len(roots) > 1:
        raise CorpusError(f"{prepared[0]} is a prepared corpus: give it alone.")
    return VideoDataset(roots[0], size, split)


def splits_of(root: str | Path | Sequence[str | Path]) -> list[str]:
    """Names of the splits that have frames; a rendered corpus has no test split."""
    (first, *_) = _roots(root)
    if not (first / TABLE).is_file():
        return ["train", "validation"]
    return [split for split, (start, stop) in read_table(first)["splits"].items() if start < stop]


def _roots(root: str | Path | Sequence[str | Path]) -> list[Path]:
    return [Path(root)] if isinstance(root, str | Path) else [Path(r) for r in root]
