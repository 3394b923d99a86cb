"""`python -m stylexfer animate`: a clip or a picture drives an identity."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from tqdm import tqdm

from stylexfer.arguments import (
    NO_LIMITS,
    PICTURES,
    fraction,
    load_identity,
    open_model,
    output_argument,
    output_path,
    seconds,
)
from stylexfer.clip import Account, listed, write_clip
from stylexfer.driving import Animated
from stylexfer.errors import StylexferError
from stylexfer.layouts import LAYOUTS, LONGEST, PASTED, arranger, mark_of
from stylexfer.marks import Mark
from stylexfer.media import open_picture, probe, read_frames, save_picture

# Of `animate`; the released code has no such choices.
DEFAULTS = {
    "pose": 1.0,
    "expression": 1.0,
    "relative": False,
    "best_start": False,
    "steadiness": 0.5,
    "output": "face",
    "follow": False,
    "method": None,
}


def animate_clip(
    args: argparse.Namespace,
    output: Path,
    run: Callable[[Iterable[np.ndarray], float], Iterator[Animated]],
    arrange: Callable[[Animated], np.ndarray],
    mark: Mark,
) -> int:
    """Clip in, clip out; returns the exit code."""
    driving = args.driving
    info = probe(driving, **NO_LIMITS).part(args.start, args.end)
    account, stopped, start = Account(info.fps), False, time.perf_counter()
    # Moved to the output at the end: a run that fails leaves nothing, or the older file as it was.
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".stylexfer-") as folder:
        part = Path(folder) / output.name
        results = run(read_frames(driving, info), float(info.fps))
        steps = write_clip(account, part, results, arrange, info, driving, mark)
        bar = tqdm(total=info.frames, unit="frame", desc=output.name, disable=None)  # no terminal
        with bar, closing(steps):
            try:
                for _ in steps:
                    bar.update()
            except KeyboardInterrupt:
                stopped = True
        if account.frames:
            os.replace(part, output)
    spent = time.perf_counter() - start
    if stopped:
        kept = f"the first {account.frames} of {info.frames} frames are in {output}"
        print(f"Stopped: {kept if account.frames else 'nothing was written'}.", file=sys.stderr)
        return 130
    # a clip of variable rate is written at its average rate, with another number of frames
    if info.truncated or (account.frames < info.frames and not info.variable_rate):
        print(f"{driving} was cut short: what it holds was used.", file=sys.stderr)
    print(
        f"{output}: {account.frames} frames, {account.faceless} without a face, "
        f"{spent:.1f} s, {account.frames / spent:.1f} frames/s"
    )
    if account.gaps:
        spans = [f"from {a:.1f} s to {b:.1f} s" for a, b in account.gaps]
        print(f"no face {listed(spans)}: the last motion is held there")
    if account.changes:
        print(f"another view or person at {listed([f'{at:.1f} s' for at in account.changes])}")
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
        names = ", --".join(name.replace("_", "-") for name in DEFAULTS)
        raise StylexferError(f"--faithful is the released code's inference: leave out --{names}.")
    for flag, needed in (("best_start", args.relative), ("follow", args.output == PASTED)):
        if getattr(args, flag) and not needed:
            other = "--relative" if flag == "best_start" else f"--output {PASTED}"
            raise StylexferError(f"--{flag.replace('_', '-')} goes with {other}: add it.")
    # The driver is looked at first: learning a portrait takes its time.
    _ = open_picture(args.driving) if to_picture else probe(args.driving, **NO_LIMITS)
    model = open_model(args, args.faithful)
    identity, picture = load_identity(model, args)
    arrange = arranger(
        args.output,
        identity,
        picture,
        faithful=args.faithful,
        follow=args.follow,
        longest=None if to_picture else LONGEST,
    )

    mark = mark_of(args.output, args.label, model.pack.info.get("name"))

    def run(frames: Iterable[np.ndarray], fps: float) -> Iterator[Animated]:
        return model.animate(
            identity,
            frames,
            fps=fps,
            pose=args.pose,
            expression=args.expression,
            relative=args.relative,
            best_start=args.best_start,
            steadiness=args.steadiness,
        )

    if not to_picture:
        return animate_clip(args, output, run, arrange, mark)
    (result,) = run([open_picture(args.driving)], 25.0)
    save_picture(output, arrange(result), mark)
    print(output)
    return 0


def add_animate_command(commands, parents: list[argparse.ArgumentParser]) -> None:
    """`animate`, among the commands of `python -m stylexfer`."""
    command = commands.add_parser("animate", parents=parents, help=animate.__doc__)
    command.add_argument(
        "--driving", required=True, metavar="CLIP", help="gives pose and expression; or a picture"
    )
    output_argument(command, ".mp4, or a picture if the driver is one")
    command.add_argument("--pose", type=float, help="strength, 0 the identity's (1)")
    command.add_argument("--expression", type=float, help="strength, the same (1)")
    command.add_argument(
        "--relative", action="store_true", help="add the driver's change since its first face"
    )
    command.add_argument(
        "--best-start",
        action="store_true",
        help="or since the one of its first faces that is most like the identity's",
    )
    command.add_argument("--steadiness", type=fraction, help="of the driver's crop, 0 to 1 (0.5)")
    command.add_argument(
        "--output",
        choices=LAYOUTS,
        help="the face; identity, driver and face; or put back into the identity's picture",
    )
    command.add_argument(
        "--follow",
        action="store_true",
        help="pasted: the head also moves, tilts and nears as the driver's does",
    )
    command.add_argument("--start", type=seconds, default=0.0, metavar="S", help="of the clip (0)")
    command.add_argument("--end", type=seconds, metavar="S", help="of the clip, in seconds")
    command.add_argument(
        "--faithful",
        action="store_true",
        help="as the paper's released code (noise off): each frame aligned alone, fp32, cropped",
    )
    command.set_defaults(run=animate, **DEFAULTS)
