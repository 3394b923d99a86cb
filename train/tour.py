"""All of training in a few minutes: a tiny corpus, every stage, a pack, and what it has learned.

    python -m train.tour --out runs/tour
    python app.py --pack runs/tour/pack

Renders a few people, trains recognition, generator, inversion and transfer as their own commands
do, exports the pack, and lets people who were held out drive each other: with all weights as they
were drawn at first, with only G and E_i trained, and with everything. The last must be best in pose
MAE and FL CORR. Prints a table and one JSON line, writes the curves and sheets of all stages.

The same command goes on where it was stopped. It shows that everything works; a pack to use needs
more people and more steps (`train/configs/default`).
"""

import argparse
import importlib
import json
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from accelerate import PartialState

from stylexfer.errors import StylexferError
from stylexfer.metrics.perceptual import fetch_trunk
from stylexfer.packs import Pack, load_component, load_pack
from stylexfer.packs.pack import read_json, write_manifest
from stylexfer.tensors import fast_dtype
from train import curves, export
from train.card import METRICS, write_card
from train.coded import appearance_generator, fold_gaussian
from train.config import add_push_options, check_push_options, read_config
from train.data.dataset import open_corpus
from train.inversion import fresh_encoder
from train.loop import command
from train.method import make_transfer
from train.validation import Validation, of_pack

STAGES = ("recognition", "generator", "inversion", "transfer")
CONFIGS = Path(__file__).parent / "configs" / "tour"
CLIPS = 24  # of held-out people, at most
PEOPLE, CLIPS_EACH, FRAMES = 90, 2, 6


def corpus(args: argparse.Namespace) -> list[str]:
    """Folders of the rendered heads, rendered here unless they are given."""
    if args.data:
        return [str(folder) for folder in args.data]
    from train.heads.writer import Plan, render  # needs Warp

    folder = args.out / "heads"
    plan = Plan(args.people, CLIPS_EACH, FRAMES, size=128, stride=50)
    render(folder, plan, workers=os.cpu_count() or 1)
    return [str(folder)]


def settings(out: Path, data: list[str], configs: Path) -> dict[str, list[str]]:
    """The command line of each stage."""
    device = PartialState().device
    precision = "bf16" if fast_dtype(device) == torch.bfloat16 else "fp32"
    common = {"data": data, "precision": precision}
    paths = {
        "generator": str(out / "generator" / "checkpoint.pt"),
        "identity_encoder": str(out / "inversion" / "checkpoint.pt"),
        "recognition": str(out / "recognition" / "checkpoint.pt"),
    }
    own = {"recognition": (), "generator": (), "inversion": ("generator",), "transfer": paths}
    lines = {}
    for stage, wanted in own.items():
        values = common | {key: paths[key] for key in wanted}
        lines[stage] = ["--config", str(configs / f"{stage}.json"), "--out", str(out / stage)]
        for key, value in values.items():
            lines[stage] += ["--set", f"{key}={json.dumps(value)}"]
    if not _has_lpips():
        for stage in STAGES[1:]:
            lines[stage] += ["--set", "weights.lpips=0"]
    return lines


def _has_lpips() -> bool:
    """Whether LPIPS can be computed; its trunk is fetched if need be and can be."""
    try:
        fetch_trunk()
    except (OSError, subprocess.CalledProcessError):
        print("no network to fetch the trunk of LPIPS from: training without that loss", flush=True)
        return False
    return True


def untrained(configs: Mapping[str, Mapping], trained: Pack) -> tuple[Pack, Pack]:
    """Packs of the same architecture: all weights as the stages draw them at first, and with G and
    E_i trained. Frozen, on the CPU."""
    torch.manual_seed(configs["transfer"]["seed"])
    data = open_corpus(configs["generator"]["data"], configs["transfer"]["size"])
    generator = fold_gaussian(appearance_generator(configs["generator"], data), data)
    encoder = fresh_encoder(configs["inversion"], generator, generator.latent_avg)
    fresh = make_transfer(configs["transfer"], generator)
    for network in (generator, encoder, fresh):
        network.eval().requires_grad_(False)
    motion = (fresh.motion_encoder, fresh.mapper)
    return (
        Pack(generator, encoder, *motion),
        Pack(trained.generator, trained.identity_encoder, *motion),
    )


def compare(folder: Path, configs: Mapping[str, Mapping]) -> dict[str, dict[str, float]]:
    """The metrics of `train.validation` of held-out people, by which weights were trained."""
    config = configs["transfer"]
    held_out = open_corpus(config["data"], config["size"], "validation")
    validation = Validation(held_out, CLIPS)
    recognition = load_component(folder, "recognition")
    trained = load_pack(folder)
    packs = dict(zip(("none", "generator and E_i"), untrained(configs, trained), strict=True))
    return {
        name: validation.measure(of_pack(pack, held_out), recognition, torch.device("cpu"))
        for name, pack in {**packs, "trained": trained}.items()
    }


def report(values: Mapping[str, Mapping[str, float]], minutes: float) -> str:
    """The table and the JSON line."""
    rows = [
        f"{name:20}" + "".join(f"{v.get(key, float('nan')):>24.3f}" for key in METRICS)
        for name, v in values.items()
    ]
    head = f"{'trained':20}" + "".join(f"{title:>24}" for title in METRICS.values())
    rounded = {n: {k: round(x, 4) for k, x in v.items()} for n, v in values.items()}
    return "\n".join([head, *rows, json.dumps({"minutes": round(minutes, 1), **rounded})])


def check(values: Mapping[str, Mapping[str, float]]) -> None:
    """StylexferError unless the trained pack is best in pose MAE and FL CORR."""
    ours, others = values["trained"], [v for n, v in values.items() if n != "trained"]
    known = all(key in v for v in values.values() for key in ("pose_mae", "fl_corr"))
    if not known:
        raise StylexferError("No faces are found in the held-out people: give other --data.")
    if not all(ours["pose_mae"] < v["pose_mae"] and ours["fl_corr"] > v["fl_corr"] for v in others):
        raise StylexferError(
            "What was trained is not better than what was not: train for longer (--configs), or on "
            "more people (--people, --data)."
        )


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="train.tour")
    parser.add_argument("--out", type=Path, required=True, help="folder of all that is made")
    parser.add_argument(
        "--data", type=Path, nargs="+", help="rendered heads; else a few are rendered"
    )
    parser.add_argument("--people", type=int, default=PEOPLE, help="rendered (%(default)s)")
    parser.add_argument(
        "--configs", type=Path, default=CONFIGS, help="folder of the stages' configurations"
    )
    add_push_options(parser)
    args = parser.parse_args(argv)
    check_push_options(parser, args)
    begun = time.monotonic()
    data = corpus(args)
    lines, configs = settings(args.out, data, args.configs), {}
    for number, stage in enumerate(STAGES, 1):
        print(f"[{number} of {len(STAGES)}] {stage}", flush=True)
        module = importlib.import_module(f"train.{stage}")
        configs[stage] = read_config(stage, module.DEFAULTS, lines[stage])
        module.main(lines[stage])
    pack = args.out / "pack"
    export.main(["--runs", str(args.out), "--out", str(pack), "--name", "tour"])
    curves.main(["--runs", str(args.out), "--out", str(args.out / "curves.png")])
    values = compare(pack, configs)
    write_manifest(pack, read_json(pack) | {"metrics": values})
    held_out = open_corpus(data, configs["transfer"]["size"], "validation")
    write_card(pack, load_pack(pack), held_out)
    print(report(values, (time.monotonic() - begun) / 60), flush=True)
    check(values)
    if args.push_to_hub:
        export.publish(pack, args.push_to_hub, args.private)


if __name__ == "__main__":
    command(main)
