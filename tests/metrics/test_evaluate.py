"""The command, on the default pack and two tiny clips."""

import csv
import json
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from stylexfer.cli import main
from stylexfer.marks import Source
from stylexfer.marks.xmp import read_source_type
from stylexfer.media import probe, read_frames, write_video
from stylexfer.networks import (
    HeadPose,
    HeadPoseConfig,
    IRSEConfig,
    Recognition,
    RecognitionConfig,
)
from stylexfer.packs import save_pack
from stylexfer.packs.components import numbers_of
from stylexfer.packs.pack import file_facts, write_manifest
from stylexfer.packs.weights import write_state
from tests.tiny import TRUNK, tiny_pack

ROOT = Path(__file__).resolve().parents[2]
FRAMES = 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Two people in clips; in one the last quarter of the frames is black."""
    folder = tmp_path_factory.mktemp("evaluate")
    (folder / "clips").mkdir()
    (folder / "pairs.csv").write_text(
        "clip,identity,identity_frame\nclips/a.mp4,clips/b.mp4,2\nclips/b.mp4,clips/a.mp4,0\n"
    )
    for name in "ab":
        path = ROOT / "examples" / "clips" / f"clip_{name}.mp4"
        frames = list(islice(read_frames(path, probe(path)), 0, 4 * FRAMES, 4))
        if name == "b":
            frames[-2:] = [np.zeros_like(frames[0])] * 2
        write_video(folder / "clips" / f"{name}.mp4", frames, Fraction(25, 4))
    return folder


@pytest.fixture(scope="module")
def done(folder, tmp_path_factory) -> Path:
    """The default pack, and the same with its expression at rest."""
    out = tmp_path_factory.mktemp("results")
    assert run(folder, out) == 0
    return out


def run(folder: Path, out: Path, *more: str) -> int:
    still = "default,name=still,pose=0,expression=0"
    models = ("--model", "default,name=moving,method=transfer", "--model", still)
    return main(["evaluate", "--pairs", str(folder), "--out", str(out), *models, *more])


def result(out: Path) -> dict:
    text = (out / "result.json").read_text()
    assert text.count("\n") == 1
    return json.loads(text)


def test_the_line_and_the_table_have_all_rows_on_the_same_pairs(done):
    found = result(done)
    assert (found["pairs"], found["clips"], found["pose_by"]) == (2, 2, "landmarks")
    moving, still = found["models"]
    assert (moving["frames"], still["name"]) == (2 * FRAMES, "still")
    # who does not move does not follow
    assert moving["metrics"]["fl_corr"]["value"] > still["metrics"]["fl_corr"]["value"]
    assert still["metrics"]["jitter"]["value"] < moving["metrics"]["jitter"]["value"]
    assert still["difference_from_first"]["fl_corr"]["value"] < 0
    for model in found["models"]:
        assert 0 < model["metrics"]["dlib_csim_real"]["value"] < 1
        assert model["metrics"]["fl_corr"]["low"] <= model["metrics"]["fl_corr"]["high"]
        assert model["metrics"]["fps"]["value"] > 0
    table = (done / "table.md").read_text()
    for word in ("pose MAE", "FL CORR", "CSIM", "still", "pose by", "["):
        assert word in table


def test_missing_faces_are_counted(done):
    for model in result(done)["models"]:
        assert model["driver_faceless"] == 2
        assert model["failed_pairs"] == 0
    assert "2 of the drivers'" in (done / "table.md").read_text()


def test_every_pair_has_a_table_of_its_frames(done):
    for model in ("moving", "still"):
        path = done / "frames" / model / "001_b.csv"
        rows = list(csv.DictReader(path.read_text().splitlines()))
        assert len(rows) == FRAMES
        assert rows[0]["driver_yaw"] and rows[0]["output_mouth"] and rows[0]["dlib_csim_real"]
        assert not rows[-1]["driver_yaw"] and not rows[1]["dlib_csim_real"]  # NaN; sparse


def test_the_pictures_are_marked(done):
    names = ["sheet_moving.png", "sheet_still.png", "grid_still.png", "comparison.png"]
    for name in (*names, "signals/000_a.png"):
        assert read_source_type(done / name) == Source.GENERATED, name


def test_it_goes_on_where_it_was_stopped(folder, done, capfd):
    files = sorted((done / "results").rglob("*.npz"))
    before = {path: path.stat().st_mtime_ns for path in files}
    numbers = {m["name"]: m["metrics"]["fl_corr"] for m in result(done)["models"]}
    files[0].unlink()
    files[1].write_bytes(files[1].read_bytes()[:1000])  # cut off
    assert run(folder, done) == 0
    after = {path: path.stat().st_mtime_ns for path in files}
    assert [path for path in files if before[path] != after[path]] == files[:2]
    assert {m["name"]: m["metrics"]["fl_corr"] for m in result(done)["models"]} == numbers
    assert json.loads(capfd.readouterr().out) == result(done)


def test_clips_of_another_method_are_a_row(folder, tmp_path):
    """The drivers' own clips, handed in as outputs: they follow to the last frame."""
    (tmp_path / "made").mkdir()
    for number, name in enumerate("ab"):
        (tmp_path / "made" / f"{number:03d}_{name}.mp4").symlink_to(
            folder / "clips" / f"{name}.mp4"
        )
    save_pack(tiny_pack(), tmp_path / "tiny")
    command = ["evaluate", "--pairs", str(folder), "--out", str(tmp_path / "out")]
    command += ["--model", f"{tmp_path}/tiny,method=transfer"]
    assert main([*command, "--outputs", f"{tmp_path}/made,name=mimic"]) == 0
    _, mimic = result(tmp_path / "out")["models"]
    assert (mimic["name"], mimic["frames"], mimic["output_faceless"]) == ("mimic", 2 * FRAMES, 2)
    metrics = {name: value["value"] for name, value in mimic["metrics"].items()}
    assert metrics["fl_corr"] == pytest.approx(1)
    assert metrics["pose_change_mae"] == pytest.approx(0)
    assert metrics["dlib_distance_real"] > 0.3  # it is another person
    assert not {"fps", "psnr", "dlib_csim_inversion"} & set(metrics)
    assert (tmp_path / "out" / "frames" / "mimic" / "001_b.csv").is_file()


@pytest.mark.parametrize(
    ("outputs", "complaint"),
    [
        ("made", "000_a.mp4, and so on; the first that lacks is 001_b.mp4"),
        ("made,size=3", "FOLDER,name=TEXT"),
        ("nowhere", "lacks the clips of 2 of 2 pairs"),
        ("made,name=default", "two"),
        ("short", "8 drive: give one for each"),
    ],
)
def test_clips_that_are_no_row(folder, tmp_path, capfd, monkeypatch, outputs, complaint):
    monkeypatch.chdir(tmp_path)
    for made, names in (("made", ["000_a"]), ("short", ["000_a", "001_b"])):
        (tmp_path / made).mkdir()
        frames = [np.zeros((64, 64, 3), np.uint8)] * 2
        for name in names:
            write_video(tmp_path / made / f"{name}.mp4", frames, Fraction(25, 4))
    save_pack(tiny_pack(), tmp_path / "tiny")
    command = ["evaluate", "--pairs", str(folder), "--out", str(tmp_path / "out")]
    command += ["--model", "tiny,name=default"]
    assert main([*command, "--outputs", outputs]) == 2
    message = capfd.readouterr().err
    assert complaint.lower() in message.lower()


def test_results_of_other_settings_are_not_mixed_in(folder, tmp_path):
    (tmp_path / "in").mkdir()
    table = tmp_path / "in" / "pairs.csv"
    (tmp_path / "in" / "clips").symlink_to(folder / "clips")
    command = ["evaluate", "--pairs", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    save_pack(tiny_pack(), tmp_path / "tiny")

    def frames(chosen: str, model: str) -> int:
        table.write_text(
            f"clip,identity,identity_frame,frames\nclips/a.mp4,clips/b.mp4,0,{chosen}\n"
        )
        assert main([*command, "--model", f"{tmp_path}/tiny,name=x,{model}"]) == 0
        return result(tmp_path / "out")["models"][0]["frames"]

    path = tmp_path / "out" / "results" / "x" / "000_a.npz"
    assert frames("0:3", "pose=1") == 3
    first = path.read_bytes()
    assert frames("0:4", "pose=1") == 4
    second = path.read_bytes()
    assert frames("0:4", "pose=0") == 4
    assert len({first, second, path.read_bytes()}) == 3


@pytest.mark.parametrize(
    "model,complaint",
    [
        ("default,colour=3", "keys of"),
        ("default,pose=much", "no number"),
        ("default,method=gan", "one of"),
        ("tiny,method=e4e", "cannot do"),
        ("empty,pose=1", "pack.json"),
    ],
)
def test_models_that_are_none(folder, tmp_path, capfd, monkeypatch, model, complaint):
    monkeypatch.chdir(tmp_path)
    save_pack(tiny_pack(), tmp_path / "tiny")
    (tmp_path / "empty").mkdir()
    command = ["evaluate", "--pairs", str(folder), "--out", str(tmp_path / "out")]
    assert main([*command, "--model", model]) == 2
    message = capfd.readouterr().err
    assert message.count("\n") == 1 and complaint in message


@pytest.mark.parametrize(
    "more,complaint",
    [("--device tpu7", "take cpu"), ("--targets 0", "at least 1"), ("--seed -1", "from 0 on")],
)
def test_options_that_make_no_sense(folder, tmp_path, capfd, more, complaint):
    command = ["evaluate", "--pairs", str(folder), "--out", str(tmp_path / "out")]
    assert main([*command, *more.split()]) == 2
    assert complaint in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_identity_without_a_face_is_counted_and_named(folder, tmp_path, capfd):
    (tmp_path / "clips").symlink_to(folder / "clips")
    lines = ["clip,identity,identity_frame,frames", "clips/a.mp4,clips/b.mp4,7,0:3"]
    (tmp_path / "pairs.csv").write_text("\n".join([*lines, "clips/a.mp4,clips/b.mp4,0,0:3"]) + "\n")
    command = ["evaluate", "--pairs", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main([*command, "--model", "default,method=transfer"]) == 0
    (model,) = result(tmp_path / "out")["models"]
    assert (model["failed_pairs"], model["output_faceless"]) == (1, 3)
    assert model["metrics"]["fl_corr"]["pairs"] == 1
    assert "pair 0: No face was found" in (tmp_path / "out" / "table.md").read_text()


def test_networks_of_a_pack_measure_where_it_holds_them(folder, tmp_path):
    save_pack(tiny_pack(), tmp_path / "tiny")
    torch.manual_seed(0)
    trunk = IRSEConfig(**TRUNK)
    add(tmp_path / "tiny", "head_pose", HeadPose(HeadPoseConfig(32, 8, (1, 1, 1, 1))))
    add(tmp_path / "tiny", "recognition", Recognition(RecognitionConfig(32, 16, trunk)))
    (tmp_path / "clips").symlink_to(folder / "clips")
    (tmp_path / "pairs.csv").write_text(
        "clip,identity,identity_frame,frames\nclips/a.mp4,clips/b.mp4,0,0:3\n"
    )
    command = ["evaluate", "--pairs", str(tmp_path), "--out", str(tmp_path / "out")]
    command += ["--model", "default,method=transfer", "--measure-with", str(tmp_path / "tiny")]
    assert main(command) == 0
    found = result(tmp_path / "out")
    assert found["pose_by"].startswith("hopenet ")
    assert found["recognition_trained_with"].startswith("pack's network ")
    metrics = found["models"][0]["metrics"]
    assert -1 <= metrics["csim_real"]["value"] <= 1 and "csim_inversion" in metrics
    assert "training's network" in (tmp_path / "out" / "table.md").read_text()


def add(pack: Path, name: str, network: torch.nn.Module) -> None:
    """One more component."""
    path = pack / f"{name}.safetensors"
    write_state(path, network.eval().state_dict())
    manifest = json.loads((pack / "pack.json").read_text())
    manifest["architecture"][name] = numbers_of(network)
    manifest["files"][path.name] = file_facts(path, "", "")
    write_manifest(pack, manifest)
