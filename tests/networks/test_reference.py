"""Released layouts load by name, and the outputs are those of the original code."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from stylexfer.networks import (
    IRSE,
    Generator,
    GeneratorConfig,
    IRSEConfig,
    Mapper,
    MotionConfig,
    MotionEncoder,
    ReStyleConfig,
    ReStyleEncoder,
    ffhq_channels,
    restyle,
)
from stylexfer.transfer import to_pictures
from tests.networks.rebuild import Reference, latent_avg, picture, resized_input, state
from tests.reference.weights import normal, smooth_image


@pytest.fixture(scope="module")
def generator() -> Generator:
    weights = state("stylegan2_256", "stylegan2-ffhq-config-f.pt", "stylegan2", 256, "g_ema")
    network = Generator(GeneratorConfig(size=256, channels=ffhq_channels(256)))
    network.load_state_dict(weights | {"latent_avg": latent_avg(256)})
    return network.eval()


def given(name: str, shape: tuple[int, ...], std: float, mean: float) -> torch.Tensor:
    return torch.from_numpy(normal(1000, f"stylegan2_256/{name}", shape, std, mean))


@torch.inference_mode()
def test_generator_from_z(generator):
    reference = Reference("stylegan2_256")
    z, z2 = (given(name, (2, 512), 1.0, 0.0) for name in ("z", "z2"))
    w = generator.mapping(z)
    reference.check("w", w)
    truncated = generator.broadcast(generator.mapping(z, 0.7))
    reference.check("wplus_trunc0.7", truncated)
    reference.check("image_z_trunc0.7", generator(truncated))
    mixed = generator.broadcast(w).clone()
    mixed[:, 5:] = generator.mapping(z2)[:, None]
    reference.check("wplus_mix5", mixed)
    reference.check("image_mix5", generator(mixed))


def test_generator_from_wplus(generator):
    reference = Reference("stylegan2_256")
    codes = given("wplus", (2, 14, 512), 1.1, 0.5).requires_grad_()
    images = generator(codes)
    reference.check("image_wplus", images)
    (images * given("grad_probe", (2, 3, 256, 256), 1.0, 0.0)).sum().backward()
    ours, theirs = reference.sampled("grad_wplus", codes.grad)
    # activation kinks: fp32 and fp64 themselves agree to about 0.5 % (CHECKPOINTS, section 3)
    assert (ours - theirs).norm() / theirs.norm() < 1e-2


@torch.inference_mode()
def test_restyle(generator):
    """Five steps of ReStyle-pSp, each fed back, and the picture at the end."""
    weights = state(
        "restyle_psp_256",
        "restyle_psp_ffhq_encode.pt",
        "restyle_psp",
        256,
        "state_dict",
        prefix="encoder.",
    )
    with torch.device("meta"):
        encoder = ReStyleEncoder(ReStyleConfig(n_styles=14))
    average = latent_avg(256).repeat(14, 1)
    encoder.load_state_dict(weights | {"latent_avg": average}, assign=True)
    encoder.eval()

    reference = Reference("restyle_psp_256")
    x = resized_input("restyle_psp_256", "x")
    start = encoder.feedback(generator(generator.average_code()))
    reference.check("avg_image", start)
    reference.check("encoder_out_iter0", encoder(x, start))
    codes = restyle(encoder, generator, x)
    reference.check("codes", torch.cat(codes))
    images = torch.cat([generator(code) for code in codes])
    reference.check("images_pooled", encoder.feedback(images))
    reference.check("image_final", images[-1:])
    reference.check_bytes("image_final_uint8", to_pictures(images[-1:])[0])


@torch.inference_mode()
def test_paper_motion_encoder_and_mapper():
    """best_model.pt, the paper's own (its generator is that of every other file)."""
    reference = Reference("paper_1024")
    released = ("paper_1024", "best_model.pt", "paper", 1024, "state_dict")
    with torch.device("meta"):
        encoder, mapper = MotionEncoder(MotionConfig()), Mapper()
    encoder.load_state_dict(state(*released, prefix="encoder."), assign=True)
    mapper.linear.load_state_dict(
        state(*released, prefix="mapping_net.linear_relu.0."), assign=True
    )
    motion = encoder.eval()(resized_input("paper_1024", "source"))
    reference.check("motion_code", motion)
    identity = torch.from_numpy(normal(1000, "paper_1024/identity_wplus", (1, 18, 512), 1.2, 0.5))
    reference.check("codes", mapper(identity, motion))
    reference.check("codes", mapper.identity_term(identity) + mapper.motion_term(motion))


@torch.inference_mode()
def test_arcface_trunk():
    """The trunk alone, as training will take it from model_ir_se50.pth."""
    weights = state("arcface", "model_ir_se50.pth", "arcface", 0)
    head = {key: weights.pop(key) for key in list(weights) if key.startswith("output_layer.")}
    trunk = IRSE(IRSEConfig()).eval()
    assert set(trunk.state_dict()) - set(weights) == {
        key for key in trunk.state_dict() if key.endswith("num_batches_tracked")
    }
    assert not trunk.load_state_dict(weights, strict=False).unexpected_keys

    reference = Reference("arcface")
    y = torch.cat([picture(smooth_image(256, 256, seed)) for seed in (43, 44)])
    features = trunk.features(F.adaptive_avg_pool2d(y, 112))
    reference.check("pre_norm_body", features)
    assert np.prod(features.shape[1:]) == head["output_layer.3.weight"].shape[1]
