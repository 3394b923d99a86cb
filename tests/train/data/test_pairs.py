"""A split of a corpus, and rendered people, as pairs to evaluate on."""

import csv

import numpy as np
import pytest

from stylexfer.media import probe, read_frames
from stylexfer.metrics.pairs import identity_picture, open_clip, open_pairs
from tests.train.heads.drawn import ACTIONS, DrawnStage
from train.data.drivers import EDGE, SEED, SHUT, truth_table
from train.data.pairs import export_pairs
from train.heads.corpus import CorpusError
from train.heads.dataset import HeadsDataset
from train.heads.writer import Plan, render


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    render(folder, Plan(identities=20, clips=2, frames=5, size=64), make_stage=DrawnStage)
    return folder


def test_every_clip_drives_a_frame_of_another_person(corpus, tmp_path):
    pairs = export_pairs([corpus], tmp_path, ["validation"], clips=4, seed=0)
    assert open_pairs(tmp_path) == pairs and len(pairs) == 4
    data = HeadsDataset(corpus, 256, "validation")
    whole = [np.stack([data.picture(int(k)) for k in frames]) for frames in data.frames_of_clip]

    def person(picture: np.ndarray) -> int:
        """Whose clip of the corpus shows this picture."""
        off = [np.abs(clip.astype(int) - picture).mean(axis=(1, 2, 3)).min() for clip in whole]
        return int(data.identity_index[data.frames_of_clip[int(np.argmin(off))][0]])

    for pair in pairs:
        clip = open_clip(tmp_path, pair)
        assert clip.count == 5
        driver = next(read_frames(clip.path, probe(clip.path)))
        assert person(driver) != person(identity_picture(tmp_path, pair))
    assert export_pairs([corpus], tmp_path / "again", ["validation"], 4, 0) == pairs
    assert (tmp_path / "again/clips/0000.mp4").read_bytes() == (
        tmp_path / "clips/0000.mp4"
    ).read_bytes()


def test_splits_that_are_not_there_and_too_few_people(corpus, tmp_path):
    with pytest.raises(CorpusError, match="no split 'test'"):
        export_pairs([corpus], tmp_path, ["test"], 4, 0)
    with pytest.raises(CorpusError, match="larger --clips"):
        export_pairs([corpus], tmp_path, ["validation"], 1, 0)
    assert not (tmp_path / "pairs.csv").exists()


def test_everybody_blinks_and_more_people_change_nothing():
    text = truth_table(ACTIONS, 3, 50, SEED)
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["clip"] for row in rows] == ["00"] * 50 + ["01"] * 50 + ["02"] * 50
    for name in ("00", "01", "02"):
        lids = [float(row["lids"]) for row in rows if row["clip"] == name]
        assert max(lids[EDGE:-EDGE]) >= SHUT
    assert text.startswith(truth_table(ACTIONS, 2, 50, SEED))
