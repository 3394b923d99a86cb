"""Two people who do not exist, mixed: whoever comes out is a person like the others."""

import gradio as gr

from stylexfer.errors import StylexferError
from stylexfer.ui import texts
from stylexfer.ui.guard import guarded
from stylexfer.ui.recipe import mixed, of_seed, only_seed, parts_of


def _meant(said: str | None, truncation: float) -> str:
    """The recipe of a favourite, or of a seed that was typed. StylexferError."""
    said = str(said or "").strip()
    if said.isdecimal() and len(said) <= 10:
        return of_seed(int(said), truncation)
    try:
        parts_of(said)
    except StylexferError:
        raise StylexferError(texts.NO_MIX) from None
    return said


def mixing(
    recipe: gr.Textbox, person: gr.Number, truncation: gr.Slider
) -> tuple[gr.Dropdown, gr.Dropdown]:
    """Two to choose and a share; the mix becomes the chosen person. Returns the two, which take
    favourites as choices."""
    with gr.Accordion(texts.MIX, open=False, elem_id="mix"):
        with gr.Row():
            first, second = (
                gr.Dropdown(
                    [],
                    value=None,
                    label=label,
                    info=texts.MIX_INFO,
                    allow_custom_value=True,
                    min_width=130,
                )
                for label in (texts.MIX_FIRST, texts.MIX_SECOND)
            )
        share = gr.Slider(0, 1, 0.5, step=0.05, label=texts.MIX_SHARE, info=texts.MIX_SHARE_INFO)

    @guarded
    def mix(first: str | None, second: str | None, share: float, truncation: float):
        if not first or not second:
            return gr.skip(), gr.skip()  # one is still to be chosen
        someone = mixed(_meant(first, truncation), _meant(second, truncation), share)
        return someone, only_seed(someone)

    gr.on(
        [first.change, second.change, share.input],
        mix,
        [first, second, share, truncation],
        [recipe, person],
        trigger_mode="always_last",
        show_progress="hidden",
        queue=False,
        api_visibility="private",
    )
    return first, second
