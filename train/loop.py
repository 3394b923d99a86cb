"""What every stage shares, so that a stage is one loop: where it runs, batches, checkpoints.

    run = begin("transfer", DEFAULTS, argv)
    ...                                       networks and optimisers, on run.device
    run.resume(model=model, ema=ema, optimizer=optimizer)
    net, stepper = run.prepare(model, optimizer)
    for step, parts in run.steps(draw, read, config["steps"]):
        for batch in parts:                   one, unless gradients are accumulated
            run.backward(loss)
        run.descend(stepper, net.parameters())

A step's batch is drawn from (seed, step) alone, the same in every process, and each process takes
its share of the rows: the step is the sampler's position, and a resumed run sees the very batches
that an uninterrupted one would. `read`, which makes a batch of rows, runs one ahead in a thread and
must draw from the generator it is given, never from torch's global one.
"""

import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType, broadcast_object_list, gather_object
from torch import Tensor, nn
from tqdm import tqdm

from stylexfer.errors import HubRefused, StylexferError
from train import checkpoint
from train.config import ConfigError, read_config
from train.layers import share_batch_statistics
from train.log import Log
from train.publish import Publisher

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
MIXED = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}

Rows = Mapping[str, np.ndarray]
Draw = Callable[[int, np.random.Generator], Rows]
Read = Callable[[int, Rows, np.random.Generator], dict]


@dataclass
class Run:
    """A stage on its way."""

    config: dict
    accelerator: Accelerator
    out: Path
    log: Log
    publisher: Publisher | None = None  # in the main process, if packs are pushed
    step: int = 0  # how many steps are done
    parts: dict[str, object] = field(default_factory=dict)  # of a checkpoint: name -> its owner
    facts: dict = field(default_factory=dict)  # plain values that a checkpoint also holds
    nets: list[nn.Module] = field(default_factory=list)

    @property
    def device(self) -> torch.device:
        return self.accelerator.device

    @property
    def main(self) -> bool:
        """Whether this process writes files."""
        return self.accelerator.is_main_process

    @property
    def shards(self) -> int:
        """Parts of a batch: processes times accumulated parts."""
        return self.accelerator.num_processes * self.config["accumulate"]

    def drawing_dtype(self, conv_clamp: float | None) -> torch.dtype:
        """Of a generator's convolutions. fp16 ends at 65504: only one with a clamp takes it."""
        dtype = DTYPES[self.config["precision"]]
        return torch.float32 if dtype == torch.float16 and conv_clamp is None else dtype

    def resume(self, **parts: object) -> None:
        """Take over what a checkpoint of this run holds, if there is one; these parts are saved.

        Parts are on their device already. CheckpointError.
        """
        scaler = self.accelerator.scaler
        self.parts = parts | ({"scaler": scaler} if scaler is not None else {})
        path = self.out / "checkpoint.pt"
        state = checkpoint.load(path)
        if state is None:
            return
        checkpoint.restore(state, self.parts, path)
        self.step = state["step"]
        self.log.forget_after(self.step)
        if len(state["rng"]) == self.accelerator.num_processes:
            _set_rng(state["rng"][self.accelerator.process_index])
        elif self.main:
            print("the number of processes has changed: random numbers start anew", file=sys.stderr)

    def save(self) -> None:
        """`checkpoint.pt`, and the one before it beside it. CheckpointError, DivergedError."""
        self.log.check()
        rng = gather_object([_rng()])
        if self.main:
            state = {name: part.state_dict() for name, part in self.parts.items()}
            head = {"step": self.step, "config": self.config, "rng": rng, **self.facts}
            checkpoint.save(self.out / "checkpoint.pt", {**head, **state})

    def prepare(self, *parts: nn.Module | torch.optim.Optimizer) -> tuple:
        """Networks and optimisers as they are to be called: precision and processes seen to."""
        for part in parts:
            if isinstance(part, nn.Module):
                share_batch_statistics(part)
        prepared = [self.accelerator.prepare(part) for part in parts]
        self.nets += [p for p in prepared if isinstance(p, nn.Module)]
        return tuple(prepared)

    def steps(self, draw: Draw, read: Read, stop: int) -> Iterator[tuple[int, Iterable[dict]]]:
        """(step, its parts of a batch) from where the run stands to `stop`; saves as it goes.

        `draw(step, rng)` -> arrays of rows of the whole batch, of which each process takes every
        n-th; `read(step, rows, rng)` -> a batch, whose tensors are moved to the device. Ends
        early, with a checkpoint, after `max_minutes`.
        """
        begun = time.monotonic()
        limit = self.config["max_minutes"]
        stream = self._batches(draw, read, stop)
        bar = tqdm(total=stop, initial=self.step, disable=None if self.main else True, unit="step")
        with ThreadPoolExecutor(1) as pool, bar:
            ahead = pool.submit(next, stream, None)

            def take() -> dict:
                nonlocal ahead
                batch, ahead = ahead.result(), pool.submit(next, stream, None)
                move = {k: v.to(self.device) for k, v in batch.items() if isinstance(v, Tensor)}
                return {**batch, **move}

            while self.step < stop:
                yield self.step, self._parts(take)
                self.log.end(self.step)
                self.step += 1
                bar.update()
                late = limit is not None and time.monotonic() - begun > 60 * limit
                if limit is not None:
                    late = broadcast_object_list([late])[0]
                due = self._push_due()
                if due or late or self.step == stop or self.step % self.config["save_every"] == 0:
                    self.save()
                if due and self.main:
                    self.publisher.start(self.step)
                if late:
                    return

    def _batches(self, draw: Draw, read: Read, stop: int) -> Iterator[dict]:
        accumulate, seed = self.config["accumulate"], self.config["seed"]
        for step in range(self.step, stop):
            rows = draw(step, np.random.default_rng((seed, step)))
            for part in range(accumulate):
                shard = part * self.accelerator.num_processes + self.accelerator.process_index
                rng = np.random.default_rng((seed, step, shard))
                yield read(step, {k: v[shard :: self.shards] for k, v in rows.items()}, rng)

    def _parts(self, take: Callable[[], dict]) -> Iterator[dict]:
        for part in range(self.config["accumulate"]):
            with ExitStack() as stack:  # processes exchange gradients once, after the last part
                if part + 1 < self.config["accumulate"]:
                    for net in self.nets:
                        stack.enter_context(self.accelerator.no_sync(net))
                yield take()

    def backward(self, loss: Tensor) -> None:
        """Of one part of a batch: the gradient is the mean over the parts."""
        self.accelerator.backward(loss / self.config["accumulate"])

    def descend(self, optimizer: torch.optim.Optimizer, clipped: Iterable[nn.Parameter]) -> None:
        """One step along the gradients, of which those of `clipped` are clipped together."""
        if self.config["clip"] is not None:
            self.accelerator.clip_grad_norm_(clipped, self.config["clip"])
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def _push_due(self) -> bool:
        """Whether the checkpoint of this step is to be pushed; all processes say the same."""
        if self.publisher is not None:
            self.publisher.watch()
        every = self.config["push_every"]
        return every is not None and self.step % every == 0

    def finish(self) -> None:
        """After the last step: close the tracker, push the pack. HubRefused."""
        for tracker in self.accelerator.trackers:
            tracker.finish()
        if self.publisher is not None:
            self.publisher.finish(self.step)

    def sheet_due(self) -> bool:
        """Whether the step under way ends with a sheet of samples, written by this process."""
        return self.main and (self.step + 1) % self.config["sheet_every"] == 0

    def check_batch(self, rows: int) -> None:
        """ConfigError if a batch of so many rows cannot be shared evenly."""
        if rows % self.shards:
            raise ConfigError(
                f"a batch of {rows} cannot be shared by {self.accelerator.num_processes} processes "
                f"x {self.config['accumulate']} accumulated parts: take a multiple of "
                f"{self.shards}."
            )


def begin(stage: str, defaults: Mapping, argv: list[str] | None = None) -> Run:
    """The stage's configuration and where it runs. ConfigError, HubRefused."""
    config = read_config(stage, defaults, argv)
    out = Path(config["out"])
    if config["precision"] not in DTYPES:
        raise ConfigError(f"precision must be one of {', '.join(DTYPES)}.")
    try:
        accelerator = Accelerator(
            mixed_precision=MIXED[config["precision"]],
            log_with=config["tracker"],
            project_dir=str(out),
        )
    except (ValueError, ImportError) as problem:
        raise ConfigError(f"Accelerate refuses this set-up: {problem}") from problem
    if config["precision"] == "fp16" and accelerator.device.type == "cpu":
        raise ConfigError("precision fp16 needs a GPU: take bf16 or fp32.")
    if accelerator.distributed_type in (DistributedType.FSDP, DistributedType.DEEPSPEED):
        raise ConfigError(
            "checkpoints here are whole, not sharded: use DDP (accelerate's MULTI_GPU), which the "
            "largest of these networks fits into with a few gigabytes."
        )
    if config["tracker"]:
        out.mkdir(parents=True, exist_ok=True)
        accelerator.init_trackers("tracker")
    torch.manual_seed(config["seed"] + accelerator.process_index)
    log = Log(out, config["log_every"], accelerator)
    return Run(config, accelerator, out, log, _publisher(config, out, accelerator))


def _publisher(config: Mapping, out: Path, accelerator: Accelerator) -> Publisher | None:
    """In the main process, if packs are pushed. HubRefused, in all processes."""
    if not config["push_to_hub"]:
        return None
    made = problem = None
    if accelerator.is_main_process:
        try:
            made = Publisher(out, config["push_to_hub"], config["private"])
        except HubRefused as refusal:
            problem = str(refusal)
    if problem := broadcast_object_list([problem])[0]:
        raise HubRefused(problem)
    return made


def torch_rng(rng: np.random.Generator) -> torch.Generator:
    """A torch generator that follows from a numpy one."""
    return torch.Generator().manual_seed(int(rng.integers(2**62)))


def _rng() -> dict:
    """Where this process's global generators stand."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"torch": torch.get_rng_state(), "cuda": cuda, "python": random.getstate()}


def _set_rng(state: Mapping) -> None:
    torch.set_rng_state(state["torch"])
    if len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))


def command(main: Callable[[], None]) -> None:
    """Run a stage from the command line: what a person can put right is one line, no traceback."""
    try:
        main()
        # Not before `main` has let go of DDP. Whatever holds the group last waits for its threads;
        # DDP does so without letting go of the GIL, which they may be waiting for: both hang.
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
    except StylexferError as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on from the last checkpoint")
