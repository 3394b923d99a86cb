"""python -m train.data prepare | codes | pairs | drivers | time: corpora of video for the stages."""

import argparse
import json
import sys
from dataclasses import fields
from pathlib import Path

from stylexfer.errors import StylexferError
from train.data.clip import LAYOUTS, Options
from train.data.engine import ENGINES

_HELP = {
    "clips": "clips of an identity, at most",
    "frames": "frames of a clip, at most",
    "min_frames": "a clip with fewer is left out",
    "step": "seconds between two frames",
    "max_yaw": "degrees; a head turned further to either side is left out",
    "max_pitch": "degrees, up or down",
    "max_roll": "degrees, to either shoulder",
    "size": "px, side of a stored frame",
    "align_size": "px of FFHQ's alignment; 1024 as the paper, 256 is some ten times faster",
    "seed": "of the choice of clips and of the split",
}


def _prepare(args: argparse.Namespace) -> None:
    from train.data.prepare import prepare

    options = Options(**{field.name: getattr(args, field.name) for field in fields(Options)})
    report = prepare(args.root, args.out, options, args.workers, args.engine)
    levels = ("identities", "clips", "frames")
    kept = ", ".join(f"{report[k]['kept']} of {report[k]['found']} {k}" for k in levels)
    print(f"{args.out}: {kept}; see {args.out / 'report.md'}")


def _codes(args: argparse.Namespace) -> None:
    from train.data.invert import load_inversion, make_codes

    encoder, generator = load_inversion(args.pack)
    options = (args.batch, args.precision, args.augment, args.seed)
    table = make_codes(args.data, args.out, encoder, generator, *options)
    frames = ", ".join(f"{count} {split}" for split, count in table["splits"].items())
    print(f"{args.out}: codes {table['shape']} of {frames} frames")


def _pairs(args: argparse.Namespace) -> None:
    from train.data.pairs import export_pairs

    pairs = export_pairs(args.data, args.out, args.split, args.clips, args.seed)
    print(f"{args.out}: {len(pairs)} clips; python -m stylexfer evaluate --pairs {args.out}")


def _drivers(args: argparse.Namespace) -> None:
    from train.data.drivers import render_pairs

    render_pairs(
        *(args.out, args.people, args.seconds, args.size, args.seed, args.device, args.perfect)
    )
    print(f"{args.out}: {args.people} clips; python -m stylexfer evaluate --pairs {args.out}")


def _time(args: argparse.Namespace) -> None:
    from train.data.timing import compare

    for line in compare(args.data, args.codes, args.pack, args.batch, args.precision, args.steps):
        print(json.dumps(line), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m train.data", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    prepare = commands.add_parser("prepare", help="videos to aligned frames, or go on with it")
    prepare.set_defaults(run=_prepare)
    prepare.add_argument("--root", type=Path, required=True, help="folder of the videos")
    prepare.add_argument("--out", type=Path, required=True, help="folder of the corpus")
    layouts = "; ".join(f"{name}: {form}" for name, form in LAYOUTS.items())
    prepare.add_argument("--layout", choices=tuple(LAYOUTS), default="voxceleb2", help=layouts)
    for field in fields(Options):
        if field.name != "layout":
            flag, text = f"--{field.name.replace('_', '-')}", _HELP[field.name]
            kind = type(field.default)
            prepare.add_argument(
                flag, type=kind, default=field.default, help=f"{text} ({field.default})"
            )
    prepare.add_argument("--workers", type=int, help="processes (one a core), or tasks on Ray")
    prepare.add_argument(
        "--engine",
        choices=tuple(ENGINES),
        default="local",
        help="this machine's processes, or Ray: the cluster of RAY_ADDRESS (local)",
    )

    codes = commands.add_parser("codes", help="E_i of every frame, once, or go on with it")
    codes.set_defaults(run=_codes)
    codes.add_argument("--out", type=Path, required=True, help="folder of the codes")
    codes.add_argument("--batch", type=int, default=32, help="frames at once (32)")
    codes.add_argument("--precision", choices=("fp32", "bf16"), default="fp32", help="(fp32)")
    codes.add_argument(
        "--augment", type=float, default=0.0, help="strength of train.augment on the frames (0)"
    )
    codes.add_argument("--seed", type=int, default=0, help="of the augmentation (0)")

    pairs = commands.add_parser("pairs", help="a split as clips and pairs.csv, to evaluate on")
    pairs.set_defaults(run=_pairs)
    pairs.add_argument("--data", type=Path, nargs="+", required=True, help="prepared or rendered")
    pairs.add_argument("--out", type=Path, required=True, help="folder to write")
    pairs.add_argument(
        "--split", nargs="+", default=["test"], help="one or several; rendered: validation (test)"
    )
    pairs.add_argument("--clips", type=int, default=100, help="at most (100)")
    pairs.add_argument("--seed", type=int, default=0, help="of clips and pairs (0)")

    drivers = commands.add_parser("drivers", help="render people who drive each other, or go on")
    drivers.set_defaults(run=_drivers)
    drivers.add_argument("--out", type=Path, required=True, help="folder to write")
    drivers.add_argument("--people", type=int, default=20, help="(20)")
    drivers.add_argument("--seconds", type=float, default=2.0, help="of each clip (2)")
    drivers.add_argument("--size", type=int, default=256, help="px, side of a frame (256)")
    drivers.add_argument("--seed", type=int, default=900, help="of the people (900: in no corpus)")
    drivers.add_argument(
        "--perfect", action="store_true", help="also what a perfect transfer would draw"
    )
    drivers.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="draws (cpu)")

    time = commands.add_parser("time", help="steps/s of the transfer stage with and without codes")
    time.set_defaults(run=_time)
    time.add_argument("--codes", type=Path, required=True, help="folder of `codes`")
    time.add_argument("--batch", type=int, nargs="+", default=[1, 4, 8], help="(1 4 8)")
    time.add_argument("--precision", nargs="+", choices=("fp32", "bf16"), default=["fp32", "bf16"])
    time.add_argument("--steps", type=int, default=10, help="of each kind (10)")

    for command in (codes, time):
        corpora = "a prepared corpus, or rendered ones (train.heads)"
        command.add_argument("--data", type=Path, nargs="+", required=True, help=corpora)
        command.add_argument("--pack", required=True, help="whose E_i and G: a name or a folder")
    return parser


def main(argv: list[str] | None = None) -> None:
    parser = _parser()
    args = parser.parse_args(argv)
    try:
        args.run(args)
    except StylexferError as error:
        parser.exit(1, f"{error}\n")
    except KeyboardInterrupt:
        again = f" The same command goes on with {args.out}." if "out" in args else ""
        print(f"\nStopped.{again}", file=sys.stderr)
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
