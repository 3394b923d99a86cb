"""One pack of the mean weights of several (a "model soup": Wortsman et al. 2022).

    python -m train.average packs/a packs/b=2 packs/c --out packs/mean --data runs/heads

Networks that went on from the same weights lie in one basin: their mean is often better than each.
A pack's share is 1, or what stands after its `=`. `training.safetensors` is averaged too; the
split of pose from expression is fitted anew to `--data`.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from stylexfer.packs import Pack, load_pack, resolve_pack
from stylexfer.packs.pack import file_facts, read_manifest, write_manifest
from stylexfer.packs.weights import write_state
from train.card import write_card
from train.config import ConfigError
from train.continuation import FILE
from train.data.dataset import open_corpus
from train.export import fit_pose_split
from train.heads.dataset import HeadsDataset
from train.loop import command
from train.provenance import Terms, notice, terms_of

State = dict[str, Tensor]


def parsed(said: str) -> tuple[Path, float]:
    """`PACK` or `PACK=SHARE` -> (folder, share). ConfigError."""
    name, _, share = said.partition("=")
    folder = resolve_pack(name)
    if folder is None:
        raise ConfigError(f"{name} is no pack: give the folder of one, or its name.")
    try:
        number = float(share or 1)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ConfigError(f"{said}: the share after = must be a number above 0.")
    return folder, number


def mean_state(states: Sequence[State], shares: Sequence[float], where: str) -> State:
    """The weighted mean of each floating tensor, in its own type; the rest is of the first.
    ConfigError if names or shapes differ."""
    layouts = [{k: tuple(v.shape) for k, v in state.items()} for state in states]
    if any(layout != layouts[0] for layout in layouts):
        raise ConfigError(f"{where} is of other sizes in each pack: their mean is no network.")

    def mean(name: str) -> Tensor:
        first = states[0][name]
        if not first.is_floating_point():
            return first
        parts = [s[name].double() * w for s, w in zip(states, shares, strict=True)]
        return (sum(parts) / sum(shares)).to(first.dtype)

    return {name: mean(name) for name in states[0]}


def merged_training(manifests: Sequence[dict], shares: Sequence[float]) -> dict:
    """How all of them were trained: a stage that differs is listed once for each, numbered."""
    found: dict[str, dict] = {}
    for number, manifest in enumerate(manifests, 1):
        for stage, facts in manifest.get("training", {}).items():
            if facts not in found.values():
                found[stage if stage not in found else f"{stage} {number}"] = facts
    corpora = dict.fromkeys(facts["corpus"] for facts in found.values())
    mean = {"done": len(shares), "corpus": "; ".join(corpora), "shares": list(shares)}
    return found | {"average": mean}


def average(folders: Sequence[Path], shares: Sequence[float], out: Path, info: dict) -> dict:
    """Write the mean of the packs in `folders` into `out`; its manifest, without card and sheet.

    ConfigError if they are of different sizes or hold different networks.
    """
    manifests = [read_manifest(folder) for folder in folders]
    first = manifests[0]
    for other in manifests[1:]:
        if (other["architecture"], set(other["files"])) != (
            first["architecture"],
            set(first["files"]),
        ):
            raise ConfigError("The packs hold different networks: only like ones have a mean.")
    out.mkdir(parents=True, exist_ok=True)
    files, said = {}, []
    continued = [FILE] if all((folder / FILE).is_file() for folder in folders) else []
    for name in [*first["files"], *continued]:
        state = mean_state([load_file(f / name) for f in folders], shares, name)
        write_state(out / name, state)
        if name in first["files"]:
            component = name.removesuffix(".safetensors")
            terms = [terms_of(folder, component, None) for folder in folders]
            origin = "mean of: " + "; and of: ".join(dict.fromkeys(t.origin for t in terms))
            licences = tuple(dict.fromkeys(x for t in terms for x in t.licences))
            texts = tuple(dict.fromkeys(x for t in terms for x in t.texts))
            files[name] = file_facts(out / name, origin, "; ".join(licences))
            said.append(Terms(origin, licences, texts))
    (out / "LICENSE.txt").write_text(notice(said))
    licences = dict.fromkeys(licence for terms in said for licence in terms.licences)
    manifest = first | info | {"training": merged_training(manifests, shares), "files": files}
    manifest |= {"licence": "; ".join(sorted(licences))}
    manifest.pop("metrics", None)  # of another pack
    write_manifest(out, manifest)
    return manifest


def with_pose_split(pack: Pack, folder: Path, data: HeadsDataset) -> Pack:
    """The pack in `folder` with its `pose_split`, if it has one, fitted to `data`."""
    if pack.pose_split is None:
        return pack
    split = fit_pose_split(pack.motion_encoder, pack.mapper, data)
    path, manifest = folder / "pose_split.safetensors", read_manifest(folder)
    write_state(path, {k: v.half() for k, v in split.state_dict().items()})
    facts = manifest["files"][path.name]
    manifest["files"][path.name] = file_facts(path, facts["origin"], facts["licence"])
    write_manifest(folder, manifest)
    return replace(pack, pose_split=split)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="train.average")
    parser.add_argument("packs", nargs="+", help="PACK or PACK=SHARE")
    parser.add_argument("--out", type=Path, required=True, help="folder of the new pack")
    parser.add_argument("--data", help="rendered heads: the sheet shows their held-out people")
    parser.add_argument("--name", help="else that of the folder")
    parser.add_argument("--version", default="0")
    args = parser.parse_args(argv)
    folders, shares = zip(*map(parsed, args.packs), strict=True)
    if args.out.resolve() in [folder.resolve() for folder in folders]:
        raise ConfigError("--out is one of the packs: give a folder of its own.")
    info = {"name": args.name or args.out.resolve().name, "version": args.version}
    average(folders, shares, args.out, info)
    pack, held_out = load_pack(args.out), None
    if args.data:
        side = pack.identity_encoder.config.input_size
        held_out = open_corpus(args.data, side, "validation")
        pack = with_pose_split(pack, args.out, open_corpus(args.data, side))
    write_card(args.out, pack, held_out)
    size = sum(f.stat().st_size for f in args.out.iterdir())
    print(f"{args.out}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    command(main)
