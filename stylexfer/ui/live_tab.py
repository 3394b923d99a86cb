"""The fourth tab: the visitor's camera drives a portrait, in the page."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import gradio as gr

from stylexfer.ui import texts
from stylexfer.ui.controls import SHORT, picture_input, run_buttons, strengths
from stylexfer.ui.engine import Engine, shared_gpu
from stylexfer.ui.examples import portrait_rows, show_examples
from stylexfer.ui.faithful import LEARN, faithful_box, learned
from stylexfer.ui.files import clip_file, handed_out
from stylexfer.ui.guard import guarded
from stylexfer.ui.identity_input import IdentityInput, identity_input, wire_save
from stylexfer.ui.live import Live
from stylexfer.ui.live_run import RECENT, LiveRefused, clip_of
from stylexfer.ui.live_socket import PATH, RUN_SECONDS, LiveSocket
from stylexfer.ui.people import random_person, saved_identity
from stylexfer.ui.picture_tab import portrait_identity
from stylexfer.ui.random_tab import (
    TRUNCATION,
    Chosen,
    after_number,
    chosen_recipe,
    person_face,
    seed_number,
    show_person,
)
from stylexfer.ui.recipe import named, only_seed
from stylexfer.ui.session import Visitor
from stylexfer.ui.terms import agreed

LIVE_ID = "live"  # of the tab
_WHO = [texts.PORTRAIT, texts.RANDOM_PERSON]
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


class Appears(NamedTuple):
    """Who appears: the portrait or the random person, as `who` says, unless a file is loaded."""

    who: gr.Radio
    recipe: gr.Textbox
    number: gr.Number
    face: gr.Image
    name: gr.Markdown
    a_portrait: gr.Column
    a_person: gr.Row
    given: IdentityInput


def live_tab(engine: Engine, visitor: gr.State) -> Appears | None:
    """None on a shared GPU, where nothing is live."""
    if shared_gpu():
        gr.Markdown(texts.LIVE_SHARED_GPU)
        return None
    socket = LiveSocket(Live(engine.model))
    intro = texts.LIVE_INTRO.format(seats=socket.live.seats, minutes=RUN_SECONDS / 60)
    slow = engine.size > _CPU_SIDE or engine.method != "transfer"
    if slow and engine.model.device.type == "cpu":
        intro = f"{intro}\n\n{texts.LIVE_SLOW}"
    gr.Markdown(intro)
    with gr.Row():
        with gr.Column(min_width=320):
            who = gr.Radio(_WHO, value=_WHO[0], label=texts.LIVE_WHO)
            with gr.Column(min_width=150) as a_portrait:
                portrait = picture_input(texts.PORTRAIT)
                faithful = faithful_box(engine)
                show_examples(portrait_rows(), [portrait])
            with gr.Row(visible=False) as a_person:
                face = person_face("live")
                with gr.Column(min_width=150):
                    recipe = chosen_recipe(7)
                    name = gr.Markdown(named(recipe.value))
                    person = seed_number(7, info=texts.FIRST_SEED_INFO)
            given = identity_input(engine, visitor, "live")
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

    def whoever(who, portrait, faithful, recipe, loaded, visitor):
        if loaded:
            return saved_identity(engine, visitor, loaded, faithful)
        if who == _WHO[0]:
            return portrait_identity(engine, visitor, portrait, faithful)[1]
        return random_person(engine, visitor, recipe)

    @guarded
    def show_chosen(recipe: str, visitor: Visitor):
        return show_person(engine, visitor, recipe, None)

    @guarded
    def start_live(
        who: str,
        portrait: str,
        faithful: bool,
        recipe: str,
        loaded: str | None,
        visitor: Visitor,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds it by this default
    ):
        agreed(visitor)  # whoever is before the camera is no example
        run = visitor.start("live")
        identity = whoever(who, portrait, faithful, recipe, loaded, visitor)
        if faithful and (loaded or who == _WHO[0]):
            for found in learned(engine, visitor, loaded or portrait, identity, progress, run):
                identity = found or identity
                yield gr.skip()
        if run.stopped:
            yield ""
            return
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
    appears = [who, portrait, faithful, recipe, given.loaded, visitor]
    start.click(
        start_live,
        appears,
        ticket,
        show_progress_on=stage,
        **here,
        **LEARN,
    ).success(
        None,
        [ticket, *settings],
        js="(ticket, ...all) => ticket && stylexferLive.start(ticket, ...all)",
        **here,
    )
    stop.click(
        lambda visitor: visitor.stop("live"),
        visitor,
        js="(visitor) => { stylexferLive.stop(); return [visitor]; }",
        queue=False,
        **here,
    )
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
        lambda who: (gr.Column(visible=who == _WHO[0]), gr.Row(visible=who != _WHO[0])),
        who,
        [a_portrait, a_person],
        queue=False,
        **here,
    )
    person.change(
        lambda seed, recipe: after_number(seed, TRUNCATION, recipe),
        [person, recipe],
        recipe,
        queue=False,
        **here,
    )
    gr.on(
        [who.change, recipe.change],
        show_chosen,
        [recipe, visitor],
        [face, name],
        trigger_mode="always_last",
        show_progress="hidden",
        **here,
        **SHORT,
    )
    wire_save(engine, given, whoever, appears)
    return Appears(who, recipe, person, face, name, a_portrait, a_person, given)


def use_in_live(engine: Engine, visitor: gr.State, chosen: Chosen, live: Appears) -> None:
    """Let the Random tab's button go to Live, with the person chosen there as who appears."""

    @guarded
    def hand_over(recipe: str, loaded: str | None, visitor: Visitor):
        # All of it: what changes in a tab that was never open tells nobody.
        face, name = show_person(engine, visitor, recipe, None)
        place = gr.Accordion(open=bool(loaded))
        shown = gr.Column(visible=False), gr.Row(visible=True)
        return _WHO[1], recipe, only_seed(recipe), face, name, *shown, place, loaded

    shown = chosen.use.click(
        hand_over,
        [chosen.recipe, chosen.saved.loaded, visitor],
        [*live[:-1], live.given.place, live.given.loaded],
        queue=False,
        api_visibility="private",
    )
    open_live = f"() => document.querySelector('#{LIVE_ID}-button').click()"
    shown.success(None, js=open_live, api_visibility="private")


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
