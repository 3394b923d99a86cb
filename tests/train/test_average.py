"""The mean of packs: their weights, what is said of it, and what has none."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from stylexfer.networks import PoseSplit
from stylexfer.packs import load_pack, save_pack
from tests.tiny import tiny_pack
from train import average
from train.config import ConfigError

TERMS = "CC0-1.0 assets, weights under Apache-2.0"


def written(folder, seed, **options):
    pack = tiny_pack(seed, **options)
    pack.info.update(licence=TERMS, training={"transfer": {"done": seed, "corpus": "heads"}})
    save_pack(pack, folder)
    return str(folder)


@pytest.fixture
def packs(tmp_path):
    return [written(tmp_path / f"p{seed}", seed) for seed in (1, 2, 3)]


def test_the_weights_are_the_weighted_mean(packs, tmp_path):
    for k, folder in enumerate(packs):
        save_file({"appearances": torch.full((2, 3), float(k))}, f"{folder}/training.safetensors")
    a, b, c = packs
    average.main([a, f"{b}=2", c, "--out", str(tmp_path / "mean"), "--version", "7"])
    found = load_pack(tmp_path / "mean")  # checks every sha256
    assert found.info["name"] == "mean" and found.info["version"] == "7"
    parts = [load_pack(p) for p in packs]
    for name, network in found.networks().items():
        states = [p.networks()[name].state_dict() for p in parts]
        for key, value in network.state_dict().items():
            wanted = (states[0][key] + 2 * states[1][key] + states[2][key]) / 4
            torch.testing.assert_close(value, wanted.to(value.dtype), rtol=1e-3, atol=1e-4)
    more = load_file(tmp_path / "mean" / "training.safetensors")["appearances"]
    assert (more == 1.0).all()
    training = found.info["training"]
    assert [training[k]["done"] for k in ("transfer", "transfer 2", "transfer 3")] == [1, 2, 3]
    assert training["average"]["shares"] == [1, 2, 1]
    assert found.info["licence"] == TERMS
    assert (tmp_path / "mean" / "LICENSE.txt").read_text().count("Apache License\n") == 1
    assert "average" in (tmp_path / "mean" / "README.md").read_text()
    assert Image.open(tmp_path / "mean" / "sheet.jpg").width > 64


def test_the_mean_of_a_pack_with_itself_is_that_pack(packs, tmp_path):
    average.main([packs[0], packs[0], "--out", str(tmp_path / "mean")])
    for name in ("generator", "mapper"):
        before, after = (
            load_file(f"{p}/{name}.safetensors") for p in (packs[0], tmp_path / "mean")
        )
        assert all(torch.equal(before[k], after[k]) for k in before)


def test_the_split_of_pose_is_fitted_anew(corpus, tmp_path):
    folders = []
    for seed in (1, 2):
        pack = tiny_pack(seed)
        pack = type(pack)(**pack.networks(), pose_split=PoseSplit(*pack.mapper.shape))
        save_pack(pack, tmp_path / str(seed))
        folders.append(str(tmp_path / str(seed)))
    average.main([*folders, "--out", str(tmp_path / "mean"), "--data", str(corpus)])
    split = load_pack(tmp_path / "mean").pose_split
    assert split.readout.abs().max() > 0 and split.basis.abs().max() > 0


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("{a}=0", "above 0"),
        ("{a}=much", "above 0"),
        ("{none}", "is no pack"),
        ("{big}", "different"),
    ],
)
def test_what_has_no_mean_is_refused(said, problem, packs, tmp_path):
    names = {"a": packs[0], "none": "no/pack", "big": written(tmp_path / "big", 4, size=64)}
    with pytest.raises(ConfigError, match=problem):
        average.main([packs[1], said.format(**names), "--out", str(tmp_path / "mean")])
    assert not (tmp_path / "mean" / "pack.json").exists()


def test_a_pack_is_not_written_over_itself(packs):
    before = json.loads(Path(packs[0], "pack.json").read_text())
    with pytest.raises(ConfigError, match="folder of its own"):
        average.main([packs[0], packs[1], "--out", packs[0]])
    assert json.loads(Path(packs[0], "pack.json").read_text()) == before
