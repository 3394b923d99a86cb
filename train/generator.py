"""Stage 1: a StyleGAN2 generator for a corpus with known motion.

    accelerate launch -m train.generator --config train/configs/default/generator.json --out runs/g

Regression first: z is [appearance | the exact motion], the appearance is read by an encoder from
another frame of the same clip, and the synthesis network learns to draw each frame from it (pyramid
L1, edges, LPIPS), growing in resolution by the early outputs of the skip architecture. With
`weights.adversarial` above 0 a discriminator joins at full size from `adversarial.from_step` on: it
sees the frames and as many people between two of them, so that both look real
(`train/adversary.py`). At the end the encoder reads the appearance of every clip, by which the
later stages know the code of every frame, and a Gaussian is fitted to all z and folded into the
first mapping layer, so that z ~ N(0, I) draws new people: `generator.pt`.
"""

import numpy as np
import torch

from stylexfer.metrics.perceptual import load_lpips
from stylexfer.networks import MotionEncoder
from train import checkpoint
from train.adversary import Adversary
from train.coded import AppearanceGenerator, appearance_generator, draw_mixed, fold_gaussian
from train.config import NEEDED
from train.continuation import go_on_from
from train.discriminator import Discriminator
from train.heads.dataset import HeadsDataset
from train.log import save_sheet
from train.loop import begin, command
from train.losses import focus_map, gradient_l1, pyramid_l1, weighted
from train.method import pooled
from train.optim import average_of, learning_rate, make_optimizer, set_learning_rate, update_ema
from train.origins import architecture
from train.perception import perception

DEFAULTS = {
    "data": NEEDED,  # folder of rendered heads, or a list of them
    "generator": NEEDED,  # numbers of GeneratorConfig; of z_dim 57 are the motion's
    "encoder": NEEDED,  # of appearance: numbers of MotionConfig but n_styles and style_dim
    "phases": NEEDED,  # [{"resolution", "steps", "batch"}, ..]
    "start": None,  # pack with training.safetensors to go on from, of these sizes
    "recognition": None,  # checkpoint or pack with the network of weights.id
    "reader": None,  # transfer checkpoint or such a pack, whose E_m and read-out weights.motion takes
    "weights": {"l1": 1.0, "gradient": 0.5, "lpips": 0.5, "adversarial": 0.0}
    | {"id": 0.0, "motion": 0.0},
    "encoder_lr_scale": 0.05,
    "validation_frames": 64,
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
FRAMES = ("reference", "motion")  # what the generator takes of a batch, and of people between
MIXED = ("blend", "mixed_motion")


def references(data: HeadsDataset, index: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each frame another one of its clip (itself, if it is the only one)."""
    frames = (data.frames_of_clip[clip] for clip in data.clip_index[index])
    others = (f[f != i] if len(f) > 1 else f for f, i in zip(frames, index, strict=True))
    return np.array([rng.choice(f) for f in others], dtype=np.int64)


def batch_of(
    data: HeadsDataset,
    seen: HeadsDataset,
    motion: np.ndarray,
    index: np.ndarray,
    other: np.ndarray,
) -> dict:
    """Frames `index` to draw, with frames `other` of their clips as `seen` has them, their motion,
    and where eyes and mouth are."""
    return {
        "picture": data.pictures(index),
        "reference": seen.pictures(other),
        "focus": focus_map(data.labels["lm68"][index] / 256.0, data.size),
        "motion": torch.from_numpy(motion[index]),
    }


def phase_at(phases: list[dict], step: int) -> dict:
    """The phase that `step` falls into; the last one after their end."""
    for phase in phases:
        if step < phase["steps"]:
            return phase
        step -= phase["steps"]
    return phases[-1]


def seen_side(encoder: MotionEncoder, resolution: int) -> int:
    """Side of the frames whose appearance is read while frames of `resolution` are drawn: the
    encoder's input size, but half of it will do for smaller ones."""
    size = encoder.config.input_size
    return max(size // 2, min(size, resolution))


def unseen_people(config: dict, size: int) -> dict:
    """A batch of the validation split."""
    data, rng = HeadsDataset(config["data"], size, "validation"), np.random.default_rng(0)
    index = rng.integers(len(data), size=config["validation_frames"])
    return batch_of(data, data, data.motion, index, references(data, index, rng))


@torch.no_grad()
def drawn_unseen(
    model: AppearanceGenerator, batch: dict, resolution: int, dtype: torch.dtype
) -> tuple[torch.Tensor, float]:
    """(the frames of `batch` as the model draws them, their L1)."""
    device, drawn = model.appearances.device, []
    for part in torch.arange(len(batch["motion"])).split(16):
        given = {k: batch[k][part].to(device) for k in FRAMES}
        given["reference"] = pooled(given["reference"], seen_side(model.encoder, resolution))
        drawn.append(model(given, None, resolution, dtype)[0].cpu())
    drawn = torch.cat(drawn)
    picture, focus = (pooled(batch[k], resolution) for k in ("picture", "focus"))
    return drawn, pyramid_l1(drawn, picture, focus).item()


def main(argv: list[str] | None = None) -> None:
    run = begin("generator", DEFAULTS, argv)
    config, device = run.config, run.device
    phases, weights, duel = config["phases"], config["weights"], config["adversarial"]
    steps = sum(p["steps"] for p in phases)
    for phase in phases:
        run.check_batch(phase["batch"])
    data = {p["resolution"]: HeadsDataset(config["data"], p["resolution"]) for p in phases}
    reference = data[phases[-1]["resolution"]]
    motion, clips = reference.motion, len(reference.frames_of_clip)
    unseen = unseen_people(config, phases[-1]["resolution"]) if run.main else None

    model = appearance_generator(config, reference)
    if config["start"]:
        go_on_from(model, config["start"])
    model.to(device)
    model.encoder.to(memory_format=torch.channels_last)
    for side in {seen_side(model.encoder, p["resolution"]) for p in phases} - data.keys():
        data[side] = HeadsDataset(config["data"], side)
    ema = average_of(model).eval()
    size, dtype = config["generator"]["size"], run.drawing_dtype(model.generator.config.conv_clamp)
    network, encoder = list(model.generator.parameters()), list(model.encoder.parameters())
    groups = [{"params": network}, {"params": encoder, "scale": config["encoder_lr_scale"]}]
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
    seen_as = perception(config).to(device)
    run.facts["architecture"] = architecture(generator=model.generator)
    run.resume(**parts)
    net, optimizer = run.prepare(model, parts["optimizer"])
    # A shape of its own for each phase: with sizes that vary, adaptive pooling does not compile.
    draw_frames = torch.compile(net, dynamic=False) if config["compile"] else net

    def fights(step):
        full = phase_at(phases, step)["resolution"] == size
        return adversary is not None and full and step >= duel["from_step"]

    def draw(step, rng):
        count = phase_at(phases, step)["batch"]
        index = rng.integers(len(reference), size=count)
        rows = {"index": index, "other": references(reference, index, rng)}
        return rows | (draw_mixed(clips, motion, rng, count) if fights(step) else {})

    def read(step, rows, rng):
        mixed = {k: torch.from_numpy(rows[k]) for k in MIXED if k in rows}
        shown = data[phase_at(phases, step)["resolution"]]
        seen = data[seen_side(model.encoder, shown.size)]
        return mixed | batch_of(shown, seen, motion, rows["index"], rows["other"])

    for step, batches in run.steps(draw, read, steps):
        resolution = phase_at(phases, step)["resolution"]
        set_learning_rate(optimizer, learning_rate(config["lr"], config["schedule"], step, steps))
        for batch in batches:
            picture, focus = batch["picture"], batch["focus"]
            mixed = {k: batch[k] for k in MIXED} if fights(step) else None
            given = {k: batch[k] for k in FRAMES}
            drawn, drawn_codes = draw_frames(given, mixed, resolution, dtype)
            frames = drawn[: len(picture)]
            terms = {
                "l1": pyramid_l1(frames, picture, focus),
                "gradient": gradient_l1(frames, picture, focus),
            }
            if lpips is not None and resolution >= 64:
                with run.accelerator.autocast():
                    terms["lpips"] = lpips(frames, picture).mean()
            with run.accelerator.autocast():
                terms |= seen_as(frames, picture)
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
            people, l1 = drawn_unseen(ema, unseen, resolution, dtype)
            run.log.write(step + 1, {"validation_l1": l1})
            rows = [pooled(unseen["picture"][:8], resolution), people[:8]]
            if mixed is not None:
                rows.append(drawn[len(picture) :][:8])
            save_sheet(run.out, step + 1, rows)
    with run.accelerator.autocast():
        ema.read_appearances(reference)
    run.save()
    if run.main:
        generator = fold_gaussian(ema.cpu(), reference)
        state = {f"generator.{k}": v for k, v in generator.state_dict().items()}
        checkpoint.save(run.out / "generator.pt", {**run.facts, "ema": state})
    run.finish()


if __name__ == "__main__":
    command(main)
