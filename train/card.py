"""A pack's page on the Hub: README.md with its metrics, terms and training, and a sample sheet."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from huggingface_hub import EvalResult, ModelCardData
from PIL import Image
from torch import Tensor

from stylexfer.media import save_picture
from stylexfer.packs import Pack
from stylexfer.packs.pack import read_json
from stylexfer.tensors import to_pictures
from train.data.invert import inverted
from train.heads.dataset import HeadsDataset
from train.method import pooled
from train.provenance import OURS

TARGETS, DRIVERS = 6, 4  # columns and rows of the sheet
SPREAD = 0.7  # of random people about the mean one
WIDEST = 1120  # px, of the sheet
METRICS = {
    "pose_mae": "pose MAE, degrees",
    "fl_corr": "FL CORR",
    "csim": "ID CSIM",
    "faceless": "outputs without a face",
}

CONSENT = (
    "Pictures of a person need that person's consent, and should be marked as made by a machine; "
    "stylexfer marks what it writes."
)


def write_card(folder: Path, pack: Pack, held_out: HeadsDataset | None) -> None:
    """`README.md` and `sheet.jpg`, marked, beside a pack that lies in `folder`.

    held_out: rendered people whom it never saw; else the sheet shows people whom the pack draws
    itself, because frames of a corpus of videos show real people, who were not asked.
    """
    manifest = read_json(folder)
    fresh = folder / ".sheet.jpg"
    save_picture(fresh, sheet(pack, held_out))
    fresh.replace(folder / "sheet.jpg")
    (folder / "README.md").write_text(card(manifest, pack.method, held_out is not None))


@torch.inference_mode()
def sheet(pack: Pack, held_out: HeadsDataset | None) -> np.ndarray:
    """uint8 `[H, W, 3]`: targets along the top, drivers down the left, transfers between; of a pack
    for the baseline, pictures over their inversions."""
    size = pack.generator.config.size
    people = _drawn(pack) if held_out is None else _frames(held_out, size)
    targets, drivers = people[:TARGETS], people[TARGETS:]
    generator, encoder = pack.generator, pack.identity_encoder
    codes = inverted(encoder, generator, pooled(targets, encoder.config.input_size))
    if pack.mapper is None:
        return _tiled([targets, generator(codes)])
    side = pack.motion_encoder.config.input_size
    rows = [torch.cat([torch.ones_like(targets[:1]), targets])]
    for driver in drivers:
        motion = pack.motion_encoder(pooled(driver[None], side)).expand(TARGETS, -1, -1)
        rows.append(torch.cat([driver[None], generator(pack.mapper(codes, motion))]))
    return _tiled(rows)


def _drawn(pack: Pack) -> Tensor:
    generator = pack.generator
    rng = torch.Generator().manual_seed(0)
    z = torch.randn(TARGETS + DRIVERS, generator.config.z_dim, generator=rng)
    w = torch.lerp(generator.latent_avg, generator.mapping(z), SPREAD)
    return torch.cat([generator(generator.broadcast(row[None])) for row in w])


def _frames(data: HeadsDataset, size: int) -> Tensor:
    """Frames spread evenly over the people; every other one is a driver first."""
    rows = np.linspace(0, len(data) - 1, TARGETS + DRIVERS).astype(int)
    pictures = data.pictures([*rows[::2], *rows[1::2]])
    return torch.nn.functional.interpolate(pictures, size, mode="area")


def _tiled(rows: list[Tensor]) -> np.ndarray:
    whole = np.vstack([np.hstack(list(to_pictures(row.clamp(-1, 1)))) for row in rows])
    picture = Image.fromarray(whole)
    picture.thumbnail((WIDEST, 4 * WIDEST), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def card(manifest: Mapping, method: str, held_out: bool) -> str:
    """The text of README.md, from a pack's manifest alone."""
    name, metrics = str(manifest.get("name", "pack")), manifest.get("metrics", {})
    ours = manifest.get("licence") == OURS
    size = manifest["architecture"]["generator"]["size"]
    best = metrics.get("trained") or metrics.get("validation") or {}
    results = [
        EvalResult(
            task_type="image-to-image",
            dataset_type="held-out",
            dataset_name="people never trained on",
            metric_type=key,
            metric_name=METRICS[key],
            metric_value=round(value, 4),
        )
        for key, value in best.items()
        if key in METRICS
    ]
    head = ModelCardData(
        library_name="stylexfer",
        license="apache-2.0" if ours else "other",
        license_name=None if ours else "see-license-txt",
        license_link=None if ours else "LICENSE.txt",
        pipeline_tag="image-to-image",
        tags=["stylegan2", "face-reenactment", "stylexfer", method],
        model_name=name,
        eval_results=results or None,
    )
    shown = "rendered people whom it never saw" if held_out else "people whom it draws itself"
    layout = "pictures, and their inversions below"
    if method == "transfer":
        layout = "targets along the top, drivers down the left, transfers between"
    does = f"Inverts faces ({method}), for the latent baseline of pose and expression transfer."
    if method == "transfer":
        does = "Takes over head pose and expression of one face with another."
    about = " ".join(filter(None, [manifest.get("description"), does, f"{size} x {size} px."]))
    parts = [
        f"# {name}",
        about,
        f"![{layout}](sheet.jpg)\n\n{layout.capitalize()}: {shown}.",
        _use(name, method),
        *_metrics(metrics),
        *_training(manifest.get("training", {})),
        _files(manifest),
        f"## Terms\n\n{manifest.get('licence', '')} (`LICENSE.txt`).\n\n{CONSENT}",
    ]
    return f"---\n{head.to_yaml()}\n---\n" + "\n\n".join(parts) + "\n"


def _use(name: str, method: str) -> str:
    load = "from stylexfer.transfer import FaceTransfer\n\nmodel = FaceTransfer.from_pretrained"
    if method != "transfer":
        load = "from stylexfer.baseline import load_model\n\nmodel = load_model"
    return (
        "## Use\n\n```python\n"
        f'{load}("REPO")  # user/{name}, or a folder\n'
        "identity = model.identify(picture)\n"
        "for frame in model.animate(identity, driving_frames):\n    show(frame.image)\n```\n\n"
        "Or `python app.py --pack REPO`."
    )


def _metrics(metrics: Mapping[str, Mapping]) -> list[str]:
    if not metrics:
        return []
    rows = [
        f"| {name} | " + " | ".join(f"{v[k]:.3f}" if k in v else "-" for k in METRICS) + " |"
        for name, v in metrics.items()
    ]
    return [
        "## Metrics\n\nCross-reenactment of people whom nothing was trained on: every frame of a "
        "clip drives a picture of somebody else. Definitions: `train/validation.py`.\n\n"
        f"| weights | {' | '.join(METRICS.values())} |\n|---|{'---|' * len(METRICS)}\n"
        + "\n".join(rows)
    ]


def _training(stages: Mapping[str, Mapping]) -> list[str]:
    if not stages:
        return []
    rows = []
    for stage, facts in stages.items():
        rest = {k: v for k, v in facts.items() if k not in ("done", "corpus", "phases")}
        told = ", ".join(f"{k} {_short(v)}" for k, v in rest.items())
        rows.append(f"| {stage} | {facts['done']} | {facts['corpus']} | {told} |")
    return [
        "## Training\n\n| stage | steps | data | settings |\n|---|---|---|---|\n" + "\n".join(rows)
    ]


def _short(value: object) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{k}={v}" for k, v in value.items())
    return str(value)


def _files(manifest: Mapping) -> str:
    rows = [
        f"| {name} | {facts['bytes'] / 1e6:.1f} MB | {facts['origin']} | {facts['licence']} |"
        for name, facts in manifest["files"].items()
    ]
    return "## Files\n\n| file | size | origin | licence |\n|---|---|---|---|\n" + "\n".join(rows)
