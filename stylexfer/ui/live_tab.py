"""The fourth tab: the visitor's camera drives a portrait, in the page."""

import os
from dataclasses import replace
from pathlib import Path

import gradio as gr

from stylexfer.ui import texts
from stylexfer.ui.controls import SHORT, picture_input, run_buttons, strengths
from stylexfer.ui.engine import Engine
from stylexfer.ui.examples import portrait_rows, show_examples
from stylexfer.ui.faithful import LEARN, faithful_box, learned
from stylexfer.ui.files import clip_file, handed_out
from stylexfer.ui.guard import guarded
from stylexfer.ui.live import Live
from stylexfer.ui.live_run import RECENT, LiveRefused, clip_of
from stylexfer.ui.live_socket import PATH, RUN_SECONDS, LiveSocket
from stylexfer.ui.picture_tab import portrait_identity
from stylexfer.ui.random_tab import LAST_SEED, random_person
from stylexfer.ui.session import Visitor
from stylexfer.ui.terms import agreed

_WHO = [texts.PORTRAIT, texts.RANDOM_PERSON]
_TRUNCATION = 0.7
_CPU_SIDE = 256  # largest pictures that a CPU makes at anything like a camera's pace
_SENT_WIDTH = 3.125  # of a camera frame that is sent, in sides of the driver's crop

_STAGE = """
<div class="live-panels">
  <canvas width="512" height="512" role="img" aria-label="{picture}"></canvas>
  <video class="live-mirrored" muted playsinline aria-label="{camera}"></video>
</div>
<p class="live-notice" role="status"></p>
<p class="live-figures"></p>
"""
_STAGE_CSS = """
.live-panels { display: grid; grid-template-columns: 2fr 1fr; gap: 8px; align-items: start; }
canvas, video { width: 100%; background: var(--background-fill-secondary);
  border: 1px solid var(--border-color-primary); border-radius: var(--radius-lg); }
canvas { aspect-ratio: 1; }
video { aspect-ratio: 4 / 3; object-fit: cover; }
@media (max-width: 480px) {
  .live-panels { grid-template-columns: 1fr; }
  video { width: 40%; }
}
.live-mirrored { transform: scaleX(-1); }
.live-notice { margin: 8px 0 0; min-height: 1.6em; font-weight: 600; }
.live-problem { color: var(--error-text-color); }
.live-figures { margin: 0; min-height: 1.6em; color: var(--body-text-color-subdued);
  font-variant-numeric: tabular-nums; }
"""


def live_tab(engine: Engine, visitor: gr.State) -> None:
    if os.environ.get("SPACES_ZERO_GPU"):
        gr.Markdown(texts.LIVE_SHARED_GPU)
        return
    socket = LiveSocket(Live(engine.model))
    intro = texts.LIVE_INTRO.format(seats=socket.live.seats, minutes=RUN_SECONDS / 60)
    slow = engine.size > _CPU_SIDE or engine.method != "transfer"
    if slow and engine.model.device.type == "cpu":
        intro = f"{intro} {texts.LIVE_SLOW}"
    gr.Markdown(intro)
    with gr.Row():
        with gr.Column(min_width=320):
            who = gr.Radio(_WHO, value=_WHO[0], label=texts.LIVE_WHO)
            with gr.Column(min_width=150) as a_portrait:
                portrait = picture_input(texts.PORTRAIT)
                faithful = faithful_box(engine)
                show_examples(portrait_rows(), [portrait])
            with gr.Column(min_width=150, visible=False) as a_person:
                person = gr.Number(
                    7,
                    label=texts.PERSON_SEED,
                    info=texts.FIRST_SEED_INFO,
                    precision=0,
                    minimum=0,
                    maximum=LAST_SEED,
                )
        with gr.Column(min_width=320):
            stage = _stage(engine)
            start, stop = run_buttons(texts.START_LIVE)
            with gr.Row():
                neutral = gr.Button(texts.SET_NEUTRAL, min_width=140)
                save = gr.Button(texts.SAVE_LIVE.format(seconds=RECENT), min_width=140)
            with gr.Column(min_width=150, visible=False) as kept:
                saved = clip_file(
                    texts.SAVED_LIVE, interactive=False, height=300, elem_id="live-saved"
                )
            pose, expression = strengths()
            with gr.Row():
                relative = gr.Checkbox(
                    False, label=texts.RELATIVE, info=texts.LIVE_RELATIVE_INFO, min_width=150
                )
                mirror = gr.Checkbox(
                    True, label=texts.MIRROR, info=texts.MIRROR_INFO, min_width=150
                )
            steadiness = gr.Slider(
                0, 1, 0.5, step=0.05, label=texts.STEADINESS, info=texts.STEADINESS_INFO
            )
    ticket = gr.Textbox(visible="hidden")

    @guarded
    def start_live(
        who: str,
        portrait: str,
        faithful: bool,
        seed: int,
        visitor: Visitor,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds it by this default
    ):
        agreed(visitor)  # whoever is before the camera is no example
        if who == _WHO[0]:
            _, identity = portrait_identity(engine, visitor, portrait, faithful)
            if faithful:
                for found in learned(engine, visitor, portrait, identity, progress):
                    identity = found or identity
                    yield gr.skip()
        else:
            identity = random_person(engine, visitor, seed, _TRUNCATION)
        # Here and not when the app starts: whoever launches the page, this is the app it runs in.
        socket.attach(request.request.app)
        yield socket.ticket(_session(request), identity)

    @guarded
    def save_live(visitor: Visitor, request: gr.Request):
        pictures = socket.run_of(_session(request)).recent()
        # The pictures of a run have the watermark already.
        mark = replace(engine.mark(visitor.label), watermark=False)
        return handed_out("stylexfer-live.mp4", clip_of(pictures, mark)), gr.Column(visible=True)

    settings = [pose, expression, relative, steadiness, mirror]
    here = {"api_visibility": "private"}
    start.click(
        start_live,
        [who, portrait, faithful, person, visitor],
        ticket,
        show_progress_on=stage,
        **here,
        **LEARN,
    ).success(None, [ticket, *settings], js="(...all) => stylexferLive.start(...all)", **here)
    stop.click(None, js="() => stylexferLive.stop()", **here)
    neutral.click(None, relative, relative, js="(on) => stylexferLive.neutral(on)", **here)
    save.click(save_live, visitor, [saved, kept], **here, **SHORT)
    gr.on(
        [control.change for control in settings],
        None,
        settings,
        js="(...all) => stylexferLive.choose(...all)",
        **here,
    )
    who.change(
        lambda who: (gr.Column(visible=who == _WHO[0]), gr.Column(visible=who != _WHO[0])),
        who,
        [a_portrait, a_person],
        queue=False,
        **here,
    )


def _session(request: gr.Request) -> str:
    """What keeps one page's run apart from all others'."""
    if not request.session_hash:
        raise LiveRefused(texts.LIVE_GARBLED)
    return request.session_hash


def _stage(engine: Engine) -> gr.HTML:
    """The picture, the camera, and what is said of them; `live.js` brings it to life."""
    return gr.HTML(
        html_template=_STAGE.format(**texts.LIVE_WORDS),
        css_template=_STAGE_CSS,
        apply_default_css=False,
        js_on_load=Path(__file__).with_name("live.js").read_text(),
        elem_id="live-stage",
        words=texts.LIVE_WORDS,
        path=PATH,
        width=round(_SENT_WIDTH * engine.model.view_side),
    )
