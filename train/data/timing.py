"""What the codes save: steps/s of the transfer stage with and without them, in one run."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from accelerate import PartialState
from torch import nn

from stylexfer.networks import (
    Generator,
    GeneratorConfig,
    IRSEConfig,
    Mapper,
    MotionConfig,
    MotionEncoder,
    ReStyleConfig,
    ReStyleEncoder,
)
from train.data.codes import Codes, corpus_digest, fingerprint
from train.data.dataset import open_corpus
from train.data.invert import inverted, load_inversion
from train.loop import DTYPES

PAPER = "paper"  # in the place of a pack: the released architecture at 1024 px, random weights
ROUNDS = 2  # of each kind, in turn: other work on the machine then slows both


class _AnyCodes:
    """In the place of a cache that nobody has made: any numbers, which cost as little to read."""

    def __init__(self, rows: int, *shape: int) -> None:
        self.codes = torch.randn(min(rows, 256), *shape, dtype=torch.float16)

    def __getitem__(self, indices: Sequence[int]) -> torch.Tensor:
        return self.codes[torch.as_tensor(np.asarray(indices) % len(self.codes))].float()


class _Step:
    """A step of the stage with L2 alone: E_m and M learn, E_i and G are frozen."""

    def __init__(self, encoder, generator, precision: str, device: torch.device) -> None:
        size = encoder.config
        trunk = IRSEConfig(**{**vars(size.trunk), "in_channels": 3})
        rows = {"n_styles": size.n_styles, "style_dim": size.style_dim}
        config = MotionConfig(**rows, input_size=size.input_size, trunk=trunk)
        self.motion_encoder = MotionEncoder(config).to(device)
        self.mapper = Mapper(**rows).to(device)
        self.encoder, self.generator = encoder, generator
        self.device, self.dtype = device, DTYPES[precision]
        learned = nn.ModuleList([self.motion_encoder, self.mapper])
        self.optimizer = torch.optim.RAdam(learned.parameters(), lr=1e-5)

    def __call__(
        self, data, codes: Codes | _AnyCodes | None, rng: np.random.Generator, batch: int
    ) -> None:
        source = rng.integers(len(data), size=batch)
        target = [rng.choice(data.frames_of_clip[data.clip_index[s]]) for s in source]
        pictures = data.pictures(source).to(self.device)
        if codes is None:
            views = data.pictures(target).to(self.device)
            identity = inverted(self.encoder, self.generator, views, self.dtype).clone()
        else:
            identity = codes[target].to(self.device)
        low = self.dtype != torch.float32
        with torch.autocast(self.device.type, self.dtype if low else None, enabled=low):
            code = self.mapper(identity, self.motion_encoder(pictures)).float()
        image = self.generator(code, dtype=self.dtype)
        image = nn.functional.adaptive_avg_pool2d(image, pictures.shape[-1])
        (image - pictures).square().mean().backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def _networks(pack: str) -> tuple[nn.Module, nn.Module]:
    """E_i and G, frozen."""
    if pack != PAPER:
        return load_inversion(pack)
    made = ReStyleEncoder(ReStyleConfig()), Generator(GeneratorConfig())
    return tuple(network.eval().requires_grad_(False) for network in made)


def compare(
    roots: Sequence[Path],
    folder: Path | None,
    pack: str,
    batches: Sequence[int],
    precisions: Sequence[str],
    steps: int,
) -> Iterator[dict]:
    """For each batch size and precision: steps/s with the codes of `folder` and with E_i run anew.

    folder None: with any numbers for codes. pack: a name or a folder, or `PAPER`. Steps of the two kinds are timed in turn, after one of each that is not counted. E_m has the
    trunk of the pack's E_i, as in the paper.
    """
    device = PartialState().device
    encoder, generator = _networks(pack)
    data = open_corpus(roots, encoder.config.input_size)
    if folder is None:
        codes = _AnyCodes(len(data), encoder.config.n_styles, encoder.config.style_dim)
    else:
        codes = Codes(folder, "train", fingerprint(encoder, generator), corpus_digest(roots))
    encoder, generator = encoder.to(device), generator.to(device)
    for precision in precisions:
        step = _Step(encoder, generator, precision, device)
        for batch in batches:
            seconds = {"cached": 0.0, "uncached": 0.0}
            for number in range(-1, ROUNDS):
                for kind in seconds:
                    rng = np.random.default_rng([batch, number + 1])  # the same frames for both
                    begun = time.perf_counter()
                    for _ in range(1 if number < 0 else steps):
                        step(data, codes if kind == "cached" else None, rng, batch)
                    if number >= 0:
                        seconds[kind] += time.perf_counter() - begun
            rates = {k: round(ROUNDS * steps / s, 3) for k, s in seconds.items()}
            gain = round(seconds["uncached"] / seconds["cached"], 2)
            yield {"precision": precision, "batch": batch, "steps_per_s": rates, "gain": gain}
