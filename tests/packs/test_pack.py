import dataclasses
import hashlib
import json
import multiprocessing
import re
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from stylexfer.errors import PackMismatch, PackNotFound
from stylexfer.packs import (
    load_component,
    load_pack,
    pack,
    resolve_pack,
    save_pack,
    verify_pack,
    weights,
)
from tests.tiny import tiny_pack


@pytest.fixture
def folder(tmp_path):
    save_pack(tiny_pack(), tmp_path / "tiny")
    return tmp_path / "tiny"


def rewrite(folder, change) -> None:
    """Change the manifest as a careless or hostile hand would."""
    manifest = json.loads((folder / "pack.json").read_text())
    change(manifest)
    (folder / "pack.json").write_text(json.dumps(manifest))


def seal(folder, name: str) -> None:
    """Make the manifest agree with a file that was replaced."""
    content = (folder / name).read_bytes()
    facts = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    rewrite(folder, lambda manifest: manifest["files"][name].update(facts))


@pytest.mark.parametrize("heads", ["psp", "e4e"])
def test_round_trip_rounds_to_half(tmp_path, heads):
    original = tiny_pack(heads=heads)
    save_pack(original, tmp_path / "tiny")
    loaded = load_pack(tmp_path / "tiny")
    assert loaded.info == original.info
    assert loaded.coarse_rows == 3
    for name, network in original.networks().items():
        other = getattr(loaded, name)
        assert getattr(other, "config", None) == getattr(network, "config", None)
        assert not other.training
        assert not any(parameter.requires_grad for parameter in other.parameters())
        for key, value in network.state_dict().items():
            rounded = value.half().float() if value.is_floating_point() else value
            assert torch.equal(other.state_dict()[key], rounded), key


def test_saved_again_it_is_the_same(tmp_path, folder):
    save_pack(load_pack(folder), tmp_path / "again")
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_single_precision_is_exact(tmp_path):
    original = tiny_pack()
    save_pack(original, tmp_path, dtype=torch.float32)
    weight = load_pack(tmp_path).mapper.linear.weight
    assert torch.equal(weight, original.mapper.linear.weight)


def test_a_flipped_byte_is_refused(folder):
    path = folder / "mapper.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(PackMismatch, match="fetch it again"):
        verify_pack(folder)
    with pytest.raises(PackMismatch, match=r"mapper\.safetensors"):
        load_pack(folder)


def test_a_cut_file_is_refused(folder):
    path = folder / "generator.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(PackMismatch, match=r"generator\.safetensors"):
        load_pack(folder)


def test_a_missing_file_is_named(folder):
    (folder / "motion_encoder.safetensors").unlink()
    with pytest.raises(PackMismatch, match=r"motion_encoder\.safetensors is missing"):
        load_pack(folder)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda s: s | {"spare": torch.zeros(1)}, "surplus.*spare"),
        (lambda s: {k: v for k, v in s.items() if k != "linear.bias"}, r"missing.*linear\.bias"),
        (lambda s: s | {"linear.bias": torch.zeros(3)}, r"another shape.*linear\.bias"),
    ],
)
def test_keys_must_fit_the_architecture(folder, change, named):
    path = folder / "mapper.safetensors"
    save_file(change(load_file(path)), path)
    seal(folder, path.name)
    verify_pack(folder)
    with pytest.raises(PackMismatch, match=named):
        load_pack(folder)


def test_a_file_that_is_no_safetensors_is_refused(folder):
    path = folder / "mapper.safetensors"
    path.write_bytes(b"\x80\x04 a pickle, perhaps")
    seal(folder, path.name)
    with pytest.raises(PackMismatch, match="cannot be read"):
        load_pack(folder)


@pytest.mark.parametrize(
    "lie",
    [
        lambda a: a["generator"].update(size=64, channels=[16] * 5),
        lambda a: a["generator"].update(size=48),
        lambda a: a["mapper"].update(n_styles=10),
        lambda a: a["motion_encoder"].update(colour="blue"),
        lambda a: a["motion_encoder"].update(features=32),
        lambda a: a["identity_encoder"]["trunk"].update(depths=[1, 1]),
        lambda a: a.pop("mapper"),
    ],
)
def test_an_architecture_that_lies_is_refused(folder, lie):
    rewrite(folder, lambda manifest: lie(manifest["architecture"]))
    with pytest.raises(PackMismatch):
        load_pack(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(format=99),
        lambda m: m.pop("format"),
        lambda m: m.pop("architecture"),
        lambda m: m.pop("files"),
        lambda m: m["files"].pop("generator.safetensors"),  # else it would be loaded unchecked
    ],
)
def test_unknown_manifests_are_refused(folder, change):
    rewrite(folder, change)
    with pytest.raises(PackMismatch):
        load_pack(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00"])
def test_a_broken_manifest_is_refused(folder, text):
    (folder / "pack.json").write_text(text)
    with pytest.raises(PackMismatch):
        load_pack(folder)


def test_without_the_papers_networks(tmp_path):
    """A generator and an encoder are a pack too: for the baselines."""
    whole = tiny_pack(heads="e4e")
    save_pack(dataclasses.replace(whole, motion_encoder=None, mapper=None), tmp_path / "some")
    manifest = verify_pack(tmp_path / "some")
    assert pack.methods(manifest) == ["e4e"]
    loaded = load_pack(tmp_path / "some")
    assert (loaded.method, loaded.mapper) == ("e4e", None)
    with pytest.raises(PackMismatch, match="cannot do 'transfer'"):
        load_pack(tmp_path / "some", "transfer")
    save_pack(whole, tmp_path / "whole")
    assert pack.methods(verify_pack(tmp_path / "whole")) == ["transfer", "e4e"]
    rewrite(tmp_path / "whole", lambda m: m["files"].pop("mapper.safetensors"))
    with pytest.raises(PackMismatch, match="mapper"):  # one without the other is no pack
        load_pack(tmp_path / "whole")


def test_only_what_is_needed_is_read_and_checked(folder):
    (folder / "mapper.safetensors").unlink()
    assert load_pack(folder, "psp").mapper is None
    assert load_component(folder, "motion_encoder").config.n_styles == 8
    with pytest.raises(PackMismatch, match="is missing"):
        load_component(folder, "mapper")
    with pytest.raises(PackMismatch, match="holds no head_pose"):
        load_component(folder, "head_pose")


def own_memory_of(path: Path, computed: torch.dtype) -> int:
    """Bytes that filling a layer from `path` takes, beside the mapped file; in a fresh process."""

    def own_memory() -> int:
        return int(re.search(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024

    with torch.device("meta"):
        network = nn.Linear(4096, 4096, bias=False)
    before = own_memory()
    weights.fill(network, path, computed)
    assert network.weight.dtype == computed
    assert network.weight.view(-1)[:9].abs().sum() > 0
    return own_memory() - before


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells memory there")
def test_weights_stay_in_the_file(tmp_path):
    """64 MB that need no conversion cost no memory; those that do are there once."""
    weight = torch.randn(4096, 4096, generator=torch.Generator().manual_seed(0))
    for name, dtype in (("single", torch.float32), ("half", torch.bfloat16)):
        weights.write_state(tmp_path / name, {"weight": weight.to(dtype)})

    def load(name: str, computed: torch.dtype) -> int:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return pool.submit(own_memory_of, tmp_path / name, computed).result()

    mb = 2**20
    assert load("single", torch.float32) < 16 * mb
    assert load("half", torch.bfloat16) < 16 * mb
    assert 48 * mb < load("half", torch.float32) < 80 * mb


def test_half_precision_weights_compute_as_single(tmp_path):
    """M held in bf16 answers in fp32, but for the rounding of its weights."""
    mapper = tiny_pack().mapper
    low = tiny_pack().mapper
    low.linear.weight.data = mapper.linear.weight.bfloat16()
    mapper.linear.weight.data = low.linear.weight.float()
    codes = torch.randn(2, 3, *mapper.shape)
    torch.testing.assert_close(low(*codes), mapper(*codes))
    both = low.identity_term(codes[0]) + low.motion_term(codes[1])
    torch.testing.assert_close(both, mapper(*codes))


def test_resolving(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(pack, "CHECKPOINTS", tmp_path)
    assert resolve_pack("tiny") == folder
    assert resolve_pack(folder) == folder
    assert resolve_pack(str(folder)) == folder
    assert resolve_pack("someone/something") is None
    (tmp_path / "empty").mkdir()
    with pytest.raises(PackNotFound, match=r"without pack\.json"):
        resolve_pack(tmp_path / "empty")
    with pytest.raises(PackNotFound):
        load_pack(tmp_path / "empty")
