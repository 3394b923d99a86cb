"""The three stages as a user runs them: losses go down, a run resumes, the pack opens."""

import importlib
import json

import numpy as np
import pytest
import torch
from PIL import Image

from stylexfer.packs import load_pack
from stylexfer.transfer import FaceTransfer
from train import checkpoint, curves, export
from train.heads.dataset import HeadsDataset
from train.inversion import known_w, load_generator


def run(stage, folder, *options, out=None):
    config = folder / f"{stage}.json"
    arguments = ["--config", str(config), "--out", str(out or folder / stage), *options]
    importlib.import_module(f"train.{stage}").main(arguments)


def metrics(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def trained(stage_configs):
    for stage in ("generator", "inversion", "transfer"):
        run(stage, stage_configs)
    return stage_configs


@pytest.mark.parametrize(
    "stage,term", [("generator", "l1"), ("inversion", "code1"), ("transfer", "code")]
)
def test_the_loss_goes_down(trained, stage, term):
    values = [line[term] for line in metrics(trained / stage)]
    assert np.mean(values[-5:]) < 0.95 * np.mean(values[:5])


@pytest.mark.parametrize("stage", ["generator", "inversion", "transfer"])
def test_a_resumed_run_ends_with_the_same_parameters(trained, stage, tmp_path):
    """Stopped after a few steps and started again, it is bitwise the uninterrupted run."""
    out = tmp_path / stage
    run(stage, trained, "--max-minutes", "0.00001", out=out)
    early = checkpoint.load(out / "checkpoint.pt")
    whole = checkpoint.load(trained / stage / "checkpoint.pt")
    assert early["step"] < whole["step"]
    run(stage, trained, out=out)
    resumed = checkpoint.load(out / "checkpoint.pt")
    assert resumed["step"] == whole["step"]
    for part in ("model", "ema"):
        for key, value in whole[part].items():
            assert torch.equal(resumed[part][key], value), key


def test_the_export_is_a_pack_that_animates(trained, tmp_path):
    export.main(["--runs", str(trained), "--out", str(tmp_path / "pack"), "--name", "test"])
    pack = load_pack(tmp_path / "pack")
    model = FaceTransfer(pack, device="cpu")
    person = model.random_identity(3)
    assert person.inversion.shape == (32, 32, 3)
    again = FaceTransfer.from_pretrained(tmp_path / "pack", device="cpu").random_identity(3)
    assert np.array_equal(person.inversion, again.inversion)


def test_normal_z_has_the_mean_of_the_learned_codes(trained, corpus):
    """The folded Gaussian: `latent_avg`, of normal z, is near the mean w of the corpus."""
    folded = torch.load(trained / "generator" / "generator.pt", weights_only=True)["state"]
    data = HeadsDataset(corpus, 32)
    known = known_w(load_generator(trained / "generator" / "checkpoint.pt", data), data)
    off = (folded["latent_avg"] - known.mean(dim=0)).abs() / known.std(dim=0)
    assert off.mean() < 0.5


def test_the_curves_are_drawn(trained, tmp_path):
    curves.main(["--runs", str(trained), "--out", str(tmp_path / "curves.png")])
    picture = np.asarray(Image.open(tmp_path / "curves.png"))
    assert picture.shape[1] == 3 * curves.WIDTH
    assert len(np.unique(picture)) > 10


def test_a_torn_checkpoint_falls_back_to_the_one_before(tmp_path):
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, {"step": 1})
    checkpoint.save(path, {"step": 2})
    path.write_bytes(path.read_bytes()[:100])
    assert checkpoint.load(path)["step"] == 1
    path.with_suffix(".previous").unlink()
    with pytest.raises(RuntimeError, match="no checkpoint could be read"):
        checkpoint.load(path)
    assert checkpoint.load(tmp_path / "none.pt") is None


def test_transfer_starts_on_known_codes_and_goes_on_with_the_encoder(trained, tmp_path):
    out = tmp_path / "transfer"
    run("transfer", trained, "--set", "identity_encoder=null", "--set", "steps=5", out=out)
    assert not (out / "codes.safetensors").exists()
    run("transfer", trained, "--set", "steps=10", out=out)
    assert (out / "codes.safetensors").exists()
    assert checkpoint.load(out / "checkpoint.pt")["step"] == 10


def test_an_unknown_setting_is_refused(stage_configs, capsys):
    with pytest.raises(SystemExit):
        run("generator", stage_configs, "--set", "learning_rat=1")
    assert "no such key" in capsys.readouterr().err
