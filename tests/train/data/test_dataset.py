"""Reading prepared frames."""

import json
import shutil

import numpy as np
import pytest

from stylexfer.faces.detect import find_landmarks
from train.data.dataset import VideoDataset, open_corpus, splits_of
from train.heads.corpus import CorpusError
from train.heads.dataset import HeadsDataset

SPLITS = ("train", "validation", "test")


def test_the_splits_share_no_one_and_hold_all(prepared):
    found = {split: VideoDataset(prepared, 64, split) for split in SPLITS}
    people = [{data.names[i] for i in data.labels["identity"]} for data in found.values()]
    assert [len(p) for p in people] == [37, 4, 4]
    assert len(set.union(*people)) == 45
    report = json.loads((prepared / "report.json").read_text())
    for split, data in found.items():
        assert len(data) == report["splits"][split]["frames"]
    assert splits_of(prepared) == list(SPLITS)


def test_a_row_is_one_frame_of_one_clip_of_one_person(prepared):
    data = VideoDataset(prepared, 64)
    assert len(data.frames_of_clip) == data.clip_index.max() + 1
    assert np.array_equal(np.concatenate(data.frames_of_clip), np.arange(len(data)))
    for frames in data.frames_of_clip:
        assert len(set(data.identity_index[frames])) == 1
        assert list(data.labels["time"][frames]) == [0.0, 0.5]
    assert data.clip_names[data.labels["clip"][0]].startswith("clip")
    assert np.abs(data.labels["pose"]).max(axis=0)[2] <= 20.0
    assert data.labels["side"].min() > 80


def test_the_landmarks_are_where_the_face_is(prepared):
    data = VideoDataset(prepared, 64, "test")
    assert data.stored == 64
    for index in (0, len(data) - 1):
        large = np.kron(data.picture(index), np.ones((4, 4, 1), np.uint8))
        marks = find_landmarks(large, (40, 60, 216, 236))
        off = np.abs(marks / 4 - data.labels["lm68"][index]).mean()
        assert off < 1.5  # of 64 px


def test_pictures_are_tensors_of_any_size(prepared):
    data = VideoDataset(prepared, 32)
    batch = data.pictures([0, 5, 3])
    assert batch.shape == (3, 3, 32, 32) and -1 <= batch.min() < batch.max() <= 1
    assert np.array_equal(
        data.picture(5), ((batch[1].permute(1, 2, 0) + 1) * 127.5).round().numpy()
    )
    large = VideoDataset(prepared, 64).picture(5).reshape(32, 2, 32, 2, 3).mean((1, 3))
    assert np.abs(large - data.picture(5)).mean() < 4


def test_either_kind_of_corpus_is_opened(prepared, corpus):
    assert isinstance(open_corpus(prepared, 32, "test"), VideoDataset)
    assert isinstance(open_corpus([prepared], 32), VideoDataset)
    assert isinstance(open_corpus(corpus, 32), HeadsDataset)
    assert splits_of(corpus) == ["train", "validation"]
    with pytest.raises(CorpusError, match="give it alone"):
        open_corpus([corpus, prepared], 32)


def test_damage_is_named(small_corpus, tmp_path):
    with pytest.raises(CorpusError, match=r"frames.json is missing: give the folder of a prepared"):
        VideoDataset(tmp_path, 64)
    folder = tmp_path / "corpus"
    shutil.copytree(small_corpus, folder)
    with pytest.raises(CorpusError, match="no frames of the split 'dev'"):
        VideoDataset(folder, 64, "dev")
    shard = folder / "frames-00000.tar"
    data = shard.read_bytes()
    shard.write_bytes(data.replace(b"\xff\xd8\xff", b"\x00\x00\x00"))
    with pytest.raises(CorpusError, match="frame of the corpus is damaged"):
        VideoDataset(folder, 64).picture(0)
    shard.write_bytes(data[:-512])
    with pytest.raises(CorpusError, match=r"frames-00000.tar is missing or not \d+ bytes"):
        VideoDataset(folder, 64)
