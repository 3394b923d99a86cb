"""Stage 2: the identity encoder E_i, ReStyle (Alaluf et al. 2021), on a frozen generator.

    accelerate launch -m train.inversion --config train/configs/default/inversion.json --out runs/i

Each step refines its codes `iterations` times, every refinement with a loss of its own, as ReStyle
does. The corpus knows the code w of each frame (the generator was made from them), so the main
term is the distance of codes; half of a batch is drawn by the generator from mixed codes, people
whom the corpus does not hold. Pictures of the last refinement are compared too (L1, LPIPS).
"""

import time
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor

from stylexfer.metrics.perceptual import load_lpips
from stylexfer.networks import IRSEConfig, ReStyleConfig, ReStyleEncoder
from train import checkpoint
from train.augment import augment
from train.generator import CodedGenerator, coded_generator, phase_at
from train.heads.dataset import HeadsDataset
from train.loop import DTYPES, Log, batches, learning_rate, read_config, save_sheet, update_ema
from train.losses import focus_map, pyramid_l1


def load_generator(path: str, data: HeadsDataset) -> CodedGenerator:
    """The EMA generator of stage 1 with the codes of its corpus, frozen."""
    saved = checkpoint.load(path)
    if saved is None:
        raise FileNotFoundError(f"{path} is missing: train the generator first")
    model = coded_generator(saved["config"], data)
    model.load_state_dict(saved["ema"])
    return model.eval().requires_grad_(False)


@torch.no_grad()
def known_w(model: CodedGenerator, data: HeadsDataset) -> Tensor:
    """w `[N, style_dim]` of every frame of the corpus."""
    return model.w(
        torch.from_numpy(data.identity_index),
        torch.from_numpy(data.clip_index),
        torch.from_numpy(data.motion),
    )


def mixed_w(model: CodedGenerator, data: HeadsDataset, motion: Tensor, rng) -> Tensor:
    """w `[B, style_dim]` of people mixed from two identities, in a clip and a motion of others."""
    count = len(motion)
    people = torch.from_numpy(rng.integers(model.identity_codes.num_embeddings, size=(2, count)))
    clips = torch.from_numpy(rng.integers(model.clip_codes.num_embeddings, size=(2, count)))
    blend = torch.from_numpy(rng.random((2, count, 1)).astype("float32"))
    u = torch.cat(
        [
            torch.lerp(*model.identity_codes(people), blend[0]),
            torch.lerp(*model.clip_codes(clips), blend[1]),
            motion,
        ],
        dim=1,
    )
    return model.generator.style[1:](u)


def main(argv: list[str] | None = None) -> None:
    config = read_config("inversion", argv)
    accelerator = Accelerator()
    torch.manual_seed(config["seed"])
    out, dtype, weights = Path(config["out"]), DTYPES[config["precision"]], config["weights"]
    data = HeadsDataset(config["data"], config["size"])
    coded = load_generator(config["generator"], data)
    generator = coded.generator
    w = known_w(coded, data)
    mean, spread = w.mean(dim=0), w.std(dim=0)
    numbers = {**config["encoder"], "trunk": IRSEConfig(**config["encoder"]["trunk"])}
    model = ReStyleEncoder(
        ReStyleConfig(generator.n_styles, generator.config.style_dim, **numbers)
    ).to(memory_format=torch.channels_last)
    model.latent_avg.copy_(mean.expand_as(model.latent_avg))
    for head in model.styles:  # the first guesses stay near the average
        torch.nn.init.normal_(head.linear.weight, std=0.3)
    ema = ReStyleEncoder(model.config)
    ema.load_state_dict(model.state_dict())
    ema.requires_grad_(False)
    optimizer = torch.optim.Adam(model.parameters(), lr=config["lr"], betas=(0.9, 0.99))
    lpips = load_lpips().to(accelerator.device) if weights["lpips"] else None
    phases = config["phases"]
    steps = sum(p["steps"] for p in phases)
    start = checkpoint.resume_stage(out / "checkpoint.pt", model, ema, optimizer)
    device = accelerator.device
    for frozen in (coded, ema):
        frozen.to(device)
    spread = spread.to(device)
    model, optimizer = accelerator.prepare(model, optimizer)
    run = torch.compile(model) if config["compile"] else model
    with torch.no_grad():
        average = ema.feedback(generator(ema.latent_avg[None], dtype=dtype))
    world, rank = accelerator.num_processes, accelerator.process_index
    motion_table = torch.from_numpy(data.motion)

    def make(rng):
        index = rng.integers(len(data), size=config["batch"])[rank::world]
        other = rng.integers(len(data), size=len(index))
        torch_rng = torch.Generator().manual_seed(int(rng.integers(2**62)))
        with torch.no_grad():
            real = coded.w(
                torch.from_numpy(data.identity_index[index]).to(device),
                torch.from_numpy(data.clip_index[index]).to(device),
                motion_table[index].to(device),
            )
        return {
            "picture": data.pictures(index),
            "focus": focus_map(data.labels["lm68"][index] / 256.0, config["size"]),
            "w": torch.cat([real, mixed_w(coded, data, motion_table[other].to(device), rng)]),
            "rng": torch_rng,
        }

    def save(step):
        if accelerator.is_main_process:
            bare = accelerator.unwrap_model(model)
            checkpoint.save_stage(out / "checkpoint.pt", step, bare, ema, optimizer, config)

    log = Log(out, config["log_every"])
    begun, done = time.monotonic(), start
    for step, batch in enumerate(batches(make, config["seed"], start, steps), start):
        phase = phase_at(phases, step)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(config["lr"], step, steps)
        w = batch["w"].to(device)
        half = len(batch["picture"])
        target = generator.broadcast(w)
        with torch.no_grad():
            drawn = generator(target[half:], dtype=dtype).clamp(-1, 1)
            clean = torch.cat([batch["picture"].to(device), drawn])
            seen = augment(clean.cpu(), batch["rng"], config["augment"]).to(device)
        code = ema.latent_avg[None].expand(len(w), -1, -1)
        reconstruction = average.expand(len(w), -1, -1, -1)
        terms = {}
        for iteration in range(phase["iterations"]):
            if iteration:
                code = code.detach()
                with torch.no_grad():
                    reconstruction = ema.feedback(generator(code, dtype=dtype))
            with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                code = code + run(seen, reconstruction).float()
            distance = ((code - target) / spread).square().mean()
            terms[f"code{iteration + 1}"] = distance
            loss = weights["code"] * distance
            shown = phase["pictures"] if iteration == phase["iterations"] - 1 else 0
            if shown:  # pictures of a few real frames of the batch: decoding with gradients is dear
                image = generator(code[:shown], dtype=dtype)
                l1 = pyramid_l1(image, clean[:shown], batch["focus"][:shown].to(device))
                loss, terms["l1"] = loss + weights["l1"] * l1, l1
                if lpips is not None:
                    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                        terms["lpips"] = lpips(image, clean[:shown]).mean()
                    loss = loss + weights["lpips"] * terms["lpips"]
            accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        update_ema(ema, accelerator.unwrap_model(model), config["ema"], step)
        log(step, len(w) * world, **terms)
        done = step + 1
        if done % config["save_every"] == 0:
            save(done)
            with torch.no_grad():
                rows = [seen[half - 4 : half + 4], clean[half - 4 : half + 4]]
                rows.append(generator(code[half - 4 : half + 4], dtype=dtype).clamp(-1, 1))
            save_sheet(out / f"sheet_{done:06d}.png", rows)
        if config["max_minutes"] and time.monotonic() - begun > 60 * config["max_minutes"]:
            break
    save(done)
    accelerator.end_training()


if __name__ == "__main__":
    main()
