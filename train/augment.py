"""Augmentations that make networks trained on rendered faces work on real photos and paintings.

A picture goes the way a real one does: something is in front of the face, light falls unevenly;
a lens blurs it, or a painter paints it; it is developed, gets noise, is made small, is saved as a
JPEG, and is cut out at landmarks that are a little off. `STEPS` is that way, each step with the
share of pictures it happens to. Batched, on any device, from one torch.Generator: the same generator
gives the same pictures. `train/painters.py` has the painters.

Inside, pictures are `[k, 3, H, W]` in [0, 1], and lengths are in fractions of the side, so that a
step means the same at every size.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from train.painters import Draw, grid, luma, paint, smooth_field


def local_light(x: Tensor, draw: Draw, strength: float) -> Tensor:
    """A shadow's edge across the picture, soft or hard, and light of another colour in patches."""
    u, v = grid(x)
    angle, offset = draw.uniform(0, 2 * math.pi, 1, 1), draw.uniform(-0.35, 0.35, 1, 1)
    across = torch.cos(angle) * u + torch.sin(angle) * v - offset
    edge = torch.sigmoid(across / torch.exp(draw.uniform(math.log(0.01), math.log(0.3), 1, 1)))
    dark = draw.uniform(0.0, 0.65, 1, 1) * strength
    tinted = draw.uniform(-1.0, 0.3, 1, 1, 1).clamp_min(0)
    patches = smooth_field(draw, x.shape[-2:], 3, channels=3)
    patches = torch.lerp(patches.mean(dim=1, keepdim=True), patches, tinted)
    return x * (1 - dark * edge).unsqueeze(1) * torch.exp(0.35 * strength * patches)


def vignette(x: Tensor, draw: Draw, strength: float) -> Tensor:
    u, v = grid(x)
    return x * (1 - draw.uniform(0.2, 1.2, 1, 1) * strength * (u * u + v * v)).unsqueeze(1)


def hand(x: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
    """Cover [k, H, W] and light of it: a palm with four fingers that comes in from a side."""
    u, v = grid(x)
    angle = draw.uniform(-math.pi, math.pi, 1, 1)
    reach, slide = draw.uniform(0.0, 0.3, 1, 1), draw.uniform(-0.2, 0.2, 1, 1)
    along = torch.cos(angle) * u + torch.sin(angle) * v - reach  # 0 at the knuckles, out > 0
    side = -torch.sin(angle) * u + torch.cos(angle) * v - slide
    width = draw.uniform(0.035, 0.055, 1, 1)
    distance = torch.maximum(side.abs() - 4.2 * width, -along)
    for finger in range(4):
        centre = (2.1 * finger - 3.15) * width
        tip = draw.uniform(-6.0, -3.0, 1, 1) * width
        ahead = (along - along.clamp_min(tip)).square() + (side - centre).square()
        distance = torch.minimum(distance, ahead.sqrt() - width)
    return distance, 1 - 0.5 * torch.exp(-(distance / (0.6 * width)).square())


def slab(x: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
    """A box with round corners, turned: a phone, a cup, a book."""
    u, v = grid(x)
    angle = draw.uniform(-math.pi, math.pi, 1, 1)
    u, v = u - draw.uniform(-0.5, 0.5, 1, 1), v - draw.uniform(-0.5, 0.5, 1, 1)
    u, v = torch.cos(angle) * u + torch.sin(angle) * v, torch.cos(angle) * v - torch.sin(angle) * u
    a, b = u.abs() - draw.uniform(0.06, 0.2, 1, 1), v.abs() - draw.uniform(0.05, 0.15, 1, 1)
    outside = (a.clamp_min(0).square() + b.clamp_min(0).square()).sqrt()
    distance = outside + torch.maximum(a, b).clamp_max(0) - 0.015
    return distance, 1 + 0.8 * torch.tanh(8 * u * draw.normal(1, 1)) * 0.5


def strips(x: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
    """Strands of hair, branches, wire: thin curves from edge to edge."""
    u, v = grid(x)
    angle = draw.uniform(-math.pi, math.pi, 1, 1)
    u, v = torch.cos(angle) * u + torch.sin(angle) * v, torch.cos(angle) * v - torch.sin(angle) * u
    nearest = torch.ones_like(u)
    bend = draw.uniform(-0.6, 0.6, 1, 1)
    for _ in range(5):
        wave = draw.uniform(-0.05, 0.05, 1, 1) * torch.sin(6 * v + draw.uniform(0, 6, 1, 1))
        path = draw.uniform(-0.5, 0.5, 1, 1) + (bend + 0.15 * draw.normal(1, 1)) * v + wave
        width = draw.uniform(0.002, 0.02, 1, 1)
        nearest = torch.minimum(nearest, (u - path).abs() - width)
    return nearest, 1 + 0.3 * torch.sin(60 * u)


def occlude(x: Tensor, draw: Draw, strength: float) -> Tensor:
    """Something in front: of a flat colour, skin, or cut from another picture of the batch."""
    kind = draw.choice((0.35, 0.35, 0.3))
    other = x.roll(1, 0).flip(3) if len(x) > 1 else 1 - x.flip(3)
    tone = torch.tensor([0.85, 0.58, 0.45], device=x.device)[:, None, None]
    skin = tone * torch.exp(draw.uniform(-1.2, 0.15, 1, 1, 1))
    flat = draw.uniform(0, 1, 1, 1, 1) ** 2 + 0.15 * draw.normal(3, 1, 1)
    flat = torch.where(draw.uniform(0, 1, 1, 1, 1) < 0.35, other, flat)
    out = x.clone()
    for number, shape in enumerate((hand, slab, strips)):
        places = (kind == number).nonzero()[:, 0]
        if len(places):
            distance, light = shape(x[places], draw.of(len(places)))
            stuff = (skin if shape is hand else flat)[places] * light[:, None]
            cover = torch.sigmoid(distance * (-x.shape[-1] / 0.6)).unsqueeze(1)
            out[places] = torch.lerp(x[places], stuff.clamp(0, 1), cover)
    return out


def blur(x: Tensor, draw: Draw, strength: float) -> Tensor:
    """An oblong Gaussian, up to 2 % of the side across and 4 % along: out of focus, or moved."""
    reach = max(2, round(x.shape[-1] / 32))
    across = draw.uniform(0.1, 1.0, 1, 1) * strength * reach * 0.3
    along = across + draw.uniform(-1.0, 1.0, 1, 1).clamp_min(0) * strength * reach * 0.5
    angle = draw.uniform(0, math.pi, 1, 1)
    offset = torch.arange(-reach, reach + 1, device=x.device, dtype=x.dtype)
    a = torch.cos(angle) * offset + torch.sin(angle) * offset[:, None]
    b = torch.cos(angle) * offset[:, None] - torch.sin(angle) * offset
    kernel = torch.exp(-0.5 * ((a / (along + 0.3)) ** 2 + (b / (across + 0.3)) ** 2))
    kernel = kernel / kernel.sum(dim=(1, 2), keepdim=True)
    k, c, height, width = x.shape
    planes = F.pad(x, [reach] * 4, mode="replicate").reshape(1, k * c, height + 2 * reach, -1)
    weight = kernel.repeat_interleave(c, dim=0).unsqueeze(1)
    return F.conv2d(planes, weight, groups=k * c).view(k, c, height, width)


def colour(x: Tensor, draw: Draw, strength: float) -> Tensor:
    """Gamma, contrast, saturation, white balance, gain, and primaries a little off."""
    x = x.clamp(1e-3, 1) ** torch.exp(0.25 * strength * draw.normal(1, 1, 1))
    identity = torch.eye(3, device=x.device)
    to_grey = torch.tensor([0.299, 0.587, 0.114], device=x.device).expand(3, 3)
    saturation = (1 + 0.35 * strength * draw.normal(1, 1)).clamp_min(0)
    warm, green = 0.08 * strength * draw.normal(1, 1), 0.04 * strength * draw.normal(1, 1)
    balance = torch.exp(
        torch.cat([warm, green, -warm], dim=1) + 0.15 * strength * draw.normal(1, 1)
    )
    mix = identity + 0.03 * strength * draw.normal(3, 3)
    mix = balance * (mix @ torch.lerp(to_grey, identity, saturation))
    x = (mix @ x.flatten(2)).view(x.shape)
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return torch.lerp(mean, x, torch.exp(0.2 * strength * draw.normal(1, 1, 1)))


def grey(x: Tensor, draw: Draw, strength: float) -> Tensor:
    """Black and white, half of them toned as sepia or as an old print is."""
    tone = draw.uniform(-1, 1, 1, 1, 1).clamp_min(0)
    tint = torch.tensor([0.12, 0.0, -0.18], device=x.device)[:, None, None]
    return luma(x) * torch.exp(tone * tint) + 0.06 * tone


def noise(x: Tensor, draw: Draw, strength: float) -> Tensor:
    """Of the sensor: stronger in the light, or even; coloured, or the same in all channels."""
    level = 0.12 * strength * draw.uniform(0, 1, 1, 1, 1) ** 2
    shot = torch.where(draw.uniform(0, 1, 1, 1, 1) < 0.5, x.clamp(0.02, 1).sqrt(), 1.0)
    film = draw.uniform(0, 1, 1, 1, 1) < 0.4
    speckle = draw.normal(3, *x.shape[-2:])
    return x + level * shot * torch.where(film, speckle[:, :1], speckle)


def low_resolution(x: Tensor, draw: Draw, strength: float) -> Tensor:
    """Made small, to 1/1.3 to 1/(1 + 3.5 strength) of the side, and large again."""
    side = x.shape[-1]
    factor = 1.3 + (3.5 * strength - 0.3) * draw.uniform(0, 1) ** 2
    order = factor.argsort()
    out = torch.empty_like(x)
    for part in order.chunk(3):  # one size a part: a size a picture would be slow
        small = max(4, round(side / float(factor[part].mean().clamp_min(1.1))))
        mode = "area" if small % 2 else "bilinear"
        little = F.interpolate(x[part], (small, small), mode=mode)
        out[part] = F.interpolate(little, x.shape[-2:], mode="bicubic" if small % 3 else "bilinear")
    return out


def _dct() -> Tensor:
    """The orthonormal 8-point DCT, `[8, 8]`."""
    k, n = torch.arange(8.0)[:, None], torch.arange(8.0)
    rows = torch.cos(math.pi / 8 * (n + 0.5) * k) / 2
    rows[0] /= math.sqrt(2)
    return rows


def jpeg(x: Tensor, draw: Draw, strength: float) -> Tensor:
    """JPEG of quality 90 down to 90 - 75 strength, with halved chroma: 8x8 DCT and rounding.

    The step grows linearly with the frequency, which is near the standard's tables.
    """
    height, width = x.shape[-2:]
    x = F.pad(x, (0, -width % 16, 0, -height % 16), mode="replicate").clamp(0, 1)
    quality = 90 - 75 * strength * draw.uniform(0, 1, 1, 1, 1)
    scale = torch.where(quality < 50, 50 / quality, 2 - quality / 50) / 255
    frequency = torch.arange(8.0, device=x.device)
    steps = 10 + 6 * (frequency + frequency[:, None]) + frequency * frequency[:, None]
    dct = _dct().to(x.device)

    def code(plane: Tensor, coarser: float) -> Tensor:
        k, c, h, w = plane.shape
        blocks = plane.view(k, c, h // 8, 8, w // 8, 8).transpose(3, 4)
        step = (coarser * scale * steps)[:, :, None, None]  # [k, 1, 1, 1, 8, 8]
        freq = torch.round(dct @ blocks @ dct.t() / step) * step
        return (dct.t() @ freq @ dct).transpose(3, 4).reshape(k, c, h, w)

    y = luma(x)
    chroma = torch.cat([x[:, 2:] - y, x[:, :1] - y], dim=1)  # blue, red
    y = code(y - 0.5, 1.0) + 0.5
    chroma = F.interpolate(code(F.avg_pool2d(chroma, 2), 1.6), scale_factor=2, mode="bilinear")
    blue, red = y + chroma[:, :1], y + chroma[:, 1:]
    green = (y - 0.299 * red - 0.114 * blue) / 0.587
    return torch.cat([red, green, blue], dim=1)[..., :height, :width]


def crop(x: Tensor, draw: Draw, strength: float) -> Tensor:
    """Shift (4 %), scale (5 %) and turn (3 degrees): detected landmarks are not the exact ones."""
    normal = draw.normal(4) * strength / 2
    scale = 1 + 0.05 * normal[:, 0]
    angle = math.radians(3.0) * normal[:, 1]
    cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
    shift = 0.08 * normal[:, 2:]  # grid units run from -1 to 1
    rows = torch.stack(
        [torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)], 1
    )
    places = F.affine_grid(rows, list(x.shape), align_corners=False)
    return F.grid_sample(x, places, padding_mode="reflection", align_corners=False)


@dataclass(frozen=True)
class Step:
    """`apply(x [k, 3, H, W] in [0, 1], draw, strength)` happens to `share` of the pictures."""

    apply: Callable[[Tensor, Draw, float], Tensor]
    share: float


STEPS = {
    "occlude": Step(occlude, 0.2),
    "local_light": Step(local_light, 0.3),
    "vignette": Step(vignette, 0.15),
    "paint": Step(paint, 0.2),
    "blur": Step(blur, 0.3),
    "colour": Step(colour, 1.0),
    "grey": Step(grey, 0.12),
    "noise": Step(noise, 0.4),
    "low_resolution": Step(low_resolution, 0.3),
    "jpeg": Step(jpeg, 0.35),
    "crop": Step(crop, 1.0),
}


def augment(x: Tensor, rng: torch.Generator, strength: float = 1.0) -> Tensor:
    """All of `STEPS` on pictures `[B, 3, H, W]` in [-1, 1].

    `strength` 0 .. 1 scales how much a step does, and how often, unless it always happens. Random
    numbers are drawn on the generator's device.
    """
    y = (x + 1) / 2
    for step in STEPS.values():
        often = step.share if step.share == 1 else step.share * strength
        chosen = torch.rand(len(x), generator=rng, device=rng.device) < often
        places = chosen.nonzero()[:, 0].to(x.device)
        draw = Draw(rng, len(places), x.device)
        if len(places) == len(x):
            y = step.apply(y, draw, strength).clamp_(0, 1)
        elif len(places):
            y[places] = step.apply(y[places], draw, strength).clamp_(0, 1)
    return y * 2 - 1
