"""Preparing videos: what is kept and why not, the same bytes however it ran, nothing lost."""

import gzip
import json
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stylexfer.errors import StylexferError
from tests.train.data.conftest import QUICK, WORKERS
from train.data.__main__ import main
from train.data.clip import Options
from train.data.prepare import draw_splits, prepare
from train.heads.corpus import CorpusError

ROOT = Path(__file__).parents[3]
OPTIONS = Options(**QUICK)
FLAGS = [f"--{key.replace('_', '-')}={value}" for key, value in QUICK.items()]


def digest(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def report(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())


def dropped(folder: Path) -> list[dict]:
    with gzip.open(folder / "dropped.jsonl.gz", "rt") as file:
        return [json.loads(line) for line in file]


def test_all_that_is_good_is_kept_and_all_else_has_its_reason(prepared):
    found = report(prepared)
    assert found["identities"]["found"] == 44 + 7 + 2
    assert found["identities"]["kept"] == 44 + 1
    assert found["clips"]["kept"] == 220 + 1
    wrong = {
        "cut": "unreadable",
        "damaged": "unreadable",
        "text": "unreadable",
        "empty": "unreadable",
        "faceless": "no face",
        "two": "two faces",
        "tilted": "extreme pose",
    }
    lines = dropped(prepared)
    people = {d["identity"]: d["reason"] for d in lines if "clip" not in d}
    expected = {f"id9_{name}": reason for name, reason in wrong.items()}
    assert people == expected | {"id9_nothing": "no video"}
    mixed = {d["clip"]: d["reason"] for d in lines if d["identity"] == "id9_mixed"}
    assert {f"clip_{name}": reason for name, reason in wrong.items()}.items() <= mixed.items()
    assert mixed["good"] == "unreadable"  # its first utterance; the second was taken
    poses = [d for d in lines if d["reason"] == "extreme pose" and "time" in d]
    assert poses and all("roll" in d["detail"] for d in poses)


def test_the_counts_of_the_report_add_up(prepared):
    found = report(prepared)
    for level in ("identities", "clips", "videos", "frames"):
        numbers = found[level]
        left_out = sum(numbers["dropped"].values()) + numbers.get("not needed", 0)
        assert numbers["found"] == numbers["kept"] + left_out, level
        assert numbers["kept"] == sum(split[level] for split in found["splits"].values())
    listed = Counter("time" in d for d in dropped(prepared))
    assert listed[True] == sum(found["frames"]["dropped"].values())
    text = (prepared / "report.md").read_text()
    assert f"| frames | {found['frames']['found']} | {found['frames']['kept']} |" in text
    assert "id9_two/only/00001.mp4: 2 faces" not in text  # of a frame: its time is told
    assert "id9_two/only/00001.mp4 at 0 s: 2 faces" in text
    assert "over 45, 30 or 20 degrees" in text


def test_only_so_many_clips_of_an_identity(small_tree, tmp_path):
    out = tmp_path / "out"
    found = prepare(small_tree, out, replace(OPTIONS, clips=2), workers=WORKERS)
    assert found["clips"]["kept"] == 2 * 3 + 1
    assert found["clips"]["not needed"] == 3 * 3
    # of the mixed person the wrong clips were passed over until the good one came
    assert found["identities"]["dropped"] == {"no video": 1, "two faces": 1}


def test_a_clip_of_one_frame_is_left_out_and_its_frame_counted(tree, tmp_path):
    root = tmp_path / "root"
    shutil.copytree(tree / "id00000", root / "person")
    for path in sorted(root.rglob("*.mp4"))[1:]:
        shutil.copyfile(tree / "id9_faceless" / "only" / "00001.mp4", path)
    options = replace(OPTIONS, frames=3, min_frames=3)  # a second of video has two
    with pytest.raises(CorpusError, match=r"Not one frame was kept: .*report.md says why"):
        prepare(root, tmp_path / "out", options, workers=1)
    found = report(tmp_path / "out")
    assert found["frames"]["dropped"] == {"no face": 8, "too few frames": 2}
    assert found["clips"]["dropped"] == {"no face": 4, "too few frames": 1}


def test_any_number_of_workers_writes_the_same_bytes(small_tree, small_corpus, tmp_path):
    prepare(small_tree, tmp_path / "out", OPTIONS, workers=3)
    assert digest(tmp_path / "out") == digest(small_corpus)
    assert not list((tmp_path / "out").glob(".*"))


def test_ray_writes_the_same_bytes(small_tree, small_corpus, tmp_path):
    prepare(small_tree, tmp_path / "out", OPTIONS, workers=2, engine="ray")
    assert digest(tmp_path / "out") == digest(small_corpus)


def command(root: Path, out: Path) -> list[str]:
    place = ["--root", str(root), "--out", str(out), "--workers", "2"]
    return [sys.executable, "-m", "train.data", "prepare", *place, *FLAGS]


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(small_tree, small_corpus, tmp_path):
    """SIGKILL after two identities, then a whole run; what was done is not done again."""
    root, out = tmp_path / "root", tmp_path / "out"
    shutil.copytree(small_tree, root, symlinks=True)
    run = subprocess.Popen(command(root, out), cwd=ROOT, stderr=subprocess.DEVNULL)
    while len(done := list(out.glob("parts/[0-9]*.tar"))) < 2:
        assert run.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert not (out / "frames.json").exists()
    (out / "parts" / ".000005.tar.77").write_bytes(b"torn")
    people = sorted(root.iterdir())
    for part in done:  # nobody needs their videos any more
        people[int(part.stem)].unlink()
        people[int(part.stem)].mkdir()
    prepare(root, out, OPTIONS, workers=2)
    assert digest(out) == digest(small_corpus)


def test_a_full_disk_is_told_and_what_was_finished_is_kept(small_tree, small_corpus, tmp_path):
    """A limit on the size of a file stands for the full disk."""
    out = tmp_path / "out"

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    options = {"cwd": ROOT, "capture_output": True, "text": True, "preexec_fn": limit}
    done = subprocess.run(command(small_tree, out), check=False, **options)
    assert done.returncode == 1
    assert "What was finished is kept" in done.stderr and "Traceback" not in done.stderr
    prepare(small_tree, out, OPTIONS, workers=2)
    assert digest(out) == digest(small_corpus)


def test_what_is_no_fault_of_the_videos_ends_the_run(small_tree, tmp_path, monkeypatch):
    """Else every video of the corpus would be put down as unreadable."""
    out = tmp_path / "out"
    monkeypatch.setenv("STYLEXFER_LANDMARKS", str(tmp_path / "missing.dat"))
    with pytest.raises(StylexferError, match="STYLEXFER_LANDMARKS"):
        prepare(small_tree, out, OPTIONS, workers=1)
    monkeypatch.delenv("STYLEXFER_LANDMARKS")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "no_ffmpeg"))
    with pytest.raises(CorpusError, match="no_ffmpeg: No such file.*set that right"):
        prepare(small_tree, out, OPTIONS, workers=1)
    assert not (out / "report.json").exists()


def test_a_link_to_nowhere_is_a_broken_video(tmp_path):
    (tmp_path / "root" / "p" / "c").mkdir(parents=True)
    (tmp_path / "root" / "p" / "c" / "1.mp4").symlink_to(tmp_path / "gone.mp4")
    with pytest.raises(CorpusError, match="Not one frame was kept"):
        prepare(tmp_path / "root", tmp_path / "out", OPTIONS, workers=1)
    assert report(tmp_path / "out")["videos"]["dropped"] == {"unreadable": 1}
    assert "No such file" in dropped(tmp_path / "out")[0]["detail"]


def test_finished_is_finished(small_tree, small_corpus, capsys):
    before = {p: p.stat().st_mtime_ns for p in small_corpus.iterdir()}
    main(["prepare", "--root", str(small_tree), "--out", str(small_corpus), *FLAGS])
    assert "4 of 6 identities" in capsys.readouterr().out
    assert {p: p.stat().st_mtime_ns for p in small_corpus.iterdir()} == before


def test_other_options_videos_and_folders_are_refused(small_tree, small_corpus, tmp_path):
    before = digest(small_corpus)
    with pytest.raises(CorpusError, match=r"size 64, not 48"):
        prepare(small_tree, small_corpus, replace(OPTIONS, size=48))
    other = tmp_path / "other"
    for name in "abcdef":
        (other / name).mkdir(parents=True)
    with pytest.raises(CorpusError, match="begun with other folders of identities"):
        prepare(other, small_corpus, OPTIONS)
    assert digest(small_corpus) == before
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(CorpusError, match="is not empty and holds no corpus"):
        prepare(small_tree, tmp_path, OPTIONS)
    with pytest.raises(CorpusError, match="no folder.*identity/clip/utterance"):
        prepare(tmp_path / "none", tmp_path / "out", OPTIONS)
    with pytest.raises(CorpusError, match="--max-yaw must be above 0"):
        replace(OPTIONS, max_yaw=0.0)


def test_the_command_says_what_is_wrong(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        main(["prepare", "--root", str(tmp_path / "none"), "--out", str(tmp_path / "out")])
    assert end.value.code == 1
    assert "is no folder" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_clips_without_utterances(tree, tmp_path):
    root = tmp_path / "root"
    for number in range(3):
        (root / f"p{number}").mkdir(parents=True)
        for clip in range(2):
            source = tree / f"id{number:05d}" / f"clip{clip}" / "00001.mp4"
            (root / f"p{number}" / f"{clip}.mp4").hardlink_to(source)
    found = prepare(root, tmp_path / "out", replace(OPTIONS, layout="clips"), workers=1)
    assert found["clips"]["kept"] == 6
    assert [found["splits"][s]["identities"] for s in ("train", "validation", "test")] == [1, 1, 1]


def test_the_splits_are_80_10_10_and_from_the_seed():
    names = [f"id{k}" for k in range(500)]
    splits = draw_splits(names, 1)
    assert Counter(splits.values()) == {"train": 400, "validation": 50, "test": 50}
    assert draw_splits(names[::-1], 1) == splits
    other = draw_splits(names, 2)
    moved = np.mean([splits[name] != other[name] for name in names])
    assert 0.2 < moved < 0.5
    assert set(draw_splits(names[:2], 0).values()) == {"train"}
