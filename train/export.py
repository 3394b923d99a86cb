"""The checkpoints of the stages as one pack.

python -m train.export --runs runs --out checkpoints/default --name default
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from stylexfer.networks import Mapper, MotionEncoder, PoseSplit
from stylexfer.packs import Pack, save_pack
from stylexfer.packs.components import numbers_of
from stylexfer.packs.pack import file_facts, read_json, write_manifest
from stylexfer.packs.weights import write_state
from train import checkpoint
from train.config import ConfigError
from train.data.dataset import open_corpus
from train.heads.dataset import HeadsDataset
from train.loop import command
from train.method import pooled
from train.origins import find

ORIGIN = "made by train/{stage}.py from {corpus}"
HEADS = "rendered heads made from CC0 assets; no real person"
LICENCE = "CC0-1.0 assets, weights under Apache-2.0"


def fit_pose_split(
    motion_encoder: MotionEncoder, mapper: Mapper, data: HeadsDataset, samples: int = 3000
) -> PoseSplit:
    """The linear maps that tell head pose from expression, by ridge regression over the corpus.

    readout: from motion codes to yaw, pitch and roll. basis: from pose, gaze and coefficients to
    M's output, of which the pose's columns are kept, so that what goes with an expression stays
    with the expression.
    """
    order = np.random.default_rng(0).permutation(len(data))[:samples]
    with torch.inference_mode():
        codes = [
            motion_encoder(pooled(data.pictures(part), motion_encoder.config.input_size))
            for part in np.array_split(order, len(order) // 32 + 1)
        ]
        moved = mapper.motion_term(torch.cat(codes)).flatten(1).double()
    codes = torch.cat(codes).flatten(1).double()
    labels = torch.from_numpy(data.motion[order]).double()

    def ridge(x, y, weight):
        x, y = x - x.mean(dim=0), y - y.mean(dim=0)
        gram = x.t() @ x
        gram += weight * gram.diagonal().mean() * torch.eye(len(gram), dtype=x.dtype)
        return torch.linalg.solve(gram, x.t() @ y).t()

    split = PoseSplit(*mapper.shape)
    split.readout.copy_(ridge(codes, labels[:, :3], 1e-3))
    split.basis.copy_(ridge(labels, moved, 1e-3)[:, :3])
    return split


def best_state(run: Path) -> dict:
    """The transfer stage's weights of the best validation, else of its last checkpoint."""
    state = checkpoint.load(run / "best.pt") or checkpoint.load(run / "checkpoint.pt")
    if state is None:
        raise ConfigError(f"{run} holds no checkpoint: train the transfer stage first.")
    return state


def export(runs: Path, name: str, version: str, description: str) -> Pack:
    """The pack of the averaged weights in `runs/{generator,inversion,transfer}`.

    What was not trained there is taken from where the transfer stage had it.
    """
    run = runs / "transfer"
    saved = best_state(run)
    config = saved["config"]
    path = run / ("best.pt" if (run / "best.pt").is_file() else "checkpoint.pt")
    own = [runs / "generator" / "generator.pt", runs / "inversion" / "checkpoint.pt"]
    drawn, inverted = (p if p.is_file() else None for p in own)
    trained = "generator" in saved["architecture"]
    generator = find(path if trained else drawn or config["generator"], "generator")
    encoder = find(inverted or config["identity_encoder"], "identity_encoder")
    motion_encoder, mapper = (find(path, part) for part in ("motion_encoder", "mapper"))
    data = open_corpus(config["data"], config["size"])
    labelled = isinstance(data, HeadsDataset)
    pose_split = fit_pose_split(motion_encoder, mapper, data) if labelled else None
    stages = {
        "generator": "transfer" if trained else "generator",
        "identity_encoder": "inversion",
        "motion_encoder": "transfer",
        "mapper": "transfer",
        "pose_split": "export",
    }
    corpus = HEADS if labelled else "video"
    info = {
        "name": name,
        "version": version,
        "description": description,
        "licence": LICENCE if labelled else "that of the corpus and of the weights it began with",
        "origin": {k: ORIGIN.format(stage=v, corpus=corpus) for k, v in stages.items()},
    }
    return Pack(generator, encoder, motion_encoder, mapper, pose_split, info)


def add_component(folder: Path, name: str, path: Path) -> None:
    """Another network of a stage, such as `recognition`, into a pack, as fp16."""
    network = find(path, name)
    manifest = read_json(folder)
    state = {k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}
    file = folder / f"{name}.safetensors"
    write_state(file, state)
    origin = ORIGIN.format(stage=name, corpus="the corpus of the pack")
    manifest["files"][file.name] = file_facts(file, origin, manifest["licence"])
    manifest["architecture"][name] = numbers_of(network)
    write_manifest(folder, manifest)


def save_continuation(runs: Path, path: Path) -> None:
    """What a pack lacks for training to go on from it: the corpus's codes, the first mapping layer
    before the Gaussian was folded in, and the read-out of the motion labels."""
    generator = checkpoint.load(runs / "generator" / "checkpoint.pt")["ema"]
    transfer = checkpoint.load(runs / "transfer" / "checkpoint.pt")["ema"]
    kept = ("identity_codes.", "clip_codes.", "generator.style.1.")
    state = {k: v for k, v in generator.items() if k.startswith(kept)}
    state |= {k: v for k, v in transfer.items() if k.startswith("readout.")}
    save_file({k: v.half().contiguous() for k, v in state.items()}, path)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="train.export")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the run folders")
    parser.add_argument("--out", type=Path, required=True, help="folder of the pack")
    parser.add_argument("--name", required=True)
    parser.add_argument("--version", default="0")
    parser.add_argument("--description", default="")
    args = parser.parse_args(argv)
    pack = export(args.runs, args.name, args.version, args.description)
    save_pack(pack, args.out)
    if (args.runs / "generator" / "checkpoint.pt").is_file():
        save_continuation(args.runs, args.out / "training.safetensors")
    recognition = args.runs / "recognition" / "checkpoint.pt"
    if recognition.is_file():
        add_component(args.out, "recognition", recognition)
    size = sum(f.stat().st_size for f in args.out.glob("*.safetensors"))
    print(f"{args.out}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    command(main)
