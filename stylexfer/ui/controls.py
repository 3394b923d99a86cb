"""Controls that more than one tab has."""

import gradio as gr

from stylexfer.ui import texts
from stylexfer.ui.files import clip_file, picture_file

# One image run is short, one clip long: they wait in separate lines, so that nobody waits for a
# minute to see a picture.
SHORT = {"concurrency_id": "short", "concurrency_limit": 2}
LONG = {"concurrency_id": "long", "concurrency_limit": 2}


def strengths() -> tuple[gr.Slider, gr.Slider]:
    """Pose and expression strength."""
    with gr.Row():
        pose = gr.Slider(
            0, 1.5, 1, step=0.05, label=texts.POSE, info=texts.STRENGTH_INFO, min_width=150
        )
        expression = gr.Slider(
            0, 1.5, 1, step=0.05, label=texts.EXPRESSION, info=texts.STRENGTH_INFO, min_width=150
        )
    return pose, expression


def clip_settings(views: list[str]) -> tuple[gr.Radio, gr.Checkbox, gr.Slider]:
    """What is shown, relative motion, steadiness."""
    view = gr.Radio(views, value=views[0], label=texts.SHOW)
    with gr.Row():
        relative = gr.Checkbox(False, label=texts.RELATIVE, info=texts.RELATIVE_INFO, min_width=150)
        steadiness = gr.Slider(
            0, 1, 0.5, step=0.05, label=texts.STEADINESS, info=texts.STEADINESS_INFO, min_width=150
        )
    return view, relative, steadiness


def clip_part(until: int = 0) -> tuple[gr.Number, gr.Number]:
    """From and to, in seconds; until: what the latter is at first, 0 for the clip's end."""
    options = {"minimum": 0, "step": 0.1, "min_width": 150}
    with gr.Row():
        start = gr.Number(0, label=texts.PART_START, info=texts.PART_START_INFO, **options)
        end = gr.Number(until, label=texts.PART_END, info=texts.PART_END_INFO, **options)
    return start, end


def clip_extras() -> tuple[gr.Checkbox, gr.Checkbox]:
    """The best start of relative motion, and a head that moves in the portrait."""
    with gr.Row():
        best_start = gr.Checkbox(
            False, label=texts.BEST_START, info=texts.BEST_START_INFO, min_width=150
        )
        follow = gr.Checkbox(False, label=texts.FOLLOW, info=texts.FOLLOW_INFO, min_width=150)
    return best_start, follow


def picture_input(label: str, **options) -> gr.Image:
    sources = ["upload", "webcam", "clipboard"]
    return picture_file(label, sources=sources, height=280, min_width=150, **options)


def clip_input() -> gr.Video:
    sources = ["upload", "webcam"]
    return clip_file(
        texts.DRIVING_CLIP,
        sources=sources,
        height=280,
        min_width=150,
        elem_classes="clip-input",
    )


def tiles(name: str, *labels: str) -> list[gr.Image]:
    """Square pictures in two columns; the last is the result, which can be saved."""
    shown = []
    with gr.Row(elem_classes="tiles"):
        for label in labels:
            last = label == labels[-1]
            shown.append(
                picture_file(
                    label,
                    interactive=False,
                    min_width=130,
                    buttons=["download", "fullscreen"] if last else [],
                    elem_id=f"{name}-result" if last else None,
                    elem_classes="tile",
                )
            )
    return shown


def clip_result(name: str) -> tuple[gr.Video, gr.Markdown]:
    """The clip that came out, with its progress while it is made, and the account of it."""
    options = {"interactive": False, "autoplay": True, "loop": True, "height": 380}
    clip = clip_file(texts.RESULT, elem_id=name, elem_classes="clip-result", **options)
    account = gr.Markdown(
        texts.CLIP_HINT, line_breaks=True, elem_id=f"{name}-account", elem_classes="account"
    )
    return clip, account


def run_buttons(label: str) -> tuple[gr.Button, gr.Button]:
    """Start, and stop while it runs."""
    with gr.Row():
        start = gr.Button(label, variant="primary", min_width=140)
        stop = gr.Button(texts.STOP, variant="stop", min_width=140)
    return start, stop


def stoppable(start: gr.Button, stop: gr.Button, visitor: gr.State, tab: str) -> None:
    """Wire the two to the visitor's run of this tab; call it before `start` is wired to the run."""
    now = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    start.click(lambda visitor: visitor.ask(tab), visitor, None, **now)
    stop.click(lambda visitor: visitor.stop(tab), visitor, None, **now)
