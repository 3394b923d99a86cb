"""Edits in steps, in the page: the result becomes the next portrait, and the way back."""

from collections.abc import Callable

import gradio as gr

from stylexfer.ui import texts
from stylexfer.ui.guard import guarded
from stylexfer.ui.session import Visitor

_QUIET = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


STEPS_CSS = """
#steps, #steps .grid-wrap { min-height: 0 !important; height: auto !important; }
#steps label { position: static !important; border: none !important; }
#steps .grid-container {
  padding-top: 0 !important;
  grid-template-columns: repeat(auto-fill, 84px) !important;
}
#steps .caption-label { padding: 1px 5px; font-size: 11px; }
"""


def step_controls() -> tuple[gr.Row, list[gr.Button], gr.Gallery]:
    """Out of sight until there is something to go on from, or to go back to."""
    use = gr.Button(texts.USE_RESULT, visible=False, elem_id="use-result")
    with gr.Row(visible=False) as back:
        undo = gr.Button(texts.UNDO, size="sm", min_width=100)
        original = gr.Button(texts.BACK_TO_ORIGINAL, size="sm", min_width=100)
    gallery = gr.Gallery(
        label=texts.STEPS,
        visible=False,
        object_fit="cover",
        allow_preview=False,
        interactive=False,
        buttons=[],
        elem_id="steps",
    )
    return back, [use, undo, original], gallery


def _history(visitor: Visitor) -> list[tuple[str, str]]:
    captions = [texts.FIRST_CAPTION]
    captions += [texts.STEP_CAPTION.format(number=k + 1) for k in range(len(visitor.edits.steps))]
    return list(zip(visitor.edits.shown(), captions, strict=False))


def wire_steps(
    portrait: gr.Image,
    visitor: gr.State,
    controls: tuple[gr.Row, list[gr.Button], gr.Gallery],
) -> None:
    """portrait: the input, which shows where the steps have come to."""
    back, (use, undo, original), gallery = controls

    @guarded
    def take(path: str | None, visitor: Visitor) -> str:
        return visitor.edits.take(path)

    @guarded
    def undone(path: str | None, visitor: Visitor) -> str:
        place = visitor.edits.place(path)
        return visitor.edits.at(len(visitor.edits.steps) if place is None else place - 1)

    @guarded
    def first(visitor: Visitor) -> str:
        return visitor.edits.at(0)

    @guarded
    def chosen(visitor: Visitor, event: gr.SelectData) -> str:
        return visitor.edits.at(event.index if isinstance(event.index, int) else 0)

    @guarded
    def shown(path: str | None, visitor: Visitor):
        """The portrait is another: somebody's picture ends the steps."""
        if path and visitor.edits.place(path) is None:
            visitor.edits.forget()
        history = _history(visitor)
        there = bool(history)
        return gr.update(visible=there), gr.update(value=history, visible=there)

    def on(event: Callable, handler: Callable, inputs: list) -> None:
        event(handler, inputs, portrait, **_QUIET)

    on(use.click, take, [portrait, visitor])
    on(undo.click, undone, [portrait, visitor])
    on(original.click, first, [visitor])
    on(gallery.select, chosen, [visitor])
    portrait.change(shown, [portrait, visitor], [back, gallery], **_QUIET)
