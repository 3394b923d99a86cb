"""Stage 3: the motion encoder E_m and the mapper M (paper, section 3), E_i and G frozen.

    accelerate launch -m train.transfer --config train/configs/default/transfer.json --out runs/t

Self-supervised as in the paper: source and target are frames of one clip, and G(M(E_m(s), E_i(t)))
must be the source frame (L2 and LPIPS, eqs. 1 and 2). Beyond the paper, where the corpus knows the
motion of each frame: the code of *any* target under the source's motion is known too, so cross-
reenactment is supervised directly in W+ (`code`), and E_m by a linear read-out of the motion
labels (`motion`), which is thrown away after training.

`identity_encoder` null takes the known codes of the targets instead of E_i's, so that this stage
can start beside stage 2; resume it with the encoder's path then.
"""

import time
from pathlib import Path

import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from stylexfer.metrics.perceptual import load_lpips
from stylexfer.networks import (
    IRSEConfig,
    Mapper,
    MotionConfig,
    MotionEncoder,
    ReStyleConfig,
    ReStyleEncoder,
    restyle,
)
from train import checkpoint
from train.augment import augment
from train.heads.dataset import HeadsDataset
from train.heads.labels import mirror, mirror_table
from train.inversion import known_w, load_generator
from train.loop import DTYPES, Log, batches, learning_rate, read_config, save_sheet, update_ema


class Transfer(nn.Module):
    """What is trained: E_m, M, and the read-out of the motion labels."""

    def __init__(self, config: MotionConfig):
        super().__init__()
        self.motion_encoder = MotionEncoder(config)
        self.mapper = Mapper(config.n_styles, config.style_dim)
        self.readout = nn.Linear(config.n_styles * config.style_dim, 57)
        width = config.n_styles * config.style_dim
        with torch.no_grad():  # at first the identity passes unchanged
            weight = self.mapper.linear.weight
            nn.init.normal_(weight, std=0.2 / width**0.5)
            weight[:, :width] = torch.eye(width)
            self.mapper.linear.bias.zero_()

    def forward(self, identity: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        """Codes `[B, n, d]`, sources `[B, 3, s, s]` -> new codes `[B, n, d]`, labels `[B, 57]`."""
        motion = self.motion_encoder(source)
        return self.mapper(identity, motion), self.readout(motion.flatten(1))


def load_encoder(path: str, n_styles: int, style_dim: int) -> ReStyleEncoder:
    """The EMA encoder of stage 2, frozen."""
    saved = checkpoint.load(path)
    if saved is None:
        raise FileNotFoundError(f"{path} is missing: train the inversion first")
    numbers = saved["config"]["encoder"]
    numbers = {**numbers, "trunk": IRSEConfig(**numbers["trunk"])}
    encoder = ReStyleEncoder(ReStyleConfig(n_styles, style_dim, **numbers))
    encoder.load_state_dict(saved["ema"])
    return encoder.eval().requires_grad_(False)


@torch.no_grad()
def cached_codes(path: Path, encoder, generator, data, config, dtype) -> Tensor:
    """E_i of every frame, once, `[N, n_styles, style_dim]` fp16: E_i and G do not change."""
    if path.is_file():
        return load_file(path)["codes"]
    rng = torch.Generator().manual_seed(config["seed"])
    codes = []
    for start in range(0, len(data), 32):
        pictures = data.pictures(range(start, min(start + 32, len(data))))
        pictures = augment(pictures, rng, config["target_augment"])
        codes.append(restyle(encoder, generator, pictures, dtype=dtype)[-1].half())
        if start % 640 == 0:
            print(f"codes {start}/{len(data)}", flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"codes": torch.cat(codes)}, path.with_suffix(".tmp"))
    path.with_suffix(".tmp").rename(path)
    return torch.cat(codes)


def main(argv: list[str] | None = None) -> None:
    config = read_config("transfer", argv)
    accelerator = Accelerator()
    torch.manual_seed(config["seed"])
    out, dtype, weights = Path(config["out"]), DTYPES[config["precision"]], config["weights"]
    data = HeadsDataset(config["data"], config["size"])
    coded = load_generator(config["generator"], data)
    generator = coded.generator
    n_styles, style_dim = generator.n_styles, generator.config.style_dim
    known = known_w(coded, data)
    spread = known.std(dim=0)
    if config["identity_encoder"]:
        encoder = load_encoder(config["identity_encoder"], n_styles, style_dim)
        codes = cached_codes(out / "codes.safetensors", encoder, generator, data, config, dtype)
    else:
        codes = generator.broadcast(known)

    numbers = {**config["encoder"], "trunk": IRSEConfig(**config["encoder"]["trunk"])}
    model = Transfer(MotionConfig(n_styles, style_dim, **numbers))
    model = model.to(memory_format=torch.channels_last)
    ema = Transfer(model.motion_encoder.config)
    ema.load_state_dict(model.state_dict())
    ema.requires_grad_(False)
    optimizer = torch.optim.Adam(
        [
            {"params": model.motion_encoder.parameters(), "scale": 1.0},
            {"params": model.readout.parameters(), "scale": 1.0},
            {"params": model.mapper.parameters(), "scale": config["mapper_lr_scale"]},
        ],
        lr=config["lr"],
        betas=(0.9, 0.99),
    )
    lpips = load_lpips().to(accelerator.device) if weights["lpips"] else None
    steps = config["steps"]
    start = checkpoint.resume_stage(out / "checkpoint.pt", model, ema, optimizer)
    device = accelerator.device
    for frozen in (coded, ema):
        frozen.to(device)
    spread = spread.to(device)
    model, optimizer = accelerator.prepare(model, optimizer)
    run = torch.compile(model) if config["compile"] else model
    world, rank = accelerator.num_processes, accelerator.process_index
    motion_table, mirrored = torch.from_numpy(data.motion), mirror_table(data.actions)
    identity_of = torch.from_numpy(data.identity_index)
    clip_of = torch.from_numpy(data.clip_index)

    def make(rng):
        source = rng.integers(len(data), size=config["batch"])[rank::world]
        own = len(source) // 2  # the first half: targets of the same clip, as in the paper
        target = rng.integers(len(data), size=len(source))
        for k in range(own):
            target[k] = rng.choice(data.frames_of_clip[data.clip_index[source[k]]])
        pictures, motion = data.pictures(source), motion_table[source]
        flip = torch.from_numpy(rng.random(len(source)) < 0.5)
        flip[:own] = False  # a mirrored source has no true picture of the target's person
        motion = torch.where(flip[:, None], mirror(motion, mirrored), motion)
        pictures = torch.where(flip[:, None, None, None], pictures.flip(3), pictures)
        torch_rng = torch.Generator().manual_seed(int(rng.integers(2**62)))
        return {
            "picture": pictures,
            "seen": augment(pictures, torch_rng, config["augment"]),
            "identity": codes[target].float(),
            "motion": motion,
            "target": (identity_of[target], clip_of[target], motion),
        }

    def save(step):
        if accelerator.is_main_process:
            bare = accelerator.unwrap_model(model)
            checkpoint.save_stage(out / "checkpoint.pt", step, bare, ema, optimizer, config)

    log = Log(out, config["log_every"])
    begun, done = time.monotonic(), start
    for step, batch in enumerate(batches(make, config["seed"], start, steps), start):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(config["lr"], step, steps) * group["scale"]
        with torch.no_grad():
            goal = generator.broadcast(coded.w(*(v.to(device) for v in batch["target"])))
        identity, seen = batch["identity"].to(device), batch["seen"].to(device)
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            code, labels = run(identity, seen)
        code, labels = code.float(), labels.float()
        terms = {
            "code": ((code - goal) / spread).square().mean(),
            "motion": (labels - batch["motion"].to(device)).square().mean(),
        }
        shown = config["pictures"] if step >= config["pictures_from"] else 0
        if shown:
            image = generator(code[:shown], dtype=dtype)
            truth = batch["picture"][:shown].to(device)
            terms["l2"] = (image - truth).square().mean()
            if lpips is not None:
                with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                    terms["lpips"] = lpips(image, truth).mean()
        accelerator.backward(sum(weights[k] * v for k, v in terms.items()))
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        update_ema(ema, accelerator.unwrap_model(model), config["ema"], step)
        log(step, len(seen) * world, **terms)
        done = step + 1
        if done % config["save_every"] == 0:
            save(done)
            few = slice(len(seen) - 8, len(seen))  # cross-reenactment
            with torch.no_grad():
                rows = [seen[few], generator(identity[few], dtype=dtype)]
                rows += [generator(code[few], dtype=dtype), generator(goal[few], dtype=dtype)]
            save_sheet(out / f"sheet_{done:06d}.png", [r.clamp(-1, 1) for r in rows])
        if config["max_minutes"] and time.monotonic() - begun > 60 * config["max_minutes"]:
            break
    save(done)
    accelerator.end_training()


if __name__ == "__main__":
    main()
