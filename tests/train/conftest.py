"""A corpus of a few drawn frames in the format of the rendered heads, and tiny stage configs."""

import io
import json
import tarfile

import numpy as np
import pytest
from accelerate.state import AcceleratorState
from PIL import Image, ImageDraw

ACTIONS = [f"action{i}{side}" for i in range(26) for side in ("Left", "Right")]


@pytest.fixture(autouse=True)
def fresh_accelerator():
    """A stage may choose its precision: Accelerate keeps that of the first in a process."""
    AcceleratorState._reset_state(True)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """10 identities x 2 clips x 3 frames of ellipses whose place follows yaw and pitch."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    rows = {k: [] for k in ("name", "identity", "clip", "frame", "pose", "gaze", "coeffs", "lm68")}
    with tarfile.open(folder / "heads-000.tar", "w") as tar:
        for identity in range(10):
            skin = tuple(int(v) for v in rng.integers(60, 255, 3))
            for clip in range(2):
                back = tuple(int(v) for v in rng.integers(0, 200, 3))
                for frame in range(3):
                    yaw, pitch = rng.uniform(-30, 30), rng.uniform(-15, 15)
                    x, y = 128 + 2 * yaw, 128 - 2 * pitch
                    image = Image.new("RGB", (256, 256), back)
                    ImageDraw.Draw(image).ellipse((x - 60, y - 80, x + 60, y + 80), fill=skin)
                    data = io.BytesIO()
                    image.save(data, "JPEG")
                    name = f"{identity:05d}_{clip}_{frame}.jpg"
                    info = tarfile.TarInfo(name)
                    info.size = data.tell()
                    data.seek(0)
                    tar.addfile(info, data)
                    values = (name, identity, clip, frame, (yaw, pitch, 0), (0, 0))
                    for key, value in zip(rows, values, strict=False):
                        rows[key].append(value)
                    rows["coeffs"].append(rng.random(52))
                    rows["lm68"].append(rng.normal((x, y), 20, (68, 2)))
    table = {k: np.array(v) for k, v in rows.items()}
    table["pose"] = table["pose"].astype(np.float32)
    np.savez(folder / "labels.npz", actions=np.array(ACTIONS), **table)
    return folder


@pytest.fixture(scope="session")
def stage_configs(corpus, tmp_path_factory):
    """Paths of the stages' configs at a size that trains in seconds, and their run folder."""
    folder = tmp_path_factory.mktemp("runs")
    trunk = {"widths": [16, 16, 16], "depths": [1, 1, 1], "se_reduction": 4}
    common = {"data": str(corpus), "seed": 1, "tracker": None}
    common |= {"ema": 0.9, "log_every": 1, "save_every": 100, "sheet_every": 25, "lr": 0.01}
    rows = {"size": 32, "batch": 8, "generator": str(folder / "generator" / "checkpoint.pt")}
    configs = {
        "generator": {
            **common,
            "generator": {
                "size": 32, "channels": [16, 16, 16, 8], "style_dim": 16, "z_dim": 73,
                "n_mlp": 1, "lr_mlp": 1.0,
            },
            "encoder": {"input_size": 32, "pool": 2, "features": 16, "trunk": {**trunk}},
            "phases": [
                {"resolution": 16, "steps": 60, "batch": 8},
                {"resolution": 32, "steps": 60, "batch": 8},
            ],
            "weights": {"lpips": 0.0},
            "encoder_lr_scale": 0.3,
        },
        "recognition": {
            **common, "size": 32, "batch": 16, "steps": 50, "augment": 0.0, "lr": 0.003,
            "network": {"input_size": 32, "features": 16, "trunk": {"in_channels": 3, **trunk}},
            "validate_every": 50,
        },
        "inversion": {
            **common, **rows, "drawn": 8,
            "encoder": {
                "input_size": 32, "heads": "psp", "iterations": 2,
                "trunk": {"in_channels": 6, **trunk},
            },
            "phases": [
                {"iterations": 1, "steps": 70, "pictures": 0},
                {"iterations": 2, "steps": 10, "pictures": 2},
            ],
            "augment": 0.5,
            "weights": {"code": 1.0, "l1": 1.0},
        },
        "transfer": {
            **common, **rows,
            "identity_encoder": str(folder / "inversion" / "checkpoint.pt"),
            "encoder": {
                "input_size": 32, "pool": 2, "features": 16,
                "trunk": {"in_channels": 3, **trunk},
            },
            "steps": 90, "pictures": 2, "pictures_from": 80,
            "augment": 0.5, "target_augment": 0.3,
            "weights": {"code": 1.0, "motion": 1.0, "l2": 1.0},
            "mapper_lr_scale": 0.3,
        },
    }  # fmt: skip
    for name, config in configs.items():
        (folder / f"{name}.json").write_text(json.dumps(config))
    return folder
