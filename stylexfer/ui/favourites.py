"""People whom a visitor keeps: shown in this session, and known to the browser by recipe only."""

from pathlib import Path

import gradio as gr

from stylexfer.errors import StylexferError
from stylexfer.ui import texts
from stylexfer.ui.controls import SHORT
from stylexfer.ui.engine import Engine
from stylexfer.ui.files import made_picture
from stylexfer.ui.guard import guarded
from stylexfer.ui.recipe import in_numbers, only_seed, parts_of, short_name
from stylexfer.ui.session import Visitor

MOST = 24

_HERE = {"api_visibility": "private"}


def known_recipes(said: object) -> list[str]:
    """What a browser says that it has kept; anything that is no recipe is left out."""
    recipes: list[str] = []
    for text in said[: 2 * MOST] if isinstance(said, list) else []:
        try:
            parts_of(text)
        except StylexferError:
            continue
        if text not in recipes:
            recipes.append(text)
    return recipes[:MOST]


def _pictures(
    engine: Engine,
    visitor: Visitor,
    recipes: list[str],
    drawn: dict[str, str],
    progress: gr.Progress,
) -> list[tuple[str, str]]:
    """Of each (picture, name). drawn: those there are, by recipe; new ones are added."""
    for k, recipe in enumerate(recipes):
        # After an hour the file is gone. Not remembered whole: 24 people would push out portraits.
        if recipe not in drawn or not Path(drawn[recipe]).is_file():
            desc = texts.MAKING_PEOPLE.format(done=k + 1, total=len(recipes))
            progress((k, len(recipes)), desc=desc)
            someone = visitor.recall(("random", recipe)) or engine.mixed_identity(
                [tuple(part) for part in parts_of(recipe)]
            )
            drawn[recipe] = made_picture("person.png", someone.crop, engine.mark(visitor.label))
    return [(drawn[recipe], short_name(recipe)) for recipe in recipes]


def favourites(
    engine: Engine,
    visitor: gr.State,
    tab: gr.Tab,
    kept: gr.BrowserState,
    hint: gr.Markdown,
    album: gr.Gallery,
    recipe: gr.Textbox,
    person: gr.Number,
    keep: gr.Button,
    drop: gr.Button,
    mixed: list[gr.Dropdown],
) -> None:
    """Wire the gallery of favourites, and what is kept of them in the browser.

    tab: shows them when it opens. hint: is shown while there are none. recipe, person: the chosen one. mixed: offer the favourites too.
    """
    drawn = gr.State({})  # pictures by recipe

    def shown(recipes, drawn, visitor, progress):
        pictures = _pictures(engine, visitor, recipes, drawn, progress)
        offered = [(in_numbers(r), r) for r in recipes]  # a chosen one is not translated
        return (
            recipes,
            gr.Markdown(visible=not recipes),
            gr.Gallery(pictures, visible=bool(recipes)),
            {r: drawn[r] for r in recipes},
            *(gr.Dropdown(choices=offered) for _ in mixed),
        )

    @guarded
    def add(
        kept: list,
        recipe: str,
        drawn: dict,
        visitor: Visitor,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds it by this default
    ):
        recipes = known_recipes(kept)
        if recipe not in recipes:
            if len(recipes) >= MOST:
                raise StylexferError(texts.FAVOURITES_FULL.format(most=MOST))
            recipes.append(recipe)
        return shown(recipes, drawn, visitor, progress)

    @guarded
    def remove(
        kept: list,
        recipe: str,
        drawn: dict,
        visitor: Visitor,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ):
        recipes = known_recipes(kept)
        if recipe not in recipes:
            raise StylexferError(texts.NOT_KEPT)
        recipes.remove(recipe)
        return shown(recipes, drawn, visitor, progress)

    @guarded
    def arrive(
        kept: list,
        drawn: dict,
        visitor: Visitor,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ):
        recipes = known_recipes(kept)
        if not recipes or set(recipes) <= set(drawn):
            return [gr.skip()] * len(outputs)
        return shown(recipes, drawn, visitor, progress)

    def choose(kept: list, event: gr.SelectData):
        recipes = known_recipes(kept)
        if event.index >= len(recipes):
            return gr.skip(), gr.skip()
        return recipes[event.index], only_seed(recipes[event.index])

    outputs = [kept, hint, album, drawn, *mixed]
    quiet = {**_HERE, **SHORT}
    keep.click(add, [kept, recipe, drawn, visitor], outputs, show_progress_on=album, **quiet)
    drop.click(remove, [kept, recipe, drawn, visitor], outputs, show_progress_on=album, **quiet)
    tab.select(arrive, [kept, drawn, visitor], outputs, show_progress_on=album, **quiet)
    album.select(choose, kept, [recipe, person], queue=False, **_HERE)
