"""python -m train.heads render | preview | check | clip: the corpus of rendered heads."""

import argparse
import sys
from pathlib import Path

from stylexfer.errors import StylexferError


def _render(args: argparse.Namespace) -> None:
    from train.heads.writer import Plan, render

    stride = max(1, round(args.every * 25))
    plan = Plan(
        *(args.identities, args.clips, args.frames, args.size, args.seed, args.states),
        *(args.share_motion, stride, args.device),
    )
    try:
        frames = render(args.out, plan, args.workers)
    except KeyboardInterrupt:
        print(f"\nStopped. The same command goes on with {args.out}.", file=sys.stderr)
        raise SystemExit(130) from None
    print(f"{args.out}: {frames} frames")


def _preview(args: argparse.Namespace) -> None:
    from train.heads.preview import sheet

    sheet(args.out, args.rows, args.people, args.size, args.seed, args.device)


def _check(args: argparse.Namespace) -> None:
    from train.heads.check import main

    main(args.data, args.identities, args.seed, args.device)


def _clip(args: argparse.Namespace) -> None:
    from train.heads.speech import clip

    clip(args.out, args.text, args.seed, args.voice, args.seconds, args.size, args.device)


def _number(parser, name: str, default, text: str) -> None:
    parser.add_argument(name, type=type(default), default=default, help=f"{text} ({default})")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m train.heads", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    render = commands.add_parser("render", help="render a corpus, or go on with one")
    render.set_defaults(run=_render)
    render.add_argument("--out", type=Path, required=True, help="folder of the corpus")
    render.add_argument("--identities", type=int, required=True)
    _number(render, "--clips", 2, "of an identity: other hair, light, clothes, camera")
    _number(render, "--frames", 8, "of a clip")
    _number(render, "--size", 256, "side of a frame, pixels")
    _number(render, "--seed", 0, "of the corpus; two seeds share no identity")
    _number(render, "--workers", 1, "processes; one a core")
    render.add_argument(
        "--states",
        choices=("talking", "random", "mixed"),
        default="mixed",
        help="smooth talking, independent states, or the one and then the other (mixed)",
    )
    _number(render, "--every", 0.04, "seconds between two talking frames")
    _number(render, "--share-motion", 1, "identities, one after the other, of the same motion")

    preview = commands.add_parser("preview", help="write a contact sheet PNG")
    preview.set_defaults(run=_preview)
    preview.add_argument("--out", type=Path, required=True, help="PNG to write")
    preview.add_argument(
        "--rows",
        choices=("identities", "expressions", "yaw"),
        default="identities",
        help="many people, or few people over expressions or angles (identities)",
    )
    preview.add_argument("--people", type=int, default=None, help="how many (64, else 6)")
    _number(preview, "--size", 256, "side of a picture, pixels")
    _number(preview, "--seed", 0, "of the corpus")

    check = commands.add_parser("check", help="what dlib finds: faces, landmarks, identities")
    check.set_defaults(run=_check)
    check.add_argument("--data", type=Path, default=None, help="corpus; without it, fresh renders")
    _number(check, "--identities", 60, "how many people to look at")
    _number(check, "--seed", 1, "of fresh renders")

    clip = commands.add_parser("clip", help="a driving clip that speaks, as mp4")
    clip.set_defaults(run=_clip)
    clip.add_argument("-o", "--out", type=Path, required=True, help="mp4 to write")
    clip.add_argument("--text", required=True, help="what is said")
    _number(clip, "--seed", 0, "of the person")
    _number(clip, "--voice", "en-us", "of espeak-ng")
    _number(clip, "--seconds", 10.0, "length")
    _number(clip, "--size", 512, "side, pixels")

    for command in (render, preview, check, clip):
        command.add_argument(
            "--device", choices=("cpu", "cuda"), default="cpu", help="what draws (cpu)"
        )
    return parser


def main(argv: list[str] | None = None) -> None:
    parser = _parser()
    args = parser.parse_args(argv)
    try:
        args.run(args)
    except StylexferError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
