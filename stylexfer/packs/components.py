"""Networks from the numbers in `pack.json`, and the numbers of networks."""

from collections.abc import Callable, Mapping
from dataclasses import asdict

from torch import nn

from stylexfer.errors import PackMismatch
from stylexfer.networks import (
    LPIPS,
    Generator,
    GeneratorConfig,
    HeadPose,
    HeadPoseConfig,
    IRSEConfig,
    Mapper,
    MotionConfig,
    MotionEncoder,
    OnePassConfig,
    OnePassEncoder,
    PoseSplit,
    Recognition,
    RecognitionConfig,
    ReStyleConfig,
    ReStyleEncoder,
)


def _on_trunk(network: type[nn.Module], config: type) -> Callable[..., nn.Module]:
    """A network whose config holds that of an IR-SE trunk."""
    return lambda trunk, **numbers: network(config(**numbers, trunk=IRSEConfig(**trunk)))


_restyle = _on_trunk(ReStyleEncoder, ReStyleConfig)
_one_pass = _on_trunk(OnePassEncoder, OnePassConfig)

# Every component that a pack may hold, and what makes it of its numbers. The first two are always
# there; the next two are the paper's own; the others serve baselines and metrics.
COMPONENTS: dict[str, Callable[..., nn.Module]] = {
    "generator": lambda **numbers: Generator(GeneratorConfig(**numbers)),
    "identity_encoder": _restyle,
    "motion_encoder": _on_trunk(MotionEncoder, MotionConfig),
    "mapper": Mapper,
    "pose_split": PoseSplit,
    "restyle_e4e": _restyle,
    "psp_encoder": _one_pass,
    "e4e_encoder": _one_pass,
    "recognition": _on_trunk(Recognition, RecognitionConfig),
    "head_pose": lambda **numbers: HeadPose(HeadPoseConfig(**numbers)),
    "perceptual": LPIPS,
}
REQUIRED = ("generator", "identity_encoder")
MOTION = ("motion_encoder", "mapper")
_ON_CODES = (*REQUIRED, *MOTION, "pose_split", "restyle_e4e", "psp_encoder", "e4e_encoder")


def numbers_of(network: nn.Module) -> dict:
    """What `build` makes the same network of."""
    if isinstance(network, Mapper | PoseSplit):
        return dict(zip(("n_styles", "style_dim"), network.shape, strict=True))
    return asdict(network.config) if hasattr(network, "config") else {}


def build(name: str, numbers: Mapping) -> nn.Module:
    """The untrained component `name` of an architecture as in `pack.json`. PackMismatch."""
    try:
        if name == "pose_split":  # there as true or false; its shape is the mapper's
            return PoseSplit(**numbers["mapper"])
        return COMPONENTS[name](**numbers[name])
    except (KeyError, TypeError, ValueError) as problem:
        raise PackMismatch(
            f"The pack's architecture is not one this version knows ({name}: {problem}): update "
            "stylexfer, or build the pack again."
        ) from problem


def shape_of_codes(name: str, numbers: Mapping) -> tuple[int, int] | None:
    """(n_styles, style_dim) of a component that reads or writes W+ codes, else None. PackMismatch."""
    if name not in _ON_CODES or name == "pose_split":
        return None
    try:
        if name == "generator":
            config = GeneratorConfig(**numbers[name])
            return config.n_styles, config.style_dim
        return numbers[name]["n_styles"], numbers[name]["style_dim"]
    except (KeyError, TypeError, ValueError) as problem:
        raise PackMismatch(
            f"The pack's architecture is not one this version knows ({name}: {problem}): update "
            "stylexfer, or build the pack again."
        ) from problem


def check_agreement(names: list[str], numbers: Mapping) -> None:
    """PackMismatch if the components differ about the shape of a W+ code."""
    shapes = {name: shape_of_codes(name, numbers) for name in names}
    shapes = {name: shape for name, shape in shapes.items() if shape is not None}
    if len(set(shapes.values())) > 1:
        raise PackMismatch(f"The pack's components disagree on the shape of a W+ code: {shapes}.")
