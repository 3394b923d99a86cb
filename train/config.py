"""A stage's configuration: a JSON file over the stage's defaults, and `--set` over both."""

import argparse
import copy
import json
from collections.abc import Mapping
from pathlib import Path

from stylexfer.errors import StylexferError

NEEDED = ...  # a default that there is none: the file must say

# What every stage takes, beside its own.
COMMON = {
    "seed": 0,
    "precision": "fp32",  # fp32, bf16, fp16 (needs a GPU)
    "compile": False,  # torch.compile what is trained
    "recompute": False,  # the generator's activations again in the backward pass: less memory
    "lr": NEEDED,
    "schedule": "cosine",  # or constant
    "optimizer": "adam",  # or ranger
    "betas": [0.9, 0.99],
    "eps": 1e-8,
    "clip": 1.0,  # longest gradient; null: any
    "accumulate": 1,  # parts of a batch, one after the other, a gradient step for all
    "ema": NEEDED,  # decay of the weights' average a step; 0: no average
    "log_every": 50,
    "save_every": 1000,
    "sheet_every": 1000,
    "tracker": "tensorboard",  # or trackio, wandb ... (any of Accelerate's), or null
}


class ConfigError(StylexferError):
    """A configuration that cannot be run; the message says what to change."""


# Of these a pack can be made; the first two stages make a part of one.
PUBLISHED = ("inversion", "transfer")


def read_config(stage: str, defaults: Mapping, argv: list[str] | None = None) -> dict:
    """`--config FILE --out DIR [--set key=value ..] [--max-minutes M]` and where to push, as one
    dict.

    `defaults` are the stage's own, over `COMMON`; a section (a dict) of them is filled in key by
    key. `--set` takes dotted keys and JSON values. A key that has no default is an error, in the
    file and in `--set`. Adds `stage`, `out`, `max_minutes`, `push_to_hub`, `push_every`, `private`.
    """
    parser = argparse.ArgumentParser(prog=f"train.{stage}")
    parser.add_argument("--config", type=Path, required=True, help="JSON file of the stage")
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoints and logs")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--max-minutes", type=float, default=None, help="end cleanly after this")
    add_push_options(parser)
    parser.add_argument("--push-every", type=int, metavar="N", help="steps; else only at the end")
    args = parser.parse_args(argv)
    check_push_options(parser, args)
    if args.push_to_hub and stage not in PUBLISHED:
        parser.error(
            f"--push-to-hub: {stage} makes no whole pack; give it to train.transfer, or to "
            "train.export, which takes all stages together"
        )
    try:
        given = json.loads(args.config.read_text())
    except (OSError, ValueError) as problem:
        parser.error(f"--config {args.config}: {problem}")
    config = copy.deepcopy({**COMMON, **defaults})
    unknown = _fill(config, given)
    for item in args.set:
        key, _, text = item.partition("=")
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = text
        if _unknown_path(config, key.split(".")):
            parser.error(f"--set {key}: {stage} has no such key")
        _put(config, key.split("."), value)
    if unknown:
        parser.error(f"{args.config}: {stage} has no such key: {', '.join(unknown)}")
    missing = [key for key, value in config.items() if value is NEEDED]
    if missing:
        parser.error(f"{args.config} lacks {', '.join(missing)}")
    command = {"stage": stage, "out": str(args.out), "max_minutes": args.max_minutes}
    push = {name: getattr(args, name) for name in ("push_to_hub", "push_every", "private")}
    return {**config, **command, **push}


def add_push_options(parser: argparse.ArgumentParser) -> None:
    """Where a pack is published, as of every command that makes one."""
    parser.add_argument("--push-to-hub", metavar="REPO", help="publish the pack as user/name")
    parser.add_argument("--private", action="store_true", help="on the Hub, for you alone")


def check_push_options(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Ends the command where an option says how to push, and none that or where to."""
    every = getattr(args, "push_every", None)
    if not args.push_to_hub and (args.private or every is not None):
        parser.error("--private and --push-every say how to push: give --push-to-hub REPO too")
    if every is not None and every < 1:
        parser.error(f"--push-every is {every}: at least 1 step")


def _fill(config: dict, given: Mapping, above: str = "") -> list[str]:
    """Put `given` over `config`, section by section; the keys that `config` does not have."""
    unknown = []
    for key, value in given.items():
        if key not in config:
            unknown.append(above + key)
        elif isinstance(config[key], dict) and isinstance(value, Mapping):
            unknown += _fill(config[key], value, f"{above}{key}.")
        else:
            config[key] = value
    return unknown


def _unknown_path(config: dict, keys: list[str]) -> bool:
    for key in keys:
        if not isinstance(config, dict) or key not in config:
            return True
        config = config[key]
    return False


def _put(config: dict, keys: list[str], value: object) -> None:
    for key in keys[:-1]:
        config = config[key]
    config[keys[-1]] = value
