"""What a run shows: `metrics.jsonl`, the tracker, sheets of samples."""

import json
import os
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from stylexfer.errors import StylexferError


class DivergedError(StylexferError):
    """A loss that is no number any more."""


class Log:
    """JSON lines `metrics.jsonl`, means since the last line and over the processes, also printed
    and given to the tracker."""

    def __init__(self, out: str | Path, every: int, accelerator: Accelerator):
        self.path = Path(out) / "metrics.jsonl"
        self.every = every
        self.accelerator = accelerator
        self._begin()

    def _begin(self) -> None:
        self.sums: dict[str, list] = {}
        self.images = 0
        self.begun = time.monotonic()

    def __call__(self, step: int, images: int, **values: Tensor | float) -> None:
        """Values of the step numbered `step` (from 0), one call a part of its batch; `images` were
        worked on, in this process. A value may be missing from some steps."""
        for key, value in values.items():  # not yet as numbers: that would wait for the device
            value = value.detach() if isinstance(value, Tensor) else value
            total, count = self.sums.get(key, (0.0, 0))
            self.sums[key] = [total + value, count + 1]
        self.images += images

    def end(self, step: int) -> None:
        """The step is done: write a line if one is due."""
        if (step + 1) % self.every:
            return
        self.check()
        names = sorted(self.sums)
        means = torch.tensor([float(self.sums[k][0]) / self.sums[k][1] for k in names])
        if self.accelerator.num_processes > 1:
            device = self.accelerator.device
            means = self.accelerator.reduce(means.to(device), "mean").cpu()
        seconds = time.monotonic() - self.begun
        rate = self.images * self.accelerator.num_processes / seconds
        values = dict(zip(names, means.tolist(), strict=True))
        told = {"images_per_s": rate, "memory_gb": peak_memory(self.accelerator.device)}
        self.write(step + 1, {k: values[k] for k in self.sums} | told)
        self._begin()

    def check(self) -> None:
        """DivergedError if a value since the last line is no number."""
        wrong = [k for k, (total, _) in self.sums.items() if not np.isfinite(float(total))]
        if wrong:
            raise DivergedError(
                f"{', '.join(wrong)} became infinite or no number since the last line of "
                f"{self.path}. Nothing was saved after it; give a smaller lr, a clip, or fp32."
            )

    def write(self, step: int, values: dict[str, float]) -> None:
        """One line, if there is anything to say, from the main process."""
        if not (values and self.accelerator.is_main_process):
            return
        line = json.dumps({"step": step} | {k: round(v, 5) for k, v in values.items()})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(line + "\n")
        tqdm.write(line)
        self.accelerator.log(values, step=step)

    def forget_after(self, step: int) -> None:
        """Drop lines beyond `step`, which a killed run wrote and its successor writes again."""
        if not (self.accelerator.is_main_process and self.path.is_file()):
            return
        kept = []
        for line in self.path.read_text().splitlines():
            try:
                if json.loads(line)["step"] <= step:
                    kept.append(line + "\n")
            except (ValueError, KeyError):  # torn by the kill
                continue
        fresh = self.path.with_suffix(".tmp")
        fresh.write_text("".join(kept))
        os.replace(fresh, self.path)


def peak_memory(device: torch.device) -> float:
    """The most that this process ever held, GB: on a GPU of its memory, else of the machine's."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device) / 1e9
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def save_sheet(out: str | Path, step: int, rows: Sequence[Tensor]) -> None:
    """Rows of images `[N, 3, s, s]` about [-1, 1] as `sheet_{step}.png`, as large as the first."""
    side = rows[0].shape[-1]
    rows = [r if r.shape[-1] == side else torch.nn.functional.interpolate(r, side) for r in rows]
    sheet = torch.cat([torch.cat(list(row.float().cpu()), dim=2) for row in rows], dim=1)
    array = ((sheet.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    path = Path(out) / f"sheet_{step:06d}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
