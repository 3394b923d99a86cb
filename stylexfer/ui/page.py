"""The page: six tabs over one engine. What a visitor does stays in that visitor's session."""

import gradio as gr
from gradio.utils import get_space

from stylexfer.marks.certificate import credentials
from stylexfer.ui import texts
from stylexfer.ui.api import api_endpoints
from stylexfer.ui.compare_tab import compare_tab
from stylexfer.ui.engine import Engine
from stylexfer.ui.files import AllFiles
from stylexfer.ui.limits import limit_runs
from stylexfer.ui.live_tab import LIVE_ID, live_tab, use_in_live
from stylexfer.ui.picture_tab import PICTURE_CSS, picture_tab
from stylexfer.ui.random_tab import random_tab
from stylexfer.ui.session import Visitor
from stylexfer.ui.settings import BAR_CSS, keep_settings, settings_bar
from stylexfer.ui.terms import terms
from stylexfer.ui.verify_tab import verify_tab
from stylexfer.ui.video_tab import video_tab

# A file is deleted when it is looked at and older than this, so before an hour has gone by.
_LOOK_EVERY, _KEEP = 300, 3300

# Tiles are square, their label above the picture and not on somebody's hair. The clock beside the
# progress bar restarts at every sign of life; the text above the bar says how long it takes.
# Trimming in the browser would fetch ffmpeg from another site. On a phone all tabs are to be seen.
CSS = (
    """
.gradio-container { max-width: 1180px !important; margin: 0 auto !important; }
.tiles { display: grid !important; grid-template-columns: 1fr 1fr; }
.tile label, .people label { position: static !important; border: none !important; }
.tile .icon-button-wrapper:not(:has(button)) { display: none; }
.tile .icon-button-wrapper { top: 2px !important; right: 2px !important; }
.tile .image-frame { width: 100%; }
.tile img { aspect-ratio: 1; width: 100%; object-fit: contain; }
.clip-input video { max-height: 232px; }
.clip-input button[aria-label^="Trim"] { display: none; }
.clip-result .wrap:has(.progress-level) .meta-text { display: none !important; }
.people, .people .grid-wrap { min-height: 0 !important; height: auto !important; }
.people .grid-container {
  padding-top: 0 !important;
  grid-template-columns: repeat(4, minmax(0, 1fr)) !important;
}
.people .gallery-item { min-width: 0; }
.people .caption-label { padding: 1px 5px; font-size: 11px; }
.unseen, .form:has(> .unseen) { display: none !important; }
.account { min-height: 1.6em; }
.label-wrap { text-align: start !important; }
.dark .tab-container .selected { color: var(--primary-400); }
#measures table { width: 100%; border-collapse: collapse; font-size: var(--text-sm); }
#measures th, #measures td { padding: 4px 6px; text-align: end; border: none; }
#measures td:first-child { text-align: start; }
#measures tr { border-bottom: 1px solid var(--border-color-primary); }
#chosen-name { overflow: visible !important; }
#verdict .verdict { font-weight: 600; margin-bottom: 12px; }
#verdict dt { color: var(--body-text-color-subdued); margin-top: 8px; }
#verdict dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 480px) {
  #compare-result { height: 200px !important; }
  .tab-container { flex-wrap: wrap; height: auto !important; }
  .tab-container > button { padding: 0 5px !important; font-size: 13px !important; height: 36px; }
}
"""
    + PICTURE_CSS
    + BAR_CSS
)


def page_theme() -> gr.themes.Base:
    """Quiet: slate and one blue; the system's own font, so that nothing is fetched. In place of
    Gradio's lighter tones those with a contrast of 4.5 (WCAG AA)."""
    return gr.themes.Base(
        primary_hue="blue",
        neutral_hue="slate",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    ).set(
        body_text_color_subdued="*neutral_500",
        block_info_text_color="*neutral_500",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        color_accent="*primary_600",
        checkbox_border_color="*neutral_400",
        checkbox_border_color_dark="*neutral_500",
    )


def _about(engine: Engine) -> str:
    name = engine.info.get("name")
    words = texts.DEFAULT_PACK if name == "default" else texts.OTHER_PACK
    version, method = engine.info.get("version"), texts.METHODS[engine.method]
    return words.format(pack=name, version=version, size=engine.size, method=method)


def build_page(engine: Engine) -> gr.Blocks:
    """StylexferError if the certificate that is to sign results cannot be used."""
    credentials()  # now, and not when the first visitor has waited for a result
    with gr.Blocks(
        title=texts.TITLE, analytics_enabled=False, delete_cache=(_LOOK_EVERY, _KEEP)
    ) as page:
        visitor = gr.State(Visitor())
        bar = settings_bar()
        gr.Markdown(texts.INTRO.format(note=_about(engine)))
        agreed = terms(page, visitor)
        # With ids, so that a screen reader knows which panel a tab opens.
        with gr.Tabs():
            with gr.Tab(texts.PICTURE_TAB, elem_id="picture"):
                picture_tab(engine, visitor, agreed)
            with gr.Tab(texts.CLIP_TAB, elem_id="video"):
                video_tab(engine, visitor)
            with gr.Tab(texts.RANDOM_TAB, elem_id="random") as tab:
                chosen = random_tab(engine, visitor, tab)
            with gr.Tab(texts.LIVE_TAB, elem_id=LIVE_ID):
                live = live_tab(engine, visitor)
            if live:
                use_in_live(engine, visitor, chosen, live)
            with gr.Tab(texts.COMPARE_TAB, elem_id="compare"):
                compare_tab(engine, visitor)
            with gr.Tab(texts.CHECK_TAB, elem_id="check"):
                verify_tab()
        # Outside a Space there is nothing to duplicate.
        with gr.Column(visible=get_space() is not None):
            gr.DuplicateButton(texts.DUPLICATE)
            gr.Markdown(texts.DUPLICATE_INFO)
        gr.Markdown(texts.TRANSLATED, elem_classes="translated")
        with gr.Column(visible=False):
            api_endpoints(engine)
        keep_settings(page, bar)
    page.queue(max_size=40, api_open=False)  # nothing goes past the line
    limit_runs(page)
    page.temp_file_sets.append(AllFiles())
    return page
