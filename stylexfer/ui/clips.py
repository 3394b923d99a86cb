"""One identity driven by one clip: the frames that are shown, progress, stop, and the account."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import gradio as gr
import numpy as np
from PIL import Image

from stylexfer.faces.composite import paste_back
from stylexfer.media import ClipInfo, Mark, VideoWriter, probe
from stylexfer.transfer import Animated, Identity
from stylexfer.ui import texts
from stylexfer.ui.engine import Engine, Motion
from stylexfer.ui.files import MAX_CLIP_BYTES, MAX_CLIP_SECONDS, handed_out
from stylexfer.ui.session import Run

VIEWS = [texts.SHOW_FACE, texts.SHOW_SIDE, texts.SHOW_PASTED]

_PANEL = 256  # least side of a panel, side by side
_PASTED = 1280  # longest side of a clip pasted back into the portrait
_NOTICE = 1.0  # seconds between two looks at whether the visitor is still there

_EMPTY = 235  # grey of the driver's panel while no face is seen


def checked_clip(path: str) -> ClipInfo:
    """What is in the clip, within this page's limits."""
    return probe(path, MAX_CLIP_BYTES, MAX_CLIP_SECONDS)


def composer(
    view: str, identity: Identity, portrait: np.ndarray | None, size: int
) -> tuple[Callable[[Animated], np.ndarray], Mark]:
    """How a frame of the result is laid out, and what the file will be marked as.

    portrait: the picture that the identity is from, for `SHOW_PASTED`.
    """
    if view == texts.SHOW_SIDE:
        side = max(size, _PANEL)
        own = _panel(identity.crop, side)
        nobody = np.full((side, side, 3), _EMPTY, np.uint8)

        def beside(frame: Animated) -> np.ndarray:
            driver = nobody if frame.driving is None else _panel(frame.driving, side)
            return np.hstack([own, driver, _panel(frame.image, side)])

        return beside, Mark.COMPOSITE
    if view == texts.SHOW_PASTED and portrait is not None and identity.quad is not None:
        scale = min(1.0, _PASTED / max(portrait.shape[:2]))
        height, width = (max(2, round(side * scale)) for side in portrait.shape[:2])
        ground = _resized(portrait, width, height)
        quad = identity.quad * (width / portrait.shape[1], height / portrait.shape[0])
        return lambda frame: paste_back(ground, quad, frame.image), Mark.COMPOSITE
    return lambda frame: frame.image, Mark.GENERATED


def _resized(image: np.ndarray, width: int, height: int) -> np.ndarray:
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))


def _panel(image: np.ndarray, side: int) -> np.ndarray:
    return _resized(image, side, side)


def render_clip(
    engine: Engine,
    identity: Identity,
    portrait: np.ndarray | None,
    clip: str,
    motion: Motion,
    view: str,
    run: Run,
    progress: gr.Progress,
) -> Iterator[tuple[str | None, str] | None]:
    """Drive `identity` with the clip; the last thing yielded is (path of the mp4, account of it).

    Before that it yields None about once a second: a visitor who has left closes the generator
    there. `run.stopped` ends it early and keeps what is done.
    """
    info = checked_clip(clip)
    compose, mark = composer(view, identity, portrait, engine.size)
    done = faceless = 0
    started = noticed = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stylexfer-") as folder:
        path = Path(folder) / "stylexfer.mp4"
        frames = engine.drive_clip(identity, clip, info, motion)
        with closing(frames), VideoWriter(path, info.fps, audio_from=clip, mark=mark) as writer:
            for frame in frames:
                if run.stopped:
                    break
                writer.write(compose(frame))
                done += 1
                faceless += not frame.face
                now = time.monotonic()
                left = (now - started) / done * max(0, info.frames - done)
                progress(
                    (done, max(done, info.frames)),
                    desc=texts.FRAMES_LEFT.format(done=done, total=info.frames, seconds=left),
                    unit="frames",
                )
                if now - noticed > _NOTICE:
                    noticed = now
                    yield None
        result = handed_out(path.name, path.replace) if done else None
    spent = time.monotonic() - started
    yield result, _account(info, done, faceless, run.stopped, spent)


def _account(info: ClipInfo, done: int, faceless: int, stopped: bool, spent: float) -> str:
    """What a visitor should know about the clip that came out."""
    if not done:
        return texts.STOPPED_EMPTY
    facts = {"done": done, "total": info.frames, "fps": _rate(info.fps), "seconds": spent}
    said = [(texts.STOPPED if stopped else texts.DONE).format(**facts)]
    if info.truncated or (done < info.frames and not stopped):
        said.append(texts.CUT_SHORT)
    if faceless:
        said.append(texts.FACELESS.format(count=faceless))
    if info.has_audio:
        said.append(texts.SOUND_KEPT)
    return " ".join(said)


def _rate(fps: Fraction) -> str:
    """29.97 for 30000/1001, 25 for 25."""
    return f"{float(fps):.2f}".rstrip("0").rstrip(".")
