"""NVIDIA's pickles, written as their code writes them: read without running any of it."""

import json
import re

import numpy as np
import pytest
import torch

from stylexfer.errors import PackMismatch
from stylexfer.networks import Generator
from stylexfer.packs.convert import convert
from tests.networks.rebuild import FOLDER, Reference, content, latent_avg, loaded
from tests.packs.released import (
    tiny_generator,
    write_pytorch_pickle,
    write_tensorflow_pickle,
)


def nvidia_weights(state: dict) -> dict:
    """Our names -> the flattened state_dict of NVIDIA's G_ema."""
    names = {
        "conv.weight": "weight",
        "conv.modulation.weight": "affine.weight",
        "conv.modulation.bias": "affine.bias",
        "noise.weight": "noise_strength",
        "activate.bias": "bias",
        "bias": "bias",
    }
    weights = {"mapping.w_avg": state["latent_avg"], "synthesis.b4.const": state["input.input"][0]}
    low_pass = torch.outer(*2 * [torch.tensor([1.0, 3, 3, 1])]) / 64
    for key, value in state.items():
        head, _, rest = key.partition(".")
        if head == "style":
            index, _, kind = rest.partition(".")
            weights[f"mapping.fc{int(index) - 1}.{kind}"] = value
            continue
        if head == "noises":
            index = int(rest.removeprefix("noise_"))
            side, layer = 4 * 2 ** ((index + 1) // 2), f"conv{(index + 1) % 2}"
            weights[f"synthesis.b{side}.{layer}.noise_const"] = value[0, 0]
            continue
        if head in ("conv1", "to_rgb1"):
            side, layer = 4, "conv1" if head == "conv1" else "torgb"
        elif head in ("convs", "to_rgbs"):
            index, _, rest = rest.partition(".")
            level = int(index) // 2 if head == "convs" else int(index)
            side = 8 * 2**level
            layer = f"conv{int(index) % 2}" if head == "convs" else "torgb"
        else:
            continue
        if rest.endswith("kernel"):
            weights[f"synthesis.b{side}.resample_filter"] = low_pass
            continue
        value = value[0] if rest == "conv.weight" else value
        value = value.reshape(()) if rest == "noise.weight" else value
        weights[f"synthesis.b{side}.{layer}.{names[rest]}"] = (
            value.reshape(-1) if rest == "bias" else value
        )
    return weights


def released_256() -> dict:
    data = content("stylegan2_256", "stylegan2-ffhq-config-f.pt", "stylegan2", 256)
    return data["g_ema"] | {"latent_avg": latent_avg(256)}


@pytest.fixture
def trap(tmp_path):
    """(source text that would write a file, that file)."""
    marker = tmp_path / "was_run"
    return f"open({str(marker)!r}, 'w').close()\n", marker


@pytest.mark.parametrize(  # the number is the pickle's protocol
    "kind",
    ["pytorch 2", "pytorch 3", "pytorch 5", "tensorflow 2", "tensorflow 4", "tensorflow 5", "flat"],
)
def test_the_same_generator_in_every_layout(tmp_path, trap, kind):
    source, marker = trap
    generator = tiny_generator()
    state, path = dict(generator.state_dict()), tmp_path / "network.pkl"
    if kind.startswith("tensorflow"):
        write_tensorflow_pickle(path, state, source, protocol=int(kind[-1]))
    elif kind.startswith("pytorch"):
        write_pytorch_pickle(path, nvidia_weights(state), source, protocol=int(kind[-1]))
    else:
        torch.save(nvidia_weights(state), path)
    assert kind == "flat" or b"was_run" in path.read_bytes()  # the trap is in the file
    part = convert("stylegan2", path)["generator"]
    assert not marker.exists()
    assert part.config == generator.config
    assert part.state.keys() == state.keys()
    for key, value in part.state.items():
        torch.testing.assert_close(value, state[key], rtol=0, atol=1e-6, msg=key)


@torch.inference_mode()
def test_images_are_those_of_the_original(tmp_path, trap):
    """`ffhq.pkl` at 256 px, and the TensorFlow file of the same network, against outputs of
    NVIDIA's code."""
    weights = nvidia_weights(released_256())
    keys = json.loads((FOLDER / "stylegan2_nvidia_256" / "keys.json").read_text())
    for key, (shape, _) in keys["ffhq_state_dict.pt"].items():
        assert key.endswith("resample_filter") or list(weights[key].shape) == shape, key
    write_pytorch_pickle(tmp_path / "ffhq.pkl", weights, trap[0])
    generator = loaded(Generator, convert("stylegan2", tmp_path / "ffhq.pkl")["generator"])
    (tmp_path / "ffhq.pkl").unlink()
    write_tensorflow_pickle(tmp_path / "tf.pkl", released_256(), trap[0])
    tensorflow = convert("stylegan2", tmp_path / "tf.pkl")["generator"].state
    (tmp_path / "tf.pkl").unlink()
    for key, value in generator.state_dict().items():
        # all equal, but for modulation biases, from which 1 was taken and to which it was added
        torch.testing.assert_close(tensorflow[key], value, rtol=0, atol=2.4e-7, msg=key)
    assert not trap[1].exists()

    reference = Reference("stylegan2_nvidia_256")
    # none is suggested here: those of the same outputs of the rosinality code
    allowed = {n: f["suggested_atol"] for n, f in Reference("stylegan2_256").facts.items()}
    z, codes = reference.vectors["in.z"], reference.vectors["in.wplus"]
    ws = generator.broadcast(generator.mapping(z))
    truncated = generator.broadcast(generator.mapping(z, 0.7))
    cut = torch.cat([truncated[:, :8], ws[:, 8:]], dim=1)
    reference.check("ws", ws, allowed["w"])
    reference.check("ws_trunc0.7", truncated, allowed["wplus_trunc0.7"])
    reference.check("ws_trunc0.7_cutoff8", cut, allowed["w"])
    reference.check("image_z_trunc0.7", generator(truncated), allowed["image_z_trunc0.7"])
    image = generator(codes)
    reference.check("image_wplus", image, allowed["image_wplus"])
    silent = [torch.zeros_like(noise) for noise in generator.constant_noise()]
    reference.check("image_wplus_no_noise", generator(codes, silent), allowed["image_wplus"])
    pictures = (image.permute(0, 2, 3, 1) * 127.5 + 128).clamp(0, 255).to(torch.uint8)
    reference.check_bytes("image_wplus_uint8", pictures.numpy())


def test_a_clamp_is_read_and_obeyed(tmp_path):
    generator = tiny_generator()
    weights = nvidia_weights(dict(generator.state_dict()))
    write_pytorch_pickle(tmp_path / "n.pkl", weights, options={"conv_clamp": 0.25})
    part = convert("stylegan2", tmp_path / "n.pkl")["generator"]
    assert part.config.conv_clamp == 0.25
    clamped = loaded(Generator, part)
    codes = torch.randn(1, clamped.n_styles, 16, generator=torch.manual_seed(0))
    side = 4
    first = clamped(codes, resolution=side)
    assert first.abs().max() == 0.25  # the RGB of one block, clamped
    assert generator(codes, resolution=side).abs().max() > 0.25
    x = clamped.conv1(clamped.input(1), codes[:, 0], clamped.constant_noise()[0])
    assert x.abs().max() == 0.25


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"architecture": "resnet"}, "architecture 'resnet'"),
        ({"c_dim": 10}, "c_dim 10"),
        ({"use_noise": False}, "use_noise False"),
    ],
)
def test_another_network_is_refused(tmp_path, options, said):
    weights = nvidia_weights(dict(tiny_generator().state_dict()))
    write_pytorch_pickle(tmp_path / "n.pkl", weights, options=options)
    with pytest.raises(PackMismatch, match=said):
        convert("stylegan2", tmp_path / "n.pkl")


def test_missing_and_surplus_variables_are_listed(tmp_path):
    state = dict(tiny_generator().state_dict())
    weights = nvidia_weights(state)
    del weights["synthesis.b8.conv0.bias"]
    weights["synthesis.b8.skip.weight"] = torch.zeros(3)
    write_pytorch_pickle(tmp_path / "n.pkl", weights)
    with pytest.raises(PackMismatch) as problem:
        convert("stylegan2", tmp_path / "n.pkl")
    assert "lacks convs.0.activate.bias" in str(problem.value)
    assert "surplus synthesis.b8.skip.weight" in str(problem.value)
    assert "\n" not in str(problem.value)

    write_tensorflow_pickle(tmp_path / "t.pkl", state | {"style.9.weight": torch.zeros(2, 2)})
    with pytest.raises(PackMismatch, match=re.escape("style.9.weight")):
        convert("stylegan2", tmp_path / "t.pkl")
    write_tensorflow_pickle(tmp_path / "t.pkl", state, options={"resample_kernel": [1, 1]})
    with pytest.raises(PackMismatch, match="resample_kernel"):
        convert("stylegan2", tmp_path / "t.pkl")


def test_numpy_values_are_read(tmp_path):
    """A memory order and a width of number that are not the usual ones."""
    generator = tiny_generator()
    state = dict(generator.state_dict())
    doubles = {k: v.double() for k, v in state.items()}
    doubles["style.1.weight"] = torch.from_numpy(np.asfortranarray(doubles["style.1.weight"]))
    write_tensorflow_pickle(tmp_path / "t.pkl", doubles)
    found = convert("stylegan2", tmp_path / "t.pkl")["generator"].state
    assert found["style.1.weight"].dtype == torch.float32
    torch.testing.assert_close(found["style.1.weight"], state["style.1.weight"])
