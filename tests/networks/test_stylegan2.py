import pytest
import torch
import torch.nn.functional as F

from stylexfer.networks import Generator, GeneratorConfig, ffhq_channels
from stylexfer.networks.ops import SQRT2, ModulatedConv, blur_kernel
from stylexfer.networks.stylegan2 import StyledConv

CONFIG = GeneratorConfig(size=32, channels=(16, 12, 8, 8), style_dim=16, z_dim=24, n_mlp=2)


@pytest.fixture
def generator() -> Generator:
    """With noise strengths and biases as training leaves them, not as it finds them."""
    torch.manual_seed(0)
    network = Generator(CONFIG).eval().requires_grad_(False)
    for name, parameter in network.named_parameters():
        if name.endswith(("noise.weight", "bias")):
            parameter += 0.3 * torch.randn_like(parameter)
    network.latent_avg.normal_()
    return network


def codes(batch: int = 3) -> torch.Tensor:
    return torch.randn(batch, CONFIG.n_styles, CONFIG.style_dim, generator=torch.manual_seed(1))


def plain_convolution(conv: ModulatedConv, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """The textbook form, one sample at a time: scaled, demodulated weights, then the blur."""
    rows = []
    for sample, style in zip(x, conv.modulation(w), strict=True):
        weight = conv.weight[0] * conv.scale * style[:, None, None]
        weight = weight * (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).rsqrt()
        if conv.upsample:
            y = F.conv_transpose2d(sample[None], weight.transpose(0, 1), stride=2)
            kernel = blur_kernel().to(y)[None, None]
            y = F.conv2d(F.pad(y, (1, 1, 1, 1)).transpose(0, 1), kernel).transpose(0, 1)
        else:
            y = F.conv2d(sample[None], weight, padding=1)
        rows.append(y)
    return torch.cat(rows)


@pytest.mark.parametrize("upsample", [False, True])
@torch.no_grad()
def test_input_scaling_equals_the_plain_modulated_convolution(upsample):
    rng = torch.manual_seed(0)
    layer = StyledConv(6, 5, 16, upsample).double()
    layer.noise.weight.fill_(0.4)
    layer.activate.bias.normal_()
    x, w, noise = (
        torch.randn(shape, generator=rng, dtype=torch.double)
        for shape in ((3, 6, 8, 8), (3, 16), (1, 1, 16, 16) if upsample else (1, 1, 8, 8))
    )
    expected = plain_convolution(layer.conv, x, w) + layer.noise.weight * noise
    expected = F.leaky_relu(expected + layer.activate.bias[:, None, None], 0.2) * SQRT2
    # demodulation is fp32 by design
    torch.testing.assert_close(layer(x, w, noise), expected, rtol=1e-5, atol=1e-5)


def test_a_sample_does_not_depend_on_its_batch(generator):
    together = generator(codes())
    alone = torch.cat([generator(code) for code in codes().split(1)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("resolution", [8, 16])
def test_early_output_is_the_picture_of_the_smaller_generator(generator, resolution):
    levels = [4, 8, 16, 32].index(resolution)
    small = Generator(GeneratorConfig(resolution, CONFIG.channels[: levels + 1], 16, 24, 2))
    own = generator.state_dict()
    small.load_state_dict({key: own[key] for key in small.state_dict()})
    early = generator(codes(), resolution=resolution)
    assert early.shape == (3, 3, resolution, resolution)
    torch.testing.assert_close(small(codes()[:, : small.n_styles]), early)
    assert generator(codes(), resolution=4).shape == (3, 3, 4, 4)


def test_the_early_output_is_part_of_the_sum(generator):
    """Silence the last RGB layer: what is left is the earlier picture, upsampled."""
    last = generator.to_rgbs[-1]
    last.conv.weight.zero_()
    last.bias.zero_()
    expected = last.upsample(generator(codes(), resolution=16))
    torch.testing.assert_close(generator(codes()), expected)


def test_noise(generator):
    assert torch.equal(generator(codes()), generator(codes()))
    stored = [noise.clone() for noise in generator.constant_noise()]
    assert torch.equal(generator(codes(), noise=stored), generator(codes()))
    drawn = [generator.random_noise(3, torch.manual_seed(seed)) for seed in (5, 5, 6)]
    a, b, c = (generator(codes(), noise=noise) for noise in drawn)
    assert torch.equal(a, b)
    assert (a - c).abs().mean() > 1e-3
    assert (a - generator(codes())).abs().mean() > 1e-3


def test_bf16_is_near_fp32(generator):
    exact, low = generator(codes()), generator(codes(), dtype=torch.bfloat16)
    assert low.dtype == torch.float32
    assert (low - exact).norm() / exact.norm() < 0.03


def test_truncation(generator):
    z = torch.randn(4, CONFIG.z_dim, generator=torch.manual_seed(2))
    w = generator.mapping(z)
    half = generator.mapping(z, 0.5)
    torch.testing.assert_close(half, (w + generator.latent_avg) / 2)
    torch.testing.assert_close(generator.mapping(z, 0.0), generator.latent_avg.expand(4, -1))
    assert torch.equal(generator.broadcast(w)[:, 3], w)


def test_state_dict_round_trip(generator):
    other = Generator(CONFIG)
    other.load_state_dict(generator.state_dict())
    assert torch.equal(other(codes()), generator(codes()))


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 48, "channels": (8, 8, 8, 8)},
        {"size": 4, "channels": (8,)},
        {"size": 32, "channels": (8, 8, 8)},
    ],
)
def test_wrong_configs_are_refused(wrong):
    with pytest.raises(ValueError, match=r"size|channels"):
        GeneratorConfig(**wrong)


def test_ffhq_config():
    config = GeneratorConfig()
    assert config.n_styles == 18
    assert config.channels == (512, 512, 512, 512, 512, 256, 128, 64, 32)
    assert ffhq_channels(256, multiplier=1)[-1] == 64
