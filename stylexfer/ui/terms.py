"""What a visitor agrees to before a face of theirs is used, and how results are marked.

The page's examples may be used by everybody, so they run without a question. Whatever else is sent
is used only after the box was ticked; the visitor's browser remembers that, and the server checks
it, in the handlers. Calls over the API say it with each call (`consent`, see api.py).
"""

from functools import cache

import gradio as gr
from gradio.events import Dependency

from stylexfer.errors import StylexferError
from stylexfer.ui import texts
from stylexfer.ui.examples import FOLDER
from stylexfer.ui.files import needed
from stylexfer.ui.session import Visitor, content_key

_KINDS = ("photos/*", "paintings/*", "clips/*")
_ENDINGS = {"PNG": ".png", "JPEG": ".jpg", "WebP": ".webp"}


@cache
def _examples() -> frozenset[tuple[str, str]]:
    return frozenset(content_key("sent", p) for kind in _KINDS for p in FOLDER.glob(kind))


def agreed(visitor: Visitor) -> None:
    """StylexferError unless the visitor has said that the faces may be used."""
    if not visitor.agreed:
        raise StylexferError(texts.NOT_AGREED)


def allowed(visitor: Visitor, path: str | None) -> str:
    """The path of a file that may be used: an example, or a file of somebody who `agreed`.

    StylexferError; UnreadableMedia if there is no file.
    """
    path = needed(path)
    if not visitor.agreed and content_key("sent", path) not in _examples():
        agreed(visitor)
    return path


def terms(page: gr.Blocks, visitor: gr.State) -> Dependency:
    """The box to tick, acceptable use, and the settings of what leaves; call it within `page`.

    Returns what runs when one of them was changed.
    """
    kept = gr.BrowserState(
        {"agreed": False, "label": True, "format": "PNG"},
        storage_key="stylexfer-terms",
        secret="nothing in it is secret",  # a fixed one, so that it is read after a restart
    )
    agree = gr.Checkbox(False, label=texts.AGREE, elem_id="agree", container=False)
    with gr.Accordion(texts.USE, open=False):
        gr.Markdown(texts.USE_RULES)
        with gr.Row():
            label = gr.Checkbox(True, label=texts.LABEL, info=texts.LABEL_INFO, elem_id="label")
            chosen = gr.Radio(
                list(_ENDINGS), value="PNG", label=texts.FORMAT, info=texts.FORMAT_INFO
            )

    def choose(agree: bool, label: bool, chosen: str, visitor: Visitor) -> dict:
        visitor.agreed, visitor.label, visitor.ending = agree, label, _ENDINGS[chosen]
        return {"agreed": agree, "label": label, "format": chosen}

    def arrive(kept: dict | None, visitor: Visitor):
        kept = kept if isinstance(kept, dict) else {}
        shown = kept.get("label") is not False
        name = kept.get("format") if kept.get("format") in _ENDINGS else "PNG"
        # Whoever was quicker than this and ticked the box has ticked it.
        visitor.agreed = visitor.agreed or kept.get("agreed") is True
        visitor.label, visitor.ending = shown, _ENDINGS[name]
        return visitor, True if visitor.agreed else gr.skip(), shown, name

    quiet = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
    controls = [agree, label, chosen]
    # `input`, not `change`: what is restored below is no choice.
    choices = [control.input for control in controls]
    changed = gr.on(choices, choose, [*controls, visitor], kept, **quiet)
    # A state that was set once is deleted an hour after its visitor has left.
    page.load(arrive, [kept, visitor], [visitor, *controls], **quiet)
    return changed
