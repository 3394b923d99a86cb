"""A generator's kernels as CUDA graphs: one launch for a batch instead of some three hundred."""

import logging
import os
import threading
from collections import OrderedDict

import torch
from torch import Tensor

from stylexfer.networks.fast import FastGenerator

log = logging.getLogger(__name__)

_KEPT = 4  # batch sizes with a graph of their own; they share their memory


def graphs_allowed(device: torch.device) -> bool:
    """On ZeroGPU each call has a process of its own: a graph would be made for nothing."""
    return device.type == "cuda" and not os.environ.get("SPACES_ZERO_GPU")


class GraphedGenerator:
    """W+ codes -> pictures, as `FastGenerator` makes them, from any thread.

    A batch size is captured when it comes for the second time. Where that fails, it goes on
    without graphs.
    """

    def __init__(self, generator: FastGenerator):
        self.generator = generator
        self._lock = threading.Lock()
        self._seen: set[int] = set()
        self._graphs: OrderedDict[int, tuple[torch.cuda.CUDAGraph, Tensor, Tensor]] = OrderedDict()
        self._failed = False

    @torch.inference_mode()
    def __call__(self, codes: Tensor, resolution: int | None = None) -> Tensor:
        """`[B, n_styles, style_dim]` -> `[B, 3, size, size]`, fp32; an earlier `resolution` without
        a graph."""
        if resolution not in (None, self.generator.config.size):
            return self.generator(codes, resolution)
        batch = len(codes)
        with self._lock:
            if batch not in self._seen or self._failed:
                self._seen.add(batch)
                return self.generator(codes)
            if batch not in self._graphs and not self._capture(codes):
                return self.generator(codes)
            self._graphs.move_to_end(batch)
            graph, given, made = self._graphs[batch]
            given.copy_(codes)
            graph.replay()
            return made.clone()  # the next replay overwrites it

    def _capture(self, codes: Tensor) -> bool:
        while len(self._graphs) >= _KEPT:
            self._graphs.popitem(last=False)
        pool = next((graph.pool() for graph, *_ in self._graphs.values()), None)
        graph, given = torch.cuda.CUDAGraph(), codes.float().clone()
        try:
            beside = torch.cuda.Stream(codes.device)
            beside.wait_stream(torch.cuda.current_stream(codes.device))
            with torch.cuda.stream(beside):  # what libraries set up at the first call
                self.generator(given)
            torch.cuda.current_stream(codes.device).wait_stream(beside)
            # other threads go on with work of their own meanwhile
            with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
                made = self.generator(given)
        except RuntimeError as problem:
            log.warning("no CUDA graph for %d pictures at once: %s", len(codes), problem)
            self._failed = True
            return False
        self._graphs[len(codes)] = (graph, given, made)
        return True
