"""Ours and the baselines side by side, with tiny packs."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from stylexfer.baseline import LatentArithmetic, beside, load_model
from stylexfer.marks import Source
from stylexfer.marks.xmp import read_source_type
from stylexfer.media import open_picture, probe, read_frames
from stylexfer.packs import save_pack
from stylexfer.transfer import FaceTransfer
from stylexfer.ui import Engine, texts
from stylexfer.ui.clips import render_clip
from stylexfer.ui.comparison import Compared, Comparison
from stylexfer.ui.engine import Motion
from stylexfer.ui.examples import FOLDER
from stylexfer.ui.session import Run
from tests.test_baseline import bare_pack
from tests.tiny import tiny_pack

CLIP = str(FOLDER / "clips/clip_a.mp4")
MOTION = Motion(pose=1, expression=1, relative=False, steadiness=0.5)


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return open_picture(FOLDER / "photos/grace_hopper.jpg")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))


def _model(heads: str = "psp") -> FaceTransfer:
    return FaceTransfer(tiny_pack(heads=heads), device="cpu", dtype=torch.float32)


def _render(compared, identities, info, run):
    progress = lambda *a, **k: None
    first = identities["transfer"]
    *_, last = render_clip(
        *(compared, first, None, CLIP, info, MOTION, texts.SHOW_FACE, False, run, progress)
    )
    return last


@pytest.mark.parametrize(("heads", "missing"), [("psp", "e4e"), ("e4e", "psp")])
def test_side_by_side(portrait, heads, missing):
    comparison = Comparison(Engine(_model(heads)))
    assert comparison.missing == [missing]
    identities = comparison.identify(portrait, None)
    assert list(identities) == ["transfer", heads]
    compared = Compared(comparison, identities)
    info = probe(CLIP).part(0, 0.4)
    made, account = _render(compared, identities, info, Run())
    assert "10 of 10 frames" in account
    assert read_source_type(made) == Source.COMPOSITE
    shown = probe(made)
    assert (shown.width, shown.height, shown.frames) == (4 * 256, 256 + 32, 10)
    first = next(read_frames(made, shown))[32:]
    columns = dict(zip(("driver", "transfer", "psp", "e4e"), np.hsplit(first, 4), strict=True))
    assert np.median(columns[missing]) == pytest.approx(235, abs=4)  # says that there is none
    assert np.abs(columns["transfer"].astype(float) - columns[heads]).mean() > 0.5

    frames, rows = compared.measures(identities["transfer"])
    assert frames == 10
    assert [what for what, _ in rows] == [
        texts.POSE_OFF,
        texts.FACE_FOLLOWS,
        texts.IDENTITY_OFF,
    ]
    assert all(len(values) == 2 for _, values in rows)


def test_stop_keeps_the_part(portrait):
    comparison = Comparison(Engine(_model()))
    identities = comparison.identify(portrait, None)
    run = Run()
    progress = lambda done, **k: setattr(run, "stopped", done[0] >= 5)
    *_, (made, account) = render_clip(
        Compared(comparison, identities),
        *(identities["transfer"], None, CLIP, probe(CLIP), MOTION, texts.SHOW_FACE, False),
        *(run, progress),
    )
    assert "Stopped: 5 of 250" in account
    assert probe(made).frames == 5


def test_an_encoder_in_the_folder_is_found(tmp_path):
    """A pack may hold an encoder that its own method does not use."""
    folder, other = tmp_path / "pack", tmp_path / "other"
    save_pack(tiny_pack(), folder)
    save_pack(tiny_pack(heads="e4e"), other)
    shutil.copy(other / "identity_encoder.safetensors", folder / "restyle_e4e.safetensors")
    manifest, theirs = (json.loads((f / "pack.json").read_text()) for f in (folder, other))
    for part in ("architecture", "files"):
        key, ending = (
            ("identity_encoder", "")
            if part == "architecture"
            else (
                "identity_encoder.safetensors",
                ".safetensors",
            )
        )
        manifest[part][f"restyle_e4e{ending}"] = theirs[part][key]
    (folder / "pack.json").write_text(json.dumps(manifest))
    found = beside(load_model(folder, device="cpu"))
    assert list(found) == ["transfer", "psp", "e4e"]
    assert all(isinstance(found[kind], LatentArithmetic) for kind in ("psp", "e4e"))
    assert found["e4e"].pack.identity_encoder.config.heads == "e4e"
    Path(folder / "restyle_e4e.safetensors").unlink()  # of a Hub pack only what is used was fetched
    assert list(beside(load_model(folder, device="cpu"))) == ["transfer", "psp"]


def test_a_pack_without_motion_has_a_baseline_only(portrait):
    comparison = Comparison(Engine(LatentArithmetic(bare_pack(), device="cpu")))
    assert comparison.missing == ["transfer", "e4e"]
    assert list(comparison.identify(portrait, None)) == ["psp"]
