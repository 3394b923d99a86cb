"""The network that reads how far eyes are open (`stylexfer.metrics.lids`), from rendered heads.

    python -m train.lids --data CORPUS ... --frames 6000

finds dlib's landmarks in random frames, cuts the eyes out and fits the true aspect ratio of each,
which the exact landmarks of the corpus give. Eyes are shifted, blurred, and changed in contrast
while training, because the pictures to be read are real, soft, or generated. Writes the weights
beside the module, and `lids.json`: how well the held-out identities are read.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from stylexfer.faces.landmarks import enlarged, largest_face
from stylexfer.metrics.lids import EYES, PATCH, WEIGHTS, Lids, eye_patches, standardised
from train.heads.dataset import HeadsDataset

MARGIN = 6  # patch pixels, room for shifts
SHUT, OPEN = 0.12, 0.3  # true aspect ratios that are told apart in the report


def eye_ratios(landmarks: np.ndarray) -> list[float]:
    """True aspect ratios of both eyes of exact landmarks `[68, 2]`."""
    ratios = []
    for first, _ in EYES:
        a, b, c, d, e, f = landmarks[first : first + 6].astype(np.float64)
        ratios.append((np.hypot(*(b - f)) + np.hypot(*(c - e))) / (2 * np.hypot(*(a - d))))
    return ratios


def collect(data: HeadsDataset, frames: int, seed: int) -> tuple[Tensor, Tensor]:
    """(patches `[N, 32, 44]`, ratios `[N]`) of random frames, two eyes each; faceless ones left out."""
    rng = np.random.default_rng(seed)
    patches, ratios = [], []
    for index in tqdm(rng.choice(len(data), min(frames, len(data)), replace=False), unit="frame"):
        picture = data.picture(int(index))
        large = enlarged(picture)
        found = largest_face(large)
        if found is None:
            continue
        patches.append(eye_patches(picture, found * (picture.shape[0] / large.shape[0]), MARGIN))
        ratios += eye_ratios(data.labels["lm68"][index])
    return torch.from_numpy(np.concatenate(patches)), torch.tensor(ratios, dtype=torch.float32)


def augmented(patches: Tensor, rng: torch.Generator) -> Tensor:
    """`[B, 32, 44]` -> `[B, 20, 32]`: shifted, turned and scaled a little; softer; other contrast."""
    count = len(patches)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=rng)

    turn, scale = uniform(-0.12, 0.12), uniform(0.85, 1.15)
    rows, columns = patches.shape[1:]
    shares = torch.tensor([PATCH[1] / columns, PATCH[0] / rows])
    cosine, sine = torch.cos(turn) * scale, torch.sin(turn) * scale
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = cosine * shares[0], -sine * shares[1] * rows / columns
    theta[:, 1, 0], theta[:, 1, 1] = sine * shares[0] * columns / rows, cosine * shares[1]
    theta[:, 0, 2], theta[:, 1, 2] = uniform(-0.1, 0.1), uniform(-0.14, 0.14)
    where = F.affine_grid(theta, (count, 1, *PATCH), align_corners=False)
    x = F.grid_sample(patches[:, None], where, padding_mode="border", align_corners=False)
    x = x[:, 0]
    soft = F.interpolate(x[:, None], scale_factor=0.5, mode="area")
    soft = F.interpolate(soft, PATCH, mode="bilinear")[:, 0]
    softness = uniform(0, 1)[:, None, None] * (torch.rand(count, 1, 1, generator=rng) < 0.5)
    x = x + softness * (soft - x)
    x = 255 * (x.clamp(0, 255) / 255) ** uniform(0.6, 1.6)[:, None, None]
    noise = torch.randn(x.shape, generator=rng) * uniform(0, 6)[:, None, None]
    slope = uniform(-1, 1)[:, None, None] * torch.linspace(-25, 25, PATCH[1])
    return x + noise + slope


def fit(patches: Tensor, ratios: Tensor, epochs: int, seed: int) -> Lids:
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    network = Lids()
    steps = epochs * (len(patches) // 128)
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    for _ in tqdm(range(steps), unit="step", mininterval=2):
        rows = torch.randint(len(patches), (128,), generator=rng)
        loss = F.smooth_l1_loss(
            network(standardised(augmented(patches[rows], rng))), ratios[rows], beta=0.05
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.eval()


@torch.inference_mode()
def report(network: Lids, patches: Tensor, ratios: Tensor) -> dict:
    """How well eyes are read that were not trained on."""
    inner = patches[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
    read = network(standardised(inner))
    shut, wide = read[ratios < SHUT], read[ratios > OPEN]
    order = (shut[:, None] < wide).float().mean()
    return {
        "eyes": len(ratios),
        "mean error": round(float((read - ratios).abs().mean()), 4),
        "correlation": round(float(torch.corrcoef(torch.stack([read, ratios]))[0, 1]), 4),
        f"read of shut eyes (below {SHUT})": [
            round(float(v), 3) for v in (shut.mean(), shut.std())
        ],
        f"read of open eyes (above {OPEN})": [
            round(float(v), 3) for v in (wide.mean(), wide.std())
        ],
        "a shut eye reads lower than an open one": round(float(order), 4),
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m train.lids", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="rendered corpora")
    parser.add_argument("--frames", type=int, default=6000, help="to look at (6000)")
    parser.add_argument("--epochs", type=int, default=40, help="(40)")
    parser.add_argument("--seed", type=int, default=0, help="(0)")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="safetensors to write")
    args = parser.parse_args(argv)
    size = 256
    sets = {split: HeadsDataset(args.data, size, split) for split in ("train", "validation")}
    shares = {"train": args.frames, "validation": args.frames // 6}
    eyes = {split: collect(sets[split], shares[split], args.seed) for split in sets}
    network = fit(*eyes["train"], args.epochs, args.seed)
    figures = report(network, *eyes["validation"])
    save_file({k: v.half() for k, v in network.state_dict().items()}, args.out)
    args.out.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
