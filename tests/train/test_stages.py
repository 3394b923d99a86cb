"""The stages as a user runs them: losses go down, a run resumes, the pack opens."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stylexfer.baseline import load_model
from stylexfer.packs import load_component, load_pack
from stylexfer.packs.pack import read_manifest
from stylexfer.transfer import FaceTransfer
from train import checkpoint, curves, export
from train.coded import known_w, load_coded
from train.config import ConfigError, read_config
from train.encoder import trained_encoder
from train.heads.dataset import HeadsDataset
from train.origins import find
from train.perception import perception

CONFIGS = Path(export.__file__).parent / "configs"
TERMS = {"generator": "l1", "recognition": "margin", "inversion": "code1", "transfer": "code"}


def run(stage, folder, *options, out=None):
    config = folder / f"{stage}.json"
    arguments = ["--config", str(config), "--out", str(out or folder / stage), *options]
    importlib.import_module(f"train.{stage}").main(arguments)


def metrics(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def trained(stage_configs):
    for stage in TERMS:
        run(stage, stage_configs)
    return stage_configs


@pytest.mark.parametrize("stage", TERMS)
def test_the_loss_goes_down(trained, stage):
    lines = metrics(trained / stage)
    values = [line[TERMS[stage]] for line in lines if TERMS[stage] in line]
    assert np.mean(values[-20:]) < 0.95 * np.mean(values[:20])
    sheet = np.asarray(Image.open(trained / stage / "sheet_000050.png"))
    assert len(np.unique(sheet)) > 20


@pytest.mark.parametrize("stage", TERMS)
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
    short = ["phases=" + json.dumps([{"iterations": 2, "steps": 3, "pictures": 0}])]
    short += ["encoder.heads=e4e", "save_every=3"]
    options = [part for setting in short for part in ("--set", setting)]
    run("inversion", trained, *options, out=trained / "inversion_e4e")
    export.main(["--runs", str(trained), "--out", str(tmp_path / "pack"), "--name", "test"])
    pack = load_pack(tmp_path / "pack")
    manifest = read_manifest(tmp_path / "pack")
    assert manifest["training"]["inversion"]["done"] == 80
    assert manifest["training"]["inversion_e4e"]["done"] == 3
    assert manifest["files"]["restyle_e4e.safetensors"]["licence"]
    for method in ("psp", "e4e"):
        baseline = load_model(tmp_path / "pack", method, device="cpu")
        assert baseline.pack.identity_encoder.config.heads == method
    model = FaceTransfer(pack, device="cpu")
    person = model.random_identity(3)
    assert person.inversion.shape == (32, 32, 3)
    again = FaceTransfer.from_pretrained(tmp_path / "pack", device="cpu").random_identity(3)
    assert np.array_equal(person.inversion, again.inversion)
    recognition = load_component(tmp_path / "pack", "recognition")
    assert recognition(torch.zeros(1, 3, 32, 32)).norm().item() == pytest.approx(1)


def test_training_goes_on_from_a_pack_alone(trained, tmp_path):
    """A pack and its training.safetensors hold all that the stages' checkpoints have learned."""
    pack = tmp_path / "pack"
    export.main(["--runs", str(trained), "--out", str(pack), "--name", "test"])
    settings = {
        "generator": {"phases": [{"resolution": 32, "steps": 1, "batch": 8}]},
        "inversion": {"phases": [{"iterations": 1, "steps": 1, "pictures": 0}]},
        "transfer": {"steps": 1},
    }
    for stage, changes in settings.items():
        changes |= {"start": str(pack), "lr": 1e-9}
        pairs = [f"{key}={json.dumps(value)}" for key, value in changes.items()]
        options = [part for pair in pairs for part in ("--set", pair)]
        run(stage, trained, *options, out=tmp_path / stage)
        before, after = (
            checkpoint.load(folder / stage / "checkpoint.pt")["ema"]
            for folder in (trained, tmp_path)
        )
        assert before.keys() == after.keys()
        before.pop("generator.latent_avg", None)  # of normal z, which this stage does not know
        # fp16 in the pack; the encoder's statistics move a little
        for name, value in before.items():
            if "running" not in name and value.is_floating_point():
                assert (after[name] - value).norm() <= 0.05 * value.norm() + 1e-6, name


@torch.no_grad()
def test_e4e_starts_as_what_psp_draws_in_its_first_row(trained):
    path, generator = str(trained / "inversion" / "checkpoint.pt"), trained / "generator"
    generator = find(generator / "checkpoint.pt", "generator")
    psp, e4e = (
        trained_encoder({"start": path, "encoder": {"heads": heads}}, generator).eval()
        for heads in ("psp", "e4e")
    )
    assert e4e.config.heads == "e4e"
    views = torch.rand(2, 2, 3, *[psp.config.input_size] * 2) * 2 - 1
    first = psp(*views)[:, :1]
    assert first.std() > 0.01
    torch.testing.assert_close(e4e(*views), first.expand(-1, generator.n_styles, -1))


def test_a_generator_trained_with_the_transfer_still_draws_random_people(trained, tmp_path):
    options = ("train_generator=true", "pictures_from=0", "steps=2", "weights.l2=1")
    given = [part for option in options for part in ("--set", option)]
    run("transfer", trained, *given, out=tmp_path / "run")
    ours, folded = (
        find(path, "generator")
        for path in (tmp_path / "run" / "checkpoint.pt", trained / "generator" / "generator.pt")
    )
    z = torch.randn(4, ours.config.z_dim)
    torch.testing.assert_close(ours.mapping(z), folded.mapping(z))
    changed = [
        (a - b).abs().max() for a, b in zip(ours.parameters(), folded.parameters(), strict=True)
    ]
    assert max(changed) > 1e-5


@pytest.mark.parametrize(
    ("start", "says"),
    [("nowhere", "no pack"), ("pack", "training.safetensors"), ("default", "of other sizes")],
)
def test_a_start_that_cannot_be_gone_on_from_is_refused(trained, tmp_path, start, says):
    if start == "pack":
        start = tmp_path / "pack"
        export.main(["--run", str(trained / "transfer"), "--out", str(start), "--name", "test"])
    with pytest.raises(ConfigError, match=says):
        run("generator", trained, "--set", f"start={start}", out=tmp_path / "run")


def test_normal_z_has_the_mean_of_the_learned_codes(trained, corpus):
    """The folded Gaussian: `latent_avg`, of normal z, is near the mean w of the corpus."""
    folded = find(trained / "generator" / "generator.pt", "generator")
    data = HeadsDataset(corpus, 32)
    known = known_w(load_coded(trained / "generator" / "checkpoint.pt"), data)
    off = (folded.latent_avg - known.mean(dim=0)).abs() / known.std(dim=0)
    assert off.mean() < 0.5


def test_the_curves_are_drawn(trained, tmp_path):
    curves.main(["--runs", str(trained), "--out", str(tmp_path / "curves.png")])
    picture = np.asarray(Image.open(tmp_path / "curves.png"))
    assert picture.shape[1] == 4 * curves.WIDTH
    assert len(np.unique(picture)) > 10


def test_transfer_starts_on_known_codes_and_goes_on_with_the_encoder(trained, tmp_path):
    out = tmp_path / "transfer"
    run("transfer", trained, "--set", "identity_encoder=null", "--set", "steps=5", out=out)
    assert not (out / "codes").exists()
    run("transfer", trained, "--set", "steps=10", out=out)
    assert (out / "codes" / "codes.json").exists()
    assert checkpoint.load(out / "checkpoint.pt")["step"] == 10


def test_what_networks_see_draws_pictures_to_the_true_ones(trained, corpus, tmp_path):
    """Nothing is missing of the frames themselves; others come nearer as the gradient says; small
    ones are not looked at; the generator stage learns by it."""
    paths = {"recognition": "recognition", "reader": "transfer"}
    given = {key: str(trained / stage / "checkpoint.pt") for key, stage in paths.items()}
    seen_as = perception(given | {"weights": {"id": 1.0, "motion": 1.0}})
    frames = HeadsDataset(corpus, 32).pictures(np.arange(0, 24, 3))
    truth, drawn = frames.chunk(2)
    assert all(v.item() < 1e-5 for v in seen_as(truth, truth).values())
    assert not seen_as(truth[..., ::4, ::4], truth)
    for term in ("id", "motion"):
        moved = drawn.clone().requires_grad_(True)
        before = seen_as(moved, truth)[term]
        before.backward()
        step = 0.05 * moved.grad / moved.grad.abs().max()
        assert seen_as((moved - step).detach(), truth)[term] < before
    settings = ["phases=" + json.dumps([{"resolution": 32, "steps": 2, "batch": 8}])]
    settings += [f"{key}={path}" for key, path in given.items()]
    settings += ["weights.id=0.5", "weights.motion=0.5"]
    options = [part for setting in settings for part in ("--set", setting)]
    run("generator", trained, *options, out=tmp_path / "generator")
    assert {"id", "motion"} <= set(metrics(tmp_path / "generator")[0])


def test_a_generator_whose_reader_reads_nothing_is_refused(trained):
    for setting, said in (
        (f"reader={trained / 'recognition' / 'checkpoint.pt'}", "holds no motion_encoder"),
        ("reader=null", "give reader"),
    ):
        with pytest.raises(ConfigError, match=said):
            run("generator", trained, "--set", "weights.motion=1", "--set", setting)


@pytest.mark.parametrize("key", ["learning_rat", "weights.l3", "weights.l1.more"])
def test_an_unknown_setting_is_refused(stage_configs, capsys, key):
    with pytest.raises(SystemExit):
        run("generator", stage_configs, "--set", f"{key}=1")
    assert "no such key" in capsys.readouterr().err


def test_a_misspelt_key_of_the_file_is_refused(stage_configs, tmp_path, capsys):
    config = json.loads((stage_configs / "transfer.json").read_text())
    config["weights"]["lpisp"] = 1.0
    (tmp_path / "transfer.json").write_text(json.dumps(config))
    with pytest.raises(SystemExit):
        run("transfer", tmp_path)
    assert "weights.lpisp" in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.json")), ids=lambda p: p.stem)
def test_the_configurations_that_are_shipped_are_read(path):
    """Which stage each is of is in its name, or it is a variant of the transfer stage (paper)."""
    kind = {"paper": "transfer", "restyle": "inversion"}.get(path.parent.name)
    stage = kind or path.stem.split("_")[0]
    defaults = importlib.import_module(f"train.{stage}").DEFAULTS
    config = read_config(stage, defaults, ["--config", str(path), "--out", "x"])
    assert config["stage"] == stage
