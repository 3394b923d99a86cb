"""The tab that shows ours and the baselines side by side on the visitor's clip."""

import math
from html import escape

import gradio as gr

from stylexfer.errors import TooLong
from stylexfer.media import open_picture
from stylexfer.packs.pack import METHODS
from stylexfer.ui import texts
from stylexfer.ui.chosen import chosen_face
from stylexfer.ui.clips import checked_clip, render_clip
from stylexfer.ui.comparison import Compared, Comparison
from stylexfer.ui.controls import (
    LONG,
    clip_input,
    clip_part,
    clip_result,
    picture_input,
    run_buttons,
    stoppable,
)
from stylexfer.ui.engine import Engine, Motion
from stylexfer.ui.examples import clip_rows, show_examples
from stylexfer.ui.guard import explained, guarded
from stylexfer.ui.session import Visitor, content_key
from stylexfer.ui.terms import allowed

_LIMIT = 20.0  # seconds of a clip
_AT_FIRST = 5  # seconds of a clip that are compared, unless others are chosen

_NOT_YET = (None, None, "")


def compare_tab(engine: Engine, visitor: gr.State) -> None:
    comparison = Comparison(engine)
    gr.Markdown(texts.COMPARE_INTRO)
    said = [texts.COMPARE_LIMIT.format(limit=_LIMIT)]
    said += [texts.NO_METHOD[method] for method in comparison.missing]
    gr.Markdown("\n".join(said), line_breaks=True)
    with gr.Row():
        with gr.Column(min_width=320), gr.Row():
            portrait, clip = picture_input(texts.PORTRAIT), clip_input()
        with gr.Column(min_width=320):
            start, stop = run_buttons(texts.COMPARE)
            show_examples(clip_rows(), [portrait, clip], texts.CLIP_EXAMPLES)
            start_at, end_at = clip_part(_AT_FIRST)
    result, account = clip_result("compare-result")  # a wide one
    measured = gr.HTML(elem_id="measures")

    @guarded
    def compare_methods(
        portrait: str,
        clip: str,
        start_at: float,
        end_at: float,
        visitor: Visitor,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds it by this default
    ):
        """Drive a portrait with a clip by every method of the pack, side by side."""
        run = visitor.start("compare")
        with explained(texts.DRIVING_CLIP):
            info = checked_clip(allowed(visitor, clip), start_at, end_at)
            if info.duration > _LIMIT + 0.5:
                seconds = {"seconds": info.duration, "limit": _LIMIT}
                raise TooLong(texts.CHOOSE_LESS.format(**seconds))
        progress(0, desc=texts.PREPARING)
        with explained(texts.PORTRAIT):
            picture = open_picture(allowed(visitor, portrait))
            which = chosen_face(visitor, portrait)
            key = (*content_key("compared", portrait), which)
            identities = visitor.remember(key, lambda: comparison.identify(picture, which))
        first = next(iter(identities.values()))
        compared = Compared(comparison, identities)
        motion = Motion(pose=1, expression=1, relative=False, steadiness=0.5)
        with explained(texts.DRIVING_CLIP):
            made, told = None, texts.CLIP_HINT
            for finished in render_clip(
                *(compared, first, picture, clip, info, motion, texts.SHOW_FACE, False),
                *(run, progress),
            ):
                if finished is None:
                    yield _NOT_YET
                else:
                    made, told = finished
        if made is None or run.stopped:
            yield made, told, ""
        else:
            yield made, told, texts.MEASURING
            yield made, told, _table(*compared.measures(first), comparison)

    stoppable(start, stop, visitor, "compare")
    start.click(
        compare_methods,
        [portrait, clip, start_at, end_at, visitor],
        [result, account, measured],
        api_visibility="private",
        show_progress_on=result,
        scroll_to_output=True,
        **LONG,
    )


def _table(frames: int, rows: list[tuple[str, list[float]]], comparison: Comparison) -> str:
    """The measures as HTML: a column for each method."""

    def line(tag: str, cells: list[str]) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    made = list(comparison.models)
    body = [line("th", ["", *(texts.COLUMNS[method] for method in METHODS)])]
    for what, values in rows:
        shown = dict(zip(made, values, strict=True))
        numbers = [shown.get(method, math.nan) for method in METHODS]
        body.append(line("td", [what, *("–" if math.isnan(n) else f"{n:.2f}" for n in numbers)]))
    count = escape(texts.MEASURED.format(count=frames))
    note = escape(texts.MEASURES_NOTE)
    return f"<p>{count}</p><table>{''.join(body)}</table><p>{note}</p>"
