"""The networks alone: from aligned crops in memory to pictures in memory."""

from collections.abc import Iterable

import numpy as np
import torch

from stylexfer.bench.timing import Cost, once, typical
from stylexfer.coder import Coder
from stylexfer.networks import (
    Generator,
    GeneratorConfig,
    Mapper,
    MotionConfig,
    MotionEncoder,
    ReStyleConfig,
    ReStyleEncoder,
    ffhq_channels,
)
from stylexfer.packs import Pack
from stylexfer.tensors import to_pictures


def untrained_pack(size: int) -> Pack:
    """The released architecture at `size` pixels (1024: the paper's), with random weights."""
    torch.manual_seed(0)
    config = GeneratorConfig(size, ffhq_channels(size))
    rows = config.n_styles
    pack = Pack(
        generator=Generator(config),
        identity_encoder=ReStyleEncoder(ReStyleConfig(n_styles=rows)),
        motion_encoder=MotionEncoder(MotionConfig(n_styles=rows)),
        mapper=Mapper(rows),
        info={"name": f"untrained {size}", "version": "0"},
    )
    for network in pack.networks().values():
        network.eval().requires_grad_(False)
    return pack


def crops_of(side: int, count: int) -> list[np.ndarray]:
    """Noise in the place of aligned faces: the networks take the same time."""
    rng = np.random.default_rng(0)
    return list(rng.integers(0, 256, (count, side, side, 3), np.uint8))


@torch.inference_mode()
def network_costs(coder: Coder, batch: int, runs: int) -> dict[str, Cost]:
    """Of a frame: `E_m`, `M`, `G`, `bytes` (pictures as uint8), and `all`, as a clip goes through."""
    crops = crops_of(coder.pack.motion_encoder.config.input_size, batch)
    mapper, device = coder.pack.mapper, coder.device
    motion = coder.motion_codes(crops)
    code = mapper.motion_term(motion)
    images = coder.generator(code)
    works = {
        "E_m": lambda: coder.motion_codes(crops),
        "M": lambda: mapper.motion_term(motion),
        "G": lambda: coder.draw(code),
        "bytes": lambda: to_pictures(images),
        "all": lambda: coder.decode(mapper.motion_term(coder.motion_codes(crops))),
    }
    if coder.draw is not coder.generator:
        works["G without graphs"] = lambda: coder.generator(code)
    return {name: typical(work, device, runs).each(batch) for name, work in works.items()}


@torch.inference_mode()
def compiled_cost(coder: Coder, batch: int, runs: int) -> tuple[Cost, Cost]:
    """(Compiling, a picture then) of G through torch.compile."""
    rows = (batch, coder.generator.n_styles, coder.generator.config.style_dim)
    code = torch.randn(rows, generator=torch.manual_seed(0)).to(coder.device)
    compiled = torch.compile(coder.generator, dynamic=False)
    first = once(lambda: compiled(code), coder.device)
    return first, typical(lambda: compiled(code), coder.device, runs).each(batch)


def sweep(coder: Coder, batches: Iterable[int], runs: int) -> dict[int, dict[str, Cost]]:
    """`network_costs` by batch size, as far as memory goes."""
    found = {}
    for batch in batches:
        try:
            found[batch] = network_costs(coder, batch, runs)
        except torch.OutOfMemoryError:
            break
    return found


def identify_cost(coder: Coder, runs: int) -> tuple[Cost, Cost]:
    """Of one crop: E_i, E_m, and G for display. The first time, and warm."""
    crop = crops_of(coder.pack.identity_encoder.config.input_size, 1)
    view = crops_of(coder.pack.motion_encoder.config.input_size, 1)

    def work() -> None:
        code = coder.invert(crop)
        coder.motion_codes(view)
        coder.decode(code)

    first = once(work, coder.device)
    return first, typical(work, coder.device, runs)
