"""The tab that says what marks a file carries."""

from html import escape

import gradio as gr

from stylexfer.ui import texts
from stylexfer.ui.controls import SHORT
from stylexfer.ui.files import MAX_CLIP_BYTES, needed
from stylexfer.ui.guard import explained, guarded
from stylexfer.verify import WORDS, Report, verify

# Seconds of a clip: a few frames of it are looked at.
CHECK_LIMITS = {"max_bytes": MAX_CLIP_BYTES, "max_seconds": 600.0}


def _shown(report: Report) -> str:
    """Names come from certificates, which anybody writes: all is escaped."""
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{'<br>'.join(map(escape, found))}</dd>"
        for name, found in report.rows()
    )
    return f'<p class="verdict">{escape(WORDS[report.verdict])}</p><dl>{rows}</dl>'


def verify_tab() -> None:
    gr.Markdown(texts.CHECK_INTRO)
    with gr.Row():
        with gr.Column(min_width=320):
            sent = gr.File(label=texts.CHECK_FILE, file_types=["image", "video"], height=200)
            run = gr.Button(texts.CHECK, variant="primary")
        with gr.Column(min_width=320):
            told = gr.HTML(texts.CHECK_HINT, elem_id="verdict", padding=True)

    @guarded
    def look(path: str):
        with explained(texts.CHECK_FILE):
            return _shown(verify(needed(path), **CHECK_LIMITS))

    gr.on(
        [run.click, sent.upload],
        look,
        sent,
        told,
        api_visibility="private",
        show_progress_on=told,
        **SHORT,
    )
    sent.clear(lambda: texts.CHECK_HINT, None, told, api_visibility="private", queue=False)
