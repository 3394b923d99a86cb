"""Each loss against a slow reference written from its formula, and its gradient."""

import math

import numpy as np
import pytest
import torch

from stylexfer.metrics.perceptual import load_lpips
from stylexfer.networks import IRSEConfig, Recognition, RecognitionConfig
from train import losses
from train.adversary import path_lengths, r1

RNG = np.random.default_rng(0)


def pictures(count=2, side=64, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, side, side, generator=rng) * 2 - 1


def test_l2_is_the_mean_of_squares():
    a, b = pictures(side=6), pictures(side=6, seed=1)
    total = sum((float(x) - float(y)) ** 2 for x, y in zip(a.flatten(), b.flatten(), strict=True))
    assert losses.l2(a, b).item() == pytest.approx(total / a.numel(), rel=1e-5)


def test_the_face_is_cut_out_as_in_the_released_code():
    rows = torch.arange(256.0).view(1, 1, 256, 1).expand(1, 3, 256, 256)
    columns = rows.transpose(2, 3)
    assert losses.face_crop(rows)[0, 0, [0, -1], 0].tolist() == [55, 242]
    assert losses.face_crop(columns)[0, 0, 0, [0, -1]].tolist() == [32, 219]
    assert losses.face_crop(rows).shape[2:] == (188, 188)
    assert losses.face_crop(pictures(1, 1024)).shape[2:] == (752, 752)
    assert losses.face_crop(pictures(1, 128)).shape[2:] == (94, 94)


def slow_lpips(model, a, b):
    """From the definition (Zhang et al. 2018, v0.1), one picture and one tap at a time, float64."""
    state = {k: v.double() for k, v in model.state_dict().items()}
    layers = [(0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1)]  # index, stride, padding
    shift = torch.tensor([-0.030, -0.088, -0.188]).double()[:, None, None]
    scale = torch.tensor([0.458, 0.448, 0.450]).double()[:, None, None]
    total = 0.0
    for x, y in zip(a.double(), b.double(), strict=True):
        x, y = (((v - shift) / scale)[None] for v in (x, y))
        for k, (index, stride, padding) in enumerate(layers):
            weight, bias = (state[f"net.slice{k + 1}.{index}.{p}"] for p in ("weight", "bias"))
            linear = state[f"lin{k}.model.1.weight"][0, :, 0, 0]
            taps = []
            for value in (x, y):
                if index in (3, 6):
                    value = torch.nn.functional.max_pool2d(value, 3, 2)
                value = torch.nn.functional.conv2d(value, weight, bias, stride, padding)
                taps.append(value.clamp(min=0))
            x, y = taps
            unit = [v / (v.square().sum(1, keepdim=True).sqrt() + 1e-10) for v in taps]
            apart = (unit[0] - unit[1]).square()[0]
            total += sum(float(linear[c]) * apart[c].mean().item() for c in range(len(linear)))
    return total / len(a)


def test_reconstruction_is_l2_and_lpips_of_the_picture_and_of_the_face():
    lpips = load_lpips()
    a, b = pictures(side=96), pictures(side=96, seed=1)
    names = ("l2", "lpips", "l2_crop", "lpips_crop")
    found = losses.reconstruction(a, b, dict.fromkeys(names, 1.0), lpips)
    assert tuple(found) == names
    assert found["lpips"].item() == pytest.approx(slow_lpips(lpips, a, b), rel=1e-4)
    inner = [v[:, :, round(96 * 55 / 256) : 91, 12:82] for v in (a, b)]
    assert inner[0].shape == losses.face_crop(a).shape
    assert found["l2_crop"].item() == pytest.approx(losses.l2(*inner).item(), rel=1e-6)
    assert found["lpips_crop"].item() == pytest.approx(slow_lpips(lpips, *inner), rel=1e-4)
    assert losses.reconstruction(a, b, {"l2": 0.0}, None) == {}


@pytest.fixture(scope="module")
def recognition():
    torch.manual_seed(0)
    trunk = IRSEConfig(widths=(16, 16, 16), depths=(1, 1, 1), se_reduction=4)
    return Recognition(RecognitionConfig(32, 12, trunk)).eval().requires_grad_(False)


def test_identity_is_one_minus_the_cosine(recognition):
    a, b = pictures(3), pictures(3, seed=1)
    total = 0.0
    for x, y in zip(a, b, strict=True):
        # the whole picture, averaged to 256 and then to the network's input
        view = [torch.nn.functional.adaptive_avg_pool2d(v[None], 256) for v in (x, y)]
        p, q = (recognition(torch.nn.functional.adaptive_avg_pool2d(v, 32))[0] for v in view)
        total += 1 - sum(float(i) * float(j) for i, j in zip(p, q, strict=True))
    assert losses.identity(a, b, recognition).item() == pytest.approx(total / 3, rel=1e-4)
    assert losses.identity(a, a, recognition).item() == pytest.approx(0, abs=1e-5)


def test_identity_gives_no_gradient_to_its_reference(recognition):
    a, b = pictures(1, 32).requires_grad_(), pictures(1, 32, seed=1).requires_grad_()
    losses.identity(a, b, recognition).backward()
    assert b.grad is None
    step = 1e-2 * torch.nn.functional.normalize(a.grad.flatten(), dim=0).view_as(a)
    with torch.no_grad():
        up, down = (losses.identity(a + s * step, b, recognition) for s in (1, -1))
    assert (up - down).item() / 2e-2 == pytest.approx(a.grad.norm().item(), rel=0.05)


def slow_cosface(source, own, other, target, scale, margin_positive, margin_negative):
    def cosine(a, b):
        a, b = a.flatten().tolist(), b.flatten().tolist()
        dot = sum(x * y for x, y in zip(a, b, strict=True))
        return dot / math.sqrt(sum(x * x for x in a)) / math.sqrt(sum(x * x for x in b))

    total = 0.0
    for s, o, x, t in zip(source, own, other, target, strict=True):
        positive = [math.exp(scale * (cosine(v, s) - margin_positive)) for v in (o, x)]
        negative = [math.exp(scale * (cosine(v, t) - margin_negative)) for v in (o, x)]
        total -= sum(math.log(p / (p + sum(negative))) for p in positive)
    return total / len(source)


@pytest.mark.parametrize("margin", [0.0, 0.35])
def test_cosface_is_its_formula(margin):
    codes = [torch.from_numpy(RNG.normal(size=(3, 4, 5))) for _ in range(4)]
    found = losses.cosface(*codes, scale=5.0, margin=margin).item()
    assert found == pytest.approx(slow_cosface(*codes, 5.0, margin, 0.0), rel=1e-9)
    for z in codes:
        z.requires_grad_()
    assert torch.autograd.gradcheck(lambda *z: losses.cosface(*z, 5.0, margin), codes)


def test_a_margin_on_all_pairs_cancels():
    """The released code's margin of 2 does nothing: margin 0 is that code."""
    codes = [torch.from_numpy(RNG.normal(size=(3, 20))) for _ in range(4)]
    released = slow_cosface(*codes, 5.0, 2.0, 2.0)
    assert losses.cosface(*codes, 5.0, 0.0).item() == pytest.approx(released, rel=1e-9)


@pytest.mark.parametrize("kind", ["arcface", "cosface"])
def test_the_margin_head_is_its_formula(kind):
    torch.manual_seed(0)
    head = losses.MarginHead(6, 4, kind, 8.0, 0.4).double()
    x = torch.nn.functional.normalize(torch.randn(5, 6).double(), dim=1)
    with torch.no_grad():  # the first is nearly opposite to its identity: the angle passes 180
        head.weight[2] = -x[0] + 0.05 * x[1]
    labels = torch.tensor([2, 0, 1, 3, 1])
    total, hits = 0.0, 0
    for embedding, label in zip(x, labels.tolist(), strict=True):
        cosines = [float(embedding @ w / w.norm()) for w in head.weight.detach()]
        true, logits = cosines[label], [8.0 * c for c in cosines]
        moved = true - 0.4
        if kind == "arcface":
            angle = math.acos(true) + 0.4
            moved = math.cos(angle) if angle < math.pi else true - 0.4 * math.sin(0.4)
        logits[label] = 8.0 * moved
        total -= logits[label] - math.log(sum(math.exp(v) for v in logits))
        hits += cosines.index(max(cosines)) == label
    loss, share = head(x, labels)
    assert loss.item() == pytest.approx(total / 5, rel=1e-6)
    assert share.item() == pytest.approx(hits / 5)
    x.requires_grad_()
    assert torch.autograd.gradcheck(lambda v: head(v, labels)[0], x)


def test_r1_is_the_squared_slope_of_the_logits():
    x = pictures(3, 4).double().requires_grad_()
    weight = torch.from_numpy(RNG.normal(size=48))
    logits = (x.flatten(1).square() * weight).sum(dim=1)  # slope 2 w x
    slow = np.mean([sum((2 * w * v) ** 2 for w, v in zip(weight, p, strict=True))
                    for p in x.detach().flatten(1)])  # fmt: skip
    penalty = r1(logits, x)
    assert penalty.item() == pytest.approx(float(slow), rel=1e-9)
    (slope,) = torch.autograd.grad(penalty, x)  # of mean of (2 w x)^2: 8 w^2 x / 3
    assert torch.allclose(slope.flatten(1), 8 * weight**2 * x.flatten(1) / 3)


def test_path_lengths_are_those_of_the_jacobian():
    codes = torch.from_numpy(RNG.normal(size=(2, 3, 4))).requires_grad_()
    matrix = torch.from_numpy(RNG.normal(size=(12, 3 * 8 * 8)))
    noise = torch.from_numpy(RNG.normal(size=(2, 3, 8, 8)))
    images = (codes.flatten(1) @ matrix).view(2, 3, 8, 8)
    found = path_lengths(images, codes, noise)
    for value, y in zip(found, noise, strict=True):
        slope = (matrix @ (y.flatten() / 8)).view(3, 4)  # J^T y, a row of W+ at a time
        wanted = math.sqrt(sum(float((row**2).sum()) for row in slope) / 3)
        assert value.item() == pytest.approx(wanted, rel=1e-9)


def test_terms_without_a_weight_are_left_out():
    terms = {"a": torch.tensor(2.0), "b": torch.tensor(5.0), "watched": torch.tensor(7.0)}
    assert losses.weighted(terms, {"a": 3.0, "b": 0.0}).item() == 6.0
