"""The generator of a corpus with known motion, and what it knows: the code w of every frame."""

import copy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from stylexfer.networks import Generator, GeneratorConfig
from train.config import ConfigError
from train.data.dataset import VideoDataset
from train.heads.dataset import HeadsDataset
from train.layers import recompute_activations
from train.origins import stage_state

MOTION = 57  # numbers of motion of a frame: pose, gaze, 52 coefficients
MOTION_SPREAD = 0.5  # random people look about half as far and as wildly as the corpus does


class CodedGenerator(nn.Module):
    """The generator with a learned code for each identity and each clip of its corpus.

    z is [code of the identity | code of the clip | the exact motion], without pixel norm: the codes
    are not normal until `fold_gaussian`.
    """

    def __init__(self, config: GeneratorConfig, identities: int, clips: int, identity_dim: int):
        super().__init__()
        self.generator = Generator(config)
        clip_dim = config.z_dim - identity_dim - MOTION
        if clip_dim < 1:
            raise ConfigError(f"generator.z_dim must exceed identity_dim plus {MOTION} of motion.")
        self.identity_codes = nn.Embedding(identities, identity_dim)
        self.clip_codes = nn.Embedding(clips, clip_dim)
        for codes in (self.identity_codes, self.clip_codes):
            nn.init.normal_(codes.weight)
        for rgb in self.generator.to_rgbs:  # a new resolution starts almost silent
            nn.init.normal_(rgb.conv.weight, std=0.1)
        for conv in (self.generator.conv1, *self.generator.convs):
            # a frame cannot be told from noise: the strength stays 0, or it draws fixed patterns
            conv.noise.weight.requires_grad_(False)

    def inputs(self, identity: Tensor, clip: Tensor, motion: Tensor) -> Tensor:
        """Indices `[B]`, `[B]` and motion `[B, 57]` -> z `[B, z_dim]`."""
        return torch.cat([self.identity_codes(identity), self.clip_codes(clip), motion], dim=1)

    def mixed_inputs(self, people: Tensor, clips: Tensor, blend: Tensor, motion: Tensor) -> Tensor:
        """z of people between two: indices `[B, 2]` each, blend `[B, 2]` in [0, 1] (of identity, of
        clip), motion `[B, 57]`."""
        a, b = self.identity_codes(people).unbind(1), self.clip_codes(clips).unbind(1)
        share = blend[:, :, None].to(a[0].dtype)
        return torch.cat([torch.lerp(*a, share[:, 0]), torch.lerp(*b, share[:, 1]), motion], dim=1)

    def w(self, z: Tensor) -> Tensor:
        """z `[B, z_dim]` -> w `[B, style_dim]`."""
        return self.generator.style[1:](z)

    def forward(
        self,
        rows: dict[str, Tensor],
        mixed: dict[str, Tensor] | None,
        resolution: int,
        dtype: torch.dtype,
    ) -> tuple[Tensor, Tensor]:
        """(pictures, their W+ codes) of `rows` (identity, clip, motion), then of `mixed`, if given
        (people, clips, blend, mixed_motion): see `inputs` and `mixed_inputs`."""
        with torch.autocast(rows["motion"].device.type, enabled=False):  # styles stay fp32
            z = self.inputs(rows["identity"], rows["clip"], rows["motion"])
            if mixed is not None:
                names = ("people", "clips", "blend", "mixed_motion")
                z = torch.cat([z, self.mixed_inputs(*(mixed[k] for k in names))])
            codes = self.generator.broadcast(self.w(z))
            return self.generator(codes, resolution=resolution, dtype=dtype), codes


def coded_generator(config: dict, data: HeadsDataset) -> CodedGenerator:
    """An untrained one for a corpus, from the generator stage's configuration."""
    model = CodedGenerator(
        GeneratorConfig(**config["generator"]),
        identities=int(data.identity_index.max()) + 1,
        clips=int(data.clip_index.max()) + 1,
        identity_dim=config["identity_dim"],
    )
    if config["recompute"]:
        recompute_activations(model.generator)
    return model


def load_coded(path: str | Path) -> CodedGenerator | None:
    """The averaged generator of stage 1 with the codes of its corpus, frozen; None: it is of
    another origin and knows no corpus."""
    state = stage_state(path) if Path(path).suffix == ".pt" else None
    if state is None or "identity_codes.weight" not in state["ema"]:
        return None
    identities, identity_dim = state["ema"]["identity_codes.weight"].shape
    clips = len(state["ema"]["clip_codes.weight"])
    config = GeneratorConfig(**state["architecture"]["generator"])
    model = CodedGenerator(config, identities, clips, identity_dim)
    model.load_state_dict(state["ema"])
    return model.eval().requires_grad_(False)


@torch.no_grad()
def known_w(model: CodedGenerator, data: HeadsDataset | VideoDataset) -> Tensor:
    """w `[N, style_dim]` of every frame of the corpus. ConfigError if it is not the generator's."""
    if not isinstance(data, HeadsDataset):
        raise ConfigError(
            "this generator has the codes of a rendered corpus: take that corpus, or the "
            "generator.pt beside it, which has none."
        )
    people, clips = int(data.identity_index.max()) + 1, int(data.clip_index.max()) + 1
    if (people, clips) != (model.identity_codes.num_embeddings, model.clip_codes.num_embeddings):
        raise ConfigError(
            f"the generator was trained on {model.identity_codes.num_embeddings} people in "
            f"{model.clip_codes.num_embeddings} clips, the corpus has {people} in {clips}: "
            "take the corpus of the generator."
        )
    index = (torch.from_numpy(v) for v in (data.identity_index, data.clip_index, data.motion))
    return model.w(model.inputs(*index))


def draw_mixed(
    model: CodedGenerator, motion: np.ndarray, rng: np.random.Generator, count: int
) -> dict[str, np.ndarray]:
    """Rows of `count` people between two identities, in clips and motions (of `motion` `[N, 57]`)
    of others: what `mixed_inputs` takes."""
    return {
        "people": rng.integers(model.identity_codes.num_embeddings, size=(count, 2)),
        "clips": rng.integers(model.clip_codes.num_embeddings, size=(count, 2)),
        "blend": rng.random((count, 2)).astype("float32"),
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
    u = model.inputs(
        torch.from_numpy(data.identity_index), torch.from_numpy(data.clip_index), motion
    ).double()
    covariance = torch.cov(u.t()) + 1e-6 * torch.eye(u.shape[1], dtype=u.dtype)
    root = torch.linalg.cholesky(covariance)
    first = generator.style[1]
    weight = first.weight.double()
    first.bias += (weight @ u.mean(dim=0) * (first.scale / first.lr_mul)).float()
    first.weight.copy_((weight @ root).float())
    z = torch.randn(samples, u.shape[1], generator=torch.Generator().manual_seed(0))
    generator.latent_avg.copy_(generator.mapping(z).mean(dim=0))
    return generator
