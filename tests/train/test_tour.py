"""All of training end to end: four stages at 32 px, and a pack that beats no training.

On drawn faces, which are learned in seconds and in which dlib sees all that the metrics need.
"""

import argparse
import json
import re

import pytest
import torch
from huggingface_hub import ModelCard
from PIL import Image

from stylexfer.errors import StylexferError
from stylexfer.transfer import FaceTransfer
from tests.hub_server import running_hub
from tests.train.cartoons import draw_corpus
from train import tour
from train.heads.dataset import HeadsDataset

GENERATOR = {"size": 32, "channels": [64, 64, 64, 32], "style_dim": 32}
CHANGES = {
    "recognition": {"steps": 40, "batch": 32, "validate_every": 20, "augment": 0.0},
    "generator": {
        "phases": [
            {"resolution": 16, "steps": 60, "batch": 32},
            {"resolution": 32, "steps": 750, "batch": 16},
        ],
        "weights": {"l1": 1.0, "gradient": 0.5, "lpips": 0.0},
        "lr": 0.03,
    },
    "inversion": {
        "phases": [
            {"iterations": 1, "steps": 120, "pictures": 0},
            {"iterations": 2, "steps": 30, "pictures": 4},
        ],
        "augment": 0.0,
        "lr": 0.002,
    },
    "transfer": {
        "steps": 300, "pictures_from": 250, "augment": 0.0, "target_augment": 0.0, "lr": 0.003,
        "weights": {"code": 1.0, "motion": 1.0, "l2": 1.0, "id": 0.1}, "validate_every": 300,
        "mapper_lr_scale": 1.0,
    },
}  # fmt: skip
TRUNK = {"widths": [16, 32, 64], "depths": [1, 1, 1], "se_reduction": 8}


@pytest.fixture(scope="module")
def configs(tmp_path_factory):
    """The tour's own, smaller."""
    folder = tmp_path_factory.mktemp("configs")
    for stage, changes in CHANGES.items():
        config = json.loads((tour.CONFIGS / f"{stage}.json").read_text()) | changes
        config |= {"tracker": None, "sheet_every": 50}
        if "size" in config:
            config["size"] = 32
        if stage == "generator":
            config["generator"] |= GENERATOR
        else:
            network = config["network" if stage == "recognition" else "encoder"]
            network["input_size"] = 32
            network["trunk"] |= TRUNK
        (folder / f"{stage}.json").write_text(json.dumps(config))
    return folder


def test_the_tour(configs, tmp_path, monkeypatch, capsys):
    out = tmp_path / "tour"
    data = draw_corpus(tmp_path / "faces", 30)
    line = ["--out", str(out), "--data", str(data), "--configs", str(configs)]
    tour.main(line)  # ends with an error unless what was trained is best
    text = capsys.readouterr().out
    values = json.loads(text.splitlines()[-1])
    assert values["trained"]["pose_mae"] < 0.8 * values["none"]["pose_mae"]
    assert values["trained"]["faceless"] < 0.2
    assert re.search(r"^trained +\d", text, re.MULTILINE)
    for name in ("curves.png", "pack/sheet.jpg", "transfer/sheet_000300.png"):
        with Image.open(out / name) as picture:
            assert min(picture.size) >= 64
    person = FaceTransfer.from_pretrained(out / "pack", device="cpu", dtype=torch.float32)
    assert person.random_identity(3).inversion.shape == (32, 32, 3)
    assert "| trained |" in (out / "pack" / "README.md").read_text()

    # once more: nothing is trained again, the same comes out, and goes to the Hub
    before = (out / "pack" / "mapper.safetensors").read_bytes()
    with running_hub(monkeypatch) as hub:
        monkeypatch.setenv("HF_TOKEN", hub.writer)
        tour.main([*line, "--push-to-hub", "user/tour"])
        sent = hub.at("user/tour", "main")[1]
    again = json.loads(
        next(t for t in capsys.readouterr().out.splitlines() if t.startswith('{"minutes'))
    )
    assert again["minutes"] <= values["minutes"]
    assert {k: v for k, v in again.items() if k != "minutes"} == {
        k: v for k, v in values.items() if k != "minutes"
    }
    assert sent["mapper.safetensors"] == before
    card = ModelCard(sent["README.md"].decode())
    told = {result.metric_type: result.metric_value for result in card.data.eval_results}
    assert told == {k: pytest.approx(v, abs=1e-4) for k, v in values["trained"].items()}
    assert "sheet.jpg" in sent


def test_the_corpus_is_rendered(tmp_path):
    """Unless one is given; a folder that was rendered is found again."""
    args = argparse.Namespace(data=None, out=tmp_path, people=2)
    for _ in range(2):
        assert tour.corpus(args) == [str(tmp_path / "heads")]
    frames = HeadsDataset(tmp_path / "heads", 64)
    assert len(frames) == tour.CLIPS_EACH * tour.FRAMES  # of one; the other is held out
    assert frames.picture(0).std() > 20


def test_what_is_no_better_than_no_training_ends_with_an_error():
    good, bad = {"pose_mae": 3.0, "fl_corr": 0.5}, {"pose_mae": 9.0, "fl_corr": 0.0}
    tour.check({"none": bad, "generator and E_i": bad, "trained": good})
    for values in ({**good, "fl_corr": -0.1}, {**good, "pose_mae": 9.5}):
        with pytest.raises(StylexferError, match="not better"):
            tour.check({"none": bad, "generator and E_i": bad, "trained": values})
    with pytest.raises(StylexferError, match="No faces"):
        tour.check({"none": {"faceless": 1.0}, "trained": good})
