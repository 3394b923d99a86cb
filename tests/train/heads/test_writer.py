"""A corpus: the same bytes however it was rendered, and nothing half-written is ever read."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.train.heads.drawn import DrawnStage, FailingStage
from train.heads import writer
from train.heads.__main__ import main
from train.heads.corpus import CorpusError
from train.heads.dataset import HeadsDataset
from train.heads.writer import Plan, render

ROOT = Path(__file__).parents[3]
PLAN = Plan(identities=6, clips=2, frames=4, size=64, seed=3, stride=10)


def digest(folder: Path) -> dict[str, bytes]:
    """The files of a corpus, less the note of which sources drew it."""
    files = [p for p in sorted(folder.iterdir()) if p.is_file() and p.name != "corpus.json"]
    return {p.name: p.read_bytes() for p in files}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    assert render(folder, PLAN, workers=1, make_stage=DrawnStage) == 48
    return folder


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(writer.corpus, "SHARD_FRAMES", 16)


def test_any_number_of_workers_writes_the_same_bytes(corpus, tmp_path):
    render(tmp_path, PLAN, workers=3, make_stage=DrawnStage)
    assert digest(tmp_path) == digest(corpus)
    assert not list(tmp_path.glob(".*")) and not (tmp_path / "parts").exists()


SCRIPT = """
from pathlib import Path
from tests.train.heads.drawn import SlowStage
from train.heads import writer
from train.heads.__main__ import main
from train.heads.writer import Plan, render
writer.corpus.SHARD_FRAMES = 16
if __name__ == "__main__":
    plan = Plan(identities=6, clips=2, frames=4, size=64, seed=3, stride=10)
    render(Path("{out}"), plan, workers=2, make_stage=SlowStage)
"""


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(tmp_path, small_shards):
    """SIGKILL of the parent while parts are written, twice; the corpus is that of one whole run."""
    whole, out = tmp_path / "whole", tmp_path / "out"
    render(whole, PLAN, workers=1, make_stage=DrawnStage)
    script = tmp_path / "run.py"
    script.write_text(SCRIPT.format(out=out))
    done = []
    for _ in range(2):
        run = subprocess.Popen(
            [sys.executable, str(script)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
            stderr=subprocess.DEVNULL,
        )
        want = len(done) + 2
        while len(done) < want:
            assert run.poll() is None, "it ended before it could be killed"
            done = [*out.glob("parts/[0-9]*.tar"), *out.glob("heads-*.tar")]
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
        run.wait()
        assert not (out / "labels.npz").exists()
        with pytest.raises(CorpusError, match="labels.npz is missing"):
            HeadsDataset(out, 32)
        done = [*out.glob("parts/[0-9]*.tar"), *out.glob("heads-*.tar")]
    render(out, PLAN, workers=2, make_stage=DrawnStage)
    assert digest(out) == digest(whole)
    assert len(list(out.glob("heads-*.tar"))) == 3


def test_a_person_who_cannot_be_drawn_is_named_and_the_others_are_kept(tmp_path, small_shards):
    plan = replace(PLAN, identities=4, seed=0)
    with pytest.raises(CorpusError, match="1 identities .* seed 2 .*degenerate triangle"):
        render(tmp_path, plan, make_stage=FailingStage)
    assert (tmp_path / "heads-000.tar").is_file()
    assert not (tmp_path / "heads-001.tar").exists()
    assert not (tmp_path / "labels.npz").exists()
    assert render(tmp_path, plan, make_stage=DrawnStage) == 32


def test_other_options_are_refused(corpus, tmp_path):
    before = digest(corpus)
    with pytest.raises(CorpusError, match="frames 4, not 5"):
        render(corpus, replace(PLAN, frames=5), make_stage=DrawnStage)
    assert digest(corpus) == before
    (tmp_path / "labels.npz").touch()
    with pytest.raises(CorpusError, match="made elsewhere"):
        render(tmp_path, PLAN, make_stage=DrawnStage)
    with pytest.raises(CorpusError, match="--frames is 0"):
        Plan(identities=1, frames=0)


def test_labels_and_shards_agree(corpus):
    """Every row has the name, the numbers and the JPEG of one frame; half are smooth."""
    with np.load(corpus / "labels.npz") as table:
        labels = {k: table[k] for k in table.files}
    assert len(labels["name"]) == len(set(labels["name"])) == 48
    assert set(labels["identity"]) == {300_000 + i for i in range(6)}
    assert labels["smooth"].reshape(-1, 4)[:, :2].all()
    assert not labels["smooth"].reshape(-1, 4)[:, 2:].any()
    shard = (corpus / "heads-000.tar").read_bytes()
    for offset, length in zip(labels["offset"], labels["length"], strict=True):
        picture = shard[offset : offset + length]
        assert picture.startswith(b"\xff\xd8") and picture.endswith(b"\xff\xd9")
    plan = json.loads((corpus / "corpus.json").read_text())["plan"]
    assert plan["identities"] == 6


def test_motion_is_shared_by_groups(tmp_path):
    plan = replace(PLAN, identities=5, share_motion=2)
    render(tmp_path, plan, make_stage=DrawnStage)
    with np.load(tmp_path / "labels.npz") as table:
        labels = {k: table[k].reshape(5, 2, 4, *table[k].shape[1:]) for k in ("motion", "coeffs")}
    assert (labels["motion"][0] == labels["motion"][1]).all()
    assert (labels["coeffs"][0] == labels["coeffs"][1]).all()
    assert len(np.unique(labels["motion"])) == 6
    assert not (labels["coeffs"][1] == labels["coeffs"][2]).all()


def test_rendered_heads_do_not_depend_on_the_workers(tmp_path):
    """The renderer itself, by the command line: two people, one and two processes."""
    options = ["--identities=2", "--clips=1", "--frames=2", "--size=64", "--share-motion=2"]
    for workers in ("1", "2"):
        main(["render", f"--out={tmp_path / workers}", f"--workers={workers}", *options])
    assert digest(tmp_path / "1") == digest(tmp_path / "2")
    with np.load(tmp_path / "1" / "labels.npz") as table:
        assert np.array_equal(table["coeffs"][:2], table["coeffs"][2:])
        assert not np.array_equal(table["lm68"][:2], table["lm68"][2:])


def test_a_wrong_option_is_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as error:
        main(["render", "--out", str(tmp_path / "x"), "--identities", "0"])
    assert error.value.code == 1
    assert capsys.readouterr().err == "--identities is 0: at least 1.\n"
