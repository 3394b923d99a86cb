"""A split of a corpus as clips and `pairs.csv`, for `python -m stylexfer evaluate`.

As in the paper (section 4.3), every clip drives one random frame of another identity.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from stylexfer.metrics.pairs import Pair, write_pairs
from train.data.dataset import VideoDataset, open_corpus, splits_of
from train.data.drivers import FPS, encode
from train.heads.corpus import CorpusError
from train.heads.dataset import HeadsDataset

SHORTEST = 4  # frames of a clip: fewer have no correlation to speak of
SIDE = 256  # px


def frame_rate(data: HeadsDataset | VideoDataset, frames: np.ndarray) -> float:
    """Of a clip's frames: by their times, where the corpus knows them."""
    if "time" not in data.labels:
        return FPS
    steps = np.diff(np.sort(data.labels["time"][frames]))
    steps = steps[steps > 0]
    return float(1 / np.median(steps)) if len(steps) else FPS


def export_pairs(
    roots: list[Path], out: Path, splits: list[str], clips: int, seed: int
) -> list[Pair]:
    """Write `clips` random clips of the splits, at most, and their pairs; both are returned. The
    same corpus, numbers and seed give the same pairs. CorpusError if fewer than two people."""
    if missing := sorted(set(splits) - set(splits_of(roots))):
        raise CorpusError(
            f"{roots[0]} has no split {missing[0]!r}: give --split {' or '.join(splits_of(roots))}."
        )
    rng = np.random.default_rng(seed)
    found = list(_clips([open_corpus(roots, SIDE, split) for split in splits]))
    if len({person for _, _, person in found}) < 2:
        raise CorpusError(
            f"Fewer than two people of {', '.join(splits)} have a clip of {SHORTEST} frames: take "
            "another --split, or a larger corpus."
        )
    chosen = [found[k] for k in sorted(rng.permutation(len(found))[:clips])]
    if len({person for _, _, person in chosen}) < 2:
        raise CorpusError(f"{clips} clips show one person only: give a larger --clips.")
    (out / "clips").mkdir(parents=True, exist_ok=True)
    names = [f"clips/{k:04d}.mp4" for k in range(len(chosen))]
    pairs = []
    for name, (data, frames, person) in zip(tqdm(names, unit="clip"), chosen, strict=True):
        pictures = np.stack([data.picture(int(k)) for k in frames])
        encode(out / name, pictures, frame_rate(data, frames))
        others = [k for k, (_, _, other) in enumerate(chosen) if other != person]
        other = int(rng.choice(others))
        frame = int(rng.integers(len(chosen[other][1])))
        pairs.append(Pair(name, names[other], str(frame)))
    write_pairs(out / "pairs.csv", pairs)
    return pairs


def _clips(
    sets: list[HeadsDataset | VideoDataset],
) -> Iterator[tuple[HeadsDataset | VideoDataset, np.ndarray, tuple[int, int]]]:
    """(corpus, frames in order of time, person) of every clip that is long enough."""
    for number, data in enumerate(sets):
        order = "time" if "time" in data.labels else "frame"
        for frames in data.frames_of_clip:
            if len(frames) >= SHORTEST:
                frames = frames[np.argsort(data.labels[order][frames], kind="stable")]
                yield data, frames, (number, int(data.identity_index[frames[0]]))
