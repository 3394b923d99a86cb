"""The prepared generator makes the pictures of the trainable one."""

import copy

import pytest
import torch
import torch.nn.functional as F

from stylexfer.networks import FastGenerator, Generator, GeneratorConfig
from stylexfer.networks.fast import folded_upsampling
from stylexfer.networks.graphs import GraphedGenerator, graphs_allowed
from stylexfer.networks.ops import Blur

CONFIGS = {
    "as in the pack": {"size": 64, "channels": (24, 24, 16, 8, 4)},
    "one picture at a time throughout": {"size": 32, "channels": (16, 2, 1, 1)},
    "never one at a time": {"size": 16, "channels": (16, 32, 32)},
    "widening": {"size": 64, "channels": (8, 4, 4, 64, 300)},
    "clamped": {"size": 32, "channels": (16, 16, 8, 4), "conv_clamp": 0.5},
}


def network(name: str = "as in the pack", noise: bool = True) -> Generator:
    """As training leaves it: biases and noise strengths are not zero."""
    torch.manual_seed(0)
    config = GeneratorConfig(**CONFIGS[name], style_dim=16, z_dim=24, n_mlp=2)
    made = Generator(config).eval().requires_grad_(False)
    for key, parameter in made.named_parameters():
        if key.endswith("bias") or (noise and key.endswith("noise.weight")):
            parameter += 0.3 * torch.randn_like(parameter)
    return made


def codes(generator: Generator, batch: int = 3) -> torch.Tensor:
    shape = (batch, generator.n_styles, generator.config.style_dim)
    return torch.randn(shape, generator=torch.manual_seed(1))


def off(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("name", CONFIGS)
def test_the_same_pictures(name, noise):
    generator = network(name, noise)
    w, fast = codes(generator), FastGenerator(generator)
    expected = generator(w)
    assert fast(w).dtype == torch.float32
    torch.testing.assert_close(fast(w), expected, rtol=0, atol=5e-6 * float(expected.abs().max()))
    if name == "clamped":  # or else the limit is not tested
        assert (network("clamped").conv1.clamp, expected.abs().max() > 0.5) == (0.5, True)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", CONFIGS)
def test_low_precision_is_no_farther_off_than_the_trainable_form(name, dtype):
    generator = network(name)
    w = codes(generator)
    exact = generator(w)
    allowed = off(generator(w, dtype=torch.bfloat16), exact)
    assert 0 < off(FastGenerator(generator, dtype)(w), exact) < 1.5 * allowed


def test_fp16_holds_the_styles_of_real_codes():
    """W+ codes of inverted photographs reach 100: sums beyond what fp16 holds, if not normalised."""
    generator = network()
    w = 100 * codes(generator)
    assert off(FastGenerator(generator, torch.float16)(w), generator(w)) < 0.01


@pytest.mark.parametrize("resolution", [4, 8, 16, 32, 64])
def test_an_earlier_output(resolution):
    generator = network()
    w, fast = codes(generator), FastGenerator(generator)
    torch.testing.assert_close(fast(w, resolution), generator(w, resolution=resolution))


def test_a_picture_does_not_depend_on_its_batch():
    generator = network()
    w, fast = codes(generator), FastGenerator(generator)
    alone = torch.cat([fast(one) for one in w.split(1)])
    torch.testing.assert_close(fast(w), alone, rtol=1e-5, atol=1e-5)
    assert torch.equal(fast(w), fast(w))


def test_upsampling_in_one_convolution():
    """The form for CUDA: four phases of one 6x6 kernel, for transposed convolution and blur."""
    torch.manual_seed(0)
    x, weight = torch.randn(2, 6, 7, 7), torch.randn(5, 6, 3, 3)
    expected = Blur()(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2))
    phases = F.conv2d(x, folded_upsampling(weight), padding=1).unflatten(1, (2, 2, 5))
    found = phases.permute(0, 3, 4, 1, 5, 2).reshape(2, 5, 14, 14)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("name", CONFIGS)
def test_the_form_for_cuda(name, dtype, monkeypatch):
    """On the CPU, so that it is checked where there is no GPU."""
    monkeypatch.setattr(FastGenerator, "to", lambda self, device: self)
    generator = network(name)
    w, fast = codes(generator), FastGenerator(generator, dtype, "cuda")
    assert fast.layers[1].folded
    assert off(fast(w), generator(w)) < (1e-5 if dtype == torch.float32 else 0.01)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@torch.inference_mode()
def test_graphs_make_the_same_pictures():
    generator = network().cuda()
    fast = FastGenerator(generator)
    graphed = GraphedGenerator(fast)
    w = codes(generator, 6).cuda()
    for batch in (2, 3, 2, 3, 2, 1, 1, 1):
        for part in w.split(batch):
            torch.testing.assert_close(graphed(part), fast(part))
    assert set(graphed._graphs) == {1, 2, 3}


def test_a_tuned_generator_does_not_disturb_the_shared_one():
    shared = network()
    w, fast = codes(shared), FastGenerator(shared)
    before = fast(w)
    tuned = copy.deepcopy(shared)
    for layer in tuned.convs:
        layer.conv.weight *= 1.1
        layer.conv.weight += 0.1
    other = FastGenerator(tuned)
    torch.testing.assert_close(other(w), tuned(w), rtol=1e-4, atol=1e-4)
    assert off(other(w), before) > 0.01
    assert torch.equal(fast(w), before)


def test_weights_in_its_precision_are_shared():
    shared = network()
    held = {p.untyped_storage().data_ptr() for p in shared.parameters()}
    weights = [layer.weight for layer in FastGenerator(shared).layers]
    assert all(weight.untyped_storage().data_ptr() in held for weight in weights)


def test_no_graphs_where_they_are_made_for_nothing(monkeypatch):
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    assert graphs_allowed(torch.device("cuda"))
    assert not graphs_allowed(torch.device("cpu"))
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert not graphs_allowed(torch.device("cuda"))
