"""What the transfer stage trains: E_m and M of the paper, and G where it is trained too."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from stylexfer.networks import (
    Generator,
    IRSEConfig,
    Mapper,
    MotionConfig,
    MotionEncoder,
    Recognition,
)
from train.coded import MOTION
from train.config import ConfigError
from train.continuation import readout_of
from train.layers import start_trunk
from train.loop import Run
from train.origins import drawing, find
from train.pairs import KINDS


def pooled(images: Tensor, size: int) -> Tensor:
    """Pictures of any larger side, averaged down to `size` (pSp's face pool)."""
    return images if images.shape[-1] == size else nn.functional.adaptive_avg_pool2d(images, size)


def identity_network(run: Run) -> Recognition | None:
    """The recognition network of the ID losses and of CSIM, on the device. ConfigError."""
    path = run.config["recognition"]
    for name in ("id", "id_true"):
        if path is None and run.config["weights"].get(name):
            raise ConfigError(
                f"weights.{name} needs a recognition network: give its path, or set it to 0."
            )
    return None if path is None else find(path, "recognition").to(run.device)


class Transfer(nn.Module):
    """g(s -> t) = G(M(E_m(s), E_i(t))) of a batch, E_i's codes given (eq. in section 3.1)."""

    def __init__(
        self,
        motion_encoder: MotionEncoder,
        mapper: Mapper,
        readout: bool,
        generator: Generator | None,
    ):
        """readout: whether a linear map reads the motion labels; generator: if it is trained."""
        super().__init__()
        self.motion_encoder, self.mapper = motion_encoder, mapper
        width = mapper.shape[0] * mapper.shape[1]
        self.readout = nn.Linear(width, MOTION) if readout else None
        self.generator = generator

    def draw(self, frozen: Generator, codes: Tensor, size: int, random: bool, dtype) -> Tensor:
        """G(codes) `[B, 3, size, size]`; with random noise, or the constant one."""
        generator = frozen if self.generator is None else self.generator
        with torch.autocast(codes.device.type, enabled=False):  # styles stay fp32
            noise = generator.random_noise(len(codes)) if random else None
            return pooled(generator(codes.float(), noise=noise, dtype=dtype), size)

    def forward(
        self, batch: Mapping, frozen: Generator, random: bool, dtype: torch.dtype
    ) -> dict[str, Tensor | None]:
        """A batch of `Pairs` -> `code` of every target `[R, n, d]`, `labels` `[S, 57]`, pictures
        `own`, `other`, `pair` as `shown`, and, if the batch has `other_picture`, the motion codes
        `z_own`, `z_other` of pictures, `z_source`, `z_target` of frames (eq. 5)."""
        encoder = self.motion_encoder
        side = encoder.config.input_size
        motion = encoder(pooled(batch["seen"], side))
        code = self.mapper(batch["identity"], motion[batch["source_of"]])
        out = {"code": code, "labels": None}
        if self.readout is not None:
            out["labels"] = self.readout(motion[: len(batch["picture"])].flatten(1))
        shown = batch["shown"]
        rows = [row for kind in KINDS for row in shown[kind]]
        size = batch["picture"].shape[-1]
        images = self.draw(frozen, code[rows], size, random, dtype) if rows else code.new_empty(0)
        counts = [len(shown[kind]) for kind in KINDS]
        out |= dict(zip(KINDS, images.split(counts) if rows else [images] * 3, strict=True))
        if "other_picture" in batch and len(out["own"]):
            views = (out["own"], out["other"], batch["other_picture"])
            for name, view in zip(("z_own", "z_other", "z_target"), views, strict=True):
                out[name] = encoder(pooled(view, side))
            out["z_source"] = motion[: len(out["own"])]
        return out


def make_transfer(config: Mapping, generator: Generator) -> Transfer:
    """E_m and M as the configuration starts them, with a trained copy of G if it asks for one.

    Fresh, M passes the identity unchanged (`identity`), or is constant, 1e-5 and bias 1e-3, as in
    the released code (`constant`). ConfigError.
    """
    rows = {"n_styles": generator.n_styles, "style_dim": generator.config.style_dim}
    if config["start"]:
        encoder = find(config["start"], "motion_encoder")
        mapper = find(config["start"], "mapper")
        if mapper.shape != tuple(rows.values()):
            raise ConfigError(f"start: {config['start']} is for another size of generator.")
    elif config["encoder"] is None:
        raise ConfigError("encoder: give the numbers of E_m, or start from a trained one.")
    else:
        numbers = {**config["encoder"], "trunk": IRSEConfig(**config["encoder"]["trunk"])}
        encoder = MotionEncoder(MotionConfig(**rows, **numbers))
        mapper = fresh_mapper(*rows.values(), config["mapper_start"])
    if config["trunk"]:
        start_trunk(encoder, find(config["trunk"], "recognition"))
    if config["train_generator"] and (config["pictures_from"] or not config["pictures"]):
        raise ConfigError("train_generator: needs pictures in every step (pictures_from 0).")
    trained = None
    if config["train_generator"]:
        # a copy, for the codes go on being those of the generator as it was; its way from z is
        # that of random people, which no code takes
        trained = find(drawing(config["generator"]), "generator")
    model = Transfer(encoder, mapper, bool(config["weights"]["motion"]), trained)
    if model.readout is not None and config["start"] and (read := readout_of(config["start"])):
        model.readout.load_state_dict(read)
    model.train().requires_grad_(True)
    if trained is not None:
        trained.style.requires_grad_(False)  # no loss reaches it: processes would wait for it
    return model


@torch.no_grad()
def fresh_mapper(n_styles: int, style_dim: int, start: str) -> Mapper:
    mapper = Mapper(n_styles, style_dim)
    weight, bias = mapper.linear.weight, mapper.linear.bias
    width = n_styles * style_dim
    if start == "constant":
        weight.fill_(1e-5)
        bias.fill_(1e-3)
    elif start == "identity":
        nn.init.normal_(weight, std=0.2 / width**0.5)
        weight[:, :width] = torch.eye(width)
        bias.zero_()
    else:
        raise ConfigError(f"mapper_start must be identity or constant, not {start}.")
    return mapper
