"""Reader of rendered heads for the training stages.

Shards are memory-mapped and a frame is read at its offset: nothing is unpacked, and memory stays
constant whatever the size of the corpus. `corpus.py` says how the files are laid out and why.
"""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from train.heads.corpus import CorpusError, members

# what is about one standard deviation in the corpus
ANGLE_SCALE = np.array([18.0, 8.0, 5.0, 8.0, 8.0], dtype=np.float32)  # degrees: pose, gaze
COEFFICIENT_SCALE = 0.2

COLUMNS = ("name", "identity", "clip", "frame", "pose", "gaze", "coeffs", "lm68")


class HeadsDataset:
    """Frames of one or several corpora; the last tenth of the identities of each is validation.

    `labels`, a row a frame: `root` (which of the folders), `name`, `identity`, `clip`, `frame`,
    `motion` (rows of equal `motion` and `frame` are moved exactly alike; -1: unknown), `pose` (yaw,
    pitch, roll, degrees), `gaze` (degrees), `coeffs` `[N, 52]` in [0, 1] in the order of `actions`,
    `lm68` `[N, 68, 2]` (pixels of a picture of 256).
    Raises CorpusError if a folder is no corpus, or is damaged.
    """

    def __init__(
        self, root: str | Path | Sequence[str | Path], size: int, split: str = "train"
    ) -> None:
        roots = [Path(r) for r in ([root] if isinstance(root, str | Path) else root)]
        self.size = size
        tables = [_read(number, folder, split) for number, folder in enumerate(roots)]
        self.actions: list[str] = tables[0].pop("actions")
        for folder, table in zip(roots[1:], tables[1:], strict=True):
            if table.pop("actions") != self.actions:
                raise CorpusError(f"{folder} has other actions than {roots[0]}: train on one.")
        columns = {k: np.concatenate([t[k] for t in tables]) for k in tables[0]}
        self._places = {k: columns.pop(k) for k in ("shard", "offset", "length")}
        self.labels = columns
        self._maps = {s: np.memmap(s, mode="r") for s in np.unique(self._places["shard"])}
        # identities and clips, numbered over this split: one learned code each
        self.identity_index = self._number("root", "identity")
        self.clip_index = self._number("root", "identity", "clip")
        order = np.argsort(self.clip_index, kind="stable")
        self.frames_of_clip = np.split(order, np.bincount(self.clip_index).cumsum()[:-1])
        self._alike = self._frames_alike()

    def _number(self, *names: str) -> np.ndarray:
        """Index `[N]` of the distinct rows of some labels, in their order."""
        rows = np.stack([self.labels[k].astype(np.int64) for k in names], axis=1)
        return np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)

    def _frames_alike(self) -> list[np.ndarray]:
        """Groups of two frames or more that are moved exactly alike."""
        known = np.flatnonzero(self.labels["motion"] >= 0)
        if not len(known):
            return []
        group = self._number("root", "motion", "frame")[known]
        order = known[np.argsort(group, kind="stable")]
        groups = np.split(order, np.bincount(group, minlength=group.max() + 1).cumsum()[:-1])
        return [g for g in groups if len(g) > 1]

    def __len__(self) -> int:
        return len(self.labels["name"])

    @property
    def motion(self) -> np.ndarray:
        """Ground-truth motion `[N, 57]`: pose and gaze, then 52 coefficients, over their scales."""
        angles = np.concatenate([self.labels["pose"], self.labels["gaze"]], axis=1)
        coeffs = self.labels["coeffs"].astype(np.float32) / COEFFICIENT_SCALE
        return np.concatenate([angles / ANGLE_SCALE, coeffs], axis=1).astype(np.float32)

    def draw_pairs(
        self, rng: np.random.Generator, count: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Exact cross-reenactment: indices (source, target, truth), each `[count]`.

        `source` shows a person, `truth` another person in exactly the same motion, and `target` is
        any frame of the clip of `truth`: what transferring `source` to `target` must look like is
        known in every pixel. Raises CorpusError if no two people of the split share a motion.
        """
        if not self._alike:
            raise CorpusError(
                "No two people of this corpus share a motion: render one with --share-motion 2."
            )
        groups = [self._alike[g] for g in rng.integers(len(self._alike), size=count)]
        source, truth = np.array([rng.choice(g, 2, replace=False) for g in groups]).reshape(-1, 2).T
        target = np.array([rng.choice(self.frames_of_clip[self.clip_index[t]]) for t in truth])
        return source, target.astype(np.int64), truth

    def picture(self, index: int) -> np.ndarray:
        """Frame `index` as uint8 `[size, size, 3]`."""
        shard, offset, length = (self._places[k][index] for k in ("shard", "offset", "length"))
        data = self._maps[shard][offset : offset + length].tobytes()
        image = Image.open(io.BytesIO(data))
        image.draft("RGB", (self.size, self.size))  # the JPEG decoder halves the picture for free
        image = image.convert("RGB")
        if image.size != (self.size, self.size):
            image = image.resize((self.size, self.size), Image.Resampling.BOX)
        return np.asarray(image)

    def pictures(self, indices: Sequence[int] | np.ndarray) -> Tensor:
        """Frames as float `[B, 3, size, size]` in [-1, 1]."""
        stack = np.stack([self.picture(int(i)) for i in indices])
        return torch.from_numpy(stack).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def _read(number: int, root: Path, split: str) -> dict:
    """The rows of one split of one corpus, where their JPEGs are, and its actions."""
    path = root / "labels.npz"
    if not path.is_file():
        raise CorpusError(
            f"{path} is missing: give the folder of a rendered corpus (heads-*.tar and "
            "labels.npz; the latter is written when the last frame is rendered)."
        )
    with np.load(path) as file:
        table = {k: file[k] for k in file.files}
    identities = np.unique(table["identity"])
    held_out = identities[-max(1, len(identities) // 10) :]
    keep = np.flatnonzero(np.isin(table["identity"], held_out) == (split == "validation"))
    rows = {k: table[k][keep] for k in COLUMNS}
    rows["root"] = np.full(len(keep), number)
    # corpora older than shared motion have neither these columns nor the place of each frame
    rows["motion"] = table["motion"][keep] if "motion" in table else np.full(len(keep), -1)
    rows["lm68"] = rows["lm68"] * np.float32(256 / int(table.get("size", 256)))
    if "offset" in table:
        shards = [root / str(name) for name in table["shards"]]
        for shard, size in zip(shards, table["shard_sizes"], strict=True):
            if not shard.is_file() or shard.stat().st_size != size:
                raise CorpusError(f"{shard} is missing or not {size} bytes long: render it again.")
        rows["shard"] = np.array([str(s) for s in shards])[table["shard"][keep]]
        rows |= {k: table[k][keep] for k in ("offset", "length")}
    else:
        rows |= _scan(root, rows["name"])
    return {**rows, "actions": [str(a) for a in table["actions"]]}


def _scan(root: Path, names: np.ndarray) -> dict[str, np.ndarray]:
    """Where `names` lie in the shards of a corpus whose table does not say."""
    places = {}
    for shard in sorted(root.glob("*.tar")):
        for name, offset, length in members(shard):
            places[name] = (str(shard), offset, length)
    missing = [str(n) for n in names if str(n) not in places]
    if missing:
        raise CorpusError(
            f"{len(missing)} frames of {root / 'labels.npz'} are in no shard, the first: "
            f"{missing[0]}"
        )
    shard, offset, length = zip(*(places[str(n)] for n in names), strict=True)
    return {"shard": np.array(shard), "offset": np.array(offset), "length": np.array(length)}
