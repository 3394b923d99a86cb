"""The checkpoints of the three stages as one pack.

python -m train.export --runs runs --out checkpoints/default --name heads-128
"""

import argparse
import copy
from pathlib import Path

import torch

from stylexfer.networks import (
    Generator,
    GeneratorConfig,
    IRSEConfig,
    Mapper,
    MotionConfig,
    MotionEncoder,
)
from stylexfer.packs import Pack, save_pack
from train import checkpoint
from train.transfer import load_encoder

ORIGIN = "trained by train/{stage}.py on rendered heads made from CC0 assets; no real person"
LICENCE = "CC0-1.0 assets, weights under Apache-2.0"


def export(runs: Path, name: str, version: str, coarse_rows: int, description: str) -> Pack:
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
    stages = {
        "generator": "generator",
        "identity_encoder": "inversion",
        "motion_encoder": "transfer",
        "mapper": "transfer",
    }
    info = {
        "name": name,
        "version": version,
        "description": description,
        "licence": LICENCE,
        "origin": {k: ORIGIN.format(stage=v) for k, v in stages.items()},
        "coarse_rows": coarse_rows,
    }
    return Pack(generator, encoder, motion_encoder, mapper, info)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="train.export")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the three run folders")
    parser.add_argument("--out", type=Path, required=True, help="folder of the pack")
    parser.add_argument("--name", required=True)
    parser.add_argument("--version", default="0")
    parser.add_argument("--description", default="")
    parser.add_argument(
        "--coarse-rows", type=int, default=4, help="W+ rows that the pose strength scales"
    )
    args = parser.parse_args(argv)
    pack = export(args.runs, args.name, args.version, args.coarse_rows, args.description)
    save_pack(pack, args.out)
    size = sum(f.stat().st_size for f in args.out.glob("*.safetensors"))
    print(f"{args.out}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
