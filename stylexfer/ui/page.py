"""The page: four tabs over one engine. What a visitor does stays in that visitor's session."""

import gradio as gr
from gradio.utils import get_space

from stylexfer.ui import texts
from stylexfer.ui.engine import Engine
from stylexfer.ui.live_tab import live_tab
from stylexfer.ui.picture_tab import picture_tab
from stylexfer.ui.random_tab import random_tab
from stylexfer.ui.session import Visitor
from stylexfer.ui.video_tab import video_tab

_HOUR = 3600

# Tiles are square, their label above the picture and not on somebody's hair. The clock beside the
# progress bar restarts at every sign of life; the text above the bar says how long it takes.
# Trimming in the browser would fetch ffmpeg from another site. On a phone all tabs are to be seen.
CSS = """
.gradio-container { max-width: 1180px !important; margin: 0 auto !important; }
.tiles { display: grid !important; grid-template-columns: 1fr 1fr; }
.tile label, #people label { position: static !important; border: none !important; }
.tile .icon-button-wrapper:not(:has(button)) { display: none; }
.tile .icon-button-wrapper { top: 2px !important; right: 2px !important; }
.tile .image-frame { width: 100%; }
.tile img { aspect-ratio: 1; width: 100%; object-fit: contain; }
.clip-input video { max-height: 232px; }
.clip-input button[aria-label^="Trim"] { display: none; }
.clip-result .meta-text { display: none !important; }
#people, #people .grid-wrap { min-height: 0 !important; height: auto !important; }
#people .grid-container {
  padding-top: 0 !important;
  grid-template-columns: repeat(4, minmax(0, 1fr)) !important;
}
#people .gallery-item { min-width: 0; }
#people .caption-label { padding: 1px 5px; font-size: 11px; }
.account { min-height: 1.6em; }
@media (max-width: 480px) { .tab-container > button { padding: 0 8px !important; } }
"""


def page_theme() -> gr.themes.Base:
    """Quiet: slate and one blue; the system's own font, so that nothing is fetched."""
    return gr.themes.Base(
        primary_hue="blue",
        neutral_hue="slate",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )


def _about(engine: Engine) -> str:
    name = engine.info.get("name")
    words = texts.DEFAULT_PACK if name == "default" else texts.OTHER_PACK
    return words.format(pack=name, size=engine.size, method=texts.METHODS[engine.method])


def build_page(engine: Engine) -> gr.Blocks:
    with gr.Blocks(title=texts.TITLE, analytics_enabled=False, delete_cache=(_HOUR, _HOUR)) as page:
        visitor = gr.State(Visitor())
        gr.Markdown(texts.INTRO.format(note=_about(engine)))
        # With ids, so that a screen reader knows which panel a tab opens.
        with gr.Tabs():
            with gr.Tab(texts.PICTURE_TAB, elem_id="picture"):
                picture_tab(engine, visitor)
            with gr.Tab(texts.CLIP_TAB, elem_id="video"):
                video_tab(engine, visitor)
            with gr.Tab(texts.RANDOM_TAB, elem_id="random") as tab:
                random_tab(engine, visitor, tab)
            with gr.Tab(texts.LIVE_TAB, elem_id="live"):
                live_tab(engine, visitor)
        # Outside a Space there is nothing to duplicate.
        gr.DuplicateButton(texts.DUPLICATE, visible=get_space() is not None)
        # A state that was set once is deleted an hour after its visitor has left.
        page.load(Visitor, None, visitor, api_visibility="private")
    return page.queue(max_size=40)
