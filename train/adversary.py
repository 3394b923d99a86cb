"""The adversarial part of the generator stage: losses, lazy regularisation, adaptive augmentation.

Non-saturating logistic loss and R1 (Mescheder et al. 2018), path length regularisation (Karras et
al. 2020), both lazily; adaptive discriminator augmentation (Karras et al. 2020, "Training GANs with
limited data") with its geometric and colour transforms, as many as the sign of the logits on real
pictures asks for.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def fooling_loss(fake: Tensor) -> Tensor:
    """Of the generator, from the discriminator's logits `[B]`: mean of -log sigmoid."""
    return F.softplus(-fake).mean()


def telling_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Of the discriminator."""
    return F.softplus(fake).mean() + F.softplus(-real).mean()


def r1(real: Tensor, given: Tensor) -> Tensor:
    """Mean squared length of the logits' gradient in the inputs `given`, which require one."""
    (slope,) = torch.autograd.grad(real.sum(), given, create_graph=True)
    return slope.square().flatten(1).sum(dim=1).mean()


def path_lengths(images: Tensor, codes: Tensor, noise: Tensor) -> Tensor:
    """|J^T y| of each picture, `[B]`: root of the mean over rows of a W+ code `[B, n, d]` of the
    squared length; `noise` y as `images`, normal, here divided by the root of the pixel count."""
    scaled = noise / math.sqrt(images.shape[-1] * images.shape[-2])
    (slope,) = torch.autograd.grad((images * scaled).sum(), codes, create_graph=True)
    return slope.square().sum(dim=2).mean(dim=1).sqrt()


class Adversary:
    """A discriminator in training, and what it asks of the generator.

    `settings`: r1, r1_every, path, path_every, ada_target, ada_every, ada_pictures.
    """

    def __init__(self, net: nn.Module, settings: dict, average: Callable[[Tensor], Tensor]):
        """net: the discriminator as prepared for its processes; average: over the processes."""
        self.net, self.settings, self.average = net, settings, average
        self.pace = Pace()

    def fool(self, images: Tensor, codes: Tensor, step: int) -> dict[str, Tensor]:
        """Terms of the generator's loss for pictures `[B, 3, H, W]` of codes `[B, n, d]`."""
        bare = getattr(self.net, "module", self.net)  # its own gradients are not wanted here
        bare.requires_grad_(False)
        terms = {"fool": fooling_loss(bare(adaptive_augment(images, self.pace.share)))}
        bare.requires_grad_(True)
        every, weight = self.settings["path_every"], self.settings["path"]
        if weight and step % every == 0:
            lengths = path_lengths(images, codes, torch.randn_like(images))
            mean = self.average(lengths.detach().mean())
            terms["path"] = weight * every * self.pace.path_penalty(lengths, mean)
        return terms

    def tell(self, real: Tensor, fake: Tensor, step: int) -> dict[str, Tensor]:
        """Terms of the discriminator's own loss; pictures `[B, 3, H, W]` each."""
        lazily = bool(self.settings["r1"]) and step % self.settings["r1_every"] == 0
        real = adaptive_augment(real, self.pace.share).requires_grad_(lazily)
        found = self.net(real)
        terms = {
            "tell": telling_loss(found, self.net(adaptive_augment(fake.detach(), self.pace.share)))
        }
        if lazily:
            half = self.settings["r1"] / 2 * self.settings["r1_every"]
            terms["r1"] = half * r1(found, real)
        self.pace.watch(self.average(found.detach().sign().mean()), len(real))
        return terms

    def adapt(self, step: int) -> None:
        """After a step: more augmentation where the discriminator knows the pictures by heart."""
        if (step + 1) % self.settings["ada_every"] == 0:
            self.pace.adapt(self.settings["ada_target"], self.settings["ada_pictures"])


class CodeJudge:
    """e4e's discriminator of codes in training: rows of W+ codes should look like w's.

    `settings`: r1, r1_every.
    """

    def __init__(self, net: nn.Module, settings: dict):
        """net: the discriminator as prepared for its processes."""
        self.net, self.settings = net, settings

    def fool(self, codes: Tensor) -> Tensor:
        """Of the encoder, for codes `[B, n, d]`."""
        bare = getattr(self.net, "module", self.net)
        bare.requires_grad_(False)
        loss = fooling_loss(bare(codes.flatten(0, 1)))
        bare.requires_grad_(True)
        return loss

    def tell(self, w: Tensor, codes: Tensor, step: int) -> Tensor:
        """Of the discriminator, for w `[N, d]` of the generator's W and codes `[B, n, d]`."""
        lazily = step % self.settings["r1_every"] == 0
        w = w.detach().requires_grad_(lazily)
        found = self.net(w)
        loss = telling_loss(found, self.net(codes.detach().flatten(0, 1)))
        if lazily:
            loss = loss + self.settings["r1"] / 2 * self.settings["r1_every"] * r1(found, w)
        return loss


class Pace(nn.Module):
    """What lazy and adaptive parts remember between steps: a part of the checkpoint.

    `path_mean`: running mean of path lengths; `share`: how often augmentations happen; `signs`,
    `seen`: of the logits on real pictures since `share` was last moved.
    """

    def __init__(self):
        super().__init__()
        for name in ("path_mean", "share", "signs", "seen"):
            self.register_buffer(name, torch.zeros(()))

    def path_penalty(self, lengths: Tensor, mean: Tensor, decay: float = 0.01) -> Tensor:
        """Mean squared distance of the lengths from their running mean; `mean` is that of all
        processes, without gradient."""
        self.path_mean.lerp_(mean, decay)
        return (lengths - self.path_mean).square().mean()

    def watch(self, sign: Tensor, count: int) -> None:
        """Mean sign of the logits of `count` real pictures."""
        self.signs += sign * count
        self.seen += count

    def adapt(self, target: float, pictures: float) -> None:
        """Move `share` to where the mean sign is `target`; `pictures` take it from 0 to 1."""
        if self.seen > 0:
            direction = torch.sign(self.signs / self.seen - target)
            self.share.add_(direction * self.seen / pictures).clamp_(0, 1)
            self.signs.zero_()
            self.seen.zero_()


def _turn(angle: Tensor) -> Tensor:
    cos, sin, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    return torch.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], 1).view(-1, 3, 3)


def _scale(x: Tensor, y: Tensor) -> Tensor:
    return torch.diag_embed(torch.stack([x, y, torch.ones_like(x)], 1))


def _shift(x: Tensor, y: Tensor) -> Tensor:
    matrix = torch.eye(3, device=x.device).repeat(len(x), 1, 1)
    matrix[:, 0, 2], matrix[:, 1, 2] = x, y
    return matrix


class _Dice:
    """Random numbers for `count` pictures; `happens` tells to which of them a transform happens."""

    def __init__(self, count: int, share: Tensor):
        self.count, self.share = count, share

    def normal(self, spread: float) -> Tensor:
        return torch.randn(self.count, device=self.share.device) * spread

    def uniform(self) -> Tensor:
        return torch.rand(self.count, device=self.share.device)

    def happens(self, value: Tensor, otherwise: float) -> Tensor:
        return torch.where(self.uniform() < self.share, value, otherwise)


def adaptive_augment(images: Tensor, share: Tensor) -> Tensor:
    """Each transform with probability `share`, on pictures `[B, 3, H, W]`; differentiable.

    The paper's "bg" and "c" groups and ranges: mirroring, quarter turns, shifts by whole and part
    pixels, scaling even and uneven, turns; brightness, contrast, inversion of luma, hue,
    saturation. Resampled once, bilinearly, with reflected borders. Draws from torch's global
    generator.
    """
    dice = _Dice(len(images), share)
    one = torch.ones(len(images), device=images.device)
    flip = dice.happens(1 - 2 * (dice.uniform() < 0.5).float(), 1.0)
    place = _scale(flip, one)
    place = place @ _turn(dice.happens((dice.uniform() * 4).floor() * (math.pi / 2), 0.0))
    # grid units run from -1 to 1: a shift of an eighth of the side is a quarter
    place = place @ _shift(
        dice.happens(dice.uniform() * 0.5 - 0.25, 0.0),
        dice.happens(dice.uniform() * 0.5 - 0.25, 0.0),
    )
    even = dice.happens(torch.exp2(dice.normal(0.2)), 1.0)
    place = place @ _scale(even, even)
    turn = math.pi * (2 * dice.uniform() - 1)
    place = place @ _turn(dice.happens(turn, 0.0))
    uneven = dice.happens(torch.exp2(dice.normal(0.2)), 1.0)
    place = place @ _scale(uneven, 1 / uneven)
    place = place @ _shift(
        dice.happens(dice.normal(0.25), 0.0), dice.happens(dice.normal(0.25), 0.0)
    )
    grid = F.affine_grid(place[:, :2], list(images.shape), align_corners=False)
    images = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)

    brightness = dice.happens(dice.normal(0.2), 0.0)
    contrast = dice.happens(torch.exp2(dice.normal(0.5)), 1.0)
    grey = torch.full((3, 3), 1 / 3, device=images.device)
    eye = torch.eye(3, device=images.device)
    invert = dice.happens((dice.uniform() < 0.5).float(), 0.0)[:, None, None]
    hue = dice.happens(math.pi * (2 * dice.uniform() - 1), 0.0)
    saturation = dice.happens(torch.exp2(dice.normal(1.0)), 1.0)[:, None, None]
    luma = eye - 2 * grey * invert
    mix = (grey + (eye - grey) * saturation) @ _hue(hue) @ luma * contrast[:, None, None]
    shift = mix @ brightness[:, None, None].expand(-1, 3, 1)
    return (mix @ images.flatten(2) + shift).view(images.shape)


def _hue(angle: Tensor) -> Tensor:
    """Turns about the grey axis, `[B, 3, 3]` (Rodrigues)."""
    k = 1 / math.sqrt(3)
    cross = torch.tensor([[0, -k, k], [k, 0, -k], [-k, k, 0]], device=angle.device)
    sin, cos = angle.sin()[:, None, None], angle.cos()[:, None, None]
    return torch.eye(3, device=angle.device) + sin * cross + (1 - cos) * (cross @ cross)
