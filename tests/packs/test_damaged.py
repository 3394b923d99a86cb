"""Damaged files, and files that are something else: refused with one line that says what is wrong."""

import random
import zipfile
from pathlib import Path

import pytest
import torch

from stylexfer.errors import PackMismatch
from stylexfer.packs.convert import LAYOUTS, convert
from tests.packs.released import (
    refusal,
    tiny_files,
    tiny_generator,
    write_pytorch_pickle,
    write_tensorflow_pickle,
)
from tests.packs.test_convert_nvidia import nvidia_weights

FILES = tiny_files()


def write(kind: str, path: Path) -> str:
    """A good file of one of the containers; returns its layout."""
    state = dict(tiny_generator().state_dict())
    if kind == "pytorch pickle":
        write_pytorch_pickle(path, nvidia_weights(state))
    elif kind == "tensorflow pickle":
        write_tensorflow_pickle(path, state)
    else:
        torch.save(FILES["stylegan2"], path, _use_new_zipfile_serialization=kind == "zip")
    return "stylegan2"


KINDS = ("zip", "legacy", "pytorch pickle", "tensorflow pickle")


@pytest.mark.parametrize("kind", KINDS)
def test_cut_short(tmp_path, kind):
    path = tmp_path / "model.pt"
    layout = write(kind, path)
    whole = path.read_bytes()
    for share in (0.001, 0.1, 0.5, 0.9, 0.999):
        path.write_bytes(whole[: int(len(whole) * share)])
        refusal(layout, path)


@pytest.mark.parametrize("kind", KINDS)
def test_flipped_bytes_do_no_harm(tmp_path, kind):
    """In 40 damaged files: the generator, or one line; no other error."""
    path, rng = tmp_path / "model.pt", random.Random(0)
    layout = write(kind, path)
    whole, refused = path.read_bytes(), 0
    for _ in range(40):
        damaged = bytearray(whole)
        # the structure is at the ends and between numbers: more often there than anywhere
        for place in (rng.randrange(len(whole)), rng.randrange(600), -rng.randrange(1, 600)):
            damaged[place] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try:
            convert(layout, path)
        except PackMismatch as problem:
            refused += 1
            assert "\n" not in str(problem)
    assert refused > 0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_checkpoint_at_all(tmp_path, layout):
    assert "is not there" in refusal(layout, tmp_path / "none.pt")
    (tmp_path / "empty.pt").touch()
    assert "is empty" in refusal(layout, tmp_path / "empty.pt")
    (tmp_path / "page.pt").write_text("<!DOCTYPE html><title>Google Drive - Quota exceeded</title>")
    assert "web page" in refusal(layout, tmp_path / "page.pt")
    (tmp_path / "text.pt").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    refusal(layout, tmp_path / "text.pt")
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    assert "without a PyTorch checkpoint" in refusal(layout, tmp_path / "photos.zip")
    if layout != "lpips":
        refusal(layout, tmp_path)


@pytest.mark.parametrize("value", [[1, 2], "text", 3, None, {"state_dict": 3}, {"g_ema": [1]}, {}])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_other_content(tmp_path, layout, value):
    torch.save(value, tmp_path / "x.pt")
    refusal(layout, tmp_path / "x.pt")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_numbers_that_are_not_finite(tmp_path, layout, bad):
    data = {k: dict(v) if isinstance(v, dict) else v for k, v in FILES[layout].items()}
    inner = data.get("state_dict", data.get("g_ema", data))
    key = [k for k, v in inner.items() if v.is_floating_point() and v.numel() > 4][-1]
    if layout == "hopenet":
        key = "fc_roll.weight"
    inner[key] = inner[key].clone()
    inner[key].view(-1)[3] = bad
    torch.save(data, tmp_path / "x.pt")
    assert "not finite" in refusal(layout, tmp_path / "x.pt")


def test_weights_of_another_type(tmp_path):
    data = FILES["arcface"] | {"input_layer.2.weight": torch.ones(8, dtype=torch.int64)}
    torch.save(data, tmp_path / "x.pt")
    assert "int64" in refusal("arcface", tmp_path / "x.pt")
    data = FILES["arcface"] | {"input_layer.2.weight": torch.ones(8).to_sparse()}
    torch.save(data, tmp_path / "x.pt")
    refusal("arcface", tmp_path / "x.pt")


def test_shapes_that_no_network_has(tmp_path):
    for shape in ((0, 8, 3, 3), (8, 0, 3, 3), (8,), (), (1, 1, 1, 1)):
        for key in ("body.0.res_layer.1.weight", "body.0.res_layer.5.fc1.weight"):
            torch.save(FILES["arcface"] | {key: torch.zeros(shape)}, tmp_path / "x.pt")
            refusal("arcface", tmp_path / "x.pt")
    data = dict(FILES["stylegan2"]["g_ema"], **{"conv1.conv.weight": torch.zeros(1, 0, 0, 3, 3)})
    torch.save(FILES["stylegan2"] | {"g_ema": data}, tmp_path / "x.pt")
    refusal("stylegan2", tmp_path / "x.pt")
