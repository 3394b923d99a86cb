"""Checkpoints that are torn, damaged, too large for the disk, or of another configuration."""

import resource

import pytest
import torch
from torch import nn

from train import checkpoint
from train.checkpoint import CheckpointError


@pytest.fixture
def two(tmp_path):
    path = tmp_path / "run" / "checkpoint.pt"
    for step in (1, 2):
        checkpoint.save(path, {"step": step, "weights": torch.full((5000,), float(step))})
    return path


def test_a_torn_checkpoint_falls_back_to_the_one_before(two, capsys):
    two.write_bytes(two.read_bytes()[:100])
    assert checkpoint.load(two)["step"] == 1
    assert "going on from" in capsys.readouterr().err
    checkpoint.previous(two).unlink()
    with pytest.raises(CheckpointError, match="cannot be read: remove them"):
        checkpoint.load(two)
    assert checkpoint.load(two.with_name("none.pt")) is None


def test_one_wrong_bit_is_found(two):
    data = bytearray(two.read_bytes())
    place = data.index(torch.full((4,), 2.0).numpy().tobytes()) + 6000
    data[place] ^= 1
    two.write_bytes(data)
    assert torch.load(two, weights_only=True)["step"] == 2  # torch alone does not notice
    assert checkpoint.load(two)["step"] == 1


def test_a_kill_between_the_two_renames_loses_nothing(two):
    two.rename(checkpoint.previous(two))
    assert checkpoint.load(two)["step"] == 2


def test_a_full_disk_leaves_the_last_checkpoint(two):
    """A limit on the size of files stands in for the end of the disk: writing fails half-way."""
    before = {path: path.read_bytes() for path in two.parent.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(CheckpointError, match="make room on that disk") as problem:
            checkpoint.save(two, {"step": 3, "weights": torch.ones(1_000_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(problem.value)
    assert {path: path.read_bytes() for path in two.parent.iterdir()} == before
    assert checkpoint.load(two)["step"] == 2


def test_nothing_in_a_checkpoint_is_executed(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("executed",)

    torch.save({"step": 1, "evil": Evil()}, tmp_path / "checkpoint.pt")
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoint.load(tmp_path / "checkpoint.pt")


def test_another_configuration_is_said_so():
    state = {"model": nn.Linear(2, 3).state_dict()}
    checkpoint.restore(state, {"model": nn.Linear(2, 3)}, "x.pt")
    for parts in ({"model": nn.Linear(2, 4)}, {"critic": nn.Linear(2, 3)}):
        with pytest.raises(CheckpointError, match="x.pt is of another configuration"):
            checkpoint.restore(state, parts, "x.pt")
