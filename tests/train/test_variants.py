"""The stages in their other configurations: as the paper, adversarial, e4e, from released files."""

import importlib
import json

import numpy as np
import pytest
import torch

from stylexfer.errors import StylexferError
from stylexfer.networks import (
    IRSEConfig,
    MotionConfig,
    MotionEncoder,
    Recognition,
    RecognitionConfig,
)
from stylexfer.packs import save_pack
from tests.packs.released import below, tiny_files
from tests.tiny import tiny_pack
from tests.train.heads.drawn import DrawnStage
from train import checkpoint
from train.config import ConfigError
from train.heads.writer import Plan, render
from train.inversion import active_rows
from train.method import fresh_mapper
from train.origins import find


def run(stage, config, out, *options):
    path = out.with_suffix(".json")
    path.write_text(json.dumps(config))
    arguments = ["--config", str(path), "--out", str(out), *options]
    importlib.import_module(f"train.{stage}").main(arguments)
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def same(a, b, *parts):
    states = [checkpoint.load(out / "checkpoint.pt") for out in (a, b)]
    return all(
        torch.equal(value, states[1][part][key])
        for part in parts
        for key, value in states[0][part].items()
    )


@pytest.fixture(scope="module")
def config(stage_configs):
    """The stages' configs, for a corpus of two identities per motion at 64 px."""
    return {p.stem: json.loads(p.read_text()) for p in stage_configs.glob("*.json")}


@pytest.fixture(scope="module")
def paired(tmp_path_factory):
    folder = tmp_path_factory.mktemp("paired")
    plan = Plan(identities=10, clips=1, frames=4, size=64, share_motion=2, stride=10)
    render(folder, plan, make_stage=DrawnStage)
    return str(folder)


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """Files in the layouts of best_model.pt, of ReStyle and of IR-SE 50."""
    folder = tmp_path_factory.mktemp("released")
    files, pack = tiny_files(), tiny_pack()
    # oneDNN crashes in the gradient of a 1x1 convolution of stride 2 with 8 channels at 256 px
    trunk = IRSEConfig(widths=(16, 16, 32), depths=(1, 2, 1), se_reduction=4)
    motion = MotionEncoder(MotionConfig(8, 16, input_size=256, pool=2, features=16, trunk=trunk))
    mapper = fresh_mapper(8, 16, "identity").state_dict()
    files["paper"]["state_dict"] = (
        below("encoder", motion)
        | below("decoder", pack.generator)
        | {f"mapping_net.{k.replace('linear.', 'linear_relu.0.')}": v for k, v in mapper.items()}
    )
    files["restyle"]["state_dict"] = below("encoder", pack.identity_encoder) | below(
        "decoder", pack.generator
    )
    stem = IRSEConfig(widths=(16, 16, 32), depths=(1, 2, 1), se_reduction=4)
    files["arcface"] = Recognition(RecognitionConfig(16, 12, stem)).state_dict()
    for name in ("paper", "restyle", "arcface"):
        torch.save(files[name], folder / f"{name}.pt")
    save_pack(pack, folder / "pack")
    return folder


@pytest.fixture(scope="module")
def paper(config, paired, released):
    """The paper's losses and settings on tiny networks, from a pack."""
    pack = str(released / "pack")
    base = {k: config["transfer"][k] for k in ("tracker", "log_every", "save_every", "sheet_every")}
    return {
        **base, "data": paired, "size": 32, "seed": 1, "steps": 2, "batch": 2, "pictures": 2,
        "generator": pack, "start": pack, "identity_encoder": pack,
        "recognition": str(released / "arcface.pt"),
        "own_share": 1.0, "other_share": 1.0, "flip": False, "noise": "random",
        "weights": {"l2": 0.1, "l2_crop": 2.0, "id": 0.3, "cosface": 0.1},
        "optimizer": "ranger", "betas": [0.95, 0.999], "eps": 1e-5, "lr": 1e-4,
        "schedule": "constant", "clip": None, "ema": 0.0,
    }  # fmt: skip


def test_training_goes_on_from_the_released_transfer_model(paper, released, tmp_path):
    """A step from best_model.pt's layout, with all of the paper's losses."""
    files = {k: str(released / "paper.pt") for k in ("generator", "start")}
    files["identity_encoder"] = str(released / "restyle.pt")
    lines = run("transfer", {**paper, **files}, tmp_path / "run")
    assert len(lines) == 2
    assert {"l2", "l2_crop", "id", "cosface"} <= lines[0].keys()
    assert all(np.isfinite(v) for line in lines for v in line.values())
    for name in ("motion_encoder", "mapper"):
        before = find(released / "paper.pt", name).state_dict()
        after = find(tmp_path / "run" / "checkpoint.pt", name).state_dict()
        moved = max((after[k] - v).abs().max() for k, v in before.items() if "weight" in k)
        assert 0 < moved < 0.01
    assert "generator.input.input" not in checkpoint.load(tmp_path / "run" / "checkpoint.pt")["ema"]


def test_a_loss_that_is_no_number_ends_the_run_and_is_not_saved(paper, tmp_path):
    run("transfer", {**paper, "steps": 1}, tmp_path / "run")
    with pytest.raises(StylexferError, match="became infinite or no number"):
        run("transfer", {**paper, "lr": 1e30, "steps": 4}, tmp_path / "run")
    assert checkpoint.load(tmp_path / "run" / "checkpoint.pt")["step"] == 1


def test_random_noise_does_not_break_resuming(paper, tmp_path):
    """Noise comes from the global generator, whose place is in the checkpoint."""
    run("transfer", paper, tmp_path / "whole")
    run("transfer", paper, tmp_path / "parts", "--max-minutes", "0.00001")
    assert checkpoint.load(tmp_path / "parts" / "checkpoint.pt")["step"] == 1
    run("transfer", paper, tmp_path / "parts")
    assert same(tmp_path / "whole", tmp_path / "parts", "model")


def test_the_variant_gen_trains_the_generator_too(paper, released, tmp_path):
    settings = {**paper, "train_generator": True, "recompute": True}
    run("transfer", settings, tmp_path / "run")
    before = find(released / "pack", "generator")
    after = find(tmp_path / "run" / "checkpoint.pt", "generator")
    assert not torch.equal(before.conv1.conv.weight, after.conv1.conv.weight)
    assert torch.equal(before.style[1].weight, after.style[1].weight)  # no loss reaches it


def test_the_identity_may_be_compared_with_the_frame(paper, tmp_path):
    settings = {**paper, "steps": 1, "weights": {"id": 0.3}}
    decoded = run("transfer", settings, tmp_path / "decoded")
    frame = run("transfer", {**settings, "id_reference": "frame"}, tmp_path / "frame")
    assert decoded[0]["id"] != frame[0]["id"]


def test_pairs_in_the_same_motion_are_one_more_term(paper, tmp_path):
    settings = {**paper, "pairs": 2, "weights": {"l2": 1.0, "paired": 0.5}, "recognition": None}
    lines = run("transfer", settings, tmp_path / "run")
    assert all(line["paired"] > 0 for line in lines)
    assert "cosface" not in lines[0] and "id" not in lines[0]


def test_identity_is_compared_where_the_true_frame_is_known(paper, tmp_path):
    weights = {"id_true": 1.0, "paired": 0.5}
    settings = {**paper, "pairs": 2, "weights": weights}
    found = run("transfer", settings, tmp_path / "run")[0]
    assert 0 < found["id_true"] < 2 and 0 < found["paired"] < 2
    assert not {"l2", "id"} & found.keys()
    with pytest.raises(ConfigError, match="weights.id_true needs a recognition network"):
        run("transfer", {**settings, "recognition": None}, tmp_path / "none")


def test_the_best_weights_of_the_validation_are_kept(paper, tmp_path):
    settings = {**paper, "validate_every": 1, "validation_clips": 1}
    lines = run("transfer", settings, tmp_path / "run")
    scores = {n["step"]: n["validation_csim"] for n in lines if "validation_csim" in n}
    assert list(scores) == [1, 2]  # no faces in drawn ellipses: CSIM alone decides
    best = checkpoint.load(tmp_path / "run" / "best.pt")
    assert best["step"] == max(scores, key=scores.get)
    assert best["score"] == pytest.approx(max(scores.values()), abs=1e-4)
    assert find(tmp_path / "run" / "best.pt", "mapper").shape == (8, 16)


@pytest.mark.parametrize(
    "change,says",
    [
        ({"batch": 3, "accumulate": 2}, "take a multiple of 2"),
        ({"own_share": 0.5}, "own_share and other_share 1"),
        ({"recognition": None}, "needs a recognition network"),
        ({"weights": {"code": 1.0}}, "knows no codes"),
        ({"identity_encoder": None}, "knows no codes"),
        ({"generator": "nowhere.pt"}, "nowhere.pt is missing"),
        ({"start": None}, "encoder: give the numbers"),
        ({"optimizer": "sgd"}, "optimizer must be one of"),
        ({"precision": "fp8"}, "precision must be one of"),
    ],
)
def test_what_cannot_be_run_says_what_to_change(paper, tmp_path, change, says):
    with pytest.raises(StylexferError, match=says) as problem:
        run("transfer", {**paper, **change}, tmp_path / "run")
    assert "\n" not in str(problem.value)


def test_the_adversarial_part_trains_and_resumes(config, tmp_path):
    settings = {
        **config["generator"],
        "phases": [{"resolution": 32, "steps": 6, "batch": 8}],
        "weights": {"lpips": 0.0, "adversarial": 0.2},
        "adversarial": {
            "from_step": 2, "r1_every": 2, "path_every": 2, "ada_every": 1, "ada_pictures": 40,
            "ada_target": -2.0,
        },
    }  # fmt: skip
    lines = run("generator", settings, tmp_path / "whole")
    assert "fool" not in lines[1] and {"fool", "tell", "r1", "path"} <= lines[2].keys()
    assert lines[2]["ada"] == 0 and lines[5]["ada"] > 0.3  # every sign is above the target
    run("generator", settings, tmp_path / "parts", "--max-minutes", "0.00001")
    for _ in range(2):
        run("generator", settings, tmp_path / "parts")
    assert same(tmp_path / "whole", tmp_path / "parts", "model", "critic", "pace")


def test_e4e_trains_row_by_row_and_resumes(config, stage_configs, tmp_path, corpus):
    if not (stage_configs / "generator" / "checkpoint.pt").is_file():
        run("generator", config["generator"], stage_configs / "generator")
    settings = {
        **config["inversion"],
        "encoder": {**config["inversion"]["encoder"], "heads": "e4e"},
        "phases": [{"iterations": 2, "steps": 12, "pictures": 2}],
        "pictures_in": "each",
        "weights": {"code": 1.0, "l2": 1.0, "delta": 0.01, "adversarial": 0.1},
        "progressive": {"from_step": 2, "every": 1},
    }
    lines = run("inversion", settings, tmp_path / "whole")
    assert {"code1", "code2", "l2", "delta", "adversarial", "tell"} <= lines[0].keys()
    assert lines[1]["delta"] == 0 and lines[3]["delta"] > 0
    run("inversion", settings, tmp_path / "parts", "--max-minutes", "0.00001")
    run("inversion", settings, tmp_path / "parts")
    assert same(tmp_path / "whole", tmp_path / "parts", "model", "critic")
    with pytest.raises(StylexferError, match="last rows would never be trained"):
        run("inversion", {**settings, "progressive": {"from_step": 9, "every": 1}}, tmp_path / "x")


def test_rows_of_e4e_join_one_by_one():
    slow = {"from_step": 20, "every": 10}
    assert [active_rows(slow, 5, s) for s in (0, 19, 20, 29, 30, 49, 50, 99)] == [
        1, 1, 2, 2, 3, 4, 5, 5
    ]  # fmt: skip
    assert active_rows({"from_step": 0, "every": 0}, 5, 0) == 5


def test_inversion_needs_no_known_codes(paper, released, tmp_path):
    """ReStyle's own training: a released generator, frames of which nothing is known."""
    trunk = {"widths": [16, 16, 32], "depths": [1, 2, 1], "se_reduction": 4}
    settings = {
        **{k: paper[k] for k in ("data", "size", "seed", "generator", "recognition")},
        **{k: paper[k] for k in ("tracker", "optimizer", "betas", "eps", "lr", "schedule")},
        "encoder": {
            "input_size": 32, "heads": "psp", "iterations": 3,
            "trunk": {"in_channels": 6, **trunk},
        },
        "trunk": str(released / "arcface.pt"),
        "phases": [{"iterations": 3, "steps": 2, "pictures": 4}], "pictures_in": "each",
        "batch": 4, "drawn": 0, "weights": {"l2": 1.0, "id": 0.1}, "ema": 0.0, "log_every": 1,
    }  # fmt: skip
    lines = run("inversion", settings, tmp_path / "run")
    assert {"l2", "id"} <= lines[0].keys() and "code1" not in lines[0]
    lines = run("inversion", {**settings, "drawn": 4, "weights": {"code": 1.0}}, tmp_path / "drawn")
    assert "code3" in lines[0]
    encoder = find(tmp_path / "run" / "checkpoint.pt", "identity_encoder")
    theirs = find(released / "arcface.pt", "recognition")
    assert torch.allclose(encoder.body[0].res_layer[1].weight, theirs.body[0].res_layer[1].weight,
                          atol=1e-3)  # fmt: skip


def test_networks_are_found_where_they_are(released, tmp_path):
    trunk = IRSEConfig(widths=(16, 16, 32), depths=(1, 2, 1), se_reduction=4)
    expected = Recognition(RecognitionConfig(16, 12, trunk)).state_dict()
    found = find(released / "arcface.pt", "recognition")
    assert {k: v.shape for k, v in found.state_dict().items()} == {
        k: v.shape for k, v in expected.items()
    }
    assert find("default", "generator").config.size == 256
    for path, name, says in (
        (released / "arcface.pt", "mapper", "holds no mapper, only recognition"),
        (tmp_path / "gone.pt", "mapper", "gone.pt is missing"),
    ):
        with pytest.raises(StylexferError, match=says):
            find(path, name)
    (tmp_path / "junk.pt").write_bytes(b"junk")
    with pytest.raises(StylexferError, match="junk.pt"):
        find(tmp_path / "junk.pt", "generator")
