"""Stage 2: the identity encoder E_i, ReStyle (Alaluf et al. 2021), on a frozen generator.

    accelerate launch -m train.inversion --config train/configs/default/inversion.json --out runs/i

Each step refines its codes `iterations` times, every refinement with a loss of its own. Where the
corpus knows the code w of each frame (the generator was made from it), the main term is the
distance of codes; part of a batch is drawn by the generator, people whom the corpus does not hold
and whose code is known too. Pictures are compared (L1, L2, LPIPS, ID) in the last refinement, or in
each of them, as ReStyle does.

`encoder.heads` is `psp` or `e4e`. For e4e (Tov et al. 2021) the rows join one by one
(`progressive`), their distance from the first row is held small (`weights.delta`), and a
discriminator of codes may keep them near W (`weights.adversarial`); it sees the present batch,
e4e's own also a pool of past ones.
"""

import torch
from torch import Tensor, nn

from stylexfer.metrics.perceptual import load_lpips
from stylexfer.networks import (
    Generator,
    Recognition,
    ReStyleEncoder,
    fed_back,
    first_feedback,
)
from train import losses
from train.adversary import CodeJudge
from train.augment import augment
from train.coded import CodedGenerator, draw_mixed, known_w, load_coded
from train.config import NEEDED, ConfigError
from train.data.dataset import open_corpus
from train.discriminator import CodeDiscriminator
from train.encoder import fresh_encoder, trained_encoder
from train.generator import phase_at
from train.layers import recompute_activations
from train.log import save_sheet
from train.loop import Run, begin, command, torch_rng
from train.method import identity_network, pooled
from train.optim import average_of, learning_rate, make_optimizer, set_learning_rate, update_ema
from train.origins import architecture, find

DEFAULTS = {
    "data": NEEDED,
    "generator": NEEDED,  # checkpoint of stage 1, pack or released file
    "size": NEEDED,  # px, side of the frames
    "start": None,  # E_i to go on from: checkpoint of this stage, pack or released file
    "encoder": None,  # numbers of ReStyleConfig but n_styles and style_dim; of `start`: heads alone
    "trunk": None,  # recognition network that the encoder starts from
    "recognition": None,  # of the ID loss
    "phases": NEEDED,  # [{"iterations", "steps", "pictures" decoded with gradients}, ..]
    "pictures_in": "last",  # refinement, or each
    "batch": NEEDED,  # frames
    "drawn": NEEDED,  # people drawn by the generator beside them
    "augment": 0.0,
    "weights": {
        "code": 0.0,
        "l1": 0.0,
        "l2": 0.0,
        "lpips": 0.0,
        "id": 0.0,
        "delta": 0.0,
        "adversarial": 0.0,
    },
    "progressive": {"from_step": 0, "every": 0},  # e4e: another row every so many steps; 0: all
    "codes": {"lr": 2e-5, "optimizer": "adam", "betas": [0.9, 0.999], "eps": 1e-8}
    | {"r1": 10.0, "r1_every": 16},
}


MIXED = ("clips", "blend", "mixed_motion")  # what tells who is drawn: see `mixed_inputs`


class Inversion(nn.Module):
    """What is trained: E_i."""

    def __init__(self, encoder: ReStyleEncoder):
        super().__init__()
        self.identity_encoder = encoder

    def forward(self, images: Tensor, drawn: Tensor, active: int) -> Tensor:
        """Change of the code `[B, n, d]`; rows from `active` on are as the first."""
        rows = self.identity_encoder(images, drawn)
        mask = (torch.arange(rows.shape[1], device=rows.device) < active).to(rows.dtype)
        return rows[:, :1] + mask[:, None] * (rows - rows[:, :1])


def active_rows(progressive: dict, n_styles: int, step: int) -> int:
    """How many rows of an e4e encoder are their own at `step` (the first always is)."""
    if not progressive["every"]:
        return n_styles
    late = step - progressive["from_step"]
    return min(n_styles, 1 + (0 if late < 0 else 1 + late // progressive["every"]))


def frozen_generator(config: dict) -> tuple[CodedGenerator | None, Generator]:
    """(the generator with the codes of its corpus, if it has any; the generator), frozen."""
    coded = load_coded(config["generator"])
    generator = find(config["generator"], "generator") if coded is None else coded.generator
    if config["recompute"]:
        recompute_activations(generator)
    return coded, generator


@torch.no_grad()
def spread_of(generator: Generator, known: Tensor | None) -> tuple[Tensor, Tensor]:
    """Mean and deviation of w, `[style_dim]` each: of the corpus, else of the generator's own."""
    if known is not None:
        return known.mean(dim=0), known.std(dim=0)
    z = torch.randn(4096, generator.config.z_dim, generator=torch.Generator().manual_seed(0))
    return generator.latent_avg, generator.mapping(z).std(dim=0)


@torch.no_grad()
def people(
    coded: CodedGenerator | None, generator: Generator, batch: dict, size: int, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """(frames and then people drawn by the generator `[B, 3, size, size]`, the w of the last of
    them `[<= B, style_dim]`, as far as it is known)."""
    if coded is None:
        w = generator.mapping(batch["z"])
    else:
        w = coded.w(coded.mixed_inputs(*(batch[k] for k in MIXED)))
    clean = batch["picture"]
    if len(w):
        made = generator(generator.broadcast(w), dtype=dtype).clamp(-1, 1)
        clean = torch.cat([clean, pooled(made, size)])
    return clean, torch.cat([batch["w"], w]) if "w" in batch else w


@torch.no_grad()
def random_w(generator: Generator, count: int) -> Tensor:
    """w `[count, style_dim]` of random people."""
    z = torch.randn(count, generator.config.z_dim, device=generator.latent_avg.device)
    return generator.mapping(z)


def code_terms(
    code: Tensor, target: Tensor, spread: Tensor, weights: dict, judge: CodeJudge | None
) -> dict[str, Tensor]:
    """Losses of codes `[B, n, d]`; target `[<= B, n, d]`: of the last of them, as far as known."""
    terms = {}
    if len(target):
        terms["code"] = ((code[-len(target) :] - target) / spread).square().mean()
    if weights["delta"]:
        terms["delta"] = (code[:, 1:] - code[:, :1]).norm(dim=2).sum(dim=1).mean()
    if judge is not None:
        terms["adversarial"] = judge.fool(code)
    return terms


def picture_terms(
    image: Tensor, clean: Tensor, batch: dict, run: Run, recognition: Recognition | None, lpips
) -> dict[str, Tensor]:
    """Losses of decoded pictures against frames, `[B, 3, s, s]` each."""
    weights, terms = run.config["weights"], {}
    if weights["l1"]:
        terms["l1"] = losses.pyramid_l1(image, clean, batch["focus"][: len(image)])
    with run.accelerator.autocast():
        terms |= losses.reconstruction(image, clean, weights, lpips)
        if weights["id"]:
            terms["id"] = losses.identity(image, clean, recognition)
    return terms


def main(argv: list[str] | None = None) -> None:
    run = begin("inversion", DEFAULTS, argv)
    config, device, weights = run.config, run.device, run.config["weights"]
    phases, drawn = config["phases"], config["drawn"]
    steps = sum(p["steps"] for p in phases)
    data = open_corpus(config["data"], config["size"])
    coded, generator = frozen_generator(config)
    known = None if coded is None else known_w(coded, data)
    if known is None and weights["code"] and not drawn:
        raise ConfigError("weights.code needs known codes: draw some people (drawn), or set it 0.")
    if active_rows(config["progressive"], generator.n_styles, steps - 1) < generator.n_styles:
        raise ConfigError("progressive: the last rows would never be trained; train for longer.")
    for count in (config["batch"], drawn):
        run.check_batch(count)
    mean, spread = spread_of(generator, known)
    if config["start"]:
        encoder = trained_encoder(config, generator)
    else:
        encoder = fresh_encoder(config, generator, mean)
    model = Inversion(encoder)
    model.to(device, memory_format=torch.channels_last)
    ema = average_of(model)
    optimizer = make_optimizer([{"params": model.parameters()}], config)
    parts = {"model": model, "ema": ema, "optimizer": optimizer}
    judge = judge_stepper = None
    if weights["adversarial"]:
        critic = CodeDiscriminator(generator.config.style_dim).to(device)
        judged = make_optimizer([{"params": critic.parameters()}], config["codes"])
        net, judge_stepper = run.prepare(critic, judged)
        judge = CodeJudge(net, config["codes"])
        parts |= {"critic": critic, "critic_optimizer": judged}
    run.facts["architecture"] = architecture(identity_encoder=encoder)
    run.resume(**parts)
    net, stepper = run.prepare(model, optimizer)
    refine = torch.compile(net) if config["compile"] else net

    lpips = load_lpips().to(device) if weights["lpips"] else None
    recognition = identity_network(run)
    for frozen in (coded, generator):
        if frozen is not None:
            frozen.to(device)
    spread, dtype = spread.to(device), run.drawing_dtype(generator.config.conv_clamp)
    with torch.no_grad():
        average = first_feedback(encoder, generator, dtype=dtype)
    motion = None if coded is None else data.motion

    def draw(step, rng):
        rows = {"index": rng.integers(len(data), size=config["batch"])}
        if coded is not None:
            return rows | draw_mixed(len(coded.appearances), motion, rng, drawn)
        z = rng.standard_normal((drawn, generator.config.z_dim), dtype="float32")
        return rows | {"z": z}

    def read(step, rows, rng):
        index = rows["index"]
        batch = {k: torch.from_numpy(rows[k]) for k in (*MIXED, "z") if k in rows}
        batch["picture"] = data.pictures(index)
        if weights["l1"]:
            places = data.labels["lm68"][index] / getattr(data, "stored", 256)
            batch["focus"] = losses.focus_map(places, config["size"])
        if known is not None:
            batch["w"] = known[torch.from_numpy(index)]
        return batch | {"rng": torch_rng(rng)}

    for step, batches in run.steps(draw, read, steps):
        phase = phase_at(phases, step)
        active = active_rows(config["progressive"], generator.n_styles, step)
        shown = -(-phase["pictures"] // run.shards)  # decoding with gradients is dear: of a few
        set_learning_rate(stepper, learning_rate(config["lr"], config["schedule"], step, steps))
        for batch in batches:
            frames = len(batch["picture"])
            clean, w = people(coded, generator, batch, config["size"], dtype)
            seen = augment(clean, batch["rng"], config["augment"]) if config["augment"] else clean
            given, target = pooled(seen, encoder.config.input_size), generator.broadcast(w)
            code = encoder.latent_avg[None].expand(len(seen), -1, -1)
            picture, logged = average.expand(len(seen), -1, -1, -1), {}
            for iteration in range(phase["iterations"]):
                if iteration:
                    code = code.detach()
                    with torch.no_grad():
                        picture = fed_back(encoder, generator, code, dtype=dtype)
                code = code + refine(given, picture, active)
                terms = code_terms(code, target, spread, weights, judge)
                last = iteration == phase["iterations"] - 1
                if shown and (last or config["pictures_in"] == "each"):
                    image = pooled(generator(code[:frames][:shown], dtype=dtype), config["size"])
                    truth = clean[: len(image)]
                    terms |= picture_terms(image, truth, batch, run, recognition, lpips)
                run.backward(losses.weighted(terms, weights))
                if "code" in terms:
                    logged[f"code{iteration + 1}"] = terms.pop("code")
                logged |= terms
            if judge is not None:
                real = w if len(w) else random_w(generator, len(code))
                logged["tell"] = judge.tell(real, code, step)
                run.backward(logged["tell"])
            run.log(step, len(seen), **logged)
        run.descend(stepper, net.parameters())
        if judge is not None:
            set_learning_rate(judge_stepper, config["codes"]["lr"])
            run.descend(judge_stepper, ())
        update_ema(ema, model, config["ema"], step)
        if run.sheet_due():
            few = slice(max(0, frames - 4), frames + 4)
            with torch.no_grad():
                rows = [seen[few], clean[few], generator(code[few], dtype=dtype)]
            save_sheet(run.out, step + 1, rows)
    run.finish()


if __name__ == "__main__":
    command(main)
