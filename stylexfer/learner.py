"""What faithful identity learns, and from which losses: see `stylexfer.tuning`.

- the photo at the pivot: L1, and distance in the maps of the identity encoder's trunk (the paper has
  LPIPS, which needs weights that no pack holds; measured, the two come out alike);
- the mirrored photo at the pivot's code moved to the mirrored motion: a second look at the person.
  Only the face counts there, so that the scene does not turn with the head;
- under motions of others, what the untuned generator leaves as it is still has to show the photo,
  what it changes has to change likewise, seen coarsely, and E_m has to read the same motion. This
  takes the place of the paper's locality regularisation, which would hold the pictures themselves.
"""

import copy
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from stylexfer.errors import StylexferError
from stylexfer.networks import ReStyleEncoder
from stylexfer.packs import Pack
from stylexfer.tensors import to_pictures

# What Adam's steps may add up to, in weights and in the code: too far, and expressions are lost. The
# levels up to 16 px, which place and move the face, go less far than those that colour it.
_COARSE_TRAVEL, _FINE_TRAVEL, _CODE = 0.18, 0.54, 3.0
_MIRRORED, _MAPS = 0.5, 0.15  # weights of losses; that of L1 at the pivot is 1
_STILL, _MOVED, _READ = 0.5, 1.5, 0.02
_FACE = 3.0  # times more than the rest of the photo does its face count, less one
_COARSE = 4  # pixels that count as one where whole motions are compared


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


class Learner:
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
                {"params": [], "most": _FINE_TRAVEL},
                {"params": [], "most": _COARSE_TRAVEL},
                {"params": [self.offset], "most": _CODE},
            ]
            for name, parameter in self.learned.items():
                groups[_is_coarse(name)]["params"].append(parameter)
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


def _is_coarse(name: str) -> bool:
    """Whether a parameter of the generator belongs to a level of at most 16 px."""
    part, number, *_ = name.split(".")
    levels = {"convs": 4, "to_rgbs": 2}  # of two layers, and of one
    return part not in levels or int(number) < levels[part]


def _face_mask(side: int) -> Tensor:
    """1 within the face of an FFHQ crop, 0 outside, soft between, `[1, 1, side, side]`."""
    across = torch.linspace(-1, 1, side)
    radius = (across / 0.5).square()[None] + ((across - 0.1) / 0.62).square()[:, None]
    return ((1.15 - radius.sqrt()) / 0.3).clamp(0, 1)[None, None]
