"""Released files -> our converter -> our networks: the outputs are those of the original code.

`pytest -s` prints each difference beside the allowed one.
"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from stylexfer.networks import (
    LPIPS,
    FastGenerator,
    Generator,
    HeadPose,
    IRSEConfig,
    Mapper,
    MotionEncoder,
    Recognition,
    ReStyleConfig,
    ReStyleEncoder,
    first_feedback,
    recognition_view,
    restyle,
)
from stylexfer.packs.convert import convert
from stylexfer.tensors import to_pictures
from tests.networks.rebuild import (
    FOLDER,
    Reference,
    content,
    digest,
    facts,
    latent_avg,
    loaded,
    picture,
    resized_input,
    smooth,
)
from tests.reference.weights import normal, smooth_image


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """(folder of the reference, file, component, size, layout) -> the parts of that file.

    The files are written as `torch.save` does, in either container, and deleted with the parts.
    """
    root = tmp_path_factory.mktemp("released")

    def parts(folder, file, component, size, layout, legacy=False, change=lambda data: data):
        path = root / file
        data = change(content(folder, file, component, size))
        torch.save(data, path, _use_new_zipfile_serialization=not legacy)
        del data
        found = convert(layout, path)
        path.unlink()  # the mapping of it stays
        return found

    return parts


STYLEGAN2 = ("stylegan2-ffhq-config-f.pt", "stylegan2")


@pytest.fixture(scope="module")
def generator(converted) -> Generator:
    return loaded(Generator, converted("stylegan2_256", *STYLEGAN2, 256, "stylegan2")["generator"])


def given(folder: str, name: str, shape: tuple[int, ...], std: float, mean: float) -> torch.Tensor:
    return torch.from_numpy(normal(1000, f"{folder}/{name}", shape, std, mean))


def check_from_z(generator: Generator, folder: str, batch: int, mixed_image: bool) -> None:
    reference = Reference(folder)
    z, z2 = (given(folder, name, (batch, 512), 1.0, 0.0) for name in ("z", "z2"))
    w = generator.mapping(z)
    reference.check("w", w)
    truncated = generator.broadcast(generator.mapping(z, 0.7))
    reference.check("wplus_trunc0.7", truncated)
    reference.check("image_z_trunc0.7", generator(truncated))
    mixed = generator.broadcast(w).clone()
    mixed[:, 5:] = generator.mapping(z2)[:, None]
    reference.check("wplus_mix5", mixed)
    if mixed_image:
        reference.check("image_mix5", generator(mixed))
    # what FaceTransfer uses
    reference.check("image_z_trunc0.7", FastGenerator(generator)(truncated))


@torch.inference_mode()
def test_generator_from_z(generator):
    check_from_z(generator, "stylegan2_256", 2, mixed_image=True)


def test_generator_from_wplus(generator):
    folder, reference = "stylegan2_256", Reference("stylegan2_256")
    codes = given(folder, "wplus", (2, 14, 512), 1.1, 0.5).requires_grad_()
    images = generator(codes)
    reference.check("image_wplus", images)
    reference.check("image_wplus", FastGenerator(generator)(codes.detach()))
    with torch.inference_mode():
        # The manifest does not say which: found by fitting a constant to each layer.
        noise = [
            torch.full_like(n, 0.25 * (k % 3)) for k, n in enumerate(generator.constant_noise())
        ]
        reference.check("image_wplus_given_noise", generator(codes, noise))
    (images * given(folder, "grad_probe", (2, 3, 256, 256), 1.0, 0.0)).sum().backward()
    ours, theirs = reference.sampled("grad_wplus", codes.grad)
    # activation kinks: fp32 and fp64 themselves agree to about 0.5 % (CHECKPOINTS, section 3)
    assert (ours - theirs).norm() / theirs.norm() < 1e-2


@torch.inference_mode()
def test_generator_1024(converted):
    part = converted("stylegan2_1024", *STYLEGAN2, 1024, "stylegan2")["generator"]
    assert torch.equal(part.state["latent_avg"], latent_avg(1024))
    generator = loaded(Generator, part)
    check_from_z(generator, "stylegan2_1024", 1, mixed_image=False)
    codes = given("stylegan2_1024", "wplus", (1, 18, 512), 1.1, 0.5)
    Reference("stylegan2_1024").check("image_wplus", generator(codes))
    Reference("stylegan2_1024").check("image_wplus", FastGenerator(generator)(codes))


@torch.inference_mode()
def test_restyle(converted):
    """Five steps of ReStyle-pSp, each fed back, and the picture at the end."""
    parts = converted(
        "restyle_psp_256", "restyle_psp_ffhq_encode.pt", "restyle_psp", 256, "restyle"
    )
    encoder = loaded(ReStyleEncoder, parts["identity_encoder"])
    generator = loaded(Generator, parts["generator"])
    reference = Reference("restyle_psp_256")
    x = resized_input("restyle_psp_256", "x")
    start = encoder.feedback(generator(generator.average_code()))
    reference.check("avg_image", start)
    reference.check("encoder_out_iter0", encoder(x, start))
    codes = restyle(encoder, generator, x)
    reference.check("codes", torch.cat(codes))
    fast = FastGenerator(generator)
    known = first_feedback(encoder, fast)
    reference.check("codes", torch.cat(restyle(encoder, fast, x, start=known)))
    images = torch.cat([generator(code) for code in codes])
    reference.check("images_pooled", encoder.feedback(images))
    reference.check("image_final", images[-1:])
    reference.check_bytes("image_final_uint8", to_pictures(images[-1:])[0])


@torch.inference_mode()
def test_paper(converted):
    """best_model.pt, the paper's own: motion encoder, mapper and generator."""
    reference = Reference("paper_1024")

    def known_average(data):  # the file has none, and estimating it is tested elsewhere
        return data | {"latent_avg": latent_avg(1024)}

    parts = converted("paper_1024", "best_model.pt", "paper", 1024, "paper", change=known_average)
    motion = loaded(MotionEncoder, parts["motion_encoder"])(resized_input("paper_1024", "source"))
    reference.check("motion_code", motion)
    mapper = loaded(lambda _: Mapper(), parts["mapper"])
    identity = given("paper_1024", "identity_wplus", (1, 18, 512), 1.2, 0.5)
    codes = mapper(identity, motion)
    reference.check("codes", codes)
    reference.check("codes", mapper.identity_term(identity) + mapper.motion_term(motion))
    del mapper
    image = FastGenerator(loaded(Generator, parts["generator"]))(codes)
    reference.check("image", image)
    reference.check("image_pooled", F.adaptive_avg_pool2d(image, 256))
    reference.check_bytes("image_uint8_cropped", to_pictures(image)[0][240:])


def test_arcface(converted):
    """Old container and no num_batches_tracked, as the released file."""
    parts = converted("arcface", "model_ir_se50.pth", "arcface", 0, "arcface", legacy=True)
    network = loaded(Recognition, parts["recognition"])
    reference = Reference("arcface")
    x, y, other = smooth(41, 42), smooth(43, 44), smooth(45, 46)
    y_hat = (0.7 * y + 0.3 * other).requires_grad_()
    whole = recognition_view(y, crop=False)
    reference.check("cropped_pooled", recognition_view(y))
    reference.check("pre_norm_body", network.features(whole))
    reference.check("embedding_112", network(F.adaptive_avg_pool2d(y, 112)))
    reference.check("embedding_whole", network(whole))
    target, source = network(recognition_view(y)), network(recognition_view(x))
    reference.check("embedding_crop", target)
    found = network(recognition_view(y_hat))
    loss = (1 - (found.double() * target).sum(dim=1)).mean()  # fp32's last bit is most of the room
    reference.check("id_loss", loss)
    improvement = ((found - source) * target).sum(dim=1).mean()
    reference.check("sim_improvement", improvement)
    loss.backward()
    reference.check("grad_y_hat", y_hat.grad)


@torch.inference_mode()
def test_hopenet(converted):
    parts = converted("hopenet", "hopenet_robust_alpha1.pkl", "hopenet", 0, "hopenet", legacy=True)
    network = loaded(HeadPose, parts["head_pose"])
    # resized by Pillow 13.0, as in `resized_input`
    pictures = [np.array(Image.open(FOLDER / "hopenet" / f"x{k}.png")) for k in range(3)]
    x = torch.cat([picture(image) for image in pictures])
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    bytes_ = torch.stack([torch.from_numpy(image) for image in pictures]).permute(0, 3, 1, 2)
    theirs = (bytes_ / 255 - mean[:, None, None]) / std[:, None, None]
    assert digest(theirs) == facts("hopenet")["inputs"]["x"]["sha256"]
    reference = Reference("hopenet")
    logits, degrees = network.logits(x), network(x)
    for k, angle in enumerate(("yaw", "pitch", "roll")):
        reference.check(f"logits_{angle}", logits[:, k])
        reference.check(f"degrees_{angle}", degrees[:, k])


@pytest.fixture(scope="module")
def lpips_inputs():
    a, other = smooth(72, 73), smooth(74, 75)
    return a, 0.75 * a + 0.25 * other


ALEXNET = ("lpips", "alexnet-owt-7be5be79.pth", "lpips", 0)


def test_lpips(converted, lpips_inputs):
    """The AlexNet trunk alone; the linear weights are those of the `lpips` package."""
    parts = converted(*ALEXNET, "lpips", legacy=True)
    network = loaded(lambda _: LPIPS(), parts["perceptual"])
    reference = Reference("lpips")
    a, b = lpips_inputs[0].requires_grad_(), lpips_inputs[1]
    distance = network(a, b)
    reference.check("distance", distance[:, None, None, None])
    reference.check("per_layer", network.per_layer(a, b))
    reference.check("psp_scalar", distance.mean(), allowed=6e-8)
    from_unit = network(2 * (a + 1) / 2 - 1, 2 * (b + 1) / 2 - 1)
    reference.check("distance_01_inputs_normalize", from_unit[:, None, None, None])
    rows, columns = slice(35, 223), slice(32, 220)
    crop = network(a[:, :, rows, columns], b[:, :, rows, columns])
    reference.check("distance_crop188", crop[:, None, None, None])
    distance.sum().backward()
    reference.check("grad_a", a.grad)


@torch.inference_mode()
def test_lpips_with_other_linear_weights(tmp_path, lpips_inputs):
    """A folder with both files."""
    for file in (ALEXNET[1], "lpips_alex_random_lin.pth"):
        torch.save(content("lpips", file, "lpips", 0), tmp_path / file)
    network = loaded(lambda _: LPIPS(), convert("lpips", tmp_path)["perceptual"])
    (tmp_path / ALEXNET[1]).unlink()  # 240 MB, which pytest would keep
    distance = network(*(x.detach() for x in lpips_inputs))
    Reference("lpips").check("distance_random_lin", distance[:, None, None, None])


def test_preprocessing():
    """What the released scripts do to pictures: resize, pool, crop, and back to bytes."""
    reference = Reference("preprocess")
    recipes = ((1024, 1024, 100), (256, 256, 101), (300, 260, 102), (120, 90, 103))
    for k, (height, width, seed) in enumerate(recipes):
        image = Image.fromarray(smooth_image(height, width, seed))
        resized = np.array(image.resize((256, 256), Image.Resampling.BILINEAR))
        x = picture(resized)[0]
        # Pillow 12 and 13 differ by at most one byte (`resized_input`)
        reference.check(f"inference_transform{k}", x, allowed=1.01 * 2 / 255)
        ours, theirs = reference.sampled(f"inference_transform{k}", x)
        differing = float(((ours - theirs).abs() > 1e-6).float().mean())
        print(f"inference_transform{k}: a byte off in {differing:.1%}")
        assert differing < 0.3
    ramp = torch.linspace(-1.3, 1.3, 196608).reshape(1, 3, 256, 256)
    reference.check_bytes("tensor2im_ramp", to_pictures(ramp)[0], share=0)
    pool_in = torch.from_numpy(normal(1000, "preprocess/pool_in", (1, 3, 1024, 1024), 1.0, 0.0))
    encoder = ReStyleEncoder(ReStyleConfig(n_styles=1, trunk=IRSEConfig(6, (8,) * 4, (1,) * 4, 4)))
    reference.check("face_pool_256", encoder.feedback(pool_in), allowed=1e-6)
    crop_in = torch.from_numpy(normal(1000, "preprocess/crop_in", (1, 3, 256, 256), 1.0, 0.0))
    reference.check("crop_pool_112", recognition_view(crop_in), allowed=1e-6)
