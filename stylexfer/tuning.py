"""Faithful identity: the generator fine-tuned for one portrait, in seconds, for one visitor.

Pivotal tuning (Roich et al. 2021, "Pivotal Tuning for Latent-based Editing of Real Images"): what an
inversion misses of a real face, its hair and its background goes into the weights, around the code
that stands for it. The pivot is M(E_i(t), E_m(t)), from which the code of every frame departs by
`change`. The inversion itself learns along, for the same reason as the paper optimises it first: it
moves the person under every motion alike. Losses:

- the photo at the pivot: L1, and distance in the maps of the identity encoder's trunk (the paper has
  LPIPS, which needs weights that no pack holds; measured, the two come out alike);
- the mirrored photo at the pivot's code moved to the mirrored motion: a second look at the person.
  Only the face counts there, so that the scene does not turn with the head;
- under motions of others, what the untuned generator leaves as it is still has to show the photo,
  what it changes has to change likewise, seen coarsely, and E_m has to read the same motion. This
  takes the place of the paper's locality regularisation, which would hold the pictures themselves.

The pack's weights are read, never written.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from stylexfer.errors import StylexferError
from stylexfer.identity import Identity, Tuning
from stylexfer.networks import Generator, GeneratorConfig, ReStyleEncoder
from stylexfer.packs import Pack
from stylexfer.tensors import mirrored, resized, to_pictures, to_tensor

if TYPE_CHECKING:
    from stylexfer.transfer import FaceTransfer

SECONDS = 60.0  # after which tuning ends wherever it is, on a machine that is very busy
_STEPS = 140  # at most,
_FEWEST = 16  # and with fewer it is not worth while
_CPU_WORK = 242.0  # 1e9 multiply-adds of the generator for one picture, times steps, on a CPU

# What Adam's steps may add up to, in weights and in the code: too far, and expressions are lost.
_TRAVEL, _CODE = 0.3, 3.0
_LONG = 40  # as if there were at least so many steps
_WARM, _FALL = 5, 0.4  # steps of the rate's rise, share of the steps in which it falls
_MIRRORED, _MAPS = 0.5, 0.15  # weights of losses; that of L1 at the pivot is 1
_STILL, _MOVED, _READ = 0.5, 1.5, 0.02
_FACE = 3.0  # times more than the rest of the photo does its face count, less one
_COARSE = 4  # pixels that count as one where whole motions are compared
_COMPARED = 8  # motions, of people whom the pack makes up,
_REACH = 1.6  # so many times as far: made-up people are livelier than that only rarely


@dataclass(frozen=True)
class Step:
    """How far tuning is: `done` of `planned` steps; with the last, the tuned identity."""

    done: int
    planned: int
    identity: Identity | None = None


@dataclass(frozen=True)
class Pivot:
    """What tuning is given. Codes are `[B, n_styles, style_dim]`, pictures `[1, 3, size, size]`.

    `code` and `picture`: of the person. `mirrored`: the code of the mirrored picture. `motions`:
    codes of the person under the motions of others.
    """

    code: Tensor
    picture: Tensor
    mirrored: Tensor
    motions: Tensor


def work(config: GeneratorConfig) -> float:
    """Multiply-adds of the 3x3 convolutions for one picture, in 1e9."""
    widths = config.channels
    total = 9 * 16 * widths[0] ** 2
    for level, (a, b) in enumerate(pairwise(widths)):
        total += 9 * (16 * 4**level) * a * b + 9 * (16 * 4 ** (level + 1)) * b * b
    return total / 1e9


def planned_steps(config: GeneratorConfig, device: torch.device) -> int:
    """By the generator's size and the kind of device, never by a clock: the same portrait gives the
    same result. 0: it would take too long to be worth while (1024 px on a CPU)."""
    if device.type != "cpu":
        return _STEPS
    steps = min(_STEPS, int(_CPU_WORK / work(config)))
    return steps if steps >= _FEWEST else 0


@torch.inference_mode()
def strangers(model: "FaceTransfer") -> Tensor:
    """Motion codes of people whom the pack makes up, `[_COMPARED, n_styles, style_dim]`."""
    generator = model.pack.generator
    rng = torch.Generator().manual_seed(0)
    z = torch.randn(_COMPARED, generator.config.z_dim, generator=rng).to(model.device)
    codes = generator.broadcast(generator.mapping(z)).split(model.batch_size)
    pictures = [picture for batch in codes for picture in model.decode(batch)]
    return _motions(model, pictures)


def _motions(model: "FaceTransfer", pictures: list[np.ndarray]) -> Tensor:
    crops = [resized(picture, model.view_side) for picture in pictures]
    step = model.batch_size
    return torch.cat([model.motion_codes(crops[i : i + step]) for i in range(0, len(crops), step)])


def _pivot(model: "FaceTransfer", identity: Identity) -> Pivot:
    rest, own = model.rest_code(identity), identity.motion.to(model.device)
    crop = resized(identity.crop, model.size)
    codes = {
        "code": rest,
        "mirrored": rest + model.change(_motions(model, [mirrored(identity.crop)]) - own, 1, 1),
        "motions": rest + _REACH * model.change(model.strangers - own, 1, 1),
    }
    # cloned: what inference mode has made cannot be learned from
    codes = {name: code.clone() for name, code in codes.items()}
    return Pivot(picture=to_tensor([crop]).to(model.device), **codes)


def tune(model: "FaceTransfer", identity: Identity, seconds: float) -> Iterator[Step]:
    """`FaceTransfer.tune`."""
    if not model.tuning_steps:
        raise StylexferError(
            "This pack can't be made faithful to one portrait here: it needs a GPU, or a smaller "
            "pack, and the paper's method rather than a baseline. Go on without it."
        )
    pack = model.pack
    pivot = _pivot(model, identity)
    return tuning_steps(pack, identity, pivot, model.dtype, seconds)


def tuned_generator(generator: Generator, tuning: Tuning) -> Generator:
    """A copy of `generator` with the changes of `tuning`; it is left as it is."""
    tuned = copy.deepcopy(generator)
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if (change := tuning.change.get(name)) is not None:
                parameter += change.to(parameter)
    return tuned


def tuning_steps(
    pack: Pack, identity: Identity, pivot: Pivot, dtype: torch.dtype, seconds: float = SECONDS
) -> Iterator[Step]:
    """Fine-tune a copy of the pack's generator to `pivot`; a `Step` after each, the last with the
    identity.

    dtype: of the convolutions. seconds: a limit; a run that it cuts short (`Tuning.steps` says so)
    depends on how busy the machine was. Closing this generator early, or an error, leaves nothing
    behind. StylexferError.
    """
    planned = planned_steps(pack.generator.config, pivot.code.device)
    started = monotonic()
    learner = _Learner(pack, pivot, dtype)
    done = 0
    for done in range(1, planned + 1):
        learner.step(done - 1, _rate(done - 1, planned))
        late = monotonic() - started > seconds
        if done < planned and not late:
            yield Step(done, planned)
        if late:
            break
    tuned = {"tuning": Tuning(learner.change(), done, planned), "inversion": learner.picture()}
    code = identity.code + learner.offset.detach().cpu()
    yield Step(done, planned, replace(identity, code=code, **tuned))


def _rate(done: int, planned: int) -> float:
    rise = min(1.0, (done + 1) / _WARM)
    return rise * min(1.0, (planned - done) / (_FALL * planned)) / max(planned, _LONG)


class _Learner:
    """The copy that learns, and what its pictures are compared with."""

    def __init__(self, pack: Pack, pivot: Pivot, dtype: torch.dtype):
        # Steps may be taken in different threads: grad mode belongs to a thread, so each sets it.
        with torch.inference_mode(False), torch.no_grad():
            generator = self.untuned = pack.generator
            self.encoder, self.motion_encoder = pack.identity_encoder, pack.motion_encoder
            self.mapper, self.pivot, self.dtype = pack.mapper, pivot, dtype
            self.tuned = copy.deepcopy(generator).float().requires_grad_(False)
            self.learned = {
                name: parameter.requires_grad_(True)
                for name, parameter in self.tuned.named_parameters()
                if not name.startswith("style.")  # the mapping network has no part in it
            }
            self.offset = torch.zeros_like(pivot.code).requires_grad_(True)  # of the inversion
            groups = [
                {"params": list(self.learned.values()), "most": _TRAVEL},
                {"params": [self.offset], "most": _CODE},
            ]
            self.optimiser = torch.optim.Adam(groups, fused=True)
            self.face = _face_mask(generator.config.size).to(pivot.picture)
            self.weight = (1 + _FACE * self.face) / (1 + _FACE * self.face).mean()
            self.photo = pivot.picture
            self.maps = [self._maps(self.photo), self._maps(self.photo.flip(-1))]
            codes = pivot.motions.split(1)
            self.moved = torch.cat([generator(code, dtype=dtype) for code in codes])
            self.rest = generator(pivot.code, dtype=dtype)
            self.read = self._motion(self.moved)
            self.unit = self.read.var(dim=0).mean()
            self.rng = torch.Generator().manual_seed(0)

    def _maps(self, pictures: Tensor) -> list[Tensor]:
        """Of the encoder's trunk, each pixel divided by its length over the channels."""
        side = self.encoder.config.input_size
        if pictures.shape[-1] > side:
            pictures = F.adaptive_avg_pool2d(pictures, side)
        elif pictures.shape[-1] < side:
            pictures = F.interpolate(pictures, (side, side), mode="bilinear", align_corners=False)
        pairs = isinstance(self.encoder, ReStyleEncoder)  # of a picture and its reconstruction
        pictures = torch.cat([pictures, pictures], dim=1) if pairs else pictures
        with self._autocast(pictures):
            maps = [m.float() for m in self.encoder.pyramid(pictures)]
        return [m * (m.square().sum(dim=1, keepdim=True) + 1e-6).rsqrt() for m in maps]

    def _motion(self, pictures: Tensor) -> Tensor:
        """E_m of pictures, `[B, n_styles, style_dim]`."""
        side = self.motion_encoder.config.input_size
        if pictures.shape[-1] != side:
            pictures = F.adaptive_avg_pool2d(pictures, side)
        with self._autocast(pictures):
            return self.motion_encoder(pictures).float()

    def _autocast(self, pictures: Tensor) -> torch.autocast:
        low = self.dtype != torch.float32
        return torch.autocast(pictures.device.type, self.dtype if low else None, enabled=low)

    @torch.inference_mode(False)
    @torch.enable_grad()
    def step(self, number: int, rate: float) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["most"]
        loss = self._loss(number)
        if not torch.isfinite(loss):
            raise StylexferError(
                "This portrait could not be learned: go on without faithful identity."
            )
        loss.backward()
        self.optimiser.step()
        self.optimiser.zero_grad()

    def _loss(self, number: int) -> Tensor:
        """The photo at the pivot, and in turn the mirrored photo or a motion."""
        mirrored = number % 2 == 0
        k = int(torch.randint(len(self.moved), (1,), generator=self.rng))
        code = self.pivot.mirrored if mirrored else self.pivot.motions[k][None]
        codes = torch.cat([self.pivot.code, code]) + self._moved_code()
        now, other = self.tuned(codes, dtype=self.dtype).split(1)
        loss = (self.weight * (now - self.photo).abs()).mean() + self._far(now, self.maps[0])
        if mirrored:  # outside the face it is compared with what is there
            wanted = torch.lerp(other.detach(), self.photo.flip(-1), self.face)
            close = (other - wanted).abs().mean() + self._far(other, self.maps[1])
            return loss + _MIRRORED * close
        change = self.moved[k][None] - self.rest
        moves = F.avg_pool2d(change.abs().mean(dim=1, keepdim=True), 9, 1, 4)
        still = torch.exp(-(10 * moves).square())
        loss = loss + _STILL * (still * (other - self.photo).abs()).mean()
        gap = F.avg_pool2d(other - now - change, _COARSE)
        loss = loss + _MOVED * gap.abs().mean()
        apart = (self._motion(other) - self.read[k]).square().mean() / self.unit
        return loss + _READ * apart

    def _moved_code(self) -> Tensor:
        """What `offset` adds to M's output, whatever the motion."""
        term = self.mapper.identity_term
        return term(self.offset) - term(torch.zeros_like(self.offset))

    def _far(self, picture: Tensor, maps: list[Tensor]) -> Tensor:
        """Distance of a picture's maps from those of the photo or its mirror image."""
        gaps = zip(self._maps(picture), maps, strict=True)
        return _MAPS * sum((a - b).square().sum(dim=1).mean() for a, b in gaps)

    @torch.no_grad()
    def change(self) -> dict[str, Tensor]:
        """What has to be added to the pack's parameters, fp16 on the CPU."""
        before = dict(self.untuned.named_parameters())
        return {
            name: (parameter - before[name]).to("cpu", torch.float16)
            for name, parameter in self.learned.items()
        }

    @torch.no_grad()
    def picture(self) -> np.ndarray:
        """The pivot as it is drawn now, uint8 `[size, size, 3]`."""
        code = self.pivot.code + self._moved_code()
        return to_pictures(self.tuned(code, dtype=self.dtype))[0]


def _face_mask(side: int) -> Tensor:
    """1 within the face of an FFHQ crop, 0 outside, soft between, `[1, 1, side, side]`."""
    across = torch.linspace(-1, 1, side)
    radius = (across / 0.5).square()[None] + ((across - 0.1) / 0.62).square()[:, None]
    return ((1.15 - radius.sqrt()) / 0.3).clamp(0, 1)[None, None]
