"""One identity driven by one clip: the frames that are shown, progress, stop, and the account."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np

from stylexfer.clip import Account, listed, write_clip
from stylexfer.errors import TooLong
from stylexfer.identity import Identity
from stylexfer.layouts import FACE, PASTED, SIDE_BY_SIDE, arranger
from stylexfer.media import ClipInfo, probe
from stylexfer.ui import texts
from stylexfer.ui.engine import Engine, Motion
from stylexfer.ui.files import MAX_CLIP_BYTES, MAX_CLIP_FRAMES, MAX_CLIP_SECONDS, handed_out
from stylexfer.ui.session import Run

_LAYOUTS = {
    texts.SHOW_FACE: FACE,
    texts.SHOW_SIDE: SIDE_BY_SIDE,
    texts.SHOW_PASTED: PASTED,
}
VIEWS = list(_LAYOUTS)

# What is shown of a clip and its account while there is none. Not `gr.skip()`: for that Gradio
# makes the component anew, less what `clip_file` did to it.
NOT_YET = (None, None)

_LONGEST_FILE = 600.0  # seconds; of these MAX_CLIP_SECONDS may be used at once
_PASTED = 1280  # longest side of a clip pasted back into the portrait
_END = object()
_NOTICE = 1.0  # seconds between two looks at whether the visitor is still there


def checked_clip(path: str, start: float | None = None, end: float | None = None) -> ClipInfo:
    """What is in the clip from `start` to `end`, in seconds, within this page's limits."""
    info = probe(path, MAX_CLIP_BYTES, _LONGEST_FILE).part(start or 0.0, end or None)
    if info.duration > MAX_CLIP_SECONDS + 0.5:
        raise TooLong(texts.CHOOSE_A_PART.format(seconds=info.duration, limit=MAX_CLIP_SECONDS))
    if info.frames > MAX_CLIP_FRAMES:
        raise TooLong(texts.TOO_MANY_FRAMES.format(frames=info.frames, limit=MAX_CLIP_FRAMES))
    return info


def render_clip(
    engine: Engine,
    identity: Identity,
    portrait: np.ndarray | None,
    clip: str,
    info: ClipInfo,
    motion: Motion,
    view: str,
    follow: bool,
    run: Run,
    progress: Callable,
    hand_out: Callable[[Path], str] = lambda path: handed_out(path.name, path.replace),
) -> Iterator[tuple[str | None, str] | None]:
    """Drive `identity` with the clip; the last thing yielded is (path of the mp4, account of it).

    info: of the clip, as `checked_clip` gives it. portrait: the picture that the identity is from,
    for `SHOW_PASTED`. Before the end it yields None about once a second: a visitor who has left
    closes the generator there. `run.stopped` ends it early and keeps what is done. progress: a
    `gr.Progress`. hand_out: takes the finished file away from where it was made, and says where to.
    """
    layout = _LAYOUTS[view]
    arrange = arranger(layout, identity, portrait, follow=follow, longest=_PASTED)
    account = Account(info.fps)
    started = noticed = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stylexfer-") as folder:
        path = Path(folder) / "stylexfer.mp4"
        results = engine.drive_clip(identity, clip, info, motion)
        mark = engine.mark(run.label, layout)
        steps = write_clip(account, path, results, arrange, info, clip, mark)
        with closing(steps):
            while not run.stopped and next(steps, _END) is not _END:
                now, done = time.monotonic(), account.frames
                left = (now - started) / done * max(0, info.frames - done)
                progress(
                    (done, max(done, info.frames)),
                    desc=texts.FRAMES_LEFT.format(done=done, total=info.frames, seconds=left),
                    unit="frames",
                )
                if now - noticed > _NOTICE:
                    noticed = now
                    yield None
        result = hand_out(path) if account.frames else None
    spent = time.monotonic() - started
    yield result, _account(info, account, run.stopped, spent)


def _account(info: ClipInfo, account: Account, stopped: bool, spent: float) -> str:
    """What a visitor should know about the clip that came out."""
    done = account.frames
    if not done:
        return texts.STOPPED_EMPTY
    facts = {"done": done, "total": info.frames, "fps": _rate(info.fps), "seconds": spent}
    said = [(texts.STOPPED if stopped else texts.DONE).format(**facts)]
    if info.truncated or (done < info.frames and not stopped):
        said.append(texts.CUT_SHORT)
    if account.gaps:
        spans = listed([texts.SPAN.format(begin=a, end=b) for a, b in account.gaps])
        said.append(texts.FACELESS.format(count=account.faceless, spans=spans))
    if account.changes:
        times = listed([texts.MOMENT.format(at=at) for at in account.changes])
        said.append(texts.CHANGES.format(times=times))
    if info.has_audio:
        said.append(texts.SOUND_KEPT)
    return "\n".join(said)


def _rate(fps: Fraction) -> str:
    """29.97 for 30000/1001, 25 for 25."""
    return f"{float(fps):.2f}".rstrip("0").rstrip(".")
