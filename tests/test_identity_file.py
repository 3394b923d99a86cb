import json
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, safe_open, save_file

from stylexfer.errors import PackMismatch, TooLarge, UnreadableMedia
from stylexfer.identity import Tuning
from stylexfer.identity_file import is_identity_file, load_identity, save_identity
from stylexfer.media import open_picture
from stylexfer.networks import PoseSplit
from stylexfer.transfer import FaceTransfer
from tests.tiny import tiny_pack
from tests.web.serve import ROOT

PICTURE = ROOT / "examples/photos/grace_hopper.jpg"


@pytest.fixture(scope="module")
def model() -> FaceTransfer:
    return FaceTransfer(tiny_pack(), device="cpu", dtype=torch.float32)


@pytest.fixture
def saved(model, tmp_path):
    identity = model.identify(open_picture(PICTURE))
    save_identity(tmp_path / "me.safetensors", identity, model)
    return identity, tmp_path / "me.safetensors"


def test_it_comes_back_whole(model, saved):
    identity, path = saved
    again = load_identity(path, model)
    for name, value in vars(identity).items():
        if value is None:
            continue
        np.testing.assert_array_equal(np.asarray(value), np.asarray(getattr(again, name)))
    someone = model.random_identity(3)
    save_identity(path, someone, model)
    assert load_identity(path, model).quad is None


def test_the_same_pack_in_another_precision_is_the_same_pack(model, saved, tmp_path):
    model.save_pretrained(tmp_path / "pack")  # rounds to 16 bits
    for dtype in (torch.float32, torch.bfloat16):
        other = FaceTransfer.from_pretrained(tmp_path / "pack", device="cpu", dtype=dtype)
        assert torch.equal(load_identity(saved[1], other).code, saved[0].code)


def test_what_was_learned_of_a_person_comes_back(model, saved):
    identity, path = saved
    name, weight = next(iter(model.pack.generator.named_parameters()))
    tuned = replace(identity, tuning=Tuning({name: torch.ones_like(weight).half()}, 3, 5))
    save_identity(path, tuned, model)
    again = load_identity(path, model).tuning
    assert (again.steps, again.planned, list(again.change)) == (3, 5, [name])
    assert torch.equal(again.change[name], tuned.tuning.change[name])
    assert again.steering is None
    for change in ({"nothing": torch.ones(1)}, {name: torch.ones(1)}, {name: weight * torch.nan}):
        save_identity(path, replace(identity, tuning=Tuning(change, 3, 5)), model)
        with pytest.raises(UnreadableMedia, match="damaged"):
            load_identity(path, model)


def test_how_a_person_is_steered_comes_back(saved, tmp_path):
    pack = tiny_pack()
    split = PoseSplit(*pack.mapper.shape)
    able = FaceTransfer(replace(pack, pose_split=split), device="cpu", dtype=torch.float32)
    weight = pack.generator.to_rgb1.bias
    tuning = Tuning({"to_rgb1.bias": torch.ones_like(weight)}, 3, 5, torch.randn(4, *split.shape))
    identity, path = replace(saved[0], tuning=tuning), saved[1]
    save_identity(path, identity, able)
    assert torch.equal(load_identity(path, able).tuning.steering, tuning.steering)
    bare = FaceTransfer(tiny_pack(), device="cpu", dtype=torch.float32)
    with pytest.raises(UnreadableMedia, match="damaged"):  # a pack that can't read a turn
        load_identity(path, bare)
    for wrong in (tuning.steering[:3], tuning.steering * torch.nan, tuning.steering.half()):
        save_identity(path, replace(identity, tuning=replace(tuning, steering=wrong)), able)
        with pytest.raises(UnreadableMedia, match="damaged"):
            load_identity(path, able)


def test_another_pack_refuses_it(saved):
    other = FaceTransfer(tiny_pack(seed=1), device="cpu", dtype=torch.float32)
    with pytest.raises(PackMismatch, match=r"another pack \(tiny 0\)"):
        load_identity(saved[1], other)
    larger = FaceTransfer(tiny_pack(size=64), device="cpu", dtype=torch.float32)
    with pytest.raises(PackMismatch):
        load_identity(saved[1], larger)


def test_what_is_no_identity(model, saved, tmp_path):
    assert is_identity_file(saved[1])
    assert not is_identity_file(PICTURE)
    other = tmp_path / "other.safetensors"
    save_file({"code": torch.zeros(1)}, other)
    with pytest.raises(UnreadableMedia, match="holds no identity"):
        load_identity(other, model)
    for content in (b"", b"{", b"\xff" * 8 + b"{", struct.pack("<Q", 3) + b"{x}"):
        other.write_bytes(content)
        with pytest.raises(UnreadableMedia, match="damaged"):
            load_identity(other, model)
    other.write_bytes(saved[1].read_bytes()[:-100])
    with pytest.raises(UnreadableMedia, match="cut short"):
        load_identity(other, model)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("code", torch.full((1, 8, 16), torch.nan)),
        ("code", torch.zeros(1, 9, 16)),
        ("motion", torch.zeros(1, 8, 16, dtype=torch.int64)),
        ("crop", torch.zeros(0, 0, 3, dtype=torch.uint8)),
        ("crop", torch.zeros(2, 4000, 3, dtype=torch.uint8)),
        ("inversion", torch.zeros(32, 32, 3)),
        ("quad", torch.full((4, 2), torch.inf)),
        ("quad", torch.zeros(3, 2)),
    ],
)
def test_hostile_contents(model, saved, name, value):
    tensors = load_file(saved[1])
    with safe_open(saved[1], "pt") as file:
        about = file.metadata()
    save_file(tensors | {name: value}, saved[1], about)
    with pytest.raises(UnreadableMedia, match="damaged"):
        load_identity(saved[1], model)
    tensors.pop("code")
    save_file(tensors, saved[1], about)
    with pytest.raises(UnreadableMedia, match="damaged"):
        load_identity(saved[1], model)


@pytest.mark.parametrize("answers", ["", "nothing", "{}", "[1]", json.dumps(["a"] * 8), "[NaN]"])
def test_hostile_metadata(model, saved, answers):
    with safe_open(saved[1], "pt") as file:
        about = file.metadata()
    save_file(load_file(saved[1]), saved[1], about | {"answers": answers})
    with pytest.raises((UnreadableMedia, PackMismatch)):
        load_identity(saved[1], model)


def test_a_huge_one_is_not_opened(model, tmp_path):
    path = tmp_path / "huge.safetensors"
    with path.open("wb") as file:
        file.truncate(65 * 2**20)
    with pytest.raises(TooLarge):
        load_identity(path, model)
