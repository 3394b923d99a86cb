"""The command line: `python -m stylexfer animate | random | invert | evaluate | bench | pack |
verify`.

Every `StylexferError` becomes one line on stderr and exit code 2; Ctrl-C is exit code 130.
"""

import argparse
import math
import sys
from collections.abc import Sequence

import numpy as np

from stylexfer import __version__
from stylexfer.animate import add_animate_command
from stylexfer.arguments import (
    PICTURES,
    identity_arguments,
    load_identity,
    model_arguments,
    open_model,
    output_argument,
    output_path,
    seed,
    truncation,
)
from stylexfer.bench.command import add_bench_command
from stylexfer.errors import StylexferError
from stylexfer.layouts import FACE, SIDE_BY_SIDE, beside, mark_of
from stylexfer.media import save_picture
from stylexfer.metrics.evaluate import add_evaluate_command
from stylexfer.packs.command import add_pack_commands
from stylexfer.space.command import add_space_commands
from stylexfer.verify import add_verify_command


def random(args: argparse.Namespace) -> int:
    """People who do not exist, several on one sheet."""
    output = output_path(args.output_file, PICTURES)
    model = open_model(args)
    people = [model.random_identity(k, truncation(args, model)).crop for k in args.seed]
    columns = math.ceil(math.sqrt(len(people)))
    people += [np.zeros_like(people[0])] * (-len(people) % columns)
    rows = [beside(*people[i : i + columns]) for i in range(0, len(people), columns)]
    mark = mark_of(FACE, args.label, model.pack.info.get("name"))
    save_picture(output, np.concatenate(rows), mark)
    print(output)
    return 0


def invert(args: argparse.Namespace) -> int:
    """The aligned crop beside what the identity encoder makes of it."""
    output = output_path(args.output_file, PICTURES, (args.identity,))
    model = open_model(args)
    identity, _ = load_identity(model, args)
    mark = mark_of(SIDE_BY_SIDE, args.label, model.pack.info.get("name"))
    save_picture(output, beside(identity.crop, identity.inversion), mark)
    print(output)
    return 0


def parser() -> argparse.ArgumentParser:
    """The arguments of all commands."""
    top = argparse.ArgumentParser(
        prog="python -m stylexfer", description="Pose and expression transfer."
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    model, target = model_arguments(), identity_arguments()
    add_animate_command(commands, [target, model])

    command = commands.add_parser("random", parents=[model], help=random.__doc__)
    command.add_argument("--seed", type=seed, nargs="+", required=True, metavar="S")
    output_argument(command, "a picture; several seeds: a sheet")
    command.set_defaults(run=random)

    command = commands.add_parser("invert", parents=[target, model], help=invert.__doc__)
    output_argument(command, "a picture")
    command.set_defaults(run=invert)

    add_evaluate_command(commands)
    add_bench_command(commands)
    add_pack_commands(commands)
    add_space_commands(commands)
    add_verify_command(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    args = parser().parse_args(arguments)
    try:
        return args.run(args)
    except StylexferError as problem:
        print(f"stylexfer: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
