"""Stage 3: the motion encoder E_m and the mapper M (paper, section 3); G frozen, or trained too.

    accelerate launch -m train.transfer --config train/configs/default/transfer.json --out runs/t

Self-supervised as in the paper (section 3.3; `train/losses.py` has the equations): a source frame
s_A, a target t_A of the same clip, a target t_B of anybody. G(M(E_m(s_A), E_i(t_A))) must be s_A,
G(M(E_m(s_A), E_i(t_B))) must be the person of t_B, and the motion code of both that of s_A.

Beyond the paper, for corpora that know more (weights 0 in `configs/paper`):
- `code`: the code of *any* target under the source's motion is known, so cross-reenactment is
  supervised directly in W+; `motion`: E_m, by a linear read-out of the labels, thrown away later.
- `paired`: two people in exactly the same motion (`render --share-motion`): the transfer of one to
  the other is compared with the frame itself, by l2 .. lpips_crop and `id_true`, weighted as there.
- `id_true`: the recognition network on transfers of which the true frame is known (own clip, pairs).

E_i's codes are made once (`train.data.codes`). `identity_encoder` null takes the known codes,
so that this stage can start beside stage 2; resume it with the encoder's path then. Every
`validate_every` steps people of the validation split drive each other, and the weights best in FL
CORR and CSIM are kept in `best.pt` (`train/validation.py`).
"""

import torch

from stylexfer.metrics.perceptual import load_lpips
from stylexfer.networks import Recognition
from train import losses
from train.coded import known_w
from train.config import NEEDED, ConfigError
from train.data.dataset import open_corpus
from train.inversion import frozen_generator, spread_of
from train.layers import recompute_activations
from train.log import save_sheet
from train.loop import Run, begin, command
from train.method import identity_network, make_transfer
from train.optim import average_of, learning_rate, make_optimizer, set_learning_rate, update_ema
from train.origins import architecture
from train.pairs import Pairs, target_codes
from train.validation import Validation, keep_best, of_stage

DEFAULTS = {
    "data": NEEDED,
    "generator": NEEDED,  # checkpoint of stage 1, pack or released file
    "identity_encoder": NEEDED,  # checkpoint of stage 2, pack or released file; null: known codes
    "codes": None,  # folder of `python -m train.data codes`; null: made here
    "target_augment": 0.0,  # of the frames that codes made here are of
    "size": NEEDED,  # px, side of the frames and of compared pictures
    "start": None,  # E_m, M (read-out) to go on from: checkpoint of this stage, pack, best_model.pt
    "encoder": None,  # numbers of MotionConfig but n_styles and style_dim, unless `start` has them
    "trunk": None,  # recognition network that E_m starts from
    "mapper_start": "identity",  # or constant, as the released code
    "train_generator": False,
    "noise": "constant",  # or random, as the released code draws in training
    "steps": NEEDED,
    "batch": NEEDED,
    "own_share": 0.5,  # of the sources, the first so many: transferred to a frame of the same clip
    "other_share": 0.5,  # the last so many: to anybody's
    "flip": True,  # half of the sources that are not transferred to their own clip
    "pairs": 0,  # of two people in the same motion, beside the batch
    "pictures": NEEDED,  # decoded with gradients, of each kind
    "pictures_from": 0,  # step
    "augment": 0.0,  # of the sources
    "recognition": None,  # of the ID losses and of CSIM
    "id_reference": "inversion",  # decoded (released code), or frame (paper's text)
    "cosface": {"scale": 5.0, "margin": 0.0},
    "weights": {
        "l2": 0.0,
        "lpips": 0.0,
        "l2_crop": 0.0,
        "lpips_crop": 0.0,
        "id": 0.0,
        "id_true": 0.0,
        "cosface": 0.0,
        "code": 0.0,
        "motion": 0.0,
        "paired": 0.0,
    },
    "mapper_lr_scale": 1.0,
    "generator_lr_scale": 1.0,
    "validate_every": 0,
    "validation_clips": 24,
}


def picture_terms(
    out: dict, batch: dict, run: Run, reference: torch.Tensor, recognition: Recognition, lpips
) -> dict[str, torch.Tensor]:
    """Losses of the decoded transfers; reference: what the identity of `other` is compared with."""
    weights, terms = run.config["weights"], {}
    if len(out["own"]):  # eqs. 1, 2
        truth = batch["picture"][: len(out["own"])]
        terms |= losses.reconstruction(out["own"], truth, weights, lpips, recognition)
    if len(out["other"]) and weights["id"]:  # eq. 3
        terms["id"] = losses.identity(out["other"], reference, recognition)
    if "z_own" in out and weights["cosface"]:  # eqs. 4 to 6
        names = ("z_source", "z_own", "z_other", "z_target")
        terms["cosface"] = losses.cosface(*(out[k] for k in names), **run.config["cosface"])
    if len(out["pair"]):
        truth = batch["truth"][: len(out["pair"])]
        found = losses.reconstruction(out["pair"], truth, weights, lpips, recognition)
        terms["paired"] = losses.weighted(found, weights)
    return terms


def main(argv: list[str] | None = None) -> None:
    run = begin("transfer", DEFAULTS, argv)
    config, device, weights = run.config, run.device, run.config["weights"]
    data = open_corpus(config["data"], config["size"])
    coded, generator = frozen_generator(config)
    known = None if coded is None else known_w(coded, data)
    if known is None and (weights["code"] or not config["identity_encoder"]):
        raise ConfigError("this generator knows no codes: give identity_encoder, weights.code 0.")
    if config["push_to_hub"] and not config["identity_encoder"]:
        raise ConfigError("--push-to-hub: without identity_encoder there is no whole pack to push.")
    spread = spread_of(generator, known)[1].to(device)
    rows = None if known is None else generator.broadcast(known)
    for frozen in (coded, generator):
        if frozen is not None:
            frozen.to(device)
    codes = target_codes(run, generator) if config["identity_encoder"] else {}
    pairs = Pairs(run, data, codes["train"].__getitem__ if codes else rows.__getitem__)
    recognition, validation = identity_network(run), None
    lpips = load_lpips().to(device) if weights["lpips"] or weights["lpips_crop"] else None

    model = make_transfer(config, generator).to(device)
    model.motion_encoder.to(memory_format=torch.channels_last)
    ema = average_of(model)
    if config["recompute"] and model.generator is not None:
        recompute_activations(model.generator)
    scales = {"mapper": config["mapper_lr_scale"], "generator": config["generator_lr_scale"]}
    groups = [
        {
            "params": [p for p in part.parameters() if p.requires_grad],
            "scale": scales.get(name, 1.0),
        }
        for name, part in model.named_children()
    ]
    optimizer = make_optimizer(groups, config)
    kept = {name: part for name, part in model.named_children() if name != "readout"}
    run.facts["architecture"] = architecture(**kept)
    run.resume(model=model, ema=ema, optimizer=optimizer)
    if config["compile"]:
        model.motion_encoder.compile()
    net, stepper = run.prepare(model, optimizer)
    dtype, random = run.drawing_dtype(generator.config.conv_clamp), config["noise"] == "random"
    if config["validate_every"] and "validation" in codes and run.main:
        held_out = open_corpus(config["data"], config["size"], "validation")
        validation = Validation(held_out, config["validation_clips"])

    for step, batches in run.steps(pairs.draw, pairs.read, config["steps"]):
        rate = learning_rate(config["lr"], config["schedule"], step, config["steps"])
        set_learning_rate(stepper, rate)
        for batch in batches:
            out = net(batch, generator, random, dtype)
            terms, others = {}, list(batch["shown"]["other"])
            if weights["code"]:
                with torch.no_grad():
                    moved = batch["motion"][batch["source_of"][: len(batch["clip"])]]
                    goal = coded.w(coded.inputs(batch["clip"], moved))
                    goal = generator.broadcast(goal)
                terms["code"] = ((out["code"][: len(goal)] - goal) / spread).square().mean()
            if weights["motion"]:
                terms["motion"] = (out["labels"] - batch["motion"]).square().mean()
            reference = batch.get("other_picture")
            if others and config["id_reference"] == "inversion":
                with torch.no_grad():
                    reference = generator(batch["identity"][others], dtype=dtype)
            with run.accelerator.autocast():
                terms |= picture_terms(out, batch, run, reference, recognition, lpips)
            run.backward(losses.weighted(terms, weights))
            run.log(step, len(batch["seen"]), **terms)
        run.descend(stepper, net.parameters())
        update_ema(ema, model, config["ema"], step)
        if run.sheet_due():
            save_sheet(run.out, step + 1, samples(batch, out["code"], generator, dtype))
        if validation is not None and (step + 1) % config["validate_every"] == 0:
            animator = of_stage(ema, generator, codes["validation"], dtype)
            values = validation.measure(animator, recognition, device)
            run.log.write(step + 1, {f"validation_{k}": v for k, v in values.items()})
            keep_best(run, ema, values)
    run.finish()


@torch.no_grad()
def samples(batch, code, generator, dtype) -> list[torch.Tensor]:
    """Sources, decoded targets and transfers of the last rows: cross-reenactment."""
    few = slice(max(0, len(code) - 8), len(code))
    rows = [generator(codes[few], dtype=dtype) for codes in (batch["identity"], code)]
    return [batch["seen"][batch["source_of"][few]], *rows]


if __name__ == "__main__":
    command(main)
