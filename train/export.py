"""The checkpoints of the three stages as one pack.

python -m train.export --runs runs --out checkpoints/default --name default
"""

import argparse
import copy
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from stylexfer.networks import (
    Generator,
    GeneratorConfig,
    IRSEConfig,
    Mapper,
    MotionConfig,
    MotionEncoder,
    PoseSplit,
)
from stylexfer.packs import Pack, save_pack
from train import checkpoint
from train.heads.dataset import HeadsDataset
from train.transfer import load_encoder

ORIGIN = "made by train/{stage}.py from rendered heads made from CC0 assets; no real person"
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
            motion_encoder(data.pictures(part))
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


def export(runs: Path, name: str, version: str, description: str) -> Pack:
    """The pack of the EMA weights in `runs/{generator,inversion,transfer}`."""
    drawn = torch.load(runs / "generator" / "generator.pt", weights_only=True)
    generator = Generator(GeneratorConfig(**drawn["config"]))
    generator.load_state_dict(drawn["state"])
    n_styles, style_dim = generator.n_styles, generator.config.style_dim
    encoder = load_encoder(runs / "inversion" / "checkpoint.pt", n_styles, style_dim)
    saved = checkpoint.load(runs / "transfer" / "checkpoint.pt")
    numbers = copy.deepcopy(saved["config"]["encoder"])
    numbers["trunk"] = IRSEConfig(**numbers["trunk"])
    motion_encoder = MotionEncoder(MotionConfig(n_styles, style_dim, **numbers))
    mapper = Mapper(n_styles, style_dim)
    for prefix, module in (("motion_encoder.", motion_encoder), ("mapper.", mapper)):
        state = {k[len(prefix) :]: v for k, v in saved["ema"].items() if k.startswith(prefix)}
        module.load_state_dict(state)
        module.eval().requires_grad_(False)
    data = HeadsDataset(saved["config"]["data"], saved["config"]["size"])
    pose_split = fit_pose_split(motion_encoder, mapper, data)
    stages = {
        "generator": "generator",
        "identity_encoder": "inversion",
        "motion_encoder": "transfer",
        "mapper": "transfer",
        "pose_split": "export",
    }
    info = {
        "name": name,
        "version": version,
        "description": description,
        "licence": LICENCE,
        "origin": {k: ORIGIN.format(stage=v) for k, v in stages.items()},
    }
    return Pack(generator, encoder, motion_encoder, mapper, pose_split, info)


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
    parser.add_argument("--runs", type=Path, required=True, help="folder of the three run folders")
    parser.add_argument("--out", type=Path, required=True, help="folder of the pack")
    parser.add_argument("--name", required=True)
    parser.add_argument("--version", default="0")
    parser.add_argument("--description", default="")
    args = parser.parse_args(argv)
    pack = export(args.runs, args.name, args.version, args.description)
    save_pack(pack, args.out)
    save_continuation(args.runs, args.out / "training.safetensors")
    size = sum(f.stat().st_size for f in args.out.glob("*.safetensors"))
    print(f"{args.out}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
