"""StyleGAN2 generators from NVIDIA's pickles, PyTorch (stylegan2-ada-pytorch) and TensorFlow.

Both are Python pickles that carry source text to be run on loading. Here nothing of theirs runs:
a restricted unpickler replaces the few names such files need by stand-ins that only keep what they
are given, and refuses every other name.
"""

import io
import mmap
import pickle
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stylexfer.errors import PackMismatch
from stylexfer.packs.nvidia_names import (
    NvidiaGenerator,
    check_options,
    from_pytorch,
    from_tensorflow,
)
from stylexfer.packs.torch_files import (
    FETCH,
    Refused,
    check_legacy_bytes,
    check_opcodes,
    check_view,
    first_line,
    open_mapped,
)

_NUMBERS = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")


def read_nvidia(path: str | Path) -> NvidiaGenerator:
    """G_ema of a PyTorch pickle, or Gs of a TensorFlow one, in rosinality names.

    Raises PackMismatch, in one line, if the file asks for anything that such a generator does not
    need, is damaged, or holds another kind of network.
    """
    path = Path(path)
    try:
        with open_mapped(path) as data:
            check_opcodes(data, len(data))
            content, size = _Restricted(data).load(), len(data)
        if isinstance(content, Mapping) and "G_ema" in content:
            content = content["G_ema"]  # G, D and what else there is are let go
            return _pytorch_generator(content, size)
        if isinstance(content, (tuple, list)) and len(content) == 3:
            content = content[2]
            return _tensorflow_generator(content, size)
        raise Refused("holds neither G_ema nor (G, D, Gs), so it is no StyleGAN2 of NVIDIA's")
    except Refused as problem:
        raise PackMismatch(f"{path} {problem}: {FETCH}.") from problem
    except Exception as problem:  # a hostile file may raise anything
        raise PackMismatch(
            f"{path} is damaged or of another kind ({first_line(problem)}): {FETCH}."
        ) from problem


class _Restricted(pickle.Unpickler):
    """Lends stand-ins, made anew for each file: a pickle can set attributes on what it names."""

    def __init__(self, file: mmap.mmap):
        super().__init__(file)

        class Network:  # dnnlib.tflib.network.Network, and any persistent module
            def __setstate__(self, state):
                self.state = state

        class Dtype:  # numpy.dtype
            def __init__(self, code, *_):
                self.code = code

            def __setstate__(self, state):
                if state[1] == ">":
                    raise Refused("has big-endian numbers")

        class Array:  # numpy.ndarray
            value: np.ndarray | None = None

            def __setstate__(self, state):
                _, shape, dtype, fortran, raw = state
                self.value = _array(shape, dtype.code, raw, "F" if fortran else "C")

        def persistent(meta):
            module = Network()
            module.__setstate__(meta["state"])  # meta["module_src"], its source text, is left alone
            return module

        self.known: dict[tuple[str, str], Any] = {
            ("torch_utils.persistence", "_reconstruct_persistent_obj"): persistent,
            ("dnnlib.tflib.network", "Network"): Network,
            ("dnnlib.util", "EasyDict"): type("EasyDict", (dict,), {}),
            ("collections", "OrderedDict"): OrderedDict,
            ("builtins", "set"): set,
            ("__builtin__", "set"): set,  # as protocol 2 names it
            ("torch._utils", "_rebuild_tensor_v2"): lambda *a: _LazyTensor(*a[:4]),
            ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
            ("torch.storage", "_load_from_bytes"): lambda raw: raw,
            ("_codecs", "encode"): lambda text, *_: text.encode("latin1"),  # bytes in protocol 2
            ("numpy", "dtype"): Dtype,
            ("numpy", "ndarray"): Array,
        }
        for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            self.known[module, "_reconstruct"] = lambda *_: Array()
            self.known[module, "scalar"] = lambda dtype, raw: _array((), dtype.code, raw).item()
        for module in ("numpy.core.numeric", "numpy._core.numeric"):  # arrays in protocol 5
            self.known[module, "_frombuffer"] = lambda raw, dtype, *view: _from_buffer(
                raw, dtype.code, *view
            )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.known:
            raise Refused(f"asks to run {module}.{name}, which no StyleGAN2 generator needs")
        return self.known[module, name]


def _array(shape: tuple, code: str, raw: bytes | bytearray, order: str = "C") -> np.ndarray:
    if code not in _NUMBERS or not isinstance(raw, bytes | bytearray) or order not in ("C", "F"):
        raise Refused(f"has an array of {first_line(TypeError(code))}, not of numbers")
    dtype = np.dtype("<" + code)
    if min(shape, default=0) < 0 or prod(shape) * dtype.itemsize != len(raw):
        raise Refused("declares more numbers than it holds")
    return np.frombuffer(raw, dtype).reshape(shape, order=order)


def _from_buffer(
    raw: bytes, code: str, shape: tuple, order: str, axes: tuple | None = None
) -> np.ndarray:
    """numpy's own; order "K" is that of the axes."""
    if order == "K" and axes is not None:
        return _array(shape, code, raw).transpose(axes)
    return _array(shape, code, raw, order)


class _LazyTensor:
    """A tensor whose storage is a PyTorch file within the pickle; read only if it is wanted."""

    def __init__(self, raw: bytes, offset: int, shape: tuple, strides: tuple):
        if not isinstance(raw, bytes):
            raise Refused("has a tensor without numbers")
        self.raw, self.view = raw, (offset, tuple(shape), tuple(strides))

    def load(self) -> Tensor:
        file = io.BytesIO(self.raw)
        check_legacy_bytes(file, len(self.raw))
        typed = torch.load(file, map_location="cpu", weights_only=True)
        numbers = typed._untyped_storage  # as torch's own _rebuild_tensor_v2; len(typed) would warn
        check_view(numbers.nbytes() // typed.dtype.itemsize, *self.view)
        return torch.empty(0, dtype=typed.dtype).set_(numbers, *self.view)


def _modules(module: Any, name: str, seen: set[int]) -> Iterator[tuple[str, dict]]:
    """Every module below a persistent one as (dotted name, its `__dict__`)."""
    if id(module) in seen:  # else a small file could unfold into any number of modules
        raise Refused("has a module inside itself, or twice")
    seen.add(id(module))
    yield name, module.state
    for child, below in module.state.get("_modules", {}).items():
        if below is not None:
            yield from _modules(below, f"{name}.{child}" if name else child, seen)


def _count(size: int, tensor: Tensor) -> int:
    """Bytes that are left of a file's size after one more tensor of it."""
    size -= tensor.numel() * tensor.element_size()
    if size < 0:
        raise Refused("declares more numbers than it holds")
    return size


def _pytorch_generator(g_ema: Any, size: int) -> NvidiaGenerator:
    weights, options = {}, {}
    for name, state in _modules(g_ema, "", set()):
        options[name] = {
            k: v for k, v in state.items() if v is None or isinstance(v, (str, int, float))
        }
        for kind in ("_parameters", "_buffers"):
            own = state.get(kind, {})
            for key in list(own):
                lazy = own.pop(key)  # so that each tensor is held once, read or unread
                if lazy is not None:
                    weights[f"{name}.{key}"] = tensor = lazy.load()
                    size = _count(size, tensor)
    lr_mlp, conv_clamp = check_options(options)
    return from_pytorch(weights, lr_mlp, conv_clamp)


def _tensorflow_generator(gs: Any, size: int) -> NvidiaGenerator:
    weights, options = {}, {}
    networks = {"": gs, **{f"{k}/": v for k, v in gs.state.get("components", {}).items()}}
    for prefix, network in networks.items():
        options.update(network.state.get("static_kwargs", {}))
        variables = list(network.state.pop("variables"))
        while variables:
            name, array = variables.pop()
            tensor = torch.from_numpy(np.array(getattr(array, "value", array)))
            weights[prefix + name] = tensor
            size = _count(size, tensor)
    return from_tensorflow(weights, options)
