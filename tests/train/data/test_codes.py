"""Codes made once: the very codes that E_i gives, of the right pack and corpus, whole or refused."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from stylexfer.packs import save_pack
from tests.tiny import tiny_pack
from train.data import codes
from train.data.__main__ import main
from train.data.codes import Codes, corpus_digest, fingerprint
from train.data.dataset import open_corpus
from train.data.invert import inverted, load_inversion, make_codes
from train.heads.corpus import CorpusError

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pack")
    save_pack(tiny_pack(), folder)
    return folder


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(codes, "SHARD_ROWS", 20)
    monkeypatch.setattr(codes, "BLOCK_ROWS", 8)


def make(corpus, pack, out, **options):
    return make_codes([corpus], out, *load_inversion(pack), **options)


def read(corpus, pack, out, split="train"):
    return Codes(out, split, fingerprint(*load_inversion(pack)), corpus_digest([corpus]))


def digest(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


@pytest.mark.parametrize("kind", ["prepared", "corpus"])
def test_the_codes_are_those_of_the_encoder(kind, request, pack, tmp_path, small_shards):
    """Of a prepared corpus and of a rendered one, in the order of their frames."""
    corpus = request.getfixturevalue(kind)
    table = make(corpus, pack, tmp_path / "out", batch=7)
    encoder, generator = load_inversion(pack)
    for split, count in table["splits"].items():
        data = open_corpus(corpus, 32, split)
        found = read(corpus, pack, tmp_path / "out", split)
        assert len(found) == len(data) == count
        some = np.random.default_rng(0).permutation(count)[:11]
        direct = inverted(encoder, generator, data.pictures(some))
        assert found[some].shape == direct.shape == (len(some), 8, 16)
        assert torch.allclose(found[some], direct, atol=2e-3 * float(direct.abs().max()))
        assert not torch.allclose(found[some[:1]], found[some[1:2]], atol=1e-3)
    assert len(list((tmp_path / "out").glob("train-*"))) > 1


SCRIPT = """
import time
from pathlib import Path
from train.data import codes, invert
codes.SHARD_ROWS, codes.BLOCK_ROWS = 20, 8
write = invert._write_shard
def slowly(path, rows, table):
    write(path, rows, table)
    time.sleep(0.3)
invert._write_shard = slowly
invert.make_codes([Path("{corpus}")], Path("{out}"), *invert.load_inversion("{pack}"))
"""


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(prepared, pack, tmp_path, small_shards):
    whole, out = tmp_path / "whole", tmp_path / "out"
    make(prepared, pack, whole)
    script = SCRIPT.format(corpus=prepared, out=out, pack=pack)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    run = subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stderr=subprocess.DEVNULL
    )
    while len(list(out.glob("train-*.safetensors"))) < 2:
        assert run.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    with pytest.raises(CorpusError, match=r"shards of .* are missing, the first: train-0000"):
        read(prepared, pack, out)
    done = {p: p.stat().st_mtime_ns for p in out.glob("*.safetensors")}
    make(prepared, pack, out)
    assert digest(out) == digest(whole)
    assert {p: p.stat().st_mtime_ns for p in done} == done


def test_another_pack_or_corpus_is_refused(small_corpus, prepared, pack, tmp_path):
    out, other = tmp_path / "out", tmp_path / "other"
    make(small_corpus, pack, out)
    save_pack(tiny_pack(seed=1), other)
    before = digest(out)
    for act in (make, read):
        with pytest.raises(CorpusError, match="made with another pack"):
            act(small_corpus, other, out)
        with pytest.raises(CorpusError, match="made of another corpus"):
            act(prepared, pack, out)
    with pytest.raises(CorpusError, match="made with precision fp32, not bf16"):
        make(small_corpus, pack, out, precision="bf16")
    assert digest(out) == before
    with pytest.raises(CorpusError, match="holds no codes of the split 'dev'"):
        read(small_corpus, pack, out, "dev")
    with pytest.raises(CorpusError, match="codes.json is missing"):
        read(small_corpus, pack, tmp_path)


def test_a_mapper_trained_further_keeps_the_codes(small_corpus, pack, tmp_path):
    make(small_corpus, pack, tmp_path / "out")
    trained = tiny_pack()
    trained.mapper.linear.weight.add_(1.0)
    trained.motion_encoder.linear.weight.add_(1.0)
    save_pack(trained, tmp_path / "pack")
    assert len(read(small_corpus, tmp_path / "pack", tmp_path / "out"))


def test_damage_is_found_when_it_is_read_and_made_good(prepared, pack, tmp_path, small_shards):
    out = tmp_path / "out"
    make(prepared, pack, out)
    before = digest(out)
    path = out / "train-00001.safetensors"
    data = bytearray(path.read_bytes())
    data[-5] ^= 0x10
    path.write_bytes(data)
    found = read(prepared, pack, out)
    found[[0, 21]]
    with pytest.raises(CorpusError, match=r"train-00001.safetensors is damaged: run the command"):
        found[[39]]
    for broken in (data[:-10], data[:4], b"", bytes(100), bytes([255] * 100)):
        path.write_bytes(broken)
        with pytest.raises(CorpusError, match="train-00001.safetensors is damaged"):
            read(prepared, pack, out)
    make(prepared, pack, out)
    assert digest(out) == before
    with pytest.raises(IndexError):
        found[[len(found)]]


def test_augmented_codes_do_not_depend_on_the_batch(small_corpus, pack, tmp_path):
    for batch in (3, 32):
        make(small_corpus, pack, tmp_path / str(batch), batch=batch, strength=0.8, seed=4)
    make(small_corpus, pack, tmp_path / "plain")
    rows = range(len(read(small_corpus, pack, tmp_path / "3")))
    three, many, plain = (
        read(small_corpus, pack, tmp_path / name)[rows] for name in ("3", "32", "plain")
    )
    assert torch.allclose(three, many, atol=2e-3 * float(many.abs().max()))
    assert not torch.allclose(three, plain, atol=0.05)


def test_the_commands(small_corpus, pack, tmp_path, capsys):
    place = ["--data", str(small_corpus), "--pack", str(pack)]
    main(["codes", *place, "--out", str(tmp_path / "codes")])
    assert "codes [8, 16] of" in capsys.readouterr().out
    sizes = ["--batch", "1", "2", "--precision", "fp32", "--steps", "1"]
    main(["time", *place, "--codes", str(tmp_path / "codes"), *sizes])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["batch"] for line in lines] == [1, 2]
    assert all(line["steps_per_s"]["cached"] > 0 < line["gain"] for line in lines)
    with pytest.raises(SystemExit) as end:
        main(["codes", *place[:2], "--pack", "default", "--out", str(tmp_path / "codes")])
    assert end.value.code == 1
    assert "made with another pack" in capsys.readouterr().err
