"""What every stage shares: its command line, its order of batches, its log, its EMA."""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def read_config(stage: str, argv: list[str] | None = None) -> dict:
    """`--config FILE --out DIR [--set key=value ..] [--max-minutes M]` as one dict.

    `--set` takes dotted keys of the file and JSON values; an unknown key is an error.
    """
    parser = argparse.ArgumentParser(prog=f"train.{stage}")
    parser.add_argument("--config", type=Path, required=True, help="JSON file of the stage")
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoints and logs")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--max-minutes", type=float, default=None, help="end cleanly after this")
    args = parser.parse_args(argv)
    config = json.loads(args.config.read_text())
    for item in args.set:
        key, _, value = item.partition("=")
        place = config
        *parents, last = key.split(".")
        for parent in parents:
            place = place.get(parent, {})
        if last not in place:
            parser.error(f"--set {key}: {args.config} has no such key")
        try:
            place[last] = json.loads(value)
        except json.JSONDecodeError:
            place[last] = value
    return {**config, "out": str(args.out), "max_minutes": args.max_minutes}


def batches(
    make: Callable[[np.random.Generator], object], seed: int, start: int, stop: int
) -> Iterator[object]:
    """`make(rng)` for the steps `start` .. `stop`, one prepared ahead in a thread.

    Each step has a generator of its own from (seed, step), so a resumed run sees the very batches
    that an uninterrupted one would.
    """
    with ThreadPoolExecutor(1) as pool:

        def submit(step):
            return pool.submit(make, np.random.default_rng((seed, step)))

        ahead = submit(start) if start < stop else None
        for step in range(start, stop):
            current, ahead = ahead, submit(step + 1) if step + 1 < stop else None
            yield current.result()


def learning_rate(base: float, step: int, steps: int, warmup: int = 100) -> float:
    """Linear warm-up, constant, then a cosine to zero over the last 40 % of the steps."""
    progress = step / max(1, steps)
    tail = 1.0 if progress < 0.6 else 0.5 * (1 + np.cos(np.pi * (progress - 0.6) / 0.4))
    return base * min(1.0, (step + 1) / warmup) * float(tail)


@torch.no_grad()
def update_ema(ema: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """ema <- decay * ema + (1 - decay) * model, with a shorter memory at the start."""
    decay = min(decay, (1 + step) / (10 + step))
    for a, b in zip(ema.parameters(), model.parameters(), strict=True):
        a.lerp_(b, 1 - decay)
    for a, b in zip(ema.buffers(), model.buffers(), strict=True):
        a.copy_(b)


class Log:
    """JSON lines `metrics.jsonl`, means since the last line; echoes them to the terminal."""

    def __init__(self, out: str | Path, every: int):
        self.path = Path(out) / "metrics.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.every = every
        self.sums: dict[str, float] = {}
        self.count = 0
        self.begun = time.monotonic()

    def __call__(self, step: int, images: int, **values: Tensor | float) -> None:
        for key, value in values.items():
            self.sums[key] = self.sums.get(key, 0.0) + float(
                value.detach() if isinstance(value, Tensor) else value
            )
        self.count += 1
        if (step + 1) % self.every:
            return
        line = {k: round(v / self.count, 5) for k, v in self.sums.items()}
        rate = images * self.count / (time.monotonic() - self.begun)
        line = {"step": step + 1, **line, "images_per_s": round(rate, 2)}
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)
        self.sums, self.count, self.begun = {}, 0, time.monotonic()


def save_sheet(path: str | Path, rows: list[Tensor]) -> None:
    """Rows of images `[N, 3, s, s]` in [-1, 1] as one PNG."""
    sheet = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)
    array = ((sheet.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).cpu().numpy()
    Image.fromarray(array).save(path)
