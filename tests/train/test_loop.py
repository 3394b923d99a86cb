"""A killed run, several processes, accumulated gradients, less memory, half precision."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState

from stylexfer.networks import Generator, GeneratorConfig
from tests.tiny import tiny_pack
from train import checkpoint, generator, transfer
from train.config import ConfigError
from train.layers import recompute_activations, share_batch_statistics

ROOT = Path(__file__).parents[2]
SMALL = {"size": 16, "channels": [16, 16, 8], "style_dim": 16, "z_dim": 73, "n_mlp": 1}


@pytest.fixture(scope="module")
def settings(corpus, tmp_path_factory):
    """Configurations of a generator stage of two steps, and of transfers on its codes."""
    folder = tmp_path_factory.mktemp("loop")
    common = {"data": str(corpus), "seed": 1, "tracker": None, "lr": 0.01, "ema": 0.9}
    common |= {"log_every": 1, "schedule": "constant"}
    trunk = {"in_channels": 3, "widths": [8, 16], "depths": [1, 1], "se_reduction": 4}
    first = {
        **common, "generator": {**SMALL, "lr_mlp": 1.0},
        "encoder": {"input_size": 16, "pool": 2, "features": 16, "trunk": trunk},
        "phases": [{"resolution": 16, "steps": 4, "batch": 8}], "weights": {"lpips": 0.0},
    }  # fmt: skip
    second = {
        **common, "generator": str(folder / "generator" / "checkpoint.pt"), "size": 16,
        "identity_encoder": None, "batch": 8, "pictures": 4, "steps": 4, "flip": True,
        "encoder": {"input_size": 16, "pool": 2, "features": 16, "trunk": trunk},
        "weights": {"code": 1.0, "motion": 1.0, "l2": 1.0},
    }  # fmt: skip
    run(generator, first, folder / "generator")
    return {"generator": first, "transfer": second}


def arguments(config, out, *options):
    out.parent.mkdir(parents=True, exist_ok=True)
    path = out.with_suffix(".json")
    path.write_text(json.dumps(config))
    return ["--config", str(path), "--out", str(out), *options]


def run(stage, config, out, *options):
    stage.main(arguments(config, out, *options))
    return checkpoint.load(out / "checkpoint.pt")


def run_apart(config, out):
    """The transfer stage in a process of its own."""
    command = [sys.executable, "-m", "train.transfer", *arguments(config, out)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return checkpoint.load(out / "checkpoint.pt")


def apart(a, b):
    """Largest distance of any weight of two runs."""
    return max((a["model"][k].float() - v.float()).abs().max() for k, v in b["model"].items())


def test_a_run_killed_at_any_step_goes_on_as_if_nothing_had_been(settings, tmp_path):
    """SIGKILL, twice, wherever the run is then; the end is the same to the bit."""
    config = {**settings["transfer"], "steps": 400, "save_every": 1, "noise": "random"}
    config |= {"optimizer": "ranger", "betas": [0.95, 0.999], "eps": 1e-5}
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "train.transfer", *arguments(config, out)]
    metrics = out / "metrics.jsonl"
    for lines in (3, 9):
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        deadline = time.monotonic() + 300
        while not metrics.is_file() or metrics.read_text().count("\n") < lines:
            assert process.poll() is None, process.stderr.read().decode()
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    step = checkpoint.load(out / "checkpoint.pt")["step"]
    assert 8 <= step < 400
    config["steps"] = step + 3
    # in processes of their own too: another number of threads would round sums otherwise
    resumed, whole = (run_apart(config, folder) for folder in (out, tmp_path / "whole"))
    assert resumed["step"] == whole["step"] == step + 3
    for part in ("model", "ema"):
        for key, value in whole[part].items():
            assert torch.equal(resumed[part][key], value), key
    steps = [json.loads(line)["step"] for line in metrics.read_text().splitlines()]
    assert steps == list(range(1, step + 4))  # each once: what was done twice is written once


def test_two_processes_train_as_one_does(settings, tmp_path):
    """The same batches, one gradient, one batch's statistics: within 1e-4 after four steps.

    A bias before batch normalisation has no gradient but rounding, which Adam's eps of 1e-8 would
    make steps of: here it is 1e-4.
    """
    config = {**settings["transfer"], "eps": 1e-4}
    # `accelerate launch --cpu --num_processes 2` starts one process only, unless there is mpirun
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    launch += ["-m", "train.transfer"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    process = subprocess.Popen(
        [*launch, *arguments(config, tmp_path / "two")],
        cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        assert process.wait(timeout=240) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):  # it has ended, and all that it started
            os.killpg(process.pid, signal.SIGKILL)
    two = checkpoint.load(tmp_path / "two" / "checkpoint.pt")
    one = run(transfer, config, tmp_path / "one")
    assert len(two["rng"]) == 2
    assert apart(one, two) < 1e-4
    start = run(transfer, {**config, "steps": 1, "lr": 0.0}, tmp_path / "start")
    assert apart(one, start) > 1e-2  # they have moved much further than that
    lines = [
        [json.loads(line) for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        for name in ("one", "two")
    ]
    for a, b in zip(*lines, strict=True):
        assert a["code"] == pytest.approx(b["code"], rel=1e-3)


@pytest.mark.parametrize("parts", [2, 4])
def test_accumulated_gradients_are_those_of_the_whole_batch(settings, tmp_path, monkeypatch, parts):
    """Of networks without batch normalisation, which sees parts: within rounding."""
    monkeypatch.setattr(torch.nn.BatchNorm2d, "forward", lambda self, x: x)
    config = {**settings["generator"], "optimizer": "ranger", "clip": 0.5}
    whole = run(generator, config, tmp_path / "whole")
    split = run(generator, {**config, "accumulate": parts}, tmp_path / "parts")
    assert apart(whole, split) < 1e-5
    other = run(generator, {**config, "seed": 2}, tmp_path / "other")
    assert apart(whole, other) > 1e-2


def test_recomputed_activations_give_the_same_gradients():
    """To the bit, and a fraction of what is kept for the backward pass."""
    model = Generator(GeneratorConfig(size=64, channels=(32, 32, 32, 16, 16), style_dim=16))
    codes = torch.randn(2, model.n_styles, 16)

    def gradients():
        kept = []
        model.zero_grad()
        with torch.autograd.graph.saved_tensors_hooks(
            lambda x: kept.append(x.numel()) or x, lambda x: x
        ):
            images = model(codes)
        images.square().mean().backward()
        found = {k: p.grad.clone() for k, p in model.named_parameters() if p.grad is not None}
        return found, sum(kept)

    plain, before = gradients()
    recompute_activations(model)
    found, after = gradients()
    assert found.keys() == plain.keys()
    assert all(torch.equal(found[k], v) for k, v in plain.items())
    assert after < 0.6 * before


def test_batch_statistics_are_left_alone_in_one_process():
    encoder = tiny_pack().motion_encoder
    before = {k: id(m.forward.__func__) for k, m in encoder.named_modules()}
    share_batch_statistics(encoder)
    assert before == {k: id(m.forward.__func__) for k, m in encoder.named_modules()}


@pytest.fixture
def fresh_accelerator():
    """Accelerate keeps one precision a process."""
    AcceleratorState._reset_state(True)
    yield
    AcceleratorState._reset_state(True)


def test_half_precision_is_near_full(settings, tmp_path, fresh_accelerator):
    config = {**settings["transfer"], "steps": 2}
    full = run(transfer, config, tmp_path / "full")
    AcceleratorState._reset_state(True)
    half = run(transfer, {**config, "precision": "bf16"}, tmp_path / "half")
    losses = [
        json.loads((tmp_path / name / "metrics.jsonl").read_text().splitlines()[0])["code"]
        for name in ("full", "half")
    ]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    assert losses[0] != losses[1]
    assert all(v.dtype == half["model"][k].dtype for k, v in full["model"].items())


def test_fp16_needs_a_gpu_and_says_so(settings, tmp_path, fresh_accelerator):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ConfigError, match="fp16 needs a GPU"):
        run(transfer, {**settings["transfer"], "precision": "fp16"}, tmp_path / "run")


def test_metrics_reach_the_tracker(settings, tmp_path):
    out = tmp_path / "run"
    run(transfer, {**settings["transfer"], "steps": 1, "tracker": "tensorboard"}, out)
    events = list(out.rglob("events.out.tfevents.*"))
    assert events and b"code" in b"".join(p.read_bytes() for p in events)
