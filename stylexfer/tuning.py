"""Faithful identity: the generator fine-tuned for one portrait, in seconds, for one visitor.

Pivotal tuning (Roich et al. 2021, "Pivotal Tuning for Latent-based Editing of Real Images"): what an
inversion misses of a real face, its hair and its background goes into the weights, around the code
that stands for it. The pivot is M(E_i(t), E_m(t)), from which the code of every frame departs by
`change`. The inversion itself learns along, for the same reason as the paper optimises it first: it
moves the person under every motion alike. The losses are in `stylexfer.learner`.

The pack's weights are read, never written.
"""

import copy
import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from stylexfer.errors import StylexferError
from stylexfer.identity import Identity, Tuning
from stylexfer.learner import Learner, Pivot
from stylexfer.networks import Generator, GeneratorConfig
from stylexfer.packs import Pack
from stylexfer.steering import steering
from stylexfer.tensors import mirrored, resized, to_tensor

if TYPE_CHECKING:
    from stylexfer.transfer import FaceTransfer

SECONDS = 90.0  # after which tuning ends wherever it is, on a machine that is very busy
_STEPS = 165  # at most,
_FEWEST = 16  # and with fewer it is not worth while
_CPU_WORK = 285.0  # 1e9 multiply-adds of the generator for one picture, times steps, on a CPU
_TRIED, _SLOW = 8, 3  # steps that foretell the time of all; so many of them are slower

_LONG = 40  # as if there were at least so many steps
_WARM, _FALL = 5, 0.4  # steps of the rate's rise, share of the steps in which it falls
_COMPARED = 8  # motions, of people whom the pack makes up,
_REACH = 1.6  # so many times as far: made-up people are livelier than that only rarely


@dataclass(frozen=True)
class Step:
    """How far tuning is: `done` of `planned` steps; with the last, the tuned identity."""

    done: int
    planned: int
    identity: Identity | None = None


def work(config: GeneratorConfig) -> float:
    """Multiply-adds of the 3x3 convolutions for one picture, in 1e9."""
    widths = config.channels
    total = 9 * 16 * widths[0] ** 2
    for level, (a, b) in enumerate(pairwise(widths)):
        total += 9 * (16 * 4**level) * a * b + 9 * (16 * 4 ** (level + 1)) * b * b
    return total / 1e9


def planned_steps(config: GeneratorConfig, device: torch.device) -> int:
    """By the generator's size and the kind of device, never by a clock: the same portrait gives the
    same result. 0: it would take too long to be worth while (1024 px on a CPU)."""
    if device.type != "cpu":
        return _STEPS
    steps = min(_STEPS, int(_CPU_WORK / work(config)))
    return steps if steps >= _FEWEST else 0


@torch.inference_mode()
def strangers(model: "FaceTransfer") -> Tensor:
    """Motion codes of people whom the pack makes up, `[_COMPARED, n_styles, style_dim]`."""
    generator = model.pack.generator
    rng = torch.Generator().manual_seed(0)
    z = torch.randn(_COMPARED, generator.config.z_dim, generator=rng).to(model.device)
    codes = generator.broadcast(generator.mapping(z)).split(model.batch_size)
    pictures = [picture for batch in codes for picture in model.decode(batch)]
    return _motions(model, pictures)


def _motions(model: "FaceTransfer", pictures: list[np.ndarray]) -> Tensor:
    crops = [resized(picture, model.view_side) for picture in pictures]
    step = model.batch_size
    return torch.cat([model.motion_codes(crops[i : i + step]) for i in range(0, len(crops), step)])


def _pivot(model: "FaceTransfer", identity: Identity) -> Pivot:
    rest, own = model.rest_code(identity), identity.motion.to(model.device)
    crop = resized(identity.crop, model.size)
    codes = {
        "code": rest,
        "mirrored": rest + model.change(_motions(model, [mirrored(identity.crop)]) - own, 1, 1),
        "motions": rest + _REACH * model.change(model.strangers - own, 1, 1),
    }
    # cloned: what inference mode has made cannot be learned from
    codes = {name: code.clone() for name, code in codes.items()}
    return Pivot(picture=to_tensor([crop]).to(model.device), **codes)


def tune(model: "FaceTransfer", identity: Identity, seconds: float) -> Iterator[Step]:
    """`FaceTransfer.tune`."""
    if not model.tuning_steps:
        raise StylexferError(
            "This pack can't be made faithful to one portrait here: it needs a GPU, or a smaller "
            "pack, and the paper's method rather than a baseline. Go on without it."
        )
    steps = tuning_steps(model.pack, identity, _pivot(model, identity), model.dtype, seconds)
    return _steered(model, identity, steps)


def _steered(model: "FaceTransfer", plain: Identity, steps: Iterator[Step]) -> Iterator[Step]:
    """`steps`, with `Tuning.steering` in the tuned identity."""
    with closing(steps):
        for step in steps:
            if (tuned := step.identity) is not None:
                tuning = replace(tuned.tuning, steering=steering(model, plain, tuned))
                yield replace(step, identity=replace(tuned, tuning=tuning))
            else:
                yield step


def seconds_needed(model: "FaceTransfer") -> float:
    """Of wall clock for tuning here, foretold from a few steps on a person whom the pack makes up;
    0 where it can't be done."""
    if not model.tuning_steps:
        return 0.0
    times = [monotonic()]
    person = model.random_identity(0)
    with closing(model.tune(person, math.inf)) as steps:
        for _ in islice(steps, _TRIED):
            times.append(monotonic())
    begun, ended = times[_SLOW], times[-1]
    one = (ended - begun) / (_TRIED - _SLOW)
    steering(model, person, person)
    return begun - times[0] + one * (model.tuning_steps - _SLOW) + monotonic() - ended


def tuned_generator(generator: Generator, tuning: Tuning) -> Generator:
    """A copy of `generator` with the changes of `tuning`; it is left as it is."""
    tuned = copy.deepcopy(generator)
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if (change := tuning.change.get(name)) is not None:
                parameter += change.to(parameter)
    return tuned


def tuning_steps(
    pack: Pack, identity: Identity, pivot: Pivot, dtype: torch.dtype, seconds: float = SECONDS
) -> Iterator[Step]:
    """Fine-tune a copy of the pack's generator to `pivot`; a `Step` after each, the last with the
    identity.

    dtype: of the convolutions. seconds: a limit; a run that it cuts short (`Tuning.steps` says so)
    depends on how busy the machine was. Closing this generator early, or an error, leaves nothing
    behind. StylexferError.
    """
    planned = planned_steps(pack.generator.config, pivot.code.device)
    started = monotonic()
    learner = Learner(pack, pivot, dtype)
    done = 0
    for done in range(1, planned + 1):
        learner.step(done - 1, _rate(done - 1, planned))
        late = monotonic() - started > seconds
        if done < planned and not late:
            yield Step(done, planned)
        if late:
            break
    tuned = {"tuning": Tuning(learner.change(), done, planned), "inversion": learner.picture()}
    code = identity.code + learner.offset.detach().cpu()
    yield Step(done, planned, replace(identity, code=code, **tuned))


def _rate(done: int, planned: int) -> float:
    rise = min(1.0, (done + 1) / _WARM)
    return rise * min(1.0, (planned - done) / (_FALL * planned)) / max(planned, _LONG)
