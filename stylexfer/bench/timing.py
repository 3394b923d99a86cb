"""What a piece of work costs: seconds on the clock and of the processor, and memory."""

import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Cost:
    """Of one item (a frame, a picture): `wall` and `cpu` in milliseconds. `cpu` counts all threads
    of this process and the programs that it has run and that have ended."""

    wall: float
    cpu: float

    def each(self, items: int) -> "Cost":
        return Cost(self.wall / items, self.cpu / items)


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def waited(device: torch.device) -> None:
    """Until the device has done what was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def once(work: Callable[[], object], device: torch.device) -> Cost:
    """One run."""
    waited(device)
    wall, cpu = time.perf_counter(), _cpu()
    work()
    waited(device)
    return Cost(1e3 * (time.perf_counter() - wall), 1e3 * (_cpu() - cpu))


def typical(work: Callable[[], object], device: torch.device, runs: int) -> Cost:
    """The medians of `runs` runs, after one that is not counted."""
    work()
    costs = [once(work, device) for _ in range(runs)]
    return Cost(*(statistics.median(getattr(c, name) for c in costs) for name in ("wall", "cpu")))


def peak_mb() -> float:
    """The most memory that this process has had so far, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)


def peak_gpu_mb(device: torch.device) -> float | None:
    """The same of its tensors on a CUDA device; None on others."""
    return torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else None
