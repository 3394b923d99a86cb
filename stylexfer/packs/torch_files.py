"""Reading PyTorch files of unknown origin: looked through first, then loaded without running code.

A dry run of the file's pickle with inert stand-ins says what it would build: which classes it
names, how large each storage and tensor claims to be. Only if that is plain tensors and values,
and fits the size of the file, does `torch.load(weights_only=True)` read it.
"""

import argparse
import mmap
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import torch

from stylexfer.errors import PackMismatch

LEGACY_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # first pickle of files before torch 1.6
PICKLE_LIMIT = 64 << 20  # bytes of structure; the released files have less than 1 MB
FETCH = "fetch it again, from where its authors put it"

_ITEM_BYTES = {
    "Double": 8, "Long": 8, "Float": 4, "Int": 4, "Half": 2, "BFloat16": 2, "Short": 2,
    "Char": 1, "Byte": 1, "Bool": 1,
}  # fmt: skip
_STORAGES = {
    (module, f"{name}Storage"): size
    for module in ("torch", "torch.cuda")
    for name, size in _ITEM_BYTES.items()
}


class Refused(Exception):
    """What is wrong with the content of a file, without its name; one line of printable text, as
    parts of it may come from the file."""

    def __init__(self, text: str):
        super().__init__("".join(c if c.isprintable() else "?" for c in text)[:600])


def read_torch(path: str | Path) -> Any:
    """What `torch.save` wrote, on the CPU, memory-mapped where the container allows.

    Takes both containers (zip, and torch < 1.6), tensors tagged with any device, and
    `argparse.Namespace` among the values. Raises PackMismatch, in one line, for anything else than
    tensors in plain containers, and for sizes that do not fit the file.
    """
    path = Path(path)
    try:
        with open_mapped(path) as data:
            zipped = data[:4] == b"PK\x03\x04"
            if zipped:
                _check_zip(path, len(data))
            elif data[: len(LEGACY_MAGIC)] == LEGACY_MAGIC:
                _check_legacy(data)
            else:
                raise Refused("is no PyTorch file")
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except Refused as problem:
        raise PackMismatch(f"{path} {problem}: {FETCH}.") from problem
    except Exception as problem:  # a hostile file may raise anything
        raise PackMismatch(f"{path} is damaged ({first_line(problem)}): {FETCH}.") from problem


def is_torch_file(path: str | Path) -> bool:
    """Whether it begins as a file of `torch.save`, of either container (True if it is not there,
    for `read_torch` to say so)."""
    path = Path(path)
    if not path.is_file():
        return True
    with path.open("rb") as file:
        start = file.read(len(LEGACY_MAGIC))
    return not start or start[:4] == b"PK\x03\x04" or start == LEGACY_MAGIC


def first_line(problem: BaseException) -> str:
    """Of an error of somebody else's code, at most 160 printable characters."""
    text = (str(problem).strip() or type(problem).__name__).splitlines()[0]
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= 160 else text[:157] + "..."


def open_mapped(path: Path) -> mmap.mmap:
    """A file as read-only bytes; Refused if there is none, or nothing in it."""
    if not path.is_file():
        raise Refused("is not there" if not path.exists() else "is not a file")
    if not path.stat().st_size:
        raise Refused("is empty")
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if data[:1] == b"<":  # what Google Drive sends when it has been asked too often
        raise Refused("is a web page, not the file that it should be")
    return data


def check_opcodes(data: mmap.mmap | BinaryIO, limit: int) -> None:
    """Walk one pickle from the present place without building anything, and come back.

    Refused if it is cut short, longer than `limit` bytes, or asks for memory out of proportion
    (memo slots and length fields can claim any size).
    """
    start = data.tell()
    try:
        for count, (opcode, value, place) in enumerate(pickletools.genops(data)):
            if place - start > limit:
                raise Refused("has an oversized pickle")
            if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and value > count + 256:
                raise Refused("has a pickle that asks for too much memory")
            if opcode.name in ("EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "READONLY_BUFFER"):
                raise Refused(f"has a pickle with {opcode.name}")
    except (ValueError, UnicodeDecodeError) as problem:
        raise Refused(f"is cut short or damaged ({first_line(problem)})") from problem
    data.seek(start)


class _Outline(pickle.Unpickler):
    """Builds nothing: notes the storages, and checks tensors against them.

    What it lends to the file is made anew for each run: a pickle can set attributes on whatever
    it names, and would leave them behind on a shared class or function.
    """

    def __init__(self, file: BinaryIO | mmap.mmap, total: int):
        super().__init__(file, encoding="utf-8")
        self.storages: dict[str, int] = {}  # key -> bytes
        self.left = total  # bytes that tensors may yet claim
        self.known = {
            ("torch._utils", "_rebuild_tensor"): lambda *a: self.tensor(*a[:4]),
            ("torch._utils", "_rebuild_tensor_v2"): lambda *a: self.tensor(*a[:4]),
            ("torch._utils", "_rebuild_parameter"): lambda data, *_: data,
            ("torch", "Size"): tuple,
            ("collections", "OrderedDict"): OrderedDict,
            ("argparse", "Namespace"): type("Namespace", (), {}),
        }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _STORAGES:
            return _STORAGES[module, name]
        if (module, name) not in self.known:
            raise Refused(f"asks to run {module}.{name}, which no weights need")
        return self.known[module, name]

    def persistent_load(self, pid: Any) -> tuple[int, int]:
        """A storage's reference -> bytes of an item, number of items."""
        kind, size, key, _, count = pid[:5]
        if kind != "storage" or not isinstance(size, int) or not isinstance(count, int):
            raise Refused("refers to something else than a tensor's storage")
        self.storages[str(key)] = max(size * count, self.storages.get(str(key), 0))
        return size, count

    def tensor(self, storage: tuple[int, int], offset: int, shape: tuple, strides: tuple) -> None:
        size, count = storage
        check_view(count, offset, shape, strides)
        self.left -= prod(shape) * size
        if self.left < 0:
            raise Refused("declares more numbers than it holds")


def check_view(count: int, offset: int, shape: tuple, strides: tuple) -> None:
    """Refused unless a tensor lies within its storage of `count` items and has no more of them."""
    if min((offset, *shape, *strides), default=0) < 0 or len(shape) != len(strides):
        raise Refused("has a tensor of an impossible shape")
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if prod(shape) and (last >= count or prod(shape) > count):
        raise Refused("declares more numbers than it holds")


def _check_zip(path: Path, size: int) -> None:
    """The container of torch 1.6 and later: stored records, one pickle, one record a storage."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError) as problem:
        raise Refused(f"is cut short or damaged ({first_line(problem)})") from problem
    with archive:
        records = {record.filename: record.file_size for record in archive.infolist()}
        if any(r.compress_type or r.file_size != r.compress_size for r in archive.infolist()):
            raise Refused("has compressed records, which torch never writes")
        if len(records) != len(archive.infolist()) or sum(records.values()) > size:
            raise Refused("declares more bytes than it holds")
        pickles = [name for name in records if name.endswith("/data.pkl") or name == "data.pkl"]
        if len(pickles) != 1:
            raise Refused("is a zip without a PyTorch checkpoint in it")
        if records[pickles[0]] > PICKLE_LIMIT:
            raise Refused("has an oversized pickle")
        with archive.open(pickles[0]) as file:
            check_opcodes(file, PICKLE_LIMIT)
            outline = _Outline(file, total=size + (1 << 20))
            outline.load()
    root = pickles[0].removesuffix("data.pkl")
    for key, declared in outline.storages.items():
        if records.get(f"{root}data/{key}", -1) < declared:
            raise Refused("declares more numbers than it holds")


def _check_legacy(data: mmap.mmap | BinaryIO, size: int | None = None) -> None:
    """The container before torch 1.6: pickles of magic, version, system, content and storage keys,
    then each storage as its count and its numbers."""
    size = len(data) if size is None else size
    outline = None
    for part in range(5):
        check_opcodes(data, PICKLE_LIMIT)
        reader = _Outline(data, total=size + (1 << 20))
        reader.load()
        if part == 3:
            outline = reader
    if data.tell() + sum(8 + declared for declared in outline.storages.values()) > size:
        raise Refused("is cut short: it declares more numbers than it holds")


def check_legacy_bytes(file: BinaryIO, size: int) -> None:
    """The same check for a PyTorch file within another one; ends at its start."""
    if file.read(len(LEGACY_MAGIC)) != LEGACY_MAGIC:
        raise Refused("holds a tensor that torch did not write")
    file.seek(0)
    _check_legacy(file, size)
    file.seek(0)
