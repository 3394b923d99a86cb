"""Released checkpoints in their original layouts -> states of our networks.

Nothing in a file is executed: PyTorch files pass a size and content check and then
`torch.load(weights_only=True)`; NVIDIA's pickles go through a restricted unpickler. Layouts are
those of the authors' code: rosinality and NVIDIA (StyleGAN2), ReStyle, pSp, e4e,
InsightFace_Pytorch, deep-head-pose, the paper's own code, LPIPS.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stylexfer.errors import PackMismatch
from stylexfer.networks import (
    LPIPS,
    Generator,
    GeneratorConfig,
    HeadPose,
    HeadPoseConfig,
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
from stylexfer.networks.ops import blur_kernel
from stylexfer.networks.perceptual import LAYERS
from stylexfer.packs import configs
from stylexfer.packs.contents import (
    TRAINING,
    networks_of,
    only,
    options,
    read_content,
    state_of,
    tensors,
)
from stylexfer.packs.fit import average_rows, average_w, fit
from stylexfer.packs.nvidia import read_nvidia
from stylexfer.packs.nvidia_names import from_pytorch
from stylexfer.packs.torch_files import FETCH, Refused, first_line, is_torch_file

LAYOUTS = ("stylegan2", "restyle", "psp", "e4e", "arcface", "hopenet", "paper", "lpips")

Config = (
    GeneratorConfig
    | ReStyleConfig
    | OnePassConfig
    | MotionConfig
    | RecognitionConfig
    | HeadPoseConfig
)


@dataclass(frozen=True)
class Part:
    """One network of a converted file.

    `config`: architecture numbers read from the tensors; None for the mapper, whose shape is
    `n_styles` and `style_dim` of the motion encoder's config, and for LPIPS, which has one shape.
    `state`: exactly that network's state_dict, fp32, on the CPU; its tensors may be views of the
    memory-mapped file, so save or copy them before the file goes away.
    """

    config: Config | None
    state: dict[str, Tensor]


def convert(layout: str, path: str | Path) -> dict[str, Part]:
    """A released file -> component name -> `Part`.

    stylegan2: generator. restyle (pSp or e4e, told apart by opts): identity_encoder, generator.
    psp, e4e: encoder, generator. paper: motion_encoder, mapper, generator. arcface: recognition.
    hopenet: head_pose. lpips: perceptual (`path` is a folder with the AlexNet trunk and the linear
    weights, or one file with both, or the trunk alone where the `lpips` package is installed).

    A `latent_avg` that the file lacks (some StyleGAN2 files, the paper's) is estimated: the mean of
    w over 100 000 normal z, seed 0. Raises PackMismatch with one line: which file, what is wrong
    with it (names of missing and surplus entries) and what to do.
    """
    if layout not in LAYOUTS:
        raise PackMismatch(f"{layout} is no layout of a released file: use one of {LAYOUTS}.")
    try:
        return _CONVERTERS[layout](Path(path))
    except Refused as problem:
        raise PackMismatch(f"{path} (read as {layout}) {problem}.") from problem
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as problem:
        # shapes that no network can have
        raise PackMismatch(
            f"{path} (read as {layout}) fits no network ({first_line(problem)}): {FETCH}."
        ) from problem


def _stylegan2(path: Path) -> dict[str, Part]:
    if not is_torch_file(path):
        found = read_nvidia(path)
        return {"generator": _generator(found.state, None, found.lr_mlp, found.conv_clamp)}
    data = read_content(path, "stylegan2")
    if "synthesis.b4.const" in data:  # the flat state_dict of NVIDIA's PyTorch G_ema
        return {"generator": _generator(from_pytorch(data).state, None)}
    if "conv1.conv.weight" in data:  # g_ema alone
        return {"generator": _generator(data, data.pop("latent_avg", None))}
    only(data, ("g_ema", "latent_avg", *TRAINING))
    return {"generator": _generator(state_of(data, "g_ema"), data.get("latent_avg"))}


def _restyle(path: Path) -> dict[str, Part]:
    data = read_content(path, "restyle")
    below = networks_of(data, "encoder", "decoder")
    opts = options(data.get("opts"))
    kind, steps = str(opts.get("encoder_type")), opts.get("n_iters_per_batch", 5)
    heads = {"BackboneEncoder": "psp", "ProgressiveBackboneEncoder": "e4e"}.get(kind)
    if any(key.startswith("synthesis.") for key in below["decoder"]):
        raise Refused("is the StyleGAN3 variant (16 heads): take the StyleGAN2 one, 18 heads")
    if heads is None:
        raise Refused(
            f"has the encoder type {kind[:40]}: take one of the FFHQ files, "
            "BackboneEncoder (pSp) or ProgressiveBackboneEncoder (e4e)"
        )
    if not opts.get("start_from_latent_avg", True):
        raise Refused("was trained without start_from_latent_avg: take one of the FFHQ files")
    if not isinstance(steps, int) or not 1 <= steps <= 100:
        raise Refused(f"has {str(steps)[:40]} iterations in its opts: {FETCH}")
    generator = _generator(below["decoder"], data.get("latent_avg"))
    config = configs.restyle(below["encoder"], heads, steps)
    _same_rows(config.n_styles, generator)
    below["encoder"]["latent_avg"] = _average(data, generator)
    encoder = _fit(ReStyleEncoder, config, below["encoder"])
    return {"identity_encoder": encoder, "generator": generator}


def _one_pass(path: Path, heads: str) -> dict[str, Part]:
    data = read_content(path, heads)
    below = networks_of(data, "encoder", "decoder")
    opts = options(data.get("opts"))
    if opts.get("learn_in_w"):
        raise Refused("was trained with learn_in_w, one row for all: take the W+ file")
    generator = _generator(below["decoder"], data.get("latent_avg"))
    config = configs.one_pass(below["encoder"], heads)
    _same_rows(config.n_styles, generator)
    average = _average(data, generator)
    if not opts.get("start_from_latent_avg", True):
        average.zero_()
    below["encoder"]["latent_avg"] = average
    return {"encoder": _fit(OnePassEncoder, config, below["encoder"]), "generator": generator}


def _paper(path: Path) -> dict[str, Part]:
    data = read_content(path, "paper")
    below = networks_of(data, "encoder", "mapping_net", "decoder")
    generator = _generator(below["decoder"], data.get("latent_avg"))
    config = configs.motion(below["encoder"], generator.config.style_dim)
    _same_rows(config.n_styles, generator)
    motion = _fit(MotionEncoder, config, below["encoder"])
    linear = {k.replace("linear_relu.0.", "linear."): v for k, v in below["mapping_net"].items()}
    with torch.device("meta"):
        mapper = Mapper(config.n_styles, config.style_dim)
    mapper = Part(None, fit(mapper, linear))
    return {"motion_encoder": motion, "mapper": mapper, "generator": generator}


def _arcface(path: Path) -> dict[str, Part]:
    state = read_content(path, "arcface")
    return {"recognition": _fit(Recognition, configs.recognition(state), state)}


def _hopenet(path: Path) -> dict[str, Part]:
    state = read_content(path, "hopenet")
    for key in ("fc_finetune.weight", "fc_finetune.bias"):  # unused upstream too
        state.pop(key, None)
    return {"head_pose": _fit(HeadPose, configs.head_pose(state), state)}


def _lpips(path: Path) -> dict[str, Part]:
    files = sorted(path.glob("*.pth")) if path.is_dir() else [path]
    if not files:
        raise Refused("is a folder without .pth files: put the AlexNet trunk and alex.pth there")
    state: dict[str, Any] = {}
    for file in files:
        state |= read_content(file, "lpips")
    if "features.0.weight" not in state and "net.slice1.0.weight" not in state:
        raise Refused(
            "has the linear weights only: give a folder that holds alexnet-owt-7be5be79.pth too"
        )
    if "lin0.model.1.weight" not in state:
        package = find_spec("lpips")
        if package is None:
            raise Refused(
                "has the AlexNet trunk only: install lpips, or give a folder that holds its "
                "weights/v0.1/alex.pth too"
            )
        state |= read_content(
            Path(package.origin).parent / "weights" / "v0.1" / "alex.pth", "lpips"
        )
    for slot, index in enumerate(LAYERS):  # torchvision's names -> the original class's
        for kind in ("weight", "bias"):
            if (value := state.pop(f"features.{index}.{kind}", None)) is not None:
                state[f"net.slice{slot + 1}.{index}.{kind}"] = value
        state.pop(f"lins.{slot}.model.1.weight", None)  # its second copy of the linear weights
    for key in list(state):
        if key in ("scaling_layer.shift", "scaling_layer.scale") or key.startswith("classifier."):
            del state[key]
    with torch.device("meta"):
        network = LPIPS()
    return {"perceptual": Part(None, fit(network, state))}


_CONVERTERS: dict[str, Callable[[Path], dict[str, Part]]] = {
    "stylegan2": _stylegan2,
    "restyle": _restyle,
    "psp": lambda path: _one_pass(path, "psp"),
    "e4e": lambda path: _one_pass(path, "e4e"),
    "arcface": _arcface,
    "hopenet": _hopenet,
    "paper": _paper,
    "lpips": _lpips,
}


def _fit(network: type, config: Config, state: dict[str, Tensor]) -> Part:
    with torch.device("meta"):
        shapes = network(config)
    return Part(config, fit(shapes, state))


def _generator(
    state: dict[str, Any], average: Any, lr_mlp: float = 0.01, conv_clamp: float | None = None
) -> Part:
    state = tensors(state)
    config = configs.generator(state, lr_mlp, conv_clamp)
    for key, value in state.items():
        if key.endswith(".kernel") and not (
            value.shape == (4, 4) and torch.allclose(value.float(), blur_kernel(), atol=1e-5)
        ):
            raise Refused(f"has a filter {key} that is not [1, 3, 3, 1]: it is of another network")
    known = average is not None or "latent_avg" in state
    if average is not None:
        rows = average_rows(average, config.n_styles, config.style_dim)
        state["latent_avg"] = rows[0] if rows.equal(rows[:1].expand_as(rows)) else rows.mean(dim=0)
    state.setdefault("latent_avg", torch.zeros(config.style_dim))
    with torch.device("meta"):
        network = Generator(config)
    fitted = fit(network, state)
    if not known:
        style = {k.removeprefix("style."): v for k, v in fitted.items() if k.startswith("style.")}
        network.style.load_state_dict(style, assign=True)
        fitted["latent_avg"] = average_w(network.style, config.z_dim)
    return Part(config, fitted)


def _average(data: dict, generator: Part) -> Tensor:
    """latent_avg as rows for an encoder, `[n_styles, style_dim]`; the generator's, if it has none."""
    average = data.get("latent_avg")
    if average is None:
        average = generator.state["latent_avg"]
    return average_rows(average, generator.config.n_styles, generator.config.style_dim)


def _same_rows(rows: int, generator: Part) -> None:
    if rows != generator.config.n_styles:
        kind = " (16 heads are the StyleGAN3 variant)" if rows == 16 else ""
        raise Refused(
            f"has {rows} style heads{kind} for a generator of {generator.config.n_styles} rows: "
            "take the StyleGAN2 file of the generator's size"
        )
