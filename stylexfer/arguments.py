"""Arguments that several commands have, and what they stand for."""

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from stylexfer.baseline import load_model
from stylexfer.errors import StylexferError
from stylexfer.identity import Identity
from stylexfer.media import open_picture
from stylexfer.packs import default_pack
from stylexfer.packs.pack import METHODS
from stylexfer.tensors import usable_device
from stylexfer.transfer import FaceTransfer

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
RANDOM = "random:"

# The limits of `probe` guard a public page; here people open their own files on their own machine.
NO_LIMITS = {"max_bytes": sys.maxsize, "max_seconds": 1e6}


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
    device = usable_device(args.device)
    return load_model(args.pack, args.method, device=device, faithful=faithful)


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
    identity = model.identify(picture, args.which and args.which - 1)
    return tuned(model, identity, args.tune), picture


def tuned(model: FaceTransfer, identity: Identity, wanted: bool) -> Identity:
    """`identity`, if `wanted` made faithful to its picture, with a bar of the steps. StylexferError
    if that can't be done."""
    if wanted and model.faithful:
        raise StylexferError("--faithful is the released code's inference: leave out --tune.")
    if not wanted:
        return identity
    bar = tqdm(model.tune(identity), "portrait", model.tuning_steps, unit="step", disable=None)
    *_, step = bar
    if step.done < step.planned:
        print(
            f"The portrait was learned in {step.done} of {step.planned} steps: time is up.",
            file=sys.stderr,
        )
    return step.identity


def seconds(text: str) -> float:
    """An argument that is a time in a clip."""
    if not 0 <= (value := float(text)) < math.inf:
        raise ValueError(text)
    return value


def model_arguments() -> argparse.ArgumentParser:
    """A parent: which model, where."""
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
    return model


def identity_arguments() -> argparse.ArgumentParser:
    """A parent: who is animated."""
    target = argparse.ArgumentParser(add_help=False)
    target.add_argument(
        "--identity", required=True, metavar="PICTURE", help="the person; or random:SEED"
    )
    target.add_argument(
        "--which", type=int, metavar="N", help="among several faces, 1 is the largest"
    )
    target.add_argument(
        "--tune",
        action="store_true",
        help="fine-tune the generator to the picture first: more alike, softer expressions, a minute on two cores",
    )
    return target


def output_argument(command: argparse.ArgumentParser, what: str) -> None:
    """`-o`, and whether what it gets is labelled."""
    command.add_argument("-o", dest="output_file", required=True, metavar="FILE", help=what)
    command.add_argument(
        "--no-label",
        dest="label",
        action="store_false",
        help="no visible 'AI-generated' in the corner; the invisible marks stay",
    )
