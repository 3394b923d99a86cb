import pytest
import torch
import torch.nn.functional as F

from stylexfer.networks import (
    IRSEConfig,
    Mapper,
    ReStyleConfig,
    ReStyleEncoder,
    lowered,
    restyle,
)
from stylexfer.networks.irse import IRSE, PReLU, SqueezeExcite, Subsample
from tests.tiny import TRUNK, tiny_pack


def images(batch: int = 3, channels: int = 3) -> torch.Tensor:
    return torch.rand(batch, channels, 32, 32, generator=torch.manual_seed(1)) * 2 - 1


def test_trunk_strides_and_widths():
    config = IRSEConfig(in_channels=6, **TRUNK)
    assert config.stride == 8
    assert IRSE(config).eval().features(images(2, 6)).shape == (2, 16, 4, 4)


def test_squeeze_excite_scales_channels():
    layer = SqueezeExcite(8, 4).requires_grad_(False)
    layer.fc2.weight.zero_()
    x = torch.randn(2, 8, 3, 3)
    torch.testing.assert_close(layer(x), x / 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_prelu_without_gradients_is_the_same(dtype):
    layer = PReLU(8)
    layer.weight.data = torch.linspace(-0.5, 1.5, 8).to(dtype)
    x = torch.randn(2, 8, 5, 5).to(dtype)
    expected = torch.nn.functional.prelu(x, layer.weight)
    assert torch.equal(layer(x), expected)
    with torch.no_grad():
        for layout in (torch.contiguous_format, torch.channels_last):
            given = x.clone().contiguous(memory_format=layout)
            assert torch.equal(layer(given), expected)


@pytest.mark.parametrize("stride", [1, 2])
def test_subsample_is_a_pool_of_one_pixel(stride):
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(Subsample(stride)(x), torch.nn.functional.max_pool2d(x, 1, stride))


@torch.inference_mode()
def test_a_lowered_encoder_is_what_autocast_makes_of_it():
    encoder = tiny_pack().motion_encoder
    low = lowered(encoder, torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(low(images()), encoder(images()))
    assert encoder.body[0].res_layer[1].weight.dtype == torch.float32
    assert low.body[0].res_layer[1].weight.dtype == torch.bfloat16
    norm = "body.0.res_layer.0.weight"
    assert low.get_parameter(norm) is encoder.get_parameter(norm)  # what is not converted is shared


def test_a_sample_does_not_depend_on_its_batch():
    pack = tiny_pack()
    together = pack.motion_encoder(images())
    alone = torch.cat([pack.motion_encoder(image) for image in images().split(1)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)
    codes = restyle(pack.identity_encoder, pack.generator, images())[-1]
    alone = torch.cat(
        [restyle(pack.identity_encoder, pack.generator, i)[-1] for i in images().split(1)]
    )
    torch.testing.assert_close(codes, alone, rtol=1e-3, atol=1e-3)


def test_e4e_rows_are_offsets_from_the_first():
    psp, e4e = (tiny_pack(heads=heads).identity_encoder for heads in ("psp", "e4e"))
    e4e.load_state_dict(psp.state_dict())
    rows, offsets = psp(images(), images(3).flip(0)), e4e(images(), images(3).flip(0))
    assert torch.equal(offsets[:, 0], rows[:, 0])
    torch.testing.assert_close(offsets[:, 1:], rows[:, :1] + rows[:, 1:])


def test_restyle_refines_step_by_step():
    """c_t = c_(t-1) + E(x, pool(G(c_(t-1)))), from the average code."""
    pack = tiny_pack()
    encoder, generator = pack.identity_encoder, pack.generator
    encoder.latent_avg.normal_()
    codes = restyle(encoder, generator, images(), iterations=3)
    assert len(codes) == 3
    code = encoder.latent_avg.expand(3, -1, -1)
    for found in codes:
        code = code + encoder(images(), encoder.feedback(generator(code)))
        torch.testing.assert_close(found, code, rtol=1e-4, atol=1e-4)
    assert len(restyle(encoder, generator, images())) == encoder.config.iterations


def test_feedback_averages_down():
    encoder = tiny_pack().identity_encoder
    large = torch.randn(1, 3, 64, 64)
    blocks = large.unflatten(3, (32, 2)).unflatten(2, (32, 2)).mean(dim=(3, 5))
    torch.testing.assert_close(encoder.feedback(large), blocks)
    assert torch.equal(encoder.feedback(images()), images())


def test_feedback_of_the_skip_architecture_draws_no_larger_level():
    """The second step sees the early sum; the first, from an average of zero, likewise."""
    pack = tiny_pack()
    encoder, generator = pack.identity_encoder, pack.generator
    side = encoder.config.input_size // 2
    small = ReStyleConfig(**{**vars(encoder.config), "input_size": side, "feedback": "skip"})
    encoder = ReStyleEncoder(small).eval()
    pictures = F.avg_pool2d(images(), 2)
    sides = []

    def counted(codes, resolution=None):
        sides.append(resolution)
        return generator(codes, resolution=resolution)

    first, second = restyle(encoder, counted, pictures, iterations=2)
    assert sides == [side, side]
    early = generator(first, resolution=side)
    torch.testing.assert_close(second, first + encoder(pictures, early))


@pytest.mark.parametrize("heads", ["psp", "e4e"])
def test_bf16_is_near_fp32(heads):
    pack = tiny_pack(heads=heads)
    exact = pack.motion_encoder(images())
    with torch.autocast("cpu", torch.bfloat16):
        low = pack.motion_encoder(images()).float()
    assert (low - exact).norm() / exact.norm() < 0.03
    exact, low = (
        restyle(pack.identity_encoder, pack.generator, images(), dtype=dtype)[-1]
        for dtype in (None, torch.bfloat16)
    )
    assert low.dtype == torch.float32
    assert (low - exact).norm() / exact.norm() < 0.05


def test_state_dict_round_trip():
    first, second = tiny_pack(seed=0), tiny_pack(seed=1)
    assert not torch.equal(first.motion_encoder(images()), second.motion_encoder(images()))
    for name, network in second.networks().items():
        network.load_state_dict(getattr(first, name).state_dict())
    assert torch.equal(first.motion_encoder(images()), second.motion_encoder(images()))
    a, b = (p.identity_encoder(images(), images()) for p in (first, second))
    assert torch.equal(a, b)


def test_mapper_is_the_sum_of_its_terms():
    torch.manual_seed(0)
    mapper = Mapper(4, 6)
    identity, motion = torch.randn(2, 3, 4, 6)
    whole = mapper(identity, motion)
    assert whole.shape == (3, 4, 6)
    torch.testing.assert_close(mapper.identity_term(identity) + mapper.motion_term(motion), whole)
    # identity first: with its half of the weights gone, only motion counts
    mapper.linear.weight.data[:, :24] = 0
    torch.testing.assert_close(mapper(identity, motion), mapper(-identity, motion))


def test_wrong_trunk_is_refused():
    with pytest.raises(ValueError, match="stages"):
        IRSEConfig(widths=(8, 16), depths=(1,))
