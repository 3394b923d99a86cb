"""Losses of the stages. Pictures are `[B, 3, H, W]` in [-1, 1]; a loss is a mean over the batch.

Equations are those of the paper (arXiv 2504.13021, section 3.3). With s a source frame and t a
target, letters for identities, g(s -> t) = G(M(E_m(s), E_i(t))):

    eq. 1  `l2`         s_A against g(s_A -> t_A), two frames of one clip
    eq. 2  `lpips`      the same pair
    eq. 3  `identity`   g(s_A -> t_B) against t_B
    eq. 4, 5, 6 `cosface`  motion codes of g(s_A -> t_A) and g(s_A -> t_B) against that of s_A,
                        not that of t_B
           `l2_crop`, `lpips_crop`  eqs. 1 and 2 on the inner 188 x 188 of 256 pixels
           `id_true`   eq. 3's network on the pair of eqs. 1 and 2 (ours): the truth is in the same
                       motion, so that nothing pulls towards the expression of t_B

Where the released training code computes something else than the text, the docstring says so.
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylexfer.networks import Recognition, recognition_view

EYES_AND_MOUTH = slice(36, 68)  # of the 68 landmarks
CROP = (55, 243, 32, 220)  # rows, columns of a 256 px face (the released training code)


def focus_map(landmarks: np.ndarray, size: int, gain: float = 4.0, radius: float = 0.045) -> Tensor:
    """Weights `[B, 1, size, size]`, 1 .. 1 + gain: more on eyes and mouth, where expression is.

    `landmarks` `[B, 68, 2]` in fractions of the picture; `radius` likewise.
    """
    points = torch.from_numpy(np.asarray(landmarks, dtype=np.float32))[:, EYES_AND_MOUTH]
    coarse = min(size, 32)
    grid = (torch.arange(coarse, dtype=torch.float32) + 0.5) / coarse
    dx = (grid[None, None, :] - points[..., 0, None]).square()  # [B, P, coarse]
    dy = (grid[None, None, :] - points[..., 1, None]).square()
    distance = (dy[..., :, None] + dx[..., None, :]).amin(dim=1, keepdim=True)
    weight = 1 + gain * torch.exp(-distance / (2 * radius**2))
    return F.interpolate(weight, size=(size, size), mode="bilinear")


def pyramid_l1(a: Tensor, b: Tensor, weight: Tensor, levels: int = 3) -> Tensor:
    """Weighted L1 at full size and after each halving, averaged over the levels."""
    total = 0.0
    difference = a - b
    for level in range(levels + 1):
        if level:
            difference = F.avg_pool2d(difference, 2)
            weight = F.avg_pool2d(weight, 2)
        total = total + (difference.abs() * weight).mean()
    return total / (levels + 1)


def gradient_l1(a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
    """Weighted L1 between horizontal and vertical finite differences: edges."""
    difference = a - b
    dx = (difference[..., :, 1:] - difference[..., :, :-1]).abs() * weight[..., :, 1:]
    dy = (difference[..., 1:, :] - difference[..., :-1, :]).abs() * weight[..., 1:, :]
    return dx.mean() + dy.mean()


def l2(a: Tensor, b: Tensor) -> Tensor:
    """Eq. 1. The text writes a norm; here, as in the released code, the mean squared error."""
    return (a - b).square().mean()


def face_crop(images: Tensor) -> Tensor:
    """The inner face: rows 55:243 and columns 32:220 of 256, in proportion at another side."""
    top, bottom, left, right = (round(v * images.shape[-1] / 256) for v in CROP)
    return images[:, :, top:bottom, left:right]


def reconstruction(
    images: Tensor,
    truth: Tensor,
    weights: Mapping[str, float],
    lpips: Callable[[Tensor, Tensor], Tensor] | None,
    recognition: Recognition | None = None,
) -> dict[str, Tensor]:
    """Those of l2, lpips, l2_crop, lpips_crop and id_true that have a weight, unweighted.

    `lpips(a, b)` is LPIPS v0.1 on AlexNet (`stylexfer.metrics.perceptual.load_lpips`), at least
    31 px a side. The paper's eq. 2 writes 1 - <P(s), P(g)>, an inner product of normalised AlexNet
    features; the released code trains with LPIPS proper, and so does this.
    """
    terms = {}
    if weights.get("l2"):
        terms["l2"] = l2(images, truth)
    if weights.get("lpips"):
        terms["lpips"] = lpips(images, truth).mean()
    inner, inner_truth = face_crop(images), face_crop(truth)
    if weights.get("l2_crop"):
        terms["l2_crop"] = l2(inner, inner_truth)
    if weights.get("lpips_crop"):
        terms["lpips_crop"] = lpips(inner, inner_truth).mean()
    if weights.get("id_true"):
        terms["id_true"] = identity(images, truth, recognition)
    return terms


def identity(images: Tensor, reference: Tensor, network: Recognition) -> Tensor:
    """Eq. 3: mean of 1 - <R(g(s_A -> t_B)), R(reference of t_B)>, R of length 1.

    No gradient flows into the reference: t_B itself (the paper's text) or its decoded inversion
    (the released code). Both are pooled whole to R's input, as in the released code; pSp crops.
    """
    size = network.config.input_size
    with torch.no_grad():
        wanted = network(recognition_view(reference, crop=False, size=size))
    found = network(recognition_view(images, crop=False, size=size))
    return (1 - (found * wanted).sum(dim=1)).mean()


def cosface(
    source: Tensor, own: Tensor, other: Tensor, target: Tensor, scale: float, margin: float
) -> Tensor:
    """Eqs. 4 to 6: CosFace on motion codes, `[B, ...]` each (flattened), a mean over the batch.

    With z_s = E_m(s_A), z_own = E_m(g(s_A -> t_A)), z_other = E_m(g(s_A -> t_B)), z_t = E_m(t_B):
    positive pairs (z_own, z_s), (z_other, z_s); negative pairs (z_own, z_t), (z_other, z_t);

        L = - sum over positives p of log( e^(d(p) - scale * margin) /
                                           (e^(d(p) - scale * margin) + sum over negatives e^d(n)) )

    and d = scale * cosine. The released code (and MegaPortraits, from which the loss is) subtracts
    its margin from negative pairs too, so that it cancels: margin = 0 here is that, with scale 5.
    A margin above 0 is CosFace's own (Wang et al. 2018), on positive pairs alone.
    """
    codes = [z.flatten(1) for z in (source, own, other, target)]
    source, own, other, target = (F.normalize(z, dim=1) for z in codes)
    positive = torch.stack([(own * source).sum(1), (other * source).sum(1)], dim=1)  # [B, 2]
    negative = torch.stack([(own * target).sum(1), (other * target).sum(1)], dim=1)
    positive, negative = scale * (positive - margin), scale * negative
    against = torch.logaddexp(positive, negative.logsumexp(dim=1, keepdim=True))
    return (against - positive).sum(dim=1).mean()


class MarginHead(nn.Module):
    """Classification of embeddings with an angular margin: ArcFace, or CosFace (additive cosine).

    Embeddings `[B, features]` of length 1 and identities `[B]` -> cross-entropy. Cosines to one
    direction per identity, that of the true one made smaller by the margin, times `scale`.
    ArcFace (Deng et al. 2019): cos(angle + margin), and cos - margin * sin(margin) where the sum
    would pass 180 degrees. CosFace (Wang et al. 2018): cos - margin.
    """

    def __init__(self, features: int, identities: int, kind: str, scale: float, margin: float):
        super().__init__()
        if kind not in ("arcface", "cosface"):
            raise ValueError(f"margin must be arcface or cosface, not {kind}")
        self.weight = nn.Parameter(torch.randn(identities, features) * 0.01)
        self.kind, self.scale, self.margin = kind, scale, margin

    def logits(self, embedding: Tensor, identity: Tensor) -> tuple[Tensor, Tensor]:
        """(with the margin, plain cosines), `[B, identities]` each."""
        with torch.autocast(embedding.device.type, enabled=False):  # `scale` makes errors large
            weight = F.normalize(self.weight, dim=1)
            cosine = (embedding.to(weight.dtype) @ weight.t()).clamp(-1, 1)
        true = cosine.gather(1, identity[:, None])
        if self.kind == "cosface":
            moved = true - self.margin
        else:
            # the slope of arccos is infinite at 1: keep a little away from it
            angle = torch.arccos(true.clamp(-1 + 1e-6, 1 - 1e-6))
            beyond = true - self.margin * np.sin(self.margin)
            moved = torch.where(angle + self.margin < np.pi, torch.cos(angle + self.margin), beyond)
        return self.scale * cosine.scatter(1, identity[:, None], moved), cosine

    def forward(self, embedding: Tensor, identity: Tensor) -> tuple[Tensor, Tensor]:
        """(loss, share of the batch whose own direction is the nearest)."""
        logits, cosine = self.logits(embedding, identity)
        hit = (cosine.argmax(dim=1) == identity).float().mean()
        return F.cross_entropy(logits, identity), hit


def weighted(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Sum of the terms, each times its weight. A term without a weight is only watched."""
    return sum(weights[k] * v for k, v in terms.items() if weights.get(k))
