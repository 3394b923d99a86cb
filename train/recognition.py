r"""Stage 0: a recognition network, whose embedding tells one identity from another.

    accelerate launch -m train.recognition --config train/configs/default/recognition.json \
        --out runs/recognition

IR-SE with an angular margin (ArcFace, or CosFace) on the identities of a corpus, augmented as
photographs and paintings are. It is the network of the ID loss and of CSIM in the transfer stage,
its trunk is what E_m and E_i may start from, and `train.export` puts it into the pack. Every
`validate_every` steps it is asked about people whom it never saw: equal error rate over pairs of
frames of different clips, and how often the nearest frame of another clip is of the same person.
"""

import numpy as np
import torch
from torch import Tensor, nn

from stylexfer.networks import IRSEConfig, Recognition, RecognitionConfig, recognition_view
from train.augment import augment
from train.config import NEEDED
from train.data.dataset import open_corpus
from train.log import save_sheet
from train.loop import begin, command, torch_rng
from train.losses import MarginHead
from train.optim import average_of, learning_rate, make_optimizer, set_learning_rate, update_ema
from train.origins import architecture

DEFAULTS = {
    "data": NEEDED,
    "size": NEEDED,  # px, side of the frames
    "network": NEEDED,  # numbers of RecognitionConfig
    "margin": {"kind": "arcface", "scale": 32.0, "margin": 0.3},
    "steps": NEEDED,
    "batch": NEEDED,
    "augment": 1.0,
    "head_lr_scale": 1.0,
    "validate_every": 0,
    "validation_frames": 400,
}


class Recogniser(nn.Module):
    """The network and the directions of the identities, which are thrown away later."""

    def __init__(self, config: RecognitionConfig, identities: int, margin: dict):
        super().__init__()
        self.recognition = Recognition(config)
        self.head = MarginHead(config.features, identities, **margin)

    def forward(self, images: Tensor, identity: Tensor) -> tuple[Tensor, Tensor]:
        """Aligned faces `[B, 3, s, s]` and identities `[B]` -> (loss, share of hits)."""
        size = self.recognition.config.input_size
        embedding = self.recognition(recognition_view(images, crop=False, size=size))
        return self.head(embedding, identity)


def verification(embedding: Tensor, identity: np.ndarray, clip: np.ndarray) -> dict[str, float]:
    """Equal error rate and rank-1 of embeddings `[N, features]` of length 1, over frames of
    different clips. Empty where there are no two clips of one identity, or no two identities."""
    cosine = (embedding.double() @ embedding.double().t()).cpu().numpy()
    same = identity[:, None] == identity[None, :]
    apart = clip[:, None] != clip[None, :]
    hits, misses = np.sort(cosine[same & apart]), np.sort(cosine[~same])
    if not len(hits) or not len(misses):
        return {}
    limits = np.concatenate([hits, misses])
    refused = np.searchsorted(hits, limits) / len(hits)
    accepted = 1 - np.searchsorted(misses, limits) / len(misses)
    at = np.argmin(np.abs(refused - accepted))
    asked = (same & apart).any(axis=1)
    nearest = np.where(apart, cosine, -2).argmax(axis=1)
    return {
        "eer": float((refused[at] + accepted[at]) / 2),
        "rank1": float((identity[nearest] == identity)[asked].mean()),
    }


@torch.inference_mode()
def validate(network: Recognition, data, frames: int) -> dict[str, float]:
    """`verification` on frames of the validation split, spread evenly over it."""
    device, training = next(network.parameters()).device, network.training
    network.eval()
    rows = np.unique(np.linspace(0, len(data) - 1, frames).astype(int))
    parts = []
    for part in np.array_split(rows, -(-len(rows) // 32)):
        images = data.pictures(part).to(device)
        view = recognition_view(images, crop=False, size=network.config.input_size)
        parts.append(network(view).cpu())
    network.train(training)
    return verification(torch.cat(parts), data.identity_index[rows], data.clip_index[rows])


def main(argv: list[str] | None = None) -> None:
    run = begin("recognition", DEFAULTS, argv)
    config, device = run.config, run.device
    run.check_batch(config["batch"])
    data = open_corpus(config["data"], config["size"])
    numbers = {**config["network"], "trunk": IRSEConfig(**config["network"]["trunk"])}
    identities = int(data.identity_index.max()) + 1
    model = Recogniser(RecognitionConfig(**numbers), identities, config["margin"])
    model.to(device, memory_format=torch.channels_last)
    ema = average_of(model)
    groups = [
        {"params": model.recognition.parameters()},
        {"params": model.head.parameters(), "scale": config["head_lr_scale"]},
    ]
    optimizer = make_optimizer(groups, config)
    run.facts["architecture"] = architecture(recognition=model.recognition)
    run.resume(model=model, ema=ema, optimizer=optimizer)
    net, stepper = run.prepare(model, optimizer)
    learn = torch.compile(net) if config["compile"] else net
    held_out = None
    if config["validate_every"] and run.main:
        held_out = open_corpus(config["data"], config["size"], "validation")

    def draw(step, rng):
        index = rng.integers(len(data), size=config["batch"])
        return {"index": index, "flip": rng.random(config["batch"]) < 0.5}

    def read(step, rows, rng):
        picture = data.pictures(rows["index"])
        flip = torch.from_numpy(rows["flip"])[:, None, None, None]
        picture = torch.where(flip, picture.flip(3), picture)
        if config["augment"]:
            picture = augment(picture, torch_rng(rng), config["augment"])
        return {
            "seen": picture,
            "identity": torch.from_numpy(data.identity_index[rows["index"]]),
        }

    for step, batches in run.steps(draw, read, config["steps"]):
        rate = learning_rate(config["lr"], config["schedule"], step, config["steps"])
        set_learning_rate(stepper, rate)
        for batch in batches:
            loss, hits = learn(batch["seen"], batch["identity"])
            run.backward(loss)
            run.log(step, len(batch["seen"]), margin=loss, hits=hits)
        run.descend(stepper, net.parameters())
        update_ema(ema, model, config["ema"], step)
        if run.sheet_due():
            save_sheet(run.out, step + 1, [batch["seen"][:8]])
        if held_out is not None and (step + 1) % config["validate_every"] == 0:
            values = validate(ema.recognition, held_out, config["validation_frames"])
            run.log.write(step + 1, {f"validation_{k}": v for k, v in values.items()})
    run.finish()


if __name__ == "__main__":
    command(main)
