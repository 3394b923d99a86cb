"""Stage 1: a StyleGAN2 generator for a corpus with known motion.

    accelerate launch -m train.generator --config train/configs/default/generator.json --out runs/g

Regression first: z is [a learned code per identity | a learned code per clip | the exact motion],
and the synthesis network learns to draw each frame from it (pyramid L1, edges, LPIPS), growing in
resolution by the early outputs of the skip architecture. With `weights.adversarial` above 0 a
discriminator joins at full size from `adversarial.from_step` on: it sees the frames and as many
people between the learned ones, so that both look real (`train/adversary.py`). At the end a
Gaussian is fitted to all z and folded into the first mapping layer, so that z ~ N(0, I) draws new
people: `generator.pt`.
"""

import torch

from stylexfer.metrics.perceptual import load_lpips
from train import checkpoint
from train.adversary import Adversary
from train.coded import coded_generator, draw_mixed, fold_gaussian
from train.config import NEEDED
from train.discriminator import Discriminator
from train.heads.dataset import HeadsDataset
from train.log import save_sheet
from train.loop import begin, command
from train.losses import focus_map, gradient_l1, pyramid_l1, weighted
from train.optim import average_of, learning_rate, make_optimizer, set_learning_rate, update_ema
from train.origins import architecture

DEFAULTS = {
    "data": NEEDED,  # folder of rendered heads, or a list of them
    "generator": NEEDED,  # numbers of GeneratorConfig
    "identity_dim": NEEDED,  # of z; 57 are the motion's, the rest the clip's
    "phases": NEEDED,  # [{"resolution", "steps", "batch"}, ..]
    "weights": {"l1": 1.0, "gradient": 0.5, "lpips": 0.5, "adversarial": 0.0},
    "code_lr_scale": 1.5,
    "adversarial": {
        "from_step": 0,
        "channels": None,  # of the discriminator, at 4, 8, .. pixels; null: the generator's
        "lr": 0.002,
        "optimizer": "adam",
        "betas": [0.0, 0.99],
        "eps": 1e-8,
        "r1": 1.0,
        "r1_every": 16,
        "path": 2.0,
        "path_every": 4,
        "ada_target": 0.6,
        "ada_every": 4,
        "ada_pictures": 500000,
    },
}
MIXED = ("people", "clips", "blend", "mixed_motion")


def frames_of(batch: dict) -> dict[str, torch.Tensor]:
    """What the generator takes of a batch."""
    return {k: batch[k] for k in ("identity", "clip", "motion")}


def phase_at(phases: list[dict], step: int) -> dict:
    """The phase that `step` falls into; the last one after their end."""
    for phase in phases:
        if step < phase["steps"]:
            return phase
        step -= phase["steps"]
    return phases[-1]


def main(argv: list[str] | None = None) -> None:
    run = begin("generator", DEFAULTS, argv)
    config, device = run.config, run.device
    phases, weights, duel = config["phases"], config["weights"], config["adversarial"]
    steps = sum(p["steps"] for p in phases)
    for phase in phases:
        run.check_batch(phase["batch"])
    data = {p["resolution"]: HeadsDataset(config["data"], p["resolution"]) for p in phases}
    reference = data[phases[-1]["resolution"]]
    motion = reference.motion

    model = coded_generator(config, reference).to(device)
    ema = average_of(model)
    size, dtype = config["generator"]["size"], run.drawing_dtype(model.generator.config.conv_clamp)
    codes = [*model.identity_codes.parameters(), *model.clip_codes.parameters()]
    network = list(model.generator.parameters())
    groups = [{"params": network}, {"params": codes, "scale": config["code_lr_scale"]}]
    parts = {"model": model, "ema": ema, "optimizer": make_optimizer(groups, config)}
    adversary = None
    if weights["adversarial"]:
        critic = Discriminator(size, tuple(duel["channels"] or config["generator"]["channels"]))
        critic.to(device)
        [net, stepper] = run.prepare(
            critic, make_optimizer([{"params": critic.parameters()}], duel)
        )
        adversary = Adversary(net, duel, lambda v: run.accelerator.reduce(v, "mean"))
        adversary.pace.to(device)
        parts |= {"critic": critic, "critic_optimizer": stepper, "pace": adversary.pace}
    lpips = load_lpips().to(device) if weights["lpips"] else None
    run.facts["architecture"] = architecture(generator=model.generator)
    run.resume(**parts)
    net, optimizer = run.prepare(model, parts["optimizer"])
    draw_frames = torch.compile(net) if config["compile"] else net

    def fights(step):
        full = phase_at(phases, step)["resolution"] == size
        return adversary is not None and full and step >= duel["from_step"]

    def draw(step, rng):
        count = phase_at(phases, step)["batch"]
        rows = {"index": rng.integers(len(reference), size=count)}
        return rows | (draw_mixed(model, motion, rng, count) if fights(step) else {})

    def read(step, rows, rng):
        index, resolution = rows["index"], phase_at(phases, step)["resolution"]
        mixed = {k: torch.from_numpy(rows[k]) for k in MIXED if k in rows}
        return mixed | {
            "picture": data[resolution].pictures(index),
            "focus": focus_map(reference.labels["lm68"][index] / 256.0, resolution),
            "identity": torch.from_numpy(reference.identity_index[index]),
            "clip": torch.from_numpy(reference.clip_index[index]),
            "motion": torch.from_numpy(motion[index]),
        }

    for step, batches in run.steps(draw, read, steps):
        resolution = phase_at(phases, step)["resolution"]
        set_learning_rate(optimizer, learning_rate(config["lr"], config["schedule"], step, steps))
        for batch in batches:
            picture, focus = batch["picture"], batch["focus"]
            mixed = {k: batch[k] for k in MIXED} if fights(step) else None
            drawn, drawn_codes = draw_frames(frames_of(batch), mixed, resolution, dtype)
            frames = drawn[: len(picture)]
            terms = {
                "l1": pyramid_l1(frames, picture, focus),
                "gradient": gradient_l1(frames, picture, focus),
            }
            if lpips is not None and resolution >= 64:
                with run.accelerator.autocast():
                    terms["lpips"] = lpips(frames, picture).mean()
            loss, told = weighted(terms, weights), {}
            if mixed is not None:
                fooled = adversary.fool(drawn, drawn_codes, step)
                loss = loss + weights["adversarial"] * sum(fooled.values())
                terms |= fooled
            run.backward(loss)
            if mixed is not None:
                told = adversary.tell(picture, drawn[len(picture) // 2 :][: len(picture)], step)
                run.backward(sum(told.values()))
                told["ada"] = adversary.pace.share
            run.log(step, len(picture), **terms, **told)
        run.descend(optimizer, network)
        if fights(step):
            run.descend(stepper, ())
            adversary.adapt(step)
        update_ema(ema, model, config["ema"], step)
        if run.sheet_due():
            few = {k: v[:8] for k, v in batch.items() if isinstance(v, torch.Tensor)}
            with torch.no_grad():
                rows = [few["picture"], ema(frames_of(few), None, resolution, dtype)[0]]
                if mixed is not None:
                    rows.append(drawn[len(picture) :][:8])
            save_sheet(run.out, step + 1, rows)
    if run.main:
        generator = fold_gaussian(ema.cpu(), reference)
        state = {f"generator.{k}": v for k, v in generator.state_dict().items()}
        checkpoint.save(run.out / "generator.pt", {**run.facts, "ema": state})
    run.finish()


if __name__ == "__main__":
    command(main)
