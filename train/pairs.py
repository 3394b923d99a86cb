"""Which frames drive which in the transfer stage, and a batch of them."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stylexfer.networks import Generator
from train.augment import augment
from train.config import ConfigError
from train.data.codes import Codes, corpus_digest, fingerprint
from train.data.dataset import VideoDataset, splits_of
from train.data.invert import make_codes
from train.heads.dataset import HeadsDataset
from train.heads.labels import mirror, mirror_table
from train.loop import Rows, Run, torch_rng
from train.origins import find

KINDS = ("own", "other", "pair")


class Pairs:
    """Sources of a batch and their targets, in the order of `KINDS`.

    The first `own_share` of the sources is transferred to frames of their own clips, the last
    `other_share` to anybody's; with both 1, each source to both (the paper). `pairs` more sources
    are transferred to people whom the corpus shows in exactly their motion. Of each kind the first
    `pictures` transfers are decoded.
    """

    def __init__(
        self,
        run: Run,
        data: HeadsDataset | VideoDataset,
        codes: Callable[[np.ndarray], Tensor],
    ):
        """codes: indices -> codes of E_i `[B, n, d]`. ConfigError if the batch cannot be shared."""
        config, weights = run.config, run.config["weights"]
        self.config, self.data, self.codes, self.shards = config, data, codes, run.shards
        self.size = config["batch"]
        self.own, self.other = (
            round(self.size * config[f"{kind}_share"]) for kind in ("own", "other")
        )
        for count in (self.size, self.own, self.other, config["pairs"]):
            run.check_batch(count)
        self.labelled = bool(weights["code"] or weights["motion"])
        if self.labelled and not isinstance(data, HeadsDataset):
            raise ConfigError("weights.code and weights.motion need rendered heads: set them to 0.")
        if config["pictures_from"] and not self.labelled:
            raise ConfigError("pictures_from: before that, nothing would be learned: set it to 0.")
        if weights["cosface"] and (self.own, self.other) != (self.size, self.size):
            raise ConfigError("weights.cosface needs own_share and other_share 1.")
        if self.labelled:
            self.motion = torch.from_numpy(data.motion)
            self.mirrored = mirror_table(data.actions)
        # eq. 6 compares with the motion of the other target's frame, eq. 3 may with the frame
        self.shows_other = bool(weights["cosface"]) or (
            bool(weights["id"]) and config["id_reference"] == "frame"
        )

    def draw(self, step: int, rng: np.random.Generator) -> Rows:
        data = self.data
        rows = {"source": rng.integers(len(data), size=self.size)}
        clips = data.clip_index[rows["source"][: self.own]]
        own = [rng.choice(data.frames_of_clip[c]) for c in clips]
        rows["own"] = np.array(own, dtype=np.int64)
        rows["other"] = rng.integers(len(data), size=self.other)
        rows["flip"] = (rng.random(self.size) < 0.5) & self.config["flip"]
        rows["flip"][: self.own] = False  # mirrored, it is no picture of the target's person
        if self.config["pairs"]:
            rows["driver"], rows["pair"], rows["truth"] = data.draw_pairs(rng, self.config["pairs"])
        return rows

    def read(self, step: int, rows: Rows, rng: np.random.Generator) -> dict:
        """`seen` sources for E_m, `picture` the same clean, `identity` codes of the targets,
        `source_of` the source of each target, `shown` which targets are decoded, by kind;
        `other_picture`, `truth`, `motion`, `clip` where they are needed."""
        source, flip = rows["source"], torch.from_numpy(rows["flip"])
        picture = self.data.pictures(source)
        picture = torch.where(flip[:, None, None, None], picture.flip(3), picture)
        counts = {kind: len(rows.get(kind, ())) for kind in KINDS}
        batch = {"picture": picture, "shown": self._shown(step, counts)}
        sources = [picture]
        if counts["pair"]:
            sources.append(self.data.pictures(rows["driver"]))
            batch["truth"] = self.data.pictures(rows["truth"])
        batch["seen"] = torch.cat(sources)
        if self.config["augment"]:
            batch["seen"] = augment(batch["seen"], torch_rng(rng), self.config["augment"])
        targets = np.concatenate([rows[kind] for kind in KINDS if kind in rows])
        batch["identity"] = self.codes(targets).float()
        first = len(source) - counts["other"]
        places = [np.arange(counts["own"]), np.arange(first, len(source) + counts["pair"])]
        batch["source_of"] = torch.from_numpy(np.concatenate(places))
        if self.shows_other:
            shown = len(batch["shown"]["other"])
            batch["other_picture"] = self.data.pictures(rows["other"][:shown])
        return batch | (self._labels(source, flip, targets, batch) if self.labelled else {})

    def _shown(self, step: int, counts: Mapping[str, int]) -> dict[str, range]:
        most = -(-self.config["pictures"] // self.shards)
        most = most if step >= self.config["pictures_from"] else 0
        shown, begin = {}, 0
        for kind, count in counts.items():
            wanted = self._wanted(kind)
            shown[kind] = range(begin, begin + (min(most, count) if wanted else 0))
            begin += count
        return shown

    def _wanted(self, kind: str) -> bool:
        """Whether any loss looks at pictures of this kind."""
        weights = self.config["weights"]
        names = {
            "own": ("l2", "lpips", "l2_crop", "lpips_crop", "id_true", "cosface"),
            "other": ("id", "cosface"),
            "pair": ("paired",),
        }
        return any(weights[name] for name in names[kind])

    def _labels(self, source: np.ndarray, flip: Tensor, targets: np.ndarray, batch: dict) -> dict:
        """Motion of the sources `[S, 57]`, and of which clip each target is."""
        motion = self.motion[torch.from_numpy(source)]
        motion = torch.where(flip[:, None], mirror(motion, self.mirrored), motion)
        known = int((batch["source_of"] < len(source)).sum())  # pairs have their truth in pictures
        clips = self.data.clip_index[targets[:known]]
        return {"motion": motion, "clip": torch.from_numpy(clips)}


def target_codes(run: Run, generator: Generator) -> dict[str, Codes]:
    """E_i's codes of every frame, by split: those of `config["codes"]`, else made in the run's own
    folder, where they are found again. CorpusError if they are of other networks or frames."""
    config = run.config
    roots = config["data"] if isinstance(config["data"], list) else [config["data"]]
    roots = [Path(root) for root in roots]
    encoder = find(config["identity_encoder"], "identity_encoder").to(run.device)
    folder = Path(config["codes"] or run.out / "codes")
    if not config["codes"]:
        options = {"precision": config["precision"], "strength": config["target_augment"]}
        make_codes(roots, folder, encoder, generator, seed=config["seed"], **options)
    weights, corpus = fingerprint(encoder, generator), corpus_digest(roots)
    return {split: Codes(folder, split, weights, corpus) for split in splits_of(roots)}
