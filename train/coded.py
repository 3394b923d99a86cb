"""The generator of a corpus with known motion, and what it knows: the code w of every frame."""

import copy
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylexfer.networks import (
    Generator,
    GeneratorConfig,
    IRSEConfig,
    MotionConfig,
    MotionEncoder,
)
from train.config import ConfigError
from train.data.dataset import VideoDataset
from train.heads.dataset import HeadsDataset
from train.layers import recompute_activations
from train.origins import stage_state

MOTION = 57  # numbers of motion of a frame: pose, gaze, 52 coefficients
MOTION_SPREAD = 0.5  # random people look about half as far and as wildly as the corpus does


class CodedGenerator(nn.Module):
    """The generator with the appearance code of each clip of its corpus: who, hair, light, backdrop.

    z is [appearance of the clip | the exact motion], without pixel norm: it is not normal until
    `fold_gaussian`.
    """

    def __init__(self, config: GeneratorConfig, clips: int):
        super().__init__()
        self.generator = Generator(config)
        if config.z_dim <= MOTION:
            raise ConfigError(f"generator.z_dim must exceed the {MOTION} numbers of motion.")
        self.register_buffer("appearances", torch.randn(clips, config.z_dim - MOTION))

    def inputs(self, clip: Tensor, motion: Tensor) -> Tensor:
        """Indices `[B]` and motion `[B, 57]` -> z `[B, z_dim]`."""
        return torch.cat([self.appearances[clip], motion], dim=1)

    def mixed_inputs(self, clips: Tensor, blend: Tensor, motion: Tensor) -> Tensor:
        """z of people between those of two clips: indices `[B, 2]`, blend `[B]` in [0, 1], motion
        `[B, 57]`."""
        a, b = self.appearances[clips].unbind(1)
        return torch.cat([torch.lerp(a, b, blend[:, None].to(a.dtype)), motion], dim=1)

    def w(self, z: Tensor) -> Tensor:
        """z `[B, z_dim]` -> w `[B, style_dim]`."""
        return self.generator.style[1:](z)


class AppearanceGenerator(CodedGenerator):
    """What stage 1 trains: the generator, and an encoder that reads the appearance of one frame.

    The encoder has the layout of E_m with one style. It is shown another frame of the clip than the
    one to be drawn, so that motion, which is given, cannot come from it.
    """

    def __init__(self, config: GeneratorConfig, clips: int, encoder: MotionConfig):
        super().__init__(config, clips)
        self.encoder = MotionEncoder(encoder)
        for rgb in self.generator.to_rgbs:  # a new resolution starts almost silent
            nn.init.normal_(rgb.conv.weight, std=0.1)
        for conv in (self.generator.conv1, *self.generator.convs):
            # a frame cannot be told from noise: the strength stays 0, or it draws fixed patterns
            conv.noise.weight.requires_grad_(False)

    def appearance(self, pictures: Tensor) -> Tensor:
        """Frames `[B, 3, s, s]` -> their appearance `[B, z_dim - 57]`; read at the encoder's input
        size or, of smaller pictures, at theirs."""
        side = min(self.encoder.config.input_size, pictures.shape[-1])
        return self.encoder(F.adaptive_avg_pool2d(pictures, side))[:, 0]

    def forward(
        self,
        rows: dict[str, Tensor],
        mixed: dict[str, Tensor] | None,
        resolution: int,
        dtype: torch.dtype,
    ) -> tuple[Tensor, Tensor]:
        """(pictures, their W+ codes) of `rows` (`reference`, pictures of the same clips; `motion`),
        then, if `mixed` (`blend` `[B]`, `mixed_motion`) is given, of as many people between each
        two neighbours of the batch."""
        look = self.appearance(rows["reference"])
        with torch.autocast(look.device.type, enabled=False):  # styles stay fp32
            z = torch.cat([look, rows["motion"]], dim=1)
            if mixed is not None:
                between = torch.lerp(look, look.roll(1, 0), mixed["blend"][:, None])
                z = torch.cat([z, torch.cat([between, mixed["mixed_motion"]], dim=1)])
            codes = self.generator.broadcast(self.w(z))
            return self.generator(codes, resolution=resolution, dtype=dtype), codes

    @torch.no_grad()
    def read_appearances(self, data: HeadsDataset, batch: int = 64) -> None:
        """Fill the table: each clip's appearance is the mean over its frames (in eval mode)."""
        device, sums = self.appearances.device, torch.zeros_like(self.appearances)
        for index in torch.arange(len(data)).split(batch):
            found = self.appearance(data.pictures(index.numpy()).to(device)).float()
            sums.index_add_(0, torch.from_numpy(data.clip_index)[index].to(device), found)
        counts = torch.from_numpy(np.bincount(data.clip_index, minlength=len(sums)))
        self.appearances.copy_(sums / counts[:, None].to(device))


def appearance_generator(config: dict, data: HeadsDataset) -> AppearanceGenerator:
    """An untrained one for a corpus, from the generator stage's configuration."""
    numbers = {**config["encoder"], "trunk": IRSEConfig(**config["encoder"]["trunk"])}
    generator = GeneratorConfig(**config["generator"])
    encoder = MotionConfig(n_styles=1, style_dim=generator.z_dim - MOTION, **numbers)
    model = AppearanceGenerator(generator, int(data.clip_index.max()) + 1, encoder)
    if config["recompute"]:
        recompute_activations(model.generator)
    return model


def load_coded(path: str | Path) -> CodedGenerator | None:
    """The averaged generator of stage 1 with the codes of its corpus, frozen; None: it is of
    another origin and knows no corpus."""
    state = stage_state(path) if Path(path).suffix == ".pt" else None
    if state is None or "appearances" not in state["ema"]:
        return None
    config = GeneratorConfig(**state["architecture"]["generator"])
    model = CodedGenerator(config, len(state["ema"]["appearances"]))
    kept = {k: v for k, v in state["ema"].items() if not k.startswith("encoder.")}
    model.load_state_dict(kept)
    return model.eval().requires_grad_(False)


@torch.no_grad()
def known_w(model: CodedGenerator, data: HeadsDataset | VideoDataset) -> Tensor:
    """w `[N, style_dim]` of every frame of the corpus. ConfigError if it is not the generator's."""
    if not isinstance(data, HeadsDataset):
        raise ConfigError(
            "this generator has the codes of a rendered corpus: take that corpus, or the "
            "generator.pt beside it, which has none."
        )
    clips = int(data.clip_index.max()) + 1
    if clips != len(model.appearances):
        raise ConfigError(
            f"the generator was trained on {len(model.appearances)} clips, the corpus has {clips}: "
            "take the corpus of the generator."
        )
    index = (torch.from_numpy(v) for v in (data.clip_index, data.motion))
    return model.w(model.inputs(*index))


def draw_mixed(
    clips: int, motion: np.ndarray, rng: np.random.Generator, count: int
) -> dict[str, np.ndarray]:
    """Rows of `count` people between those of two of `clips` clips, in motions (of `motion`
    `[N, 57]`) of others: what `mixed_inputs` takes."""
    return {
        "clips": rng.integers(clips, size=(count, 2)),
        "blend": rng.random(count, dtype="float32"),
        "mixed_motion": motion[rng.integers(len(motion), size=count)],
    }


@torch.no_grad()
def fold_gaussian(model: CodedGenerator, data: HeadsDataset, samples: int = 10_000) -> Generator:
    """A plain Generator for which z ~ N(0, I) has the mean and covariance of the learned z.

    Of the motion in them only `MOTION_SPREAD` of its deviations. u = mu + L z is folded into the
    first mapping layer; `latent_avg` is the mean w of normal z.
    """
    generator = copy.deepcopy(model.generator)
    motion = torch.from_numpy(data.motion)
    motion = motion.mean(dim=0) + MOTION_SPREAD * (motion - motion.mean(dim=0))
    u = model.inputs(torch.from_numpy(data.clip_index), motion).double()
    covariance = torch.cov(u.t()) + 1e-6 * torch.eye(u.shape[1], dtype=u.dtype)
    root = torch.linalg.cholesky(covariance)
    first = generator.style[1]
    weight = first.weight.double()
    first.bias += (weight @ u.mean(dim=0) * (first.scale / first.lr_mul)).float()
    first.weight.copy_((weight @ root).float())
    z = torch.randn(samples, u.shape[1], generator=torch.Generator().manual_seed(0))
    generator.latent_avg.copy_(generator.mapping(z).mean(dim=0))
    return generator
