"""Who drives whom, from a table or from a folder of clips."""

from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylexfer.media import probe, read_frames, write_video
from stylexfer.metrics.pairs import (
    BadPairs,
    Pair,
    frame_slice,
    identity_picture,
    open_clip,
    open_pairs,
    write_pairs,
)

CLIP = Path(__file__).resolve().parents[2] / "examples" / "clips" / "clip_a.mp4"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Three people's clips, one of them in a folder of its own, and one portrait."""
    folder = tmp_path_factory.mktemp("pairs")
    (folder / "clips" / "carl").mkdir(parents=True)
    frames = [frame[::6, ::6] for frame in islice(read_frames(CLIP, probe(CLIP)), 6)]
    for name in ("anna", "ben", "carl/one"):
        write_video(folder / "clips" / f"{name}.mp4", frames, Fraction(25))
    return folder


def test_drawn_pairs_are_of_two_people_and_always_the_same(folder):
    pairs = open_pairs(folder, targets=2, seed=3)
    assert pairs == open_pairs(folder, targets=2, seed=3) != open_pairs(folder, targets=2, seed=4)
    assert [pair.clip for pair in pairs] == sorted(
        2 * [f"clips/{n}.mp4" for n in ("anna", "ben")]
    ) + 2 * ["clips/carl/one.mp4"]
    for pair in pairs:
        assert pair.clip != pair.identity
        assert 0 <= int(pair.identity_frame) < 6
    for clip in {pair.clip for pair in pairs}:
        assert len({pair.identity for pair in pairs if pair.clip == clip}) == 2


def test_portraits_are_preferred_to_frames(folder, tmp_path):
    (tmp_path / "clips").symlink_to(folder / "clips")
    (tmp_path / "portraits").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "portraits" / "anna.png")
    Image.new("RGB", (9, 9)).save(tmp_path / "portraits" / "dora.png")
    pairs = open_pairs(tmp_path)
    assert pairs[0] == Pair("clips/anna.mp4", "portraits/dora.png")  # not her own
    assert identity_picture(tmp_path, pairs[0]).shape == (9, 9, 3)


def test_a_table_is_read_as_it_was_written(folder, tmp_path):
    wanted = [Pair("clips/anna.mp4", "clips/ben.mp4", "4", "1:6:2")]
    write_pairs(folder / "pairs.csv", wanted)
    try:
        (pair,) = open_pairs(folder)
    finally:
        (folder / "pairs.csv").unlink()
    assert [pair] == wanted
    clip = open_clip(folder, pair)
    assert (clip.count, clip.fps) == (3, 12.5)
    every = list(read_frames(clip.path, clip.info))
    assert all(np.array_equal(a, b) for a, b in zip(clip.frames(), every[1:6:2], strict=True))
    other = list(read_frames(folder / "clips/ben.mp4", clip.info))
    assert np.array_equal(identity_picture(folder, pair), other[4])


@pytest.mark.parametrize("text", ["5", "-3:", "0:9:0", "a:b", "1:2:3:4"])
def test_frames_that_are_no_slice(text):
    with pytest.raises(BadPairs, match="start:stop:step"):
        frame_slice(text)


@pytest.mark.parametrize(
    "table,complaint",
    [
        ("clip,identity\n", "no rows"),
        ("driver,person\na,b\n", "columns"),
        ("clip,identity\nclips/anna.mp4,nobody.png\n", "line 2.*nobody.png"),
        ("clip,identity\nclips/anna.mp4,clips/ben.mp4\n", "number of its frame"),
        ("clip,identity,frames\nclips/anna.mp4,clips/ben.mp4,7\n", "line 2.*start:stop"),
    ],
)
def test_a_bad_table_says_where(folder, tmp_path, table, complaint):
    (tmp_path / "clips").symlink_to(folder / "clips")
    (tmp_path / "pairs.csv").write_text(table)
    with pytest.raises(BadPairs, match=complaint):
        open_pairs(tmp_path)


def test_folders_without_clips(tmp_path):
    with pytest.raises(BadPairs, match="no folder"):
        open_pairs(tmp_path / "none")
    with pytest.raises(BadPairs, match="clips"):
        open_pairs(tmp_path)


def test_frames_beyond_the_end(folder):
    with pytest.raises(BadPairs, match="it has 6"):
        open_clip(folder, Pair("clips/anna.mp4", "", frames="20:30"))
    with pytest.raises(BadPairs, match="no frame 9"):
        identity_picture(folder, Pair("", "clips/ben.mp4", "9"))
