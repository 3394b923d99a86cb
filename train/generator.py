"""Stage 1: a StyleGAN2 generator for a corpus with known motion, by regression.

    accelerate launch -m train.generator --config train/configs/default/generator.json --out runs/g

z is [a learned code per identity | a learned code per clip | the exact motion]; the synthesis
network learns to draw each frame from it (pyramid L1, edges, LPIPS), growing in resolution by the
early outputs of the skip architecture. At the end a Gaussian is fitted to all z and folded into
the first mapping layer, so that z ~ N(0, I) draws new people.
"""

import copy
import time
from dataclasses import asdict
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from stylexfer.metrics.perceptual import load_lpips
from stylexfer.networks import Generator, GeneratorConfig
from train import checkpoint
from train.heads.dataset import HeadsDataset
from train.loop import DTYPES, Log, batches, learning_rate, read_config, save_sheet, update_ema
from train.losses import focus_map, gradient_l1, pyramid_l1

MOTION_SPREAD = 0.5  # random people look about half as far and as wildly as the corpus does


class CodedGenerator(nn.Module):
    """The generator with a learned code for each identity and each clip of its corpus."""

    def __init__(self, config: GeneratorConfig, identities: int, clips: int, identity_dim: int):
        super().__init__()
        self.generator = Generator(config)
        motion_dim = 57
        clip_dim = config.z_dim - identity_dim - motion_dim
        if clip_dim < 1:
            raise ValueError("z_dim must exceed identity_dim plus the 57 numbers of motion")
        self.identity_codes = nn.Embedding(identities, identity_dim)
        self.clip_codes = nn.Embedding(clips, clip_dim)
        for codes in (self.identity_codes, self.clip_codes):
            nn.init.normal_(codes.weight)
        for rgb in self.generator.to_rgbs:  # a new resolution starts almost silent
            nn.init.normal_(rgb.conv.weight, std=0.1)
        for conv in (self.generator.conv1, *self.generator.convs):
            # a frame cannot be told from noise: the strength stays 0, or it draws fixed patterns
            conv.noise.weight.requires_grad_(False)

    def inputs(self, identity: Tensor, clip: Tensor, motion: Tensor) -> Tensor:
        """Indices `[B]`, `[B]` and motion `[B, 57]` -> `[B, z_dim]`."""
        return torch.cat([self.identity_codes(identity), self.clip_codes(clip), motion], dim=1)

    def w(self, identity: Tensor, clip: Tensor, motion: Tensor) -> Tensor:
        """-> w `[B, style_dim]`; no pixel norm: the codes are not normal yet."""
        return self.generator.style[1:](self.inputs(identity, clip, motion))

    def forward(self, identity, clip, motion, resolution: int, dtype: torch.dtype) -> Tensor:
        codes = self.generator.broadcast(self.w(identity, clip, motion))
        return self.generator(codes, resolution=resolution, dtype=dtype)


def coded_generator(config: dict, data: HeadsDataset) -> CodedGenerator:
    return CodedGenerator(
        GeneratorConfig(**config["generator"]),
        identities=int(data.identity_index.max()) + 1,
        clips=int(data.clip_index.max()) + 1,
        identity_dim=config["identity_dim"],
    )


@torch.no_grad()
def fold_gaussian(model: CodedGenerator, data: HeadsDataset, samples: int = 10_000) -> Generator:
    """A plain Generator for which z ~ N(0, I) has the mean and covariance of the learned z.

    Of the motion in them only `MOTION_SPREAD` of its deviations. u = mu + L z is folded into the
    first mapping layer; `latent_avg` is the mean w of normal z.
    """
    generator = copy.deepcopy(model.generator)
    motion = torch.from_numpy(data.motion)
    motion = motion.mean(dim=0) + MOTION_SPREAD * (motion - motion.mean(dim=0))
    u = model.inputs(
        torch.from_numpy(data.identity_index), torch.from_numpy(data.clip_index), motion
    ).double()
    covariance = torch.cov(u.t()) + 1e-6 * torch.eye(u.shape[1], dtype=u.dtype)
    root = torch.linalg.cholesky(covariance)
    first = generator.style[1]
    weight = first.weight.double()
    first.bias += (weight @ u.mean(dim=0) * (first.scale / first.lr_mul)).float()
    first.weight.copy_((weight @ root).float())
    z = torch.randn(samples, u.shape[1], generator=torch.Generator().manual_seed(0))
    generator.latent_avg.copy_(generator.mapping(z).mean(dim=0))
    return generator


def phase_at(phases: list[dict], step: int) -> dict:
    """The phase (resolution, steps, batch) that `step` falls into."""
    for phase in phases:
        if step < phase["steps"]:
            return phase
        step -= phase["steps"]
    return phases[-1]


def main(argv: list[str] | None = None) -> None:
    config = read_config("generator", argv)
    accelerator = Accelerator()
    torch.manual_seed(config["seed"])
    out = Path(config["out"])
    dtype = DTYPES[config["precision"]]
    phases, weights = config["phases"], config["weights"]
    steps = sum(p["steps"] for p in phases)

    data = {p["resolution"]: HeadsDataset(config["data"], p["resolution"]) for p in phases}
    reference = data[phases[-1]["resolution"]]
    model = coded_generator(config, reference)
    ema = copy.deepcopy(model).requires_grad_(False)
    codes = [*model.identity_codes.parameters(), *model.clip_codes.parameters()]
    network = list(model.generator.parameters())
    optimizer = torch.optim.Adam(
        [{"params": network, "scale": 1.0}, {"params": codes, "scale": config["code_lr_scale"]}],
        lr=config["lr"],
        betas=(0.9, 0.99),
    )
    lpips = load_lpips().to(accelerator.device) if weights["lpips"] else None
    start = checkpoint.resume_stage(out / "checkpoint.pt", model, ema, optimizer)
    ema.to(accelerator.device)
    model, optimizer = accelerator.prepare(model, optimizer)
    run = torch.compile(model) if config["compile"] else model
    world, rank = accelerator.num_processes, accelerator.process_index

    motion_table = torch.from_numpy(reference.motion)
    step_of_batch = iter(range(start, steps))

    def make(rng):
        phase = phase_at(phases, next(step_of_batch))
        size = phase["resolution"]
        index = rng.integers(len(reference), size=phase["batch"])[rank::world]
        return {
            "resolution": size,
            "picture": data[size].pictures(index),
            "focus": focus_map(reference.labels["lm68"][index] / 256.0, size),
            "identity": torch.from_numpy(reference.identity_index[index]),
            "clip": torch.from_numpy(reference.clip_index[index]),
            "motion": motion_table[index],
        }

    def save(step):
        if accelerator.is_main_process:
            bare = accelerator.unwrap_model(model)
            checkpoint.save_stage(out / "checkpoint.pt", step, bare, ema, optimizer, config)

    def sheet(step, batch):
        n = min(8, len(batch["picture"]))
        with torch.no_grad():
            drawn = ema(
                *(batch[k][:n] for k in ("identity", "clip", "motion")), batch["resolution"], dtype
            )
        save_sheet(out / f"sheet_{step:06d}.png", [batch["picture"][:n], drawn])

    log = Log(out, config["log_every"])
    begun, done = time.monotonic(), start
    for step, batch in enumerate(batches(make, config["seed"], start, steps), start):
        batch = {
            k: v.to(accelerator.device) if isinstance(v, Tensor) else v for k, v in batch.items()
        }
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(config["lr"], step, steps) * group["scale"]
        picture, focus = batch["picture"], batch["focus"]
        drawn = run(batch["identity"], batch["clip"], batch["motion"], batch["resolution"], dtype)
        l1 = pyramid_l1(drawn, picture, focus)
        edges = gradient_l1(drawn, picture, focus)
        loss = weights["l1"] * l1 + weights["gradient"] * edges
        distance = torch.zeros(())
        if lpips is not None and batch["resolution"] >= 64:
            with torch.autocast(accelerator.device.type, dtype, enabled=dtype != torch.float32):
                distance = lpips(drawn, picture).mean()
            loss = loss + weights["lpips"] * distance
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(network, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        update_ema(ema, accelerator.unwrap_model(model), config["ema"], step)
        log(step, len(picture) * world, loss=loss, l1=l1, edges=edges, lpips=distance)
        done = step + 1
        if done % config["save_every"] == 0:
            save(done)
            sheet(done, batch)
        if config["max_minutes"] and time.monotonic() - begun > 60 * config["max_minutes"]:
            break
    save(done)
    if accelerator.is_main_process:
        generator = fold_gaussian(ema.cpu(), reference)
        torch.save(
            {"state": generator.state_dict(), "config": asdict(generator.config)},
            out / "generator.pt",
        )
    accelerator.end_training()


if __name__ == "__main__":
    main()
