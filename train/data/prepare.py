"""Videos to a prepared corpus: any number of workers, the same bytes; stopped at any time, goes on.

An identity is the unit of work: a worker writes its frames as one file, the parent joins those of
a block of identities to a shard, and at the end draws the splits and writes the tables. After a
kill, what lacks its file is made again (`corpus` says what the files are).
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from train.data import corpus, report
from train.data.clip import LAYOUTS, Options, Person, digest, prepare_identity
from train.data.engine import ENGINES
from train.heads.corpus import SHARD_FRAMES, CorpusError, jpeg, write_atomically, write_shard

HELD_OUT = 0.1  # of the identities, for validation; as many for the test
CLAIM = "options.json"


@dataclass(frozen=True)
class Job:
    """What a worker has to know; calling it with the number of an identity does the work."""

    root: Path
    parts: Path
    names: tuple[str, ...]
    options: Options

    def part(self, number: int) -> Path:
        return self.parts / f"{number:06d}.tar"

    def __call__(self, number: int) -> dict:
        """Write the part of an identity -> its number, and how many frames it has."""
        person = prepare_identity(self.root / self.names[number], self.options)
        write_atomically(self.part(number), _pack(person, number))
        return {"number": number, "frames": sum(len(clip.frames) for clip in person.clips)}


def _pack(person: Person, number: int) -> bytes:
    jpegs, clips = {}, []
    for c, clip in enumerate(person.clips):
        rows = []
        for k, frame in enumerate(clip.frames):
            name = f"{number:06d}_{c}_{k:02d}.jpg"
            jpegs[name] = jpeg(frame.image)
            rows.append(
                {
                    "name": name,
                    "video": frame.video,
                    "time": frame.time,
                    "pose": [round(angle, 2) for angle in frame.pose],
                    "side": round(frame.side, 1),
                    "lm68": np.round(frame.landmarks, 2).tolist(),
                }
            )
        clips.append({"name": clip.name, "frames": rows})
    dropped = [{k: v for k, v in asdict(d).items() if v not in (None, "")} for d in person.dropped]
    record = {"identity": person.name, "clips": clips, "dropped": dropped}
    record |= {k: getattr(person, k) for k in ("found", "tried", "opened", "looked")}
    return corpus.pack_identity(f"{number:06d}", record, jpegs)


def find_identities(root: Path, layout: str) -> list[str]:
    """Names of the folders under `root`, in order. CorpusError if there are none."""
    if not root.is_dir():
        raise CorpusError(f"{root} is no folder: give the one that holds {LAYOUTS[layout]}.")
    names = sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not names:
        raise CorpusError(f"{root} holds no folders: give the one that holds {LAYOUTS[layout]}.")
    return names


def claim(out: Path, names: list[str], options: Options) -> None:
    """Make `out` the folder of these videos and options; CorpusError if it is that of others."""
    path = out / CLAIM
    wanted = asdict(options) | {"identities": len(names), "names": digest(*names).hex()}
    if path.is_file():
        held = json.loads(path.read_text())["options"]
        for key, value in wanted.items():
            if key == "names" and held[key] != value:
                raise CorpusError(
                    f"{out} was begun with other folders of identities: give another --out."
                )
            if held.get(key) != value:
                raise CorpusError(
                    f"{out} holds a corpus with {key} {held.get(key)}, not {value}: give the same "
                    "options to go on with it, or another --out."
                )
        return
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        raise CorpusError(f"{out} is not empty and holds no corpus: give another --out.")
    text = json.dumps({"options": wanted, "versions": report.versions()}, indent=1)
    write_atomically(path, text.encode())


def prepare(
    root: Path,
    out: Path,
    options: Options,
    workers: int | None = None,
    engine: str = "local",
) -> dict:
    """Prepare the videos under `root` in `out`, or go on with it -> the report.

    Raises CorpusError if `out` belongs to others, the disk is full, a worker was killed, or not
    one frame was kept; what was finished is kept for the next call.
    """
    root, out = Path(root).absolute(), Path(out).absolute()
    names = find_identities(root, options.layout)
    claim(out, names, options)
    if not (out / corpus.TABLE).is_file():
        try:
            _make_shards(Job(root, out / "parts", tuple(names), options), out, workers, engine)
            _finish(out, options, _shards(out, len(names), options))
        except OSError as error:
            raise CorpusError(
                f"{error.filename or out}: {error.strerror}. What was finished is kept: "
                "set that right and run the same command again."
            ) from error
    return json.loads((out / report.JSON).read_text())


def _block(options: Options) -> int:
    """Identities in a shard."""
    return max(1, SHARD_FRAMES // (options.clips * options.frames))


def _shards(out: Path, identities: int, options: Options) -> list[Path]:
    count = -(-identities // _block(options))
    return [out / f"frames-{k:05d}.tar" for k in range(count)]


def _make_shards(job: Job, out: Path, workers: int | None, engine: str) -> None:
    job.parts.mkdir(exist_ok=True)
    total, size = len(job.names), _block(job.options)
    shards = _shards(out, total, job.options)
    blocks = {k: range(k * size, min((k + 1) * size, total)) for k in range(len(shards))}
    open_blocks = {k: block for k, block in blocks.items() if not shards[k].is_file()}
    held = {int(part.stem) for part in job.parts.glob("[0-9]*.tar")}
    lacking = {k: set(block) - held for k, block in open_blocks.items()}

    def close(shard: int) -> None:
        parts = [job.part(number) for number in blocks[shard]]
        write_shard(shards[shard], parts)
        for part in parts:
            part.unlink()

    for shard in [k for k, numbers in lacking.items() if not numbers]:
        close(shard)
    todo = [number for k in lacking for number in sorted(lacking[k])]
    if not todo:
        return
    with tqdm(total=total, initial=total - len(todo), unit="identity", smoothing=0.05) as bar:
        frames = 0
        for done in ENGINES[engine](job, todo, workers):
            number = done["number"]
            frames += done["frames"]
            bar.set_postfix(frames=frames, refresh=False)
            bar.update()
            shard = number // size
            lacking[shard].discard(number)
            if not lacking[shard]:
                close(shard)


def draw_splits(names: list[str], seed: int) -> dict[str, str]:
    """Identity -> split: a tenth for validation, a tenth for the test, in an order from the seed.

    From three identities on, each split has one.
    """
    order = sorted(names, key=lambda name: digest("split", seed, name))
    held_out = max(1, round(HELD_OUT * len(order))) if len(order) > 2 else 0
    split = dict.fromkeys(order, "train")
    split |= dict.fromkeys(order[:held_out], "validation")
    return split | dict.fromkeys(order[held_out : 2 * held_out], "test")


def _kept(shards: list[Path]) -> Iterator[tuple[int, dict, dict]]:
    """`corpus.records` of the identities that have frames."""
    return (item for item in corpus.records(shards) if item[1]["clips"])


def _finish(out: Path, options: Options, shards: list[Path]) -> None:
    """Splits, tables and report of a corpus whose shards are all there; memory stays small."""
    counts = {
        record["identity"]: sum(len(clip["frames"]) for clip in record["clips"])
        for _, record, _ in _kept(shards)
    }
    splits = draw_splits(list(counts), options.seed)
    ranges, first, start = {}, {}, 0  # rows of each split, first row of each identity
    for split in corpus.SPLITS:
        begin = start
        for name, count in counts.items():
            if splits[name] == split:
                first[name], start = start, start + count
        ranges[split] = (begin, start)

    parts = {name: out / f".{name}" for name in (corpus.ROWS, corpus.LANDMARKS)}
    create = np.lib.format.open_memmap
    rows = create(parts[corpus.ROWS], "w+", corpus.ROW, (max(1, start),))
    marks = create(parts[corpus.LANDMARKS], "w+", np.dtype("<f4"), (max(1, start), 68, 2))
    clip_names = []
    for number, (shard, record, places) in enumerate(_kept(shards)):
        row = first[record["identity"]]
        for clip in record["clips"]:
            for frame in clip["frames"]:
                marks[row] = frame["lm68"]
                rows[row] = (
                    *(number, len(clip_names), frame["time"], frame["pose"], frame["side"]),
                    *(shard, *places[frame["name"]]),
                )
                row += 1
            clip_names.append(clip["name"])
    rows.flush()
    marks.flush()
    summary = report.summarise(
        (record for _, record, _ in corpus.records(shards)),
        splits,
        rows[:start],
        json.loads((out / CLAIM).read_text()),
    )
    report.write(out, summary, (record for _, record, _ in corpus.records(shards)))
    if not start:
        raise CorpusError(f"Not one frame was kept: {out / report.READABLE} says why.")
    for name, part in parts.items():
        part.replace(out / name)
    files = [*shards, out / corpus.ROWS, out / corpus.LANDMARKS]
    table = {
        "format": corpus.FORMAT,
        "size": options.size,
        "splits": ranges,
        "shards": [shard.name for shard in shards],
        "bytes": {path.name: path.stat().st_size for path in files},
        "identities": list(counts),
        "clips": clip_names,
    }
    shutil.rmtree(out / "parts")
    for torn in out.glob(".*"):  # of runs that were killed
        torn.unlink()
    write_atomically(out / corpus.TABLE, json.dumps(table).encode())
