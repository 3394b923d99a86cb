"""The command line: `python -m stylexfer animate | random | invert | pack`.

Every `StylexferError` becomes one line on stderr and exit code 2; Ctrl-C is exit code 130.
"""

import argparse
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from stylexfer import __version__
from stylexfer.baseline import load_model
from stylexfer.errors import StylexferError
from stylexfer.layouts import arranger, beside
from stylexfer.media import Mark, VideoWriter, open_picture, probe, read_frames, save_picture
from stylexfer.packs import default_pack
from stylexfer.packs.command import add_pack_commands
from stylexfer.packs.pack import METHODS
from stylexfer.transfer import FaceTransfer, Identity

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
RANDOM = "random:"

# The limits of `probe` guard a public page; here people open their own files on their own machine.
NO_LIMITS = {"max_bytes": sys.maxsize, "max_seconds": 1e6}


# Of `animate`; the released code has no such choices.
DEFAULTS = {
    "pose": 1.0,
    "expression": 1.0,
    "relative": False,
    "steadiness": 0.5,
    "output": "face",
    "method": None,
}


def fraction(text: str) -> float:
    """An argument from 0 to 1."""
    if not 0 <= (value := float(text)) <= 1:
        raise ValueError(text)
    return value


def seed(text: str) -> int:
    """An argument that torch takes as a seed: 64 bits."""
    if not 0 <= (value := int(text)) < 2**64:
        raise ValueError(text)
    return value


def output_path(text: str, endings: Sequence[str], inputs: Sequence[str] = ()) -> Path:
    """The file to write: its folder exists then, and it is none of `inputs`. StylexferError."""
    path = Path(text)
    if path.suffix.lower() not in endings:
        raise StylexferError(f"Cannot write {text}: give a name that ends in {', '.join(endings)}.")
    if path.is_dir():
        raise StylexferError(f"Cannot write {text}: it is a folder.")
    if path.exists() and any(Path(i).exists() and path.samefile(i) for i in inputs):
        raise StylexferError(f"{text} is an input too: give the output another name.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise StylexferError(
            f"The folder {path.parent} cannot be made ({problem.strerror}): choose another output."
        ) from problem
    if not os.access(path.parent, os.W_OK):
        raise StylexferError(f"Nothing can be written in {path.parent}: choose another output.")
    return path


def open_model(args: argparse.Namespace, faithful: bool = False) -> FaceTransfer:
    """The pack on the device that were asked for. StylexferError."""
    if args.device is not None:
        try:
            torch.empty(1, device=args.device)
        except (RuntimeError, AssertionError, NotImplementedError) as problem:
            raise StylexferError(f"No device {args.device!r} here: take cpu.") from problem
    return load_model(args.pack, args.method, device=args.device, faithful=faithful)


def truncation(args: argparse.Namespace, model: FaceTransfer) -> float:
    """Of random identities; the released code has none."""
    return args.truncation if args.truncation is not None else 1.0 if model.faithful else 0.7


def load_identity(
    model: FaceTransfer, args: argparse.Namespace
) -> tuple[Identity, np.ndarray | None]:
    """`--identity`: the person and the picture, uint8 [H, W, 3]; None for `random:SEED`."""
    if args.identity.startswith(RANDOM):
        text = args.identity.removeprefix(RANDOM)
        try:
            return model.random_identity(seed(text), truncation(args, model)), None
        except ValueError as problem:
            raise StylexferError(f"{text!r} is no seed: write {RANDOM}7, say.") from problem
    picture = open_picture(args.identity)
    if args.which is not None and args.which < 1:
        raise StylexferError("--which counts from 1, the largest face.")
    return model.identify(picture, args.which and args.which - 1), picture


def animate_clip(driving: str, output: Path, run: Callable, mark: Mark) -> int:
    """Clip in, clip out; returns the exit code."""
    info = probe(driving, **NO_LIMITS)
    faceless, stopped, start = 0, False, time.perf_counter()
    # Moved to the output at the end: a run that fails leaves nothing, or the older file as it was.
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".stylexfer-") as folder:
        part = Path(folder) / output.name
        bar = tqdm(total=info.frames, unit="frame", desc=output.name, disable=None)  # no terminal
        with VideoWriter(part, info.fps, driving, mark) as writer, bar:
            try:
                for picture, face in run(read_frames(driving, info), float(info.fps)):
                    writer.write(picture)
                    faceless += not face
                    bar.update()
            except KeyboardInterrupt:
                stopped = True
        if writer.frames:
            os.replace(part, output)
    seconds = time.perf_counter() - start
    if stopped:
        kept = f"the first {writer.frames} of {info.frames} frames are in {output}"
        print(f"Stopped: {kept if writer.frames else 'nothing was written'}.", file=sys.stderr)
        return 130
    # a clip of variable rate is written at its average rate, with another number of frames
    if info.truncated or (writer.frames < info.frames and not info.variable_rate):
        print(f"{driving} was cut short: what it holds was used.", file=sys.stderr)
    print(
        f"{output}: {writer.frames} frames, {faceless} without a face, "
        f"{seconds:.1f} s, {writer.frames / seconds:.1f} frames/s"
    )
    return 0


def animate(args: argparse.Namespace) -> int:
    """A clip or a picture drives the identity."""
    output = output_path(args.output_file, (".mp4", *PICTURES), (args.identity, args.driving))
    to_picture = output.suffix.lower() in PICTURES
    if not to_picture and Path(args.driving).suffix.lower() in PICTURES:
        open_picture(args.driving)  # says so if it is none
        raise StylexferError(
            f"The driver is a picture: give an output that ends in {', '.join(PICTURES)}."
        )
    if args.faithful and any(getattr(args, name) != value for name, value in DEFAULTS.items()):
        raise StylexferError(
            f"--faithful is the released code's inference: leave out --{', --'.join(DEFAULTS)}."
        )
    model = open_model(args, args.faithful)
    identity, picture = load_identity(model, args)
    arrange = arranger(args.output, identity, picture, args.faithful)
    mark = Mark.COMPOSITE if args.output == "pasted" else Mark.GENERATED

    def run(frames: Iterable[np.ndarray], fps: float) -> Iterator[tuple[np.ndarray, bool]]:
        results = model.animate(
            identity,
            frames,
            fps=fps,
            pose=args.pose,
            expression=args.expression,
            relative=args.relative,
            steadiness=args.steadiness,
        )
        return ((arrange(result), result.face) for result in results)

    if not to_picture:
        return animate_clip(args.driving, output, run, mark)
    ((result, _),) = run([open_picture(args.driving)], 25.0)
    save_picture(output, result, mark)
    print(output)
    return 0


def random(args: argparse.Namespace) -> int:
    """People who do not exist, several on one sheet."""
    output = output_path(args.output_file, PICTURES)
    model = open_model(args)
    people = [model.random_identity(k, truncation(args, model)).crop for k in args.seed]
    columns = math.ceil(math.sqrt(len(people)))
    people += [np.zeros_like(people[0])] * (-len(people) % columns)
    rows = [beside(*people[i : i + columns]) for i in range(0, len(people), columns)]
    save_picture(output, np.concatenate(rows))
    print(output)
    return 0


def invert(args: argparse.Namespace) -> int:
    """The aligned crop beside what the identity encoder makes of it."""
    output = output_path(args.output_file, PICTURES, (args.identity,))
    identity, _ = load_identity(open_model(args), args)
    save_picture(output, beside(identity.crop, identity.inversion))
    print(output)
    return 0


def parser() -> argparse.ArgumentParser:
    """The arguments of all commands."""
    top = argparse.ArgumentParser(
        prog="python -m stylexfer", description="Pose and expression transfer."
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    model = argparse.ArgumentParser(add_help=False)
    model.add_argument(
        "--pack",
        default=default_pack(),
        help="name, folder or Hub id, user/pack@COMMIT to pin it; also $STYLEXFER_PACK (%(default)s)",
    )
    model.add_argument(
        "--method",
        choices=METHODS,
        help="transfer (the paper's, where the pack has it) or a baseline by latent arithmetic",
    )
    model.add_argument("--device", help="cpu, cuda, mps (the GPU if there is one)")
    model.add_argument("--truncation", type=fraction, help="of random identities, 0 to 1 (0.7)")
    target = argparse.ArgumentParser(add_help=False)
    target.add_argument(
        "--identity", required=True, metavar="PICTURE", help="the person; or random:SEED"
    )
    target.add_argument(
        "--which", type=int, metavar="N", help="among several faces, 1 is the largest"
    )

    def output(command: argparse.ArgumentParser, what: str) -> None:
        command.add_argument("-o", dest="output_file", required=True, metavar="FILE", help=what)

    command = commands.add_parser("animate", parents=[target, model], help=animate.__doc__)
    command.add_argument(
        "--driving", required=True, metavar="CLIP", help="gives pose and expression; or a picture"
    )
    output(command, ".mp4, or a picture if the driver is one")
    command.add_argument("--pose", type=float, help="strength, 0 the identity's (1)")
    command.add_argument("--expression", type=float, help="strength, the same (1)")
    command.add_argument(
        "--relative", action="store_true", help="add the driver's change since its first face"
    )
    command.add_argument("--steadiness", type=fraction, help="of the driver's crop, 0 to 1 (0.5)")
    command.add_argument(
        "--output",
        choices=("face", "side-by-side", "pasted"),
        help="the face; identity, driver and face; or put back into the identity's picture",
    )
    command.add_argument(
        "--faithful",
        action="store_true",
        help="as the paper's released code (noise off): each frame aligned alone, fp32, cropped",
    )
    command.set_defaults(run=animate, **DEFAULTS)

    command = commands.add_parser("random", parents=[model], help=random.__doc__)
    command.add_argument("--seed", type=seed, nargs="+", required=True, metavar="S")
    output(command, "a picture; several seeds: a sheet")
    command.set_defaults(run=random)

    command = commands.add_parser("invert", parents=[target, model], help=invert.__doc__)
    output(command, "a picture")
    command.set_defaults(run=invert)

    add_pack_commands(commands)
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
