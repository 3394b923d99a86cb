"""Pickles written by hand: names that do not exist here, storages of any claimed size, old texts."""

import io
import pickle
from pathlib import Path

from torch import Tensor


class Named:
    """Something that pickles as `module.name(*args)`, whether or not that exists."""

    def __init__(self, module: str, name: str, *args):
        self.module, self.name, self.args = module, name, args


class Storage(tuple):
    """A storage's reference: (key, number of items)."""


class _Writer(pickle._Pickler):
    """Writes the two above, as torch.save would have."""

    def __init__(self, buffer: io.BytesIO, python2: bool = False):
        super().__init__(buffer, protocol=2)
        self.python2 = python2

    def persistent_id(self, obj):
        if not isinstance(obj, Storage):
            return None
        if self.python2:
            kind = Named("torch.cuda", "FloatStorage")
            return ("storage", kind, obj[0], "cuda:0", obj[1], None)
        return ("storage", Named("torch", "FloatStorage"), obj[0], "cpu", obj[1])

    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, str) and self.python2:  # a Python 2 str: bytes, of up to 255
            return self.write(pickle.SHORT_BINSTRING + bytes([len(obj)]) + obj.encode())
        if not isinstance(obj, Named):
            return super().save(obj, save_persistent_id)
        self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        if obj.args:
            super().save(obj.args)
            self.write(pickle.REDUCE)
        return None


def pickled(obj, python2: bool = False) -> bytes:
    buffer = io.BytesIO()
    _Writer(buffer, python2).dump(obj)
    return buffer.getvalue()


def tensor(key: str, count: int, shape: tuple, strides: tuple, offset: int = 0) -> Named:
    storage = Storage((key, count))
    return Named("torch._utils", "_rebuild_tensor_v2", storage, offset, shape, strides, False, {})


def write_2017(path: Path, state: dict[str, Tensor]) -> None:
    """A state_dict as torch 0.2 wrote it from Python 2 on a GPU: `_rebuild_tensor`, byte texts, the
    old container. fp32 tensors only, as there were no counters then."""
    entries, storages = {}, {}
    for index, (name, value) in enumerate(state.items()):
        key = str(94_000_000 + index)
        storages[key] = value.contiguous()
        reference = Storage((key, value.numel()))
        view = (0, tuple(value.shape), value.contiguous().stride())
        entries[name] = Named("torch._utils", "_rebuild_tensor", reference, *view)
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
    with path.open("wb") as file:
        for part in (0x1950A86A20F9469CFC6C, 1001, system, entries, sorted(storages)):
            file.write(pickled(part, python2=True))
        for key in sorted(storages):
            file.write(
                storages[key].numel().to_bytes(8, "little") + storages[key].numpy().tobytes()
            )
