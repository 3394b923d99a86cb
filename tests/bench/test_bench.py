"""`bench` on a tiny pack: it runs through, and what it compares are the same pictures."""

import json
import subprocess
import sys

import pytest
import torch

from stylexfer.bench.command import KEYS
from stylexfer.bench.grouped import GroupedGenerator, compared, generator_of
from stylexfer.bench.model import sweep
from stylexfer.cli import main
from stylexfer.coder import Coder
from stylexfer.packs import save_pack
from stylexfer.packs.pack import MANIFEST, sha256
from tests.networks.test_fast import CONFIGS, codes, network
from tests.tiny import tiny_pack

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench") / "tiny"
    save_pack(tiny_pack(), folder)
    return folder


@pytest.mark.parametrize("name", CONFIGS)
@torch.inference_mode()
def test_the_plain_form_makes_the_same_pictures(name):
    generator = network(name)
    w = codes(generator)
    torch.testing.assert_close(GroupedGenerator(generator)(w), generator(w), rtol=1e-4, atol=1e-4)


def test_the_comparison_says_who_is_faster():
    row = compared(generator_of(64), torch.float32, CPU, batch=4, runs=2)
    assert row["size"] == 64
    assert row["ratio"] == pytest.approx(row["grouped_ms"][1] / row["fast_ms"][1], rel=0.1)
    assert row["ratio"] > 1


def test_networks_alone_by_batch():
    found = sweep(Coder(tiny_pack(), CPU, torch.float32), (1, 2), runs=2)
    assert set(found) == {1, 2}
    for parts in found.values():
        assert set(parts) == {"E_m", "M", "G", "bytes", "all"}
        assert all(cost.wall > 0 and cost.cpu > 0 for cost in parts.values())


def test_the_command(pack, capsys):
    """Every key of the last line, and figures that can be."""
    assert main(["bench", "--pack", str(pack), "--device", "cpu", "--quick"]) == 0
    said = capsys.readouterr().out.strip().splitlines()
    found = json.loads(said[-1])
    assert tuple(found) == KEYS
    assert found["pack"] == "tiny 0"
    assert found["pack_sha256"] == sha256(pack / MANIFEST)
    assert found["threads"] == torch.get_num_threads()
    for key in KEYS[KEYS.index("identify_s") : KEYS.index("stages")]:
        assert found[key] > 0, key
    assert found["crop_fps"] < found["model_fps"]
    stages = ("decode", "track", "align", "E_m", "M", "G", "bytes", "composite", "encode")
    assert tuple(found["stages"]) == stages
    assert all(wall > 0 for wall, _ in found["stages"].values())
    assert found["grouped_ratio_1024"] > 1
    assert found["peak_mb"] > 100
    assert "first picture" in "\n".join(said)


def test_where_there_is_neither_dlib_nor_gradio(pack):
    """As on a machine lent for its GPU: the networks are timed all the same."""
    hidden = ("dlib", "gradio", "lpips", "imageio_ffmpeg", "scipy", "pillow_heif", "c2pa")
    program = (
        "import sys, runpy\n"
        f"sys.modules.update(dict.fromkeys({hidden}))\n"  # importing them fails
        f"sys.argv = ['bench', '--pack', {str(pack)!r}, '--device', 'cpu', '--quick']\n"
        "runpy.run_module('stylexfer.bench', run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert tuple(found) == KEYS
    assert found["model_fps"] > 0
    assert found["video_fps"] is None


def test_a_folder_that_is_no_pack(tmp_path, capsys):
    assert main(["bench", "--pack", str(tmp_path), "--device", "cpu"]) == 2
    assert str(tmp_path) in capsys.readouterr().err
