"""What training costs on this machine, as Markdown and one JSON line.

    python -m train.timing steps --data runs/tour/heads                  # the default pack's networks
    python -m train.timing steps --data runs/tour/heads --pack paper --batch 1 --steps 1
    python -m train.timing stages --data runs/tour/heads

`steps`: steps/s of the transfer stage with cached codes and with E_i run anew, in fp32 and bf16, by
batch size, in one run. `stages`: seconds for 1000 images and peak memory of every stage and phase,
from short runs of the stages themselves in processes of their own; the first half of a run, in which
all is set up, is not counted. On a GPU both use it. Give rendered heads, best a small corpus: codes
are made of all of it before the transfer stage is timed.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from accelerate import PartialState

from train.config import ConfigError
from train.data.timing import compare
from train.loop import command

STAGES = ("recognition", "generator", "inversion", "transfer")
CONFIGS = Path(__file__).parent / "configs" / "default"
PRECISIONS = ("fp32", "bf16")
QUIET = {"compile": False, "tracker": None, "save_every": 10**9, "sheet_every": 10**9}


def machine() -> str:
    """What was timed on."""
    device = PartialState().device
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    name = next(iter(names), platform.processor() or platform.machine())
    return f"{name}, {torch.get_num_threads()} threads"


def markdown(title: str, names: list[str], rows: list[list]) -> str:
    lines = [title, "", f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


def steps(args: argparse.Namespace) -> None:
    """The table of cached against uncached codes."""
    found = []
    sizes = (args.batch, args.precision, args.steps)
    for line in compare(args.data, args.codes, args.pack, *sizes):
        print(json.dumps(line), file=sys.stderr, flush=True)
        found.append(line)
    names = ["precision", "batch", "steps/s, codes cached", "E_i run anew", "gain"]
    rows = [
        [v["precision"], v["batch"], *v["steps_per_s"].values(), f"{v['gain']}x"] for v in found
    ]
    title = f"Transfer stage, networks of {args.pack}, L2 alone; {machine()}."
    print(markdown(title, names, rows))
    print(json.dumps({"machine": machine(), "pack": args.pack, "steps": found}), flush=True)


def variants(stage: str, config: dict, count: int) -> Iterator[tuple[str, dict]]:
    """(name, settings) of a short run of each of a stage's phases, the last of them last."""
    if "phases" in config:
        for phase in config["phases"]:
            name = ", ".join(f"{v} {k}" for k, v in phase.items() if k not in ("steps", "batch"))
            yield name, {"phases": [{**phase, "steps": count}]}
    elif stage == "transfer":
        yield "with pictures", {"steps": count, "pictures_from": 0, "validate_every": 0}
    else:
        yield "", {"steps": count, "validate_every": 0}


def time_stage(stage: str, path: Path, out: Path, settings: dict) -> dict:
    """images/s of the second half of a short run, and the most memory it held. ConfigError."""
    line = [sys.executable, "-m", f"train.{stage}", "--config", str(path), "--out", str(out)]
    for key, value in settings.items():
        line += ["--set", f"{key}={json.dumps(value)}"]
    root = Path(__file__).parents[1]
    done = subprocess.run(line, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        raise ConfigError(f"{stage} could not be timed: {said}")
    last = json.loads((out / "metrics.jsonl").read_text().splitlines()[-1])
    return {k: last[k] for k in ("images_per_s", "memory_gb")}


def stages(args: argparse.Namespace) -> None:
    """The table of seconds and memory by stage."""
    paths = {stage: args.configs / f"{stage}.json" for stage in STAGES}
    configs = {stage: path for stage, path in paths.items() if path.is_file()}
    if not configs:
        raise ConfigError(
            f"{args.configs} holds no configuration of a stage ({', '.join(STAGES)})."
        )
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for precision in args.precision:
            place, made = Path(folder) / precision, {}
            for stage, path in configs.items():
                config = json.loads(path.read_text())
                common = {**QUIET, "precision": precision, "log_every": max(1, args.steps // 2)}
                common["data"] = [str(data.resolve()) for data in args.data]
                common |= {k: v for k, v in made.items() if k in config}
                for number, (phase, own) in enumerate(variants(stage, config, args.steps)):
                    out = place / f"{stage}{number}"
                    cost = time_stage(stage, path.resolve(), out, {**common, **own})
                    line = {"stage": stage, "phase": phase, "precision": precision, **cost}
                    print(json.dumps(line), file=sys.stderr, flush=True)
                    found.append(line)
                component = {"inversion": "identity_encoder"}.get(stage, stage)
                made[component] = str(out / "checkpoint.pt")  # what the next stages begin with
    names = ["stage", "phase", "precision", "s per 1000 images", "peak memory, GB"]
    rows = [
        [v["stage"], v["phase"], v["precision"], f"{1000 / v['images_per_s']:.1f}",
         f"{v['memory_gb']:.2f}"]
        for v in found
    ]  # fmt: skip
    print(markdown(f"Stages of {args.configs.name}, not compiled; {machine()}.", names, rows))
    print(json.dumps({"machine": machine(), "configs": args.configs.name, "stages": found}))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="train.timing")
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("steps", help=steps.__doc__)
    one.set_defaults(run=steps)
    one.add_argument("--pack", default="default", help="name or folder, or paper (%(default)s)")
    one.add_argument("--codes", type=Path, help="cached codes; else stand-ins, as cheap to read")
    one.add_argument("--batch", type=int, nargs="+", default=[1, 4, 8], help="(1 4 8)")
    other = commands.add_parser("stages", help=stages.__doc__)
    other.set_defaults(run=stages)
    other.add_argument(
        "--configs",
        type=Path,
        default=CONFIGS,
        help="folder of their files (train/configs/default)",
    )
    for parts, count in ((one, 10), (other, 20)):
        parts.add_argument("--data", type=Path, nargs="+", required=True, help="rendered heads")
        parts.add_argument("--precision", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
        parts.add_argument("--steps", type=int, default=count, help="of each kind (%(default)s)")
    args = parser.parse_args(argv)
    args.run(args)


if __name__ == "__main__":
    command(main)
