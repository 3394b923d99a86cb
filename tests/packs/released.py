"""Small and full-size files in the released layouts, NVIDIA's pickles among them.

Those are pickles of objects whose classes exist only while the file is written (`nvidia_modules`),
and they carry source text that would write a file if anybody ran it.
"""

import pickle
import sys
import types
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from stylexfer.errors import PackMismatch
from stylexfer.networks import (
    LPIPS,
    Generator,
    HeadPose,
    HeadPoseConfig,
    IRSEConfig,
    Mapper,
    MotionConfig,
    MotionEncoder,
    OnePassConfig,
    OnePassEncoder,
    Recognition,
    RecognitionConfig,
    ReStyleConfig,
    ReStyleEncoder,
)
from stylexfer.packs.convert import convert
from tests.tiny import tiny_pack


@contextmanager
def nvidia_modules(source: str):
    """torch_utils.persistence and dnnlib as a pickle names them; yields (Persistent, Network,
    EasyDict). `source` is the module source that each object carries."""
    persistence = types.ModuleType("torch_utils.persistence")
    network = types.ModuleType("dnnlib.tflib.network")
    util = types.ModuleType("dnnlib.util")

    def _reconstruct_persistent_obj(meta):
        raise AssertionError("only named by the pickle")

    class Persistent(nn.Module):
        def __reduce__(self):
            meta = {
                "type": "class",
                "version": 4,
                "module_src": source,
                "class_name": "Generator",
                "state": self.__dict__,
            }
            return persistence._reconstruct_persistent_obj, (meta,), None, None, None

    class Network:
        def __init__(self, **state):
            self.state = state | {"version": 5, "_build_module_src": source, "name": "G"}

        def __getstate__(self):
            return self.state

    class EasyDict(dict):
        pass

    for home, thing in (
        (persistence, _reconstruct_persistent_obj), (network, Network), (util, EasyDict),
    ):  # fmt: skip
        thing.__module__, thing.__qualname__ = home.__name__, thing.__name__
        setattr(home, thing.__name__, thing)
    modules = {m.__name__: m for m in (persistence, network, util)}
    modules |= {n: types.ModuleType(n) for n in ("torch_utils", "dnnlib", "dnnlib.tflib")}
    assert not modules.keys() & sys.modules.keys()
    sys.modules.update(modules)
    try:
        yield Persistent, Network, EasyDict
    finally:
        for name in modules:
            del sys.modules[name]


def write_pytorch_pickle(
    path: Path,
    weights: dict[str, Tensor],
    source: str = "",
    options: dict | None = None,
    protocol: int = 3,
) -> None:
    """`ffhq.pkl` of stylegan2-ada-pytorch from the flattened state_dict of G_ema.

    options: attributes of every layer and block, such as conv_clamp.
    """
    buffers = ("w_avg", "noise_const", "resample_filter")
    options = {"conv_clamp": None, "architecture": "skip", "c_dim": 0} | (options or {})
    with nvidia_modules(source) as (Persistent, _, EasyDict):

        def module() -> nn.Module:
            made = Persistent()
            for key, value in options.items():
                setattr(made, key, value)
            return made

        root = module()
        for key, value in weights.items():
            *parents, name = key.split(".")
            place = root
            for parent in parents:
                if parent not in place._modules:
                    place.add_module(parent, module())
                place = place._modules[parent]
            if parents[-1].startswith("fc"):
                place.bias_gain = 0.01
            place.activation = "linear" if parents[-1] == "affine" else "lrelu"
            if name in buffers:
                place.register_buffer(name, value)
            else:
                place.register_parameter(name, nn.Parameter(value))
        data = {"G": module(), "D": module(), "G_ema": root}
        data["training_set_kwargs"] = EasyDict(path="ffhq.zip", max_size=np.int64(70000))
        data["augment_pipe"] = None
        with path.open("wb") as file:
            pickle.dump(data, file, protocol=protocol)


def write_tensorflow_pickle(
    path: Path,
    state: dict[str, Tensor],
    source: str = "",
    options: dict | None = None,
    protocol: int = 4,
) -> None:
    """`stylegan2-ffhq-config-f.pkl` from a generator's state_dict in our names, latent_avg too."""
    mapping, synthesis = [], []
    for key, value in state.items():
        parts = key.split(".")
        array = value.numpy()
        if parts[0] == "style":
            array = array.T if parts[2] == "weight" else array
            mapping.append((f"Dense{int(parts[1]) - 1}/{parts[2]}", np.array(array)))
        elif parts[0] == "noises":
            synthesis.append((parts[1].replace("_", ""), array))
        elif key == "input.input":
            synthesis.append(("4x4/Const/const", array))
        elif parts[0] != "latent_avg" and not key.endswith("kernel"):
            synthesis.append(_tensorflow_variable(parts, array))
    average = ("dlatent_avg", state["latent_avg"].numpy())
    with nvidia_modules(source) as (_, Network, EasyDict):
        kwargs = EasyDict({"num_channels": 3, "resample_kernel": [1, 3, 3, 1]} | (options or {}))
        components = EasyDict(
            mapping=Network(variables=mapping, static_kwargs=EasyDict(), components=EasyDict()),
            synthesis=Network(variables=synthesis, static_kwargs=kwargs, components=EasyDict()),
        )
        gs = Network(
            variables=[("lod", np.float32(0)), average], static_kwargs=kwargs, components=components
        )
        other = Network(variables=[], static_kwargs=EasyDict(), components=EasyDict())
        with path.open("wb") as file:
            pickle.dump((other, other, gs), file, protocol=protocol)


def _tensorflow_variable(parts: list[str], array: np.ndarray) -> tuple[str, np.ndarray]:
    if parts[0] in ("conv1", "to_rgb1"):
        side, kind, rest = 4, "Conv" if parts[0] == "conv1" else "ToRGB", parts[1:]
    else:
        index, rest = int(parts[1]), parts[2:]
        level = index if parts[0] == "to_rgbs" else index // 2
        side = 8 * 2**level
        kind = "ToRGB" if parts[0] == "to_rgbs" else ("Conv0_up", "Conv1")[index % 2]
    name = ".".join(rest)
    if name == "conv.weight":
        array = array[0].transpose(2, 3, 1, 0)
        array = array[::-1, ::-1] if kind == "Conv0_up" else array
        found = "weight"
    elif name == "conv.modulation.weight":
        array, found = array.T, "mod_weight"
    elif name == "conv.modulation.bias":
        array, found = array - 1, "mod_bias"
    elif name == "noise.weight":
        array, found = array[0], "noise_strength"
    else:  # activate.bias, or that of to-RGB
        array, found = array.reshape(-1), "bias"
    return f"{side}x{side}/{kind}/{found}", np.array(array)


TRUNK = {"widths": (8, 16, 32), "depths": (1, 2, 1), "se_reduction": 4}
STEM = IRSEConfig(**TRUNK)
ROWS = {"n_styles": 8, "style_dim": 16, "input_size": 32}


def randomised(network: nn.Module, seed: int = 0) -> nn.Module:
    """Every number random and positive (so variances too); filters and counters as they are."""
    rng = torch.Generator().manual_seed(seed)
    for name, value in network.state_dict().items():
        if not name.endswith(("kernel", "num_batches_tracked")):
            value.copy_(torch.rand(value.shape, generator=rng) / 4 + 0.05)
    return network.eval().requires_grad_(False)


def tiny_generator(seed: int = 0) -> Generator:
    """32 px, 8 rows of 16 numbers."""
    return randomised(tiny_pack().generator, seed)


def tiny_networks() -> dict[str, nn.Module]:
    """A network of each kind that a released file holds."""
    networks = {
        "generator": Generator(tiny_pack().generator.config),
        "restyle": ReStyleEncoder(
            ReStyleConfig(**ROWS, trunk=IRSEConfig(in_channels=6, **TRUNK), iterations=3)
        ),
        "one_pass": OnePassEncoder(OnePassConfig(**ROWS, trunk=STEM)),
        "motion": MotionEncoder(
            MotionConfig(8, 16, input_size=256, pool=2, features=16, trunk=STEM)
        ),
        "mapper": Mapper(8, 16),
        "recognition": Recognition(RecognitionConfig(16, 12, STEM)),
        "head_pose": HeadPose(HeadPoseConfig(width=8, depths=(1, 2), bins=5)),
        "perceptual": LPIPS(),
    }
    networks = {name: randomised(network) for name, network in networks.items()}
    for name in ("restyle", "one_pass"):
        networks[name].latent_avg.copy_(networks["generator"].latent_avg.expand(8, -1))
    return networks


def rosinality(generator: Generator) -> dict:
    """What a StyleGAN2 `.pt` holds."""
    state = dict(generator.state_dict())
    return {"latent_avg": state.pop("latent_avg"), "g_ema": state}


def below(prefix: str, network: nn.Module) -> dict[str, Tensor]:
    """Entries of a checkpoint's `state_dict` for one network, which has its latent_avg elsewhere."""
    state = network.state_dict()
    return {f"{prefix}.{key}": value for key, value in state.items() if key != "latent_avg"}


def tiny_files() -> dict[str, dict]:
    """Content of a small file of every layout, under its name in LAYOUTS; ReStyle's e4e kind as
    "restyle e4e"."""
    net = tiny_networks()
    average = net["generator"].latent_avg.repeat(8, 1)

    def encoder_file(network: nn.Module, encoder_type: str, **opts) -> dict:
        return {
            "state_dict": below("encoder", network) | below("decoder", net["generator"]),
            "opts": {"encoder_type": encoder_type, "device": "cuda:0"} | opts,
            "latent_avg": average.clone(),
        }

    mapper = {
        k.replace("linear.", "linear_relu.0."): v for k, v in net["mapper"].state_dict().items()
    }
    unused = {"fc_finetune.weight": torch.ones(3, 67), "fc_finetune.bias": torch.ones(3)}
    return {
        "stylegan2": rosinality(net["generator"]),
        "restyle": encoder_file(net["restyle"], "BackboneEncoder", n_iters_per_batch=3),
        "restyle e4e": encoder_file(net["restyle"], "ProgressiveBackboneEncoder"),
        "psp": encoder_file(net["one_pass"], "GradualStyleEncoder"),
        "e4e": encoder_file(net["one_pass"], "Encoder4Editing", stylegan_size=32),
        "arcface": dict(net["recognition"].state_dict()),
        "hopenet": dict(net["head_pose"].state_dict()) | unused,
        "paper": {
            "state_dict": below("encoder", net["motion"])
            | below("decoder", net["generator"])
            | {f"mapping_net.{key}": value for key, value in mapper.items()},
            "opts": {"n_styles": 8},
        },
        "lpips": dict(net["perceptual"].state_dict()),
    }


def refusal(layout: str, path: Path) -> str:
    """The message; one line that begins with the file."""
    with pytest.raises(PackMismatch) as problem:
        convert(layout, path)
    said = str(problem.value)
    assert said.startswith(str(path)) and said.endswith(".")
    assert "\n" not in said and len(said) < 800
    return said
