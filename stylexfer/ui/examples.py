"""The example rows of each tab, from `examples/` beside the app."""

from pathlib import Path

import gradio as gr
from gradio.components import Component
from gradio.context import get_blocks_context

from stylexfer.ui import texts

FOLDER = Path(__file__).resolve().parents[2] / "examples"


def _paths(*names: str) -> list[str]:
    return [str(FOLDER / name) for name in names]


def picture_rows() -> list[list[str]]:
    """Portrait, driver."""
    return [
        _paths("photos/grace_hopper.jpg", "photos/collins_astronaut.png"),
        _paths("paintings/mona_lisa_joconde.jpg", "photos/collins_astronaut.png"),
        _paths("paintings/morisot_self_portrait_1885.jpg", "photos/einstein_1921.jpg"),
        _paths("paintings/freecol_simonBolivar.png", "paintings/freecol_pocahontas.png"),
        _paths("photos/einstein_1921.jpg", "paintings/freecol_monarch_manuel.png"),
    ]


def many_rows() -> list[list[list[str]]]:
    """Portraits, drivers."""
    portraits = ("photos/grace_hopper.jpg", "paintings/mona_lisa_joconde.jpg")
    drivers = ("photos/collins_astronaut.png", "paintings/freecol_monarch_frederik.png")
    return [
        [
            _paths(*portraits, "paintings/freecol_simonBolivar.png"),
            _paths(*drivers, "photos/einstein_1921.jpg"),
        ]
    ]


def clip_rows() -> list[list[str]]:
    """Portrait, driving clip."""
    return [
        _paths("photos/collins_astronaut.png", "clips/clip_a.mp4"),
        _paths("paintings/mona_lisa_joconde.jpg", "clips/clip_b.mp4"),
        _paths("paintings/freecol_pocahontas.png", "clips/clip_a.mp4"),
    ]


def driver_rows() -> list[list[str]]:
    """Driver's picture."""
    return [
        _paths(f"photos/{name}")
        for name in ("collins_astronaut.png", "grace_hopper.jpg", "einstein_1921.jpg")
    ]


def driving_clip_rows() -> list[list[str]]:
    """Driving clip."""
    return [_paths("clips/clip_a.mp4"), _paths("clips/clip_b.mp4")]


def portrait_rows() -> list[list[str]]:
    """Portrait."""
    return [
        _paths(name)
        for name in (
            "photos/grace_hopper.jpg",
            "paintings/mona_lisa_joconde.jpg",
            "paintings/morisot_self_portrait_1885.jpg",
            "paintings/freecol_pocahontas.png",
        )
    ]


def show_examples(
    rows: list[list[str]], inputs: list[Component], labels: list[str] | None = None
) -> gr.Examples:
    """Example rows to click; words instead of thumbnails where there are `labels`."""
    examples = gr.Examples(
        rows, inputs, label=texts.EXAMPLES, example_labels=labels, cache_examples=False
    )
    # It answers with updates, for which Gradio makes the inputs anew, less what files.py did to them.
    click = get_blocks_context().fns[examples.load_input_event["id"]]
    load = click.fn

    def values(example: tuple) -> list:
        updates = load(example)
        return [update["value"] for update in (updates if len(inputs) > 1 else [updates])]

    click.fn = values
    return examples
