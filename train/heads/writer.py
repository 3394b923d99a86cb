"""Render a corpus with several processes: resumable, and the same bytes for any number of them.

A clip is a function of its own seeds, so it does not matter who renders it or when. A process takes
one identity at a time, writes each of its clips as a part, and the parent joins the parts of some
identities to a shard. After a kill, what lacks its file is rendered again (`corpus` has the files).
"""

import hashlib
import json
import math
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from stylexfer.errors import StylexferError
from train.heads import corpus
from train.heads.corpus import SEEDS, CorpusError, clip_seed, identity_seed
from train.heads.motion import random_state, talking_track
from train.heads.params import State

FPS = 25.0
STATES = ("talking", "random", "mixed")
# numpy's libraries would start a thread a core in every process, and round differently for it
ONE_THREAD = {k: "1" for k in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}

NOT_DRAWN_BY = ("__main__", "check", "dataset", "labels", "preview", "speech")


@dataclass(frozen=True)
class Plan:
    """What is rendered; a folder holds one plan."""

    identities: int
    clips: int = 2
    frames: int = 8
    size: int = 256
    seed: int = 0
    states: str = "mixed"
    share_motion: int = 1  # identities, one after the other, that share each motion
    stride: int = 1  # 25ths of a second between two talking frames
    device: str = "cpu"

    def __post_init__(self):
        for name in ("identities", "clips", "frames", "share_motion", "stride"):
            if getattr(self, name) < 1:
                raise CorpusError(
                    f"--{name.replace('_', '-')} is {getattr(self, name)}: at least 1."
                )
        if max(self.identities, self.clips) > SEEDS:
            raise CorpusError(f"A corpus has at most {SEEDS} identities of {SEEDS} clips.")
        if self.size < 32:
            raise CorpusError(f"--size is {self.size}: at least 32 pixels.")
        if self.states not in STATES:
            raise CorpusError(f"--states is {self.states}: one of {', '.join(STATES)}.")

    @property
    def shard_identities(self) -> int:
        return max(1, corpus.SHARD_FRAMES // (self.clips * self.frames))

    def motion_id(self, index: int, clip: int) -> int:
        """Number of the motion of a clip; frames of equal motion and number are moved alike."""
        first = index - index % self.share_motion
        return clip_seed(identity_seed(self.seed, first), clip)

    def talking_frames(self) -> int:
        return {"talking": self.frames, "random": 0, "mixed": (self.frames + 1) // 2}[self.states]


def states(plan: Plan, actions: list[str], motion: int) -> Iterator[tuple[bool, State]]:
    """(whether it belongs to a smooth track, state) of each frame of a motion."""
    talking = plan.talking_frames()
    if talking:
        track = talking_track(actions, (talking - 1) * plan.stride + 1, FPS, motion)
        for k in range(talking):
            yield True, track.state(k * plan.stride)
    for k in range(talking, plan.frames):
        yield False, random_state(actions, motion * SEEDS + k)


def render_clip(stage, plan: Plan, index: int, clip: int, path: Path, tick: Callable) -> None:
    """One clip of the plan into a part at `path`; `tick()` after each frame."""
    identity, motion = identity_seed(plan.seed, index), plan.motion_id(index, clip)
    shot = stage.shot(identity, clip)
    frames, rows = [], {k: [] for k in (*corpus.ROWS, *corpus.TRACKS)}
    for number, (smooth, state) in enumerate(states(plan, list(stage.actions), motion)):
        frame = stage.frame(shot, state)
        frames.append(corpus.jpeg(frame.image))
        name = corpus.frame_name(identity, clip, number)
        values = (name, identity, clip, number, motion, smooth)
        values += (frame.pose, frame.gaze, state.sway, frame.coeffs, frame.landmarks)
        for key, value in zip(rows, values, strict=True):
            rows[key].append(value)
        tick()
    arrays = {k: np.array(v) for k, v in rows.items()}
    arrays |= {k: arrays[k].astype(np.float32) for k in corpus.TRACKS}
    arrays["actions"] = np.array(list(stage.actions))
    parameters = {"identity_id": identity, "clip_id": clip, "motion": motion, "size": plan.size}
    corpus.write_part(path, identity, clip, frames, arrays, parameters | shot.parameters())


@dataclass(frozen=True)
class Layout:
    """Where the files of a plan lie, and which are still to be made."""

    out: Path
    plan: Plan

    @property
    def parts(self) -> Path:
        return self.out / "parts"

    def shards(self) -> list[Path]:
        count = math.ceil(self.plan.identities / self.plan.shard_identities)
        return [self.out / f"heads-{k:03d}.tar" for k in range(count)]

    def block(self, shard: int) -> range:
        """The identities of a shard, counted from 0."""
        size = self.plan.shard_identities
        return range(shard * size, min((shard + 1) * size, self.plan.identities))

    def clips(self, index: int) -> list[Path]:
        """The parts of an identity."""
        seed = identity_seed(self.plan.seed, index)
        names = (corpus.clip_name(seed, clip) for clip in range(self.plan.clips))
        return [self.parts / f"{name}.tar" for name in names]

    def missing(self) -> dict[int, dict[int, int]]:
        """Shards without a file -> their identities with parts missing -> how many."""
        out = {}
        for k, path in enumerate(self.shards()):
            if not path.is_file():
                lacks = {i: sum(not p.is_file() for p in self.clips(i)) for i in self.block(k)}
                out[k] = {i: n for i, n in lacks.items() if n}
        return out

    def close(self, shard: int) -> None:
        """Join the parts of a shard whose identities are all there."""
        parts = [part for i in self.block(shard) for part in self.clips(i)]
        corpus.write_shard(self.shards()[shard], parts)
        for part in parts:
            part.unlink()


_worker: dict = {}  # of this process: its layout, its stage, the counter of frames, the stop sign


def _start_worker(layout: Layout, make_stage: Callable, counter, stop) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the run
    _worker.update(layout=layout, make_stage=make_stage, counter=counter, stop=stop)
    parent = multiprocessing.parent_process()

    def end_with_parent():
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


def _render_identity(index: int) -> None:
    layout, counter = _worker["layout"], _worker["counter"]
    plan = layout.plan
    if "stage" not in _worker:  # here, not at the start, so that its errors reach the parent
        _worker["stage"] = _worker["make_stage"](plan)

    def tick():
        if _worker["stop"].value:
            raise InterruptedError
        with counter.get_lock():
            counter.value += 1

    for clip, path in enumerate(layout.clips(index)):
        if not path.is_file():
            render_clip(_worker["stage"], plan, index, clip, path, tick)


def renderer_version() -> str:
    """Digest of the sources that decide what a frame looks like."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem not in NOT_DRAWN_BY:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def rendered(plan: Plan):
    """The stage of the renderer; only the processes that draw load it."""
    from train.heads.stage import Stage

    return Stage(size=plan.size, device=plan.device)


def claim(out: Path, plan: Plan) -> None:
    """Make `out` the folder of `plan`; CorpusError if it is already that of another."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "corpus.json"
    versions = []
    if path.is_file():
        held = json.loads(path.read_text())
        for key, value in asdict(plan).items():
            if held["plan"].get(key) != value:
                raise CorpusError(
                    f"{out} holds a corpus with {key} {held['plan'].get(key)}, not {value}: "
                    "give the same options to go on with it, or another --out."
                )
        versions = held["renderer"]
    elif any(out.glob("*.tar")) or (out / "labels.npz").exists():
        raise CorpusError(f"{out} holds a corpus made elsewhere: give another --out.")
    if versions[-1:] != [renderer_version()] and not (out / "labels.npz").is_file():
        if versions:
            print(f"{out}: the renderer's source has changed since this corpus was begun")
        versions = [*versions, renderer_version()]
        text = json.dumps({"plan": asdict(plan), "renderer": versions}, indent=1)
        corpus.write_atomically(path, text.encode())


def render(out: Path, plan: Plan, workers: int = 1, make_stage: Callable = rendered) -> int:
    """Render what is missing of `plan` in `out` -> number of frames of the whole corpus.

    Raises CorpusError if `out` belongs to another plan, a worker was killed, or some identities
    could not be rendered; whatever was finished is kept for the next call. `make_stage(plan)` is
    called in each worker.
    """
    claim(out, plan)
    layout = Layout(out, plan)
    total = plan.identities * plan.clips * plan.frames
    if (out / "labels.npz").is_file():
        return total
    layout.parts.mkdir(exist_ok=True)
    missing = layout.missing()
    done = total - plan.frames * sum(sum(lacks.values()) for lacks in missing.values())
    with tqdm(total=total, initial=done, unit="frame", smoothing=0.05, mininterval=1) as bar:
        failed = _render_missing(layout, missing, workers, make_stage, bar)
    if failed:
        first = min(failed)
        raise CorpusError(
            f"{len(failed)} identities could not be rendered, the first: seed "
            f"{identity_seed(plan.seed, first)} ({type(failed[first]).__name__}: {failed[first]}). "
            "All others are kept."
        ) from failed[first]
    corpus.write_labels(out, layout.shards(), plan.size)
    shutil.rmtree(layout.parts)
    for torn in out.glob(".*"):  # of runs that were killed
        torn.unlink()
    return total


def _render_missing(layout, missing, workers: int, make_stage, bar: tqdm) -> dict[int, Exception]:
    """Render and join to shards -> the error of each identity that could not be rendered."""
    failed: dict[int, Exception] = {}
    for shard in [k for k, lacks in missing.items() if not lacks]:
        layout.close(shard)
    os.environ.update(ONE_THREAD)  # read by the libraries when a worker starts
    context = multiprocessing.get_context("spawn")
    counter, stop, before = context.Value("q", 0), context.RawValue("b", 0), bar.n
    count = max(1, min(workers, sum(map(len, missing.values()))))
    own = (layout, make_stage, counter, stop)
    pool = ProcessPoolExecutor(count, context, _start_worker, own)
    futures = {pool.submit(_render_identity, i): (k, i) for k in missing for i in missing[k]}
    try:
        while futures:
            finished, _ = wait(futures, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in finished:
                shard, index = futures.pop(future)
                try:
                    future.result()
                except (StylexferError, BrokenProcessPool):
                    raise
                except Exception as error:  # noqa: BLE001  one person of thousands: go on
                    failed[index] = error
                    continue
                del missing[shard][index]
                if not missing[shard]:
                    layout.close(shard)
            bar.update(before + counter.get_obj().value - bar.n)
    except BrokenProcessPool as error:
        raise CorpusError(
            "A worker was killed, perhaps for want of memory: run the same command again, "
            "with fewer --workers."
        ) from error
    finally:
        stop.value = 1
        pool.shutdown(wait=True, cancel_futures=True)
    return failed
