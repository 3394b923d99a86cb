"""What a pack's weights were made of: origin, licence and its text, and how they were trained.

Weights inherit the terms of what they began with: a motion encoder that started from a released
file stays under that file's licence, whatever it was trained on afterwards.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stylexfer.packs import resolve_pack
from stylexfer.packs.pack import read_manifest
from train.data.codes import LABELS
from train.data.corpus import TABLE
from train.origins import stage_state

HEADS = "rendered heads made from CC0 assets; no real person"
OURS = "CC0-1.0 assets, weights under Apache-2.0"
LICENCE = Path(__file__).resolve().parents[1] / "LICENSE"
BEGAN = "; began with: "
KEPT = ("steps", "phases", "batch", "optimizer", "lr", "schedule", "precision", "seed", "weights")


@dataclass(frozen=True)
class Terms:
    """Where weights are from, under which licences, and the full texts of these."""

    origin: str
    licences: tuple[str, ...]
    texts: tuple[str, ...] = ()


def corpus_of(config: Mapping) -> str:
    """What a stage was trained on, without the paths of anybody's machine."""
    roots = config["data"] if isinstance(config["data"], list) else [config["data"]]
    names = ", ".join(Path(root).name for root in roots)
    if all((Path(root) / LABELS).is_file() for root in roots):
        return HEADS
    kind = "videos" if any((Path(root) / TABLE).is_file() for root in roots) else "a corpus"
    return f"{kind} ({names})"


def terms_of(path: str | Path, name: str, state: Mapping | None) -> Terms:
    """Of the network `name` at `path`: a stage's checkpoint (its `state`), a pack, or a released
    file. PackNotFound, PackMismatch."""
    if state is None:
        folder = resolve_pack(path)
        return _of_file(path) if folder is None else _of_pack(folder, name)
    config = state["config"]
    corpus = corpus_of(config)
    own = OURS if corpus == HEADS else f"that of the corpus: {corpus}"
    began = [(config.get("start"), name), (config.get("trunk"), "recognition")]
    if name == "generator" and "generator" in config and not isinstance(config["generator"], dict):
        began.append((config["generator"], name))  # trained on by the transfer stage
    bases = [terms_of(*base, checkpoint_of(base[0])) for base in began if base[0]]
    licences = [own, *(licence for base in bases for licence in base.licences)]
    texts = [LICENCE.read_text()] if corpus == HEADS else []
    texts += [text for base in bases for text in base.texts]
    made = [f"made by train/{config['stage']}.py from {corpus}"]
    made += [origin for base in bases for origin in base.origin.split(BEGAN)]
    origin = BEGAN.join(dict.fromkeys(made))
    return Terms(origin, tuple(dict.fromkeys(licences)), tuple(dict.fromkeys(texts)))


def _of_pack(folder: Path, name: str) -> Terms:
    manifest = read_manifest(folder)
    facts = manifest["files"].get(f"{name}.safetensors", {})
    licence = facts.get("licence") or manifest.get("licence") or "that of its pack"
    notice = folder / "LICENSE.txt"
    text = LICENCE if licence == OURS else notice if notice.is_file() else None
    origin = facts.get("origin") or f"the pack {manifest.get('name')}"
    return Terms(origin, (licence,), (text.read_text(),) if text else ())


def _of_file(path: str | Path) -> Terms:
    name = Path(path).name
    return Terms(f"{name}, a released file", (f"that of the released file {name}",))


def checkpoint_of(path: str | Path) -> dict | None:
    """The stage's checkpoint that weights at `path` are of; None: they are of no stage here."""
    state = stage_state(path) if Path(path).suffix == ".pt" else None
    if state is not None and "config" not in state:  # generator.pt, which lies beside it
        whole = Path(path).with_name("checkpoint.pt")
        return stage_state(whole) if whole.is_file() else None
    return state


def notice(terms: Iterable[Terms]) -> str:
    """LICENSE.txt of a pack: the terms of every part, and the full texts that are known."""
    terms = list(terms)
    heads = dict.fromkeys(f"{t.origin}\n    {'; '.join(t.licences)}" for t in terms)
    texts = dict.fromkeys(text for t in terms for text in t.texts)
    return "\n\n".join(["\n\n".join(heads), *texts]) + "\n"


def history(saved: Mapping, began: Mapping[str, str | Path]) -> dict[str, dict]:
    """How each stage was trained, by its name: that of `saved`, and those of what it `began` with
    (component -> path)."""
    stages = {}
    for path in began.values():
        state, folder = checkpoint_of(path), resolve_pack(path)
        if state is not None:
            stages |= history(state, {})
        elif folder is not None:
            stages |= read_manifest(folder).get("training", {})
    config = saved["config"]
    facts = {"done": saved["step"], "corpus": corpus_of(config)}
    facts |= {key: config[key] for key in KEPT if key in config}
    if "weights" in facts:
        facts["weights"] = {k: v for k, v in facts["weights"].items() if v}
    return stages | {config["stage"]: facts}
