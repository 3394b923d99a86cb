"""Reading a corpus: one, several, an old one, and pairs in the same motion."""

import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from tests.train.heads.drawn import DrawnStage
from train.heads.corpus import CorpusError
from train.heads.dataset import HeadsDataset
from train.heads.writer import Plan, render


@pytest.fixture(scope="module")
def paired(tmp_path_factory):
    """20 identities of which two by two share their motion."""
    folder = tmp_path_factory.mktemp("paired")
    plan = Plan(identities=20, clips=2, frames=4, size=64, share_motion=2, stride=10)
    render(folder, plan, make_stage=DrawnStage)
    return folder


def test_a_frame_is_the_picture_of_its_row(paired):
    data = HeadsDataset(paired, 64)
    assert len(data) == 18 * 2 * 4
    with tarfile.open(paired / "heads-000.tar") as tar:
        for i in (0, 77, len(data) - 1):
            file = tar.extractfile(str(data.labels["name"][i]))
            picture = np.asarray(Image.open(io.BytesIO(file.read())))
            assert np.array_equal(data.picture(i), picture)
    # the ellipse's ring is where the labels say, in pixels of 256
    centre = data.labels["lm68"].mean(axis=1) - 128
    assert np.allclose(centre, data.labels["pose"][:, :2] * (2, -2), atol=0.1)
    assert data.pictures([0, 1]).shape == (2, 3, 64, 64)


def test_the_splits_share_no_one(paired):
    train, validation = (HeadsDataset(paired, 32, s) for s in ("train", "validation"))
    assert set(train.labels["identity"]) == set(range(18))
    assert set(validation.labels["identity"]) == {18, 19}


def test_pairs_are_two_people_in_exactly_one_motion(paired):
    data = HeadsDataset(paired, 32)
    source, target, truth = data.draw_pairs(np.random.default_rng(0), 200)
    assert np.array_equal(data.motion[source], data.motion[truth])
    assert (data.identity_index[source] != data.identity_index[truth]).all()
    assert np.array_equal(data.clip_index[target], data.clip_index[truth])
    assert (target != truth).mean() > 0.5
    assert len(np.unique(truth)) > 80


def test_several_corpora_are_read_as_one(paired, corpus, tmp_path):
    one, both = HeadsDataset(paired, 32), HeadsDataset([paired, paired], 32)
    assert len(both) == 2 * len(one)
    assert both.identity_index.max() + 1 == 2 * 18
    assert np.array_equal(both.picture(3 + len(one)), one.picture(3))
    source, _, truth = both.draw_pairs(np.random.default_rng(0), 50)
    assert np.array_equal(both.labels["root"][source], both.labels["root"][truth])
    with pytest.raises(CorpusError, match="other actions"):
        HeadsDataset([paired, corpus], 32)


def test_a_corpus_without_places_and_motions_is_read(corpus):
    """The format of the corpus that the default pack was trained on."""
    data = HeadsDataset(corpus, 64)
    assert len(data) == 9 * 2 * 3
    assert data.picture(5).shape == (64, 64, 3)
    with pytest.raises(CorpusError, match="--share-motion"):
        data.draw_pairs(np.random.default_rng(0), 1)


def test_a_damaged_corpus_is_named(paired, tmp_path):
    for file in paired.glob("*.npz"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    shard = (paired / "heads-000.tar").read_bytes()
    (tmp_path / "heads-000.tar").write_bytes(shard[:-100])
    with pytest.raises(CorpusError, match="heads-000.tar is missing or not"):
        HeadsDataset(tmp_path, 32)
