"""What training costs: both tables, from real steps of real stages at a tiny size."""

import json

import pytest

from stylexfer.errors import StylexferError
from stylexfer.packs import save_pack
from tests.tiny import tiny_pack
from train import timing


def table(text):
    """Rows of the Markdown table, and the JSON line."""
    lines = text.splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    return rows[1:], json.loads(lines[-1])


def test_steps_with_and_without_codes(corpus, tmp_path, capsys):
    save_pack(tiny_pack(), tmp_path / "pack")
    line = ["steps", "--data", str(corpus), "--pack", str(tmp_path / "pack"), "--steps", "2"]
    timing.main([*line, "--batch", "1", "2"])
    rows, values = table(capsys.readouterr().out)
    assert [(r[0], r[1]) for r in rows] == [(p, b) for p in ("fp32", "bf16") for b in ("1", "2")]
    assert all(v["steps_per_s"]["cached"] > 0 for v in values["steps"])
    assert [float(r[2]) for r in rows] == [v["steps_per_s"]["cached"] for v in values["steps"]]


def test_every_stage_and_phase_has_its_cost(corpus, stage_configs, tmp_path, capsys):
    """Of those whose configuration is there; the later ones begin with what the first have made."""
    config = json.loads((stage_configs / "inversion.json").read_text())
    config["phases"] = config["phases"][1:]
    (tmp_path / "inversion.json").write_text(json.dumps(config))
    (tmp_path / "generator.json").write_text((stage_configs / "generator.json").read_text())
    line = ["stages", "--data", str(corpus), "--configs", str(tmp_path), "--steps", "4"]
    timing.main([*line, "--precision", "fp32"])
    rows, values = table(capsys.readouterr().out)
    assert [r[0] for r in rows] == ["generator", "generator", "inversion"]
    assert [r[1] for r in rows] == ["16 resolution", "32 resolution", "2 iterations, 2 pictures"]
    for row, value in zip(rows, values["stages"], strict=True):
        assert float(row[3]) == pytest.approx(1000 / value["images_per_s"], abs=0.1)
        assert 0.1 < value["memory_gb"] < 8


def test_a_stage_that_cannot_run_says_why(corpus, tmp_path):
    (tmp_path / "recognition.json").write_text("{}")
    line = ["stages", "--data", str(corpus), "--configs", str(tmp_path), "--precision", "fp32"]
    with pytest.raises(StylexferError, match="recognition could not be timed: .*lacks"):
        timing.main(line)
