"""Faithful identity in the tabs: the tick box, and tuning while a bar shows how far it is."""

import time
from collections.abc import Iterator
from contextlib import closing

import gradio as gr

from stylexfer.errors import StylexferError
from stylexfer.transfer import Identity
from stylexfer.ui import texts
from stylexfer.ui.chosen import chosen_face
from stylexfer.ui.engine import Engine
from stylexfer.ui.session import Run, Visitor, content_key

# It keeps a core busy for seconds: nobody who only wants a picture should wait behind it.
LEARN = {"concurrency_id": "learn", "concurrency_limit": 2}

_NOTICE = 1.0  # seconds between two looks at whether the visitor is still there


def faithful_box(engine: Engine) -> gr.Checkbox:
    """On at first where tuning takes under ten seconds; out of sight where it can't be done."""
    quick = engine.tuning_is_quick
    return gr.Checkbox(
        quick,
        label=texts.FAITHFUL,
        info=texts.FAITHFUL_INFO_QUICK if quick else texts.FAITHFUL_INFO,
        visible=engine.tuning_steps > 0,
        min_width=150,
    )


def _key(visitor: Visitor, path: str) -> tuple:
    return (*content_key("tuned", path), chosen_face(visitor, path))


def known(visitor: Visitor, path: str, identity: Identity) -> Identity:
    """The tuned identity of a portrait that was learned before, else `identity`."""
    return visitor.recall(_key(visitor, path)) or identity


def learned(
    engine: Engine,
    visitor: Visitor,
    path: str,
    identity: Identity,
    progress: gr.Progress,
    run: Run | None = None,
) -> Iterator[Identity | None]:
    """The last thing yielded is the tuned identity of the portrait at `path`: `identity` itself when
    it can't be learned, which the visitor is told, or when `run` was stopped.

    Before, it yields None about once a second: a visitor who has left closes the generator there.
    """
    if identity.tuning is not None or not engine.tuning_steps:
        yield identity
        return
    noticed = time.monotonic()
    try:
        with closing(engine.tune(identity)) as steps:
            for step in steps:
                if run is not None and run.stopped:
                    break
                desc = texts.LEARNING.format(done=step.done, planned=step.planned)
                progress((step.done, step.planned), desc=desc, unit="steps")
                if (tuned := step.identity) is not None:
                    identity = visitor.remember(_key(visitor, path), lambda: tuned)
                    if step.done < step.planned:
                        gr.Info(texts.LEARNED_IN_PART.format(done=step.done, planned=step.planned))
                elif time.monotonic() - noticed > _NOTICE:
                    noticed = time.monotonic()
                    yield None
    except StylexferError as error:
        gr.Warning(str(error))
    yield identity
