"""Saving who appears as a file, and loading such a file in the place of a portrait."""

from collections.abc import Callable
from typing import NamedTuple

import gradio as gr
from gradio.components import Component

from stylexfer.identity import Identity
from stylexfer.identity_file import SUFFIX
from stylexfer.ui import texts
from stylexfer.ui.controls import SHORT
from stylexfer.ui.engine import Engine
from stylexfer.ui.files import made_picture, picture_file
from stylexfer.ui.guard import guarded
from stylexfer.ui.people import identity_file, saved_identity
from stylexfer.ui.session import Visitor

_HERE = {"api_visibility": "private"}


class IdentityInput(NamedTuple):
    """What `identity_input` shows. `loaded`: handlers get the path of the file, or None."""

    place: gr.Accordion
    loaded: gr.File
    save: gr.Button
    ready: gr.DownloadButton


def identity_input(engine: Engine, visitor: gr.State, name: str) -> IdentityInput:
    """Load and save, folded away. A file that can't be used is refused when it comes.

    name: of the tab, for ids.
    """
    with gr.Accordion(texts.IDENTITY_FILE, open=False, elem_id=f"{name}-identity") as place:
        gr.Markdown(texts.IDENTITY_INFO)
        with gr.Row(equal_height=True):
            loaded = gr.File(
                label=texts.LOAD_IDENTITY,
                file_types=[SUFFIX],
                height=150,
                min_width=150,
                elem_id=f"{name}-loaded",
            )
            face = picture_file(
                texts.LOADED_FACE, interactive=False, height=150, min_width=120, buttons=[]
            )
        save = gr.Button(texts.SAVE_IDENTITY, size="sm")
        ready = gr.DownloadButton(visible="hidden", elem_id=f"{name}-identity-file")

    @guarded
    def look(path: str | None, visitor: Visitor):
        if not path:
            return None
        identity = saved_identity(engine, visitor, path)
        return made_picture("identity.png", identity.inversion, engine.mark(visitor.label))

    looked = loaded.change(look, [loaded, visitor], face, **_HERE, **SHORT)
    looked.failure(lambda: None, None, loaded, queue=False, **_HERE)
    return IdentityInput(place, loaded, save, ready)


def wire_save(
    engine: Engine,
    given: IdentityInput,
    who: Callable[..., Identity],
    inputs: list[Component],
) -> None:
    """Let the button save the identity that `who` returns for the values of `inputs`."""

    @guarded
    def write(*values):
        return identity_file(engine, who(*values))

    written = given.save.click(write, inputs, given.ready, show_progress="hidden", **_HERE, **SHORT)
    # The browser downloads it at once: a link to click would be one more step.
    written.success(None, js=_DOWNLOAD.format(id=given.ready.elem_id), **_HERE)


_DOWNLOAD = "() => setTimeout(() => document.querySelector('#{id}').click(), 100)"
