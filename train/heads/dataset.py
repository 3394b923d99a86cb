"""Reader of rendered heads: tar shards of JPEG frames and one table of exact labels.

A shard is memory-mapped and read by the offsets of its members, so nothing is unpacked and memory
stays constant whatever the size of the corpus.
"""

import io
import tarfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

# what is about one standard deviation in the corpus
ANGLE_SCALE = np.array([18.0, 8.0, 5.0, 8.0, 8.0], dtype=np.float32)  # degrees: pose, gaze
COEFFICIENT_SCALE = 0.2


class HeadsDataset:
    """Frames of `labels.npz` + `heads-*.tar`; the last tenth of the identities is validation.

    `labels`: `name`, `identity`, `clip`, `frame`, `pose` (yaw, pitch, roll, degrees), `gaze`
    (degrees), `coeffs` `[N, 52]` in [0, 1], `lm68` `[N, 68, 2]` (pixels at 256), `actions`.
    """

    def __init__(self, root: str | Path, size: int, split: str = "train"):
        root = Path(root)
        labels_path = root / "labels.npz"
        if not labels_path.is_file():
            raise FileNotFoundError(
                f"{labels_path} is missing: give the folder of a rendered corpus "
                "(heads-*.tar and labels.npz)"
            )
        self.size = size
        table = np.load(labels_path)
        self.actions = [str(a) for a in table["actions"]]
        identities = np.unique(table["identity"])
        held_out = identities[-max(1, len(identities) // 10) :]
        keep = np.isin(table["identity"], held_out) == (split == "validation")
        self.labels = {k: table[k][keep] for k in table.files if k != "actions"}
        self.members = self._index(root)
        self.shards = {s: np.memmap(s, mode="r") for s in {m[0] for m in self.members}}
        # clips, numbered over this split: one learned code each
        key = self.labels["identity"].astype(np.int64) * 1000 + self.labels["clip"]
        _, self.clip_index = np.unique(key, return_inverse=True)
        _, self.identity_index = np.unique(self.labels["identity"], return_inverse=True)
        order = np.argsort(self.clip_index, kind="stable")
        self.frames_of_clip = np.split(order, np.bincount(self.clip_index).cumsum()[:-1])

    def _index(self, root: Path) -> list[tuple[Path, int, int]]:
        places = {}
        for shard in sorted(root.glob("*.tar")):
            with tarfile.open(shard) as tar:
                for member in tar:
                    places[member.name] = (shard, member.offset_data, member.size)
        missing = [n for n in self.labels["name"] if str(n) not in places]
        if missing:
            raise FileNotFoundError(
                f"{len(missing)} frames of {root}/labels.npz are in no shard, the first: {missing[0]}"
            )
        return [places[str(n)] for n in self.labels["name"]]

    def __len__(self) -> int:
        return len(self.members)

    @property
    def motion(self) -> np.ndarray:
        """Ground-truth motion `[N, 57]`: pose and gaze, then 52 coefficients, over their scales."""
        angles = np.concatenate([self.labels["pose"], self.labels["gaze"]], axis=1)
        coeffs = self.labels["coeffs"].astype(np.float32) / COEFFICIENT_SCALE
        return np.concatenate([angles / ANGLE_SCALE, coeffs], axis=1).astype(np.float32)

    def picture(self, index: int) -> np.ndarray:
        """Frame `index` as uint8 `[size, size, 3]`."""
        shard, offset, length = self.members[index]
        data = self.shards[shard][offset : offset + length].tobytes()
        image = Image.open(io.BytesIO(data))
        image.draft("RGB", (self.size, self.size))  # the JPEG decoder halves the picture for free
        image = image.convert("RGB")
        if image.size != (self.size, self.size):
            image = image.resize((self.size, self.size), Image.Resampling.BOX)
        return np.asarray(image)

    def pictures(self, indices: np.ndarray) -> Tensor:
        """Frames as float `[B, 3, size, size]` in [-1, 1]."""
        stack = np.stack([self.picture(int(i)) for i in indices])
        return torch.from_numpy(stack).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
