"""A run that is pushed: to a Hub of our own, which is not there, refuses, or hangs up."""

import json
import shlex
import time

import huggingface_hub.constants
import pytest
import torch
from huggingface_hub import ModelCard

from stylexfer.baseline import load_model
from stylexfer.errors import HubRefused, StylexferError
from stylexfer.packs import save_pack
from stylexfer.transfer import FaceTransfer
from tests.hub_server import running_hub
from tests.tiny import tiny_pack
from train import checkpoint, export, generator, inversion, transfer
from train.publish import Publisher

SENT = {"README.md", "LICENSE.txt", "sheet.jpg", "pack.json"}
TRUNK = {"widths": [8, 16, 16], "depths": [1, 1, 1], "se_reduction": 4}


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """For this process and for those that it starts."""
    monkeypatch.setattr("stylexfer.packs.hub._PAUSE", 0)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with running_hub(monkeypatch) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", server.writer)
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        yield server


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A pack that the stages begin with, under other terms than ours."""
    folder = tmp_path_factory.mktemp("base") / "pack"
    save_pack(tiny_pack(), folder)
    (folder / "LICENSE.txt").write_text("terms of the pack it began with")
    return folder


def arguments(config, out, *options):
    path = out.with_suffix(".json")
    path.write_text(json.dumps(config))
    return ["--config", str(path), "--out", str(out), *options]


@pytest.fixture
def config(corpus, base):
    return {
        "data": str(corpus), "size": 32, "seed": 1, "tracker": None, "log_every": 1, "lr": 1e-4,
        "generator": str(base), "identity_encoder": str(base), "start": str(base),
        "steps": 3, "batch": 4, "pictures": 2, "weights": {"l2": 1.0}, "ema": 0.0,
    }  # fmt: skip


def same(folder, repo):
    """Whether what the Hub holds draws what the run's own pack draws."""
    models = [
        FaceTransfer.from_pretrained(name, device="cpu", dtype=torch.float32)
        for name in (folder, repo)
    ]
    a, b = (model.pack.mapper.state_dict() for model in models)
    return all(torch.equal(a[k], b[k]) for k in a)


def test_a_run_is_pushed_and_what_arrives_is_loaded(hub, config, tmp_path):
    """Although the connection breaks twice in the middle of the largest file."""
    hub.cuts["mapper.safetensors"] = 2
    out = tmp_path / "run"
    options = ["--push-to-hub", "user/mine", "--push-every", "2", "--private"]
    transfer.main(arguments(config, out, *options))
    assert hub.cuts["mapper.safetensors"] == 0
    assert "user/mine" in hub.private
    files = hub.at("user/mine", "main")[1]
    parts = ("generator", "identity_encoder", "motion_encoder", "mapper", "pose_split")
    assert set(files) == SENT | {f"{name}.safetensors" for name in parts}
    assert same(out / "pack", "user/mine")
    card = ModelCard(files["README.md"].decode())
    assert card.data.library_name == "stylexfer" and "stylegan2" in card.data.tags
    assert card.data.license == "other"  # it began with weights under terms of their own
    assert b"terms of the pack it began with" in files["LICENSE.txt"]
    manifest = json.loads(files["pack.json"])
    assert manifest["training"]["transfer"]["done"] == 3
    assert "began with" in manifest["files"]["mapper.safetensors"]["origin"]
    assert "train/transfer.py" not in manifest["files"]["generator.safetensors"]["origin"]
    for name in ("README.md", "pack.json", "LICENSE.txt"):
        assert str(tmp_path.parent) not in files[name].decode()


def test_the_training_goes_on_without_a_hub_and_is_pushed_later(hub, config, tmp_path, capsys):
    hub.shutdown()
    hub.server_close()
    out = tmp_path / "run"
    options = ["--push-to-hub", "user/mine", "--push-every", "1"]
    with pytest.raises(HubRefused, match="connection to the Hub failed") as problem:
        transfer.main(arguments(config, out, *options))
    assert "Training goes on" in capsys.readouterr().err
    assert "\n" not in str(problem.value)
    assert checkpoint.load(out / "checkpoint.pt")["step"] == 3
    later = shlex.split(str(problem.value).split("Push it later with: ")[1])
    assert later[:3] == ["python", "-m", "train.export"]
    with pytest.MonkeyPatch.context() as patch, running_hub(patch) as other:
        export.main(later[3:])
        assert SENT < set(other.at("user/mine", "main")[1])
        assert same(out / "pack", "user/mine")


def test_a_push_that_failed_is_tried_again_at_the_next(hub, config, tmp_path, capsys):
    out = tmp_path / "run"
    transfer.main(arguments(config, out))
    publisher = Publisher(out, "user/mine", False)

    def push(step):
        publisher.start(step)
        publisher.start(step + 1)  # while the other is under way
        assert f"step {step + 1} is not pushed" in capsys.readouterr().err
        deadline = time.monotonic() + 120
        while publisher.process is not None:
            publisher.watch()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        return capsys.readouterr().err

    hub.refuse = 403
    assert "step 1 was not pushed: Your token may not write" in push(1)
    assert hub.at("user/mine", "main") is None
    hub.refuse = None
    assert "step 2 pushed: user/mine@" in push(2)
    sent = len(hub.repos["user/mine"])
    publisher.finish(2)  # it is there already
    assert len(hub.repos["user/mine"]) == sent


@pytest.mark.parametrize(("token", "says"), [(None, "hf auth login"), ("wrong", "refuses your")])
def test_a_hub_that_refuses_ends_the_run_before_its_first_step(
    hub, config, tmp_path, monkeypatch, token, says
):
    monkeypatch.delenv("HF_TOKEN")
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(HubRefused, match=says):
        transfer.main(arguments(config, tmp_path / "run", "--push-to-hub", "user/mine"))
    assert not (tmp_path / "run" / "metrics.jsonl").exists()
    assert "user/mine" not in hub.repos


def test_an_export_that_is_refused_leaves_the_pack_and_says_how_to_push_it(hub, config, tmp_path):
    transfer.main(arguments(config, tmp_path / "run"))
    hub.refuse = 403
    line = ["--run", str(tmp_path / "run"), "--out", str(tmp_path / "pack")]
    with pytest.raises(HubRefused, match=r"stylexfer pack push user/mine --pack .*pack --private"):
        export.main([*line, "--push-to-hub", "user/mine", "--private"])
    assert FaceTransfer.from_pretrained(tmp_path / "pack", device="cpu").size == 32


def test_inversion_alone_is_a_pack_for_the_baseline(hub, corpus, base, tmp_path):
    config = {
        "data": str(corpus), "size": 32, "seed": 1, "tracker": None, "log_every": 1, "lr": 1e-3,
        "generator": str(base), "batch": 4, "drawn": 0, "ema": 0.0, "weights": {"l2": 1.0},
        "encoder": {
            "input_size": 32, "heads": "psp", "iterations": 2,
            "trunk": {"in_channels": 6, **TRUNK},
        },
        "phases": [{"iterations": 1, "steps": 1, "pictures": 2}],
    }  # fmt: skip
    inversion.main(arguments(config, tmp_path / "run", "--push-to-hub", "user/mine"))
    assert load_model("user/mine", device="cpu").method == "psp"
    assert b"load_model" in hub.at("user/mine", "main")[1]["README.md"]


def test_where_pushing_means_nothing_it_is_refused(config, stage_configs, tmp_path, capsys):
    cases = (
        (generator, str(stage_configs / "generator.json"), ["--push-to-hub", "u/m"], "no whole"),
        (transfer, str(tmp_path / "t.json"), ["--push-every", "3"], "give --push-to-hub"),
        (transfer, str(tmp_path / "t.json"), ["--push-to-hub", "u/m", "--push-every", "0"], "is 0"),
    )
    (tmp_path / "t.json").write_text(json.dumps(config))
    for stage, path, options, says in cases:
        with pytest.raises(SystemExit):
            stage.main(["--config", path, "--out", str(tmp_path / "run"), *options])
        assert says in capsys.readouterr().err


def test_known_codes_make_no_pack(hub, stage_configs, tmp_path):
    if not (stage_configs / "generator" / "checkpoint.pt").is_file():
        line = ["--config", str(stage_configs / "generator.json")]
        generator.main([*line, "--out", str(stage_configs / "generator")])
    line = ["--config", str(stage_configs / "transfer.json"), "--out", str(tmp_path / "run")]
    line += ["--set", "identity_encoder=null", "--push-to-hub", "user/mine"]
    with pytest.raises(StylexferError, match="no whole pack"):
        transfer.main(line)
