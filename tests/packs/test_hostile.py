"""Files made to do harm: refused with one line, nothing run, no memory taken.

The files are written and looked at by this test alone; a trap is a call that would create a file.
"""

import argparse
import hashlib
import io
import json
import os
import pickle
import resource
import struct
import zipfile
from pathlib import Path

import pytest
import torch

from stylexfer.errors import PackMismatch
from stylexfer.packs import load_pack, save_pack
from stylexfer.packs.convert import LAYOUTS, convert
from tests.packs.pickles import Named, pickled, tensor
from tests.packs.released import (
    nvidia_modules,
    refusal,
    tiny_files,
    tiny_generator,
    write_pytorch_pickle,
    write_tensorflow_pickle,
)
from tests.packs.test_convert_nvidia import nvidia_weights
from tests.tiny import tiny_pack

FILES = tiny_files()
HUGE = 1 << 40


@pytest.fixture
def trap(tmp_path):
    """(object whose pickle creates a file when it is loaded, that file)."""
    marker = tmp_path / "was_run"

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(marker),)

    return Trap(), marker


@pytest.fixture(autouse=True)
def memory_stays_low():
    """No test here may take 300 MB more than there was at its beginning."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


def zipped(path: Path, content: bytes, records: dict[str, bytes], compressed: bool = False) -> Path:
    """A PyTorch container around a pickle of our own."""
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", kind) as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/version", b"3\n")
        for key, numbers in records.items():
            archive.writestr(f"archive/data/{key}", numbers)
    return path


# ---- code in the file


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("container", ["zip", "legacy", "plain"])
def test_code_is_not_run(tmp_path, trap, layout, container):
    thing, marker = trap
    path = tmp_path / "model.pt"
    if container == "plain":
        path.write_bytes(pickle.dumps({"state_dict": thing}))
    else:
        torch.save({"w": thing}, path, _use_new_zipfile_serialization=container == "zip")
    assert b"mkdir" in path.read_bytes()
    said = refusal(layout, path)
    if container != "plain" or layout == "stylegan2":
        assert "asks to run posix.mkdir" in said
    assert not marker.exists()


def test_code_in_an_nvidia_pickle_is_not_run(tmp_path, trap):
    thing, marker = trap
    path = tmp_path / "ffhq.pkl"
    weights = nvidia_weights(dict(tiny_generator().state_dict()))
    write_pytorch_pickle(path, weights, options={"extra": thing})
    assert "asks to run posix.mkdir" in refusal("stylegan2", path)
    write_tensorflow_pickle(path, dict(tiny_generator().state_dict()), options={"extra": thing})
    assert "asks to run posix.mkdir" in refusal("stylegan2", path)
    assert not marker.exists()


@pytest.mark.parametrize(
    "name",
    ["builtins.eval", "builtins.bytearray", "torch.load", "torch.hub.load", "numpy.load"]
    + ["functools.partial", "builtins.getattr", "operator.attrgetter", "pickle.loads"],
)
def test_other_names_are_refused(tmp_path, name):
    module, _, function = name.rpartition(".")
    content = pickled({"w": Named(module, function, "x")})
    assert name in refusal("arcface", zipped(tmp_path / "a.pth", content, {}))
    (tmp_path / "b.pkl").write_bytes(content)
    assert name in refusal("stylegan2", tmp_path / "b.pkl")


def test_stand_ins_cannot_be_changed_for_the_next_file(tmp_path):
    """A pickle may set attributes on what it names; it must not reach what others use."""
    for module, name in (("argparse", "Namespace"), ("dnnlib.tflib.network", "Network")):
        named = f"c{module}\n{name}\n".encode()
        content = b"\x80\x02" + named + b"(N}X\x08\x00\x00\x00__init__" + named + b"stb."
        zipped(tmp_path / "a.pth", content, {})
        (tmp_path / "b.pkl").write_bytes(content)
        refusal("arcface", tmp_path / "a.pth")
        refusal("stylegan2", tmp_path / "b.pkl")
    torch.save(FILES["stylegan2"], tmp_path / "good.pt")
    assert "generator" in convert("stylegan2", tmp_path / "good.pt")
    assert argparse.Namespace(a=1).a == 1


def test_names_in_a_file_cannot_write_to_the_terminal(tmp_path):
    """Line ends and escape sequences in a class's name and in a tensor's."""
    nasty = "a\n\x1b[2Jb" * 200
    content = b"\x80\x04" + 2 * (b"X" + struct.pack("<I", len(nasty)) + nasty.encode()) + b"\x93."
    zipped(tmp_path / "a.pth", content, {})
    (tmp_path / "b.pkl").write_bytes(content)
    torch.save(FILES["arcface"] | {nasty: torch.zeros(1)}, tmp_path / "c.pth")
    for layout, name in (("arcface", "a.pth"), ("stylegan2", "b.pkl"), ("arcface", "c.pth")):
        assert refusal(layout, tmp_path / name).isprintable()


# ---- sizes that are not true


def test_a_compressed_bomb(tmp_path):
    """100 MB of zeros in 100 kB: torch never compresses."""
    content = pickled({"w": tensor("0", 25_000_000, (25_000_000,), (1,))})
    path = zipped(tmp_path / "b.pt", content, {"0": bytes(100_000_000)}, compressed=True)
    assert path.stat().st_size < 1_000_000
    assert "compressed records" in refusal("stylegan2", path)


def test_a_record_that_claims_more_than_the_file(tmp_path):
    path = zipped(tmp_path / "b.pt", pickled({}), {"0": bytes(64)})
    data = path.read_bytes()
    size = struct.pack("<II", 64, 64)
    path.write_bytes(data.replace(size, struct.pack("<II", 1 << 30, 1 << 30)))
    refusal("stylegan2", path)


@pytest.mark.parametrize(
    "claim",
    [
        tensor("0", HUGE, (HUGE,), (1,)),  # the storage
        tensor("0", 16, (HUGE,), (1,)),  # the tensor
        tensor("0", 16, (1 << 20, 1 << 20), (0, 0)),  # one number, repeated
        tensor("0", 16, (8,), (1,), offset=12),
        tensor("0", 16, (8,), (1,), offset=-4),
        tensor("0", 16, (-8,), (1,)),
        {str(k): tensor("0", 1 << 20, (1 << 20,), (1,)) for k in range(100)},  # one storage, often
    ],
)
def test_a_tensor_that_claims_more_than_it_has(tmp_path, claim):
    numbers = bytes(4 << 20) if isinstance(claim, dict) else bytes(64)
    path = zipped(tmp_path / "b.pt", pickled({"g_ema": {"w": claim}}), {"0": numbers})
    said = refusal("stylegan2", path)
    assert "more numbers than it holds" in said or "impossible shape" in said


def test_a_repeated_number_as_torch_saves_it(tmp_path):
    data = dict(FILES["arcface"])
    data["output_layer.3.weight"] = torch.zeros(1, 1).expand(100_000, 100_000)
    torch.save(data, tmp_path / "b.pth")
    assert (tmp_path / "b.pth").stat().st_size < 1_000_000
    assert "more numbers than it holds" in refusal("arcface", tmp_path / "b.pth")


def test_an_old_container_that_claims_more_than_it_has(tmp_path):
    buffer = io.BytesIO()
    torch.save({"w": torch.zeros(77)}, buffer, _use_new_zipfile_serialization=False)
    claimed = buffer.getvalue().replace(b"KM", b"J\x00\x00\x00\x7f")  # 77 items become 2 billion
    assert claimed != buffer.getvalue()
    (tmp_path / "b.pth").write_bytes(claimed)
    assert "more numbers than it holds" in refusal("arcface", tmp_path / "b.pth")
    shorter = buffer.getvalue()[:-4]
    (tmp_path / "b.pth").write_bytes(shorter)
    assert "cut short" in refusal("arcface", tmp_path / "b.pth")


def test_pickles_that_ask_for_memory(tmp_path):
    """A memo slot, a text and an array whose stated size is all there is of them."""
    memo = b"\x80\x02}r" + struct.pack("<I", 1 << 26) + b"."
    text = b"\x80\x02X" + struct.pack("<I", (1 << 32) - 1) + b"x."
    long = b"\x80\x04\x8e" + struct.pack("<Q", HUGE) + b"x."
    for content in (memo, text, long):
        (tmp_path / "b.pkl").write_bytes(content)
        refusal("stylegan2", tmp_path / "b.pkl")
        refusal("arcface", zipped(tmp_path / "b.pt", content, {}))
    rebuilt = Named("numpy.core.multiarray", "_reconstruct", "x", (HUGE,), b"b")
    (tmp_path / "b.pkl").write_bytes(pickled({"G_ema": rebuilt}))
    refusal("stylegan2", tmp_path / "b.pkl")


def test_a_module_that_unfolds(tmp_path):
    """Each of 60 modules holds the next one twice: 2^60 of them, in 10 kB."""
    with nvidia_modules("") as (Persistent, _, _):
        inner = Persistent()
        for _ in range(60):
            outer = Persistent()
            outer._modules = {"a": inner, "b": inner}
            inner = outer
        (tmp_path / "b.pkl").write_bytes(pickle.dumps({"G_ema": inner}))
    assert "twice" in refusal("stylegan2", tmp_path / "b.pkl")


# ---- packs: the header of a safetensors file


def lying(header: dict) -> dict[str, bytes]:
    """Headers that say what is not so, encoded; the numbers that follow are left as they are."""
    name = next(key for key in header if key != "__metadata__")
    entry = header[name]
    begin, end = entry["data_offsets"]
    lies = {
        "beyond the file": {"data_offsets": [begin, end + HUGE]},
        "a larger shape": {"shape": [HUGE]},
        "a negative length": {"data_offsets": [end, begin]},
        "another type": {"dtype": "F64"},
        "an unknown type": {"dtype": "X9"},
    }
    encoded = {}
    for label, lie in lies.items():
        text = json.dumps(header | {name: entry | lie}).encode()
        encoded[label] = struct.pack("<Q", len(text)) + text
    encoded["a header longer than the file"] = struct.pack("<Q", HUGE) + b"{}"
    encoded["no JSON"] = struct.pack("<Q", 4) + b"\xff\xff\xff\xff"
    overlap = {key: header[name] for key in header if key != "__metadata__"}
    text = json.dumps(overlap).encode()
    encoded["one place for all"] = struct.pack("<Q", len(text)) + text
    return encoded


def test_a_safetensors_header_that_lies(tmp_path):
    """The manifest's sha256 is that of the lying file, so that only the header can tell."""
    folder = tmp_path / "pack"
    save_pack(tiny_pack(), folder)
    path, manifest = (
        folder / "generator.safetensors",
        json.loads((folder / "pack.json").read_text()),
    )
    whole = path.read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    for label, header in lying(json.loads(whole[8 : 8 + length])).items():
        path.write_bytes(header + whole[8 + length :])
        facts = manifest["files"][path.name]
        facts["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        facts["bytes"] = path.stat().st_size
        (folder / "pack.json").write_text(json.dumps(manifest))
        with pytest.raises(PackMismatch) as problem:
            load_pack(folder)
        assert str(path) in str(problem.value), label
        assert "\n" not in str(problem.value), label
