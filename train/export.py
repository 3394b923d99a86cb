"""The checkpoints of the stages as one pack, and a pack on the Hub.

python -m train.export --runs runs --out checkpoints/default --name default
python -m train.export --run runs/transfer --out packs/mine --push-to-hub user/mine

`--runs` is a folder of the run folders generator, inversion, transfer (and of recognition, and of
inversion_e4e, for the second baseline); `--run` is one run of the transfer stage, or of inversion
(a pack for the baseline), and what was not trained there is taken from where that run had it.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from stylexfer.errors import HubRefused
from stylexfer.networks import Mapper, MotionEncoder, PoseSplit
from stylexfer.packs import Pack, save_pack
from stylexfer.packs.components import numbers_of
from stylexfer.packs.hub import push
from stylexfer.packs.pack import file_facts, read_json, write_manifest
from stylexfer.packs.weights import write_state
from train import checkpoint
from train.card import write_card
from train.config import PUBLISHED, ConfigError, add_push_options, check_push_options
from train.continuation import FILE, save_continuation
from train.data.dataset import open_corpus
from train.heads.dataset import HeadsDataset
from train.loop import command
from train.method import pooled
from train.origins import drawing, find, of_state, stage_state
from train.provenance import Terms, checkpoint_of, history, notice, terms_of

PARTS = ("generator", "identity_encoder", "motion_encoder", "mapper")
# Networks that stand beside the method: name in the pack -> (run folder, name in its checkpoint).
BESIDE = {
    "recognition": ("recognition", "recognition"),
    "restyle_e4e": ("inversion_e4e", "identity_encoder"),
}


@dataclass
class Exported:
    """What goes into a pack, and what is said of it."""

    networks: dict[str, nn.Module]
    config: dict  # of the stage that the pack is the end of
    terms: dict[str, Terms]
    training: dict[str, dict] = field(default_factory=dict)
    metrics: dict = field(default_factory=dict)


def fit_pose_split(
    motion_encoder: MotionEncoder, mapper: Mapper, data: HeadsDataset, samples: int = 3000
) -> PoseSplit:
    """The linear maps that tell head pose from expression, by ridge regression over the corpus.

    readout: from motion codes to yaw, pitch and roll. basis: from pose, gaze and coefficients to
    M's output, of which the pose's columns are kept, so that what goes with an expression stays
    with the expression.
    """
    order = np.random.default_rng(0).permutation(len(data))[:samples]
    with torch.inference_mode():
        codes = [
            motion_encoder(pooled(data.pictures(part), motion_encoder.config.input_size))
            for part in np.array_split(order, len(order) // 32 + 1)
        ]
        moved = mapper.motion_term(torch.cat(codes)).flatten(1).double()
    codes = torch.cat(codes).flatten(1).double()
    labels = torch.from_numpy(data.motion[order]).double()

    def ridge(x, y, weight):
        x, y = x - x.mean(dim=0), y - y.mean(dim=0)
        gram = x.t() @ x
        gram += weight * gram.diagonal().mean() * torch.eye(len(gram), dtype=x.dtype)
        return torch.linalg.solve(gram, x.t() @ y).t()

    split = PoseSplit(*mapper.shape)
    split.readout.copy_(ridge(codes, labels[:, :3], 1e-3))
    split.basis.copy_(ridge(labels, moved, 1e-3)[:, :3])
    return split


def best_state(run: Path) -> tuple[dict, Path]:
    """A run's weights of the best validation, else of its last checkpoint, and where they lie."""
    for path in (run / "best.pt", run / "checkpoint.pt"):
        if (state := checkpoint.load(path)) is not None:
            return state, path
    raise ConfigError(f"{run} holds no checkpoint: train the stage first, or give another folder.")


def gather(run: Path, elsewhere: Mapping[str, Path]) -> Exported:
    """The networks of one run, read once, so that they are of one step, and those it began with.

    elsewhere: where else a network that was not trained there is. ConfigError.
    """
    saved, path = best_state(run)
    config = saved["config"]
    stage = config.get("stage")
    if stage not in PUBLISHED:
        raise ConfigError(f"{run} is a run of {stage}, which makes no whole pack: give --runs.")
    networks, terms, began = {}, {}, {}
    for name in PARTS if stage == "transfer" else PARTS[:2]:
        if name in saved["architecture"]:
            networks[name] = of_state(saved, name, path)
            terms[name] = terms_of(path, name, saved)
            continue
        where = elsewhere.get(name) or config[name]
        if where is None:
            raise ConfigError(f"{run} was trained without {name}: resume it with one first.")
        began[name] = where
        networks[name] = find(drawing(where) if name == "generator" else where, name)
        terms[name] = terms_of(where, name, checkpoint_of(where))
    metrics = saved.get("validation", {})
    return Exported(networks, config, terms, history(saved, began), metrics)


def export(runs: Path | None, run: Path | None) -> Exported:
    """What is in a folder of run folders, or in one run. ConfigError."""
    if run is not None:
        return gather(run, {})
    own = {"generator": "generator/checkpoint.pt", "identity_encoder": "inversion/checkpoint.pt"}
    elsewhere = {name: runs / path for name, path in own.items() if (runs / path).is_file()}
    found = gather(runs / "transfer", elsewhere)
    for name, (folder, network) in BESIDE.items():
        path = runs / folder / "checkpoint.pt"
        if path.is_file():
            state = stage_state(path)
            found.networks[name] = of_state(state, network, path)
            found.terms[name] = terms_of(path, network, state)
            found.training[folder] = history(state, {})[state["config"]["stage"]]
    return found


def save(found: Exported, out: Path, name: str, version: str, description: str) -> None:
    """Write the pack into `out`: networks, manifest, licence, card and sheet."""
    parts = {k: v for k, v in found.networks.items() if k not in BESIDE}
    where = (found.config["data"], found.config["size"])
    data, held_out = open_corpus(*where), None
    if isinstance(data, HeadsDataset):
        held_out = open_corpus(*where, "validation")
        if "mapper" in parts:
            parts["pose_split"] = fit_pose_split(parts["motion_encoder"], parts["mapper"], data)
            found.terms["pose_split"] = found.terms["mapper"]
    licences = {licence for terms in found.terms.values() for licence in terms.licences}
    info = {"name": name, "version": version, "description": description}
    info |= {"licence": "; ".join(sorted(licences)), "training": found.training}
    if found.metrics:
        info["metrics"] = {"validation": found.metrics}
    encoder = parts["identity_encoder"].config
    method = "transfer" if "mapper" in parts else getattr(encoder, "heads", "psp")
    pack = Pack(**parts, info=info, method=method)
    out.mkdir(parents=True, exist_ok=True)
    (out / "LICENSE.txt").write_text(notice(found.terms.values()))
    save_pack(pack, out)
    manifest = read_json(out)
    for part in BESIDE:
        if part in found.networks:
            _add(manifest, out, part, found.networks[part])
    for part, terms in found.terms.items():
        facts = {"origin": terms.origin, "licence": "; ".join(terms.licences)}
        manifest["files"][f"{part}.safetensors"] |= facts
    write_manifest(out, manifest)
    write_card(out, pack, held_out)


def _add(manifest: dict, folder: Path, name: str, network: nn.Module) -> None:
    """Another network, as fp16."""
    file = folder / f"{name}.safetensors"
    write_state(file, _halved(network.state_dict()))
    manifest["files"][file.name] = file_facts(file, "", "")
    manifest["architecture"][name] = numbers_of(network)


def _halved(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k: v.half() if v.is_floating_point() else v for k, v in state.items()}


def publish(folder: Path, repo: str, private: bool) -> None:
    """Push the pack and say how it is pinned. HubRefused, with the command for later."""
    try:
        commit = push(folder, repo, private=private)
    except HubRefused as problem:
        later = f"python -m stylexfer pack push {repo} --pack {folder}"
        later += " --private" if private else ""
        raise HubRefused(f"{problem} The pack is whole in {folder}; later: {later}") from problem
    print(f"{repo}@{commit}")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="train.export")
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--runs", type=Path, help="folder of the run folders of all stages")
    given.add_argument("--run", type=Path, help="run folder of the transfer or inversion stage")
    parser.add_argument("--out", type=Path, required=True, help="folder of the pack")
    parser.add_argument("--name", help="else that of the repository, or of the folder")
    parser.add_argument("--version", default="0")
    parser.add_argument("--description", default="")
    add_push_options(parser)
    args = parser.parse_args(argv)
    check_push_options(parser, args)
    found = export(args.runs, args.run)
    name = args.name or (args.push_to_hub or args.out.resolve().name).split("/")[-1]
    save(found, args.out, name, args.version, args.description)
    if args.runs and (args.runs / "generator" / "checkpoint.pt").is_file():
        save_continuation(args.runs, args.out / FILE)
    size = sum(f.stat().st_size for f in args.out.glob("*.safetensors"))
    print(f"{args.out}: {size / 1e6:.1f} MB")
    if args.push_to_hub:
        publish(args.out, args.push_to_hub, args.private)


if __name__ == "__main__":
    command(main)
