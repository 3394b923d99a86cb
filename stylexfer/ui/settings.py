"""The bar at the top of the page, and the settings that it keeps, sets and tells in a link."""

from html import escape
from pathlib import Path

import gradio as gr
from gradio.blocks import Block

from stylexfer.ui import texts
from stylexfer.ui.languages import LANGUAGES, language_script, script

# What is kept of the tabs, by label: numbers, switches and choices.
_NAMES = {
    texts.POSE: "pose",
    texts.EXPRESSION: "expression",
    texts.RELATIVE: "relative",
    texts.STEADINESS: "steadiness",
    texts.SHOW: "view",
    texts.BEST_START: "best-start",
    texts.FOLLOW: "follow",
    texts.FAITHFUL: "faithful",
    texts.MIRROR: "mirror",
    texts.TRUNCATION: "truncation",
    texts.FIRST_SEED: "seed",
}

# Natural is what the page starts with. A jittery driver needs more smoothing, at the price of quick
# motion; strengths over 1 exaggerate (at 1.5, the sliders' end, faces fall apart).
PRESETS = {
    texts.NATURAL: {"pose": 1, "expression": 1, "relative": False, "steadiness": 0.5},
    texts.STEADY: {"pose": 1, "expression": 1, "relative": False, "steadiness": 0.85},
    texts.STRONG: {"pose": 1.15, "expression": 1.35, "relative": False, "steadiness": 0.5},
    texts.POSE_ONLY: {"pose": 1, "expression": 0, "relative": False, "steadiness": 0.5},
    texts.EXPRESSION_ONLY: {"pose": 0, "expression": 1, "relative": False, "steadiness": 0.5},
}

BAR_CSS = """
#bar, #bar .html-container { padding: 0; }
#bar .bar { display: flex; flex-wrap: wrap; justify-content: flex-end; gap: 6px; }
#bar select, #bar button {
  height: 32px; padding: 0 8px; font: inherit; font-size: var(--text-sm); cursor: pointer;
  color: var(--body-text-color); background: var(--background-fill-primary);
  border: 1px solid var(--border-color-primary); border-radius: var(--radius-md);
}
#bar select { appearance: auto; }
#bar button { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
#bar p { flex-basis: 100%; margin: 0; text-align: end; color: var(--body-text-color-subdued); }
#bar p:empty { display: none; }
@media (min-width: 900px) {
  #bar { height: 32px; margin-bottom: -40px; z-index: 1; overflow: visible; }
}
@media (max-width: 480px) {
  #bar .bar { display: grid; grid-template-columns: 1fr 1fr; }
  #bar .bar > p { grid-column: 1 / -1; }
  #bar select, #bar button { width: 100%; }
}
.translated p { font-size: var(--text-sm); color: var(--body-text-color-subdued); }
html:lang(en) .translated { display: none; }
"""


def _select(label: str, options: dict[str, str], more: str = "") -> str:
    items = "".join(
        f'<option value="{escape(value)}">{escape(name)}</option>'
        for value, name in options.items()
    )
    return f'<select aria-label="{label}" title="{label}"{more}>{items}</select>'


def settings_bar() -> gr.HTML:
    """Language, appearance, presets, and the link to the present settings."""
    presets = {"": texts.OWN_SETTINGS} | {name: name for name in PRESETS}
    parts = [
        # Each language is called by its own name.
        f'<span translate="no">{_select(texts.LANGUAGE, LANGUAGES)}</span>',
        _select(texts.APPEARANCE, texts.APPEARANCES),
        _select(texts.PRESET, presets),
        f'<button type="button" title="{texts.COPY_LINK_INFO}">{texts.COPY_LINK}</button>',
        f'<p role="status" data-copied="{texts.LINK_COPIED}" data-shown="{texts.LINK_SHOWN}"></p>',
    ]
    return gr.HTML(
        html_template=f'<div class="bar">{"".join(parts)}</div>',
        js_on_load=Path(__file__).with_name("bar.js").read_text("utf-8"),
        apply_default_css=False,
        elem_id="bar",
    )


def _place(block: Block) -> str:
    """The tab that a control is in, and the tab within that one."""
    ids = []
    while block := block.parent:
        if isinstance(block, gr.Tab) and block.elem_id:
            ids.append(block.elem_id)
    return "-".join(reversed(ids))


def _told(control: Block, key: str) -> dict:
    told = {"key": key, "name": key.rpartition(".")[2], "value": control.value}
    if isinstance(control, gr.Radio):
        told["choices"] = [value for _, value in control.choices]
    elif not isinstance(control, gr.Checkbox):
        told |= {"least": control.minimum, "most": control.maximum}
    return told


def _controls(page: gr.Blocks) -> dict[str, Block]:
    """The settings of all tabs, by what they are called in a link: `video.pose`."""
    found: dict[str, Block] = {}
    for block in page.blocks.values():
        name = _NAMES.get(getattr(block, "label", None))
        if name and isinstance(block, gr.Slider | gr.Checkbox | gr.Radio | gr.Number):
            found.setdefault(f"{_place(block)}.{name}", block)
    return found


def keep_settings(page: gr.Blocks, bar: gr.HTML) -> None:
    """Wire the settings of all tabs; call it at the end of `page`."""
    controls, here = list(_controls(page).values()), {"api_visibility": "private"}
    call = "(...now) => stylexferSettings.{}(...now)".format
    page.load(None, controls, controls, js=call("restored"), **here)
    # A control of a tab that was never open changes without an event.
    applied = bar.apply(None, controls, controls, js=call("applied"), **here)
    applied.then(None, controls, None, js=call("keep"), **here)
    gr.on([control.change for control in controls], None, controls, js=call("keep"), **here)


def page_head(page: gr.Blocks) -> str:
    """What `launch` needs as `head`, so that the page speaks languages, keeps settings and
    tells screen readers what it shows."""
    told = [_told(control, key) for key, control in _controls(page).items()]
    constants = {"controls": told, "presets": PRESETS}
    settings = script("settings.js", stylexferControls=constants)
    return language_script() + settings + script("access.js")
