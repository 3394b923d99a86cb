"""Trees of videos, made once for all tests of this folder, and corpora prepared from them."""

import os

import pytest

from tests.train.data.videos import WRONG, make_bad_videos, make_videos, plant
from train.data.clip import Options
from train.data.prepare import prepare

# small pictures and the quick alignment; the tilted video is beyond max_roll
QUICK = {"frames": 2, "size": 64, "align_size": 64, "max_roll": 20.0, "seed": 3}
WORKERS = min(4, os.cpu_count() or 1)


@pytest.fixture(scope="session")
def tree(tmp_path_factory):
    """220 clips of 44 people, and seven more people whose videos are wrong in one way each."""
    folder = tmp_path_factory.mktemp("videos")
    root = folder / "mp4"
    good = make_videos(folder, looks=11)
    assert len(good) == 220
    for number, video in enumerate(good):
        plant(root, f"id{number // 5:05d}", f"clip{number % 5}", video)
    bad = make_bad_videos(folder, good[0])
    for name in WRONG:
        plant(root, f"id9_{name}", "only", bad[name])
        plant(root, "id9_mixed", f"clip_{name}", bad[name])
    plant(root, "id9_mixed", "good", bad["cut"], good[3])  # the second utterance is whole
    (root / "id9_nothing").mkdir()
    return root


@pytest.fixture(scope="session")
def prepared(tree, tmp_path_factory):
    out = tmp_path_factory.mktemp("prepared") / "corpus"
    prepare(tree, out, Options(**QUICK), workers=WORKERS)
    return out


@pytest.fixture(scope="session")
def small_tree(tree, tmp_path_factory):
    """Some people of `tree`, among them those whose videos are wrong."""
    root = tmp_path_factory.mktemp("small")
    for name in ("id00000", "id00017", "id00030", "id9_mixed", "id9_two", "id9_nothing"):
        (root / name).symlink_to(tree / name)
    return root


@pytest.fixture(scope="session")
def small_corpus(small_tree, tmp_path_factory):
    """`small_tree` prepared by one worker: what any other way must give too."""
    out = tmp_path_factory.mktemp("small_prepared") / "corpus"
    prepare(small_tree, out, Options(**QUICK), workers=1)
    return out
