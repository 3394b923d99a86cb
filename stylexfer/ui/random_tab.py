"""The third tab: people who do not exist, shown in a gallery, kept, mixed and animated."""

from typing import NamedTuple

import gradio as gr

from stylexfer.errors import StylexferError
from stylexfer.ui import texts
from stylexfer.ui.controls import SHORT, picture_file, strengths
from stylexfer.ui.engine import Engine, shared_gpu
from stylexfer.ui.favourites import MOST, favourites
from stylexfer.ui.files import made_picture
from stylexfer.ui.guard import guarded
from stylexfer.ui.identity_input import IdentityInput, identity_input, wire_save
from stylexfer.ui.mixing import mixing
from stylexfer.ui.people import person_or_file, random_person
from stylexfer.ui.random_runs import with_clip, with_picture
from stylexfer.ui.recipe import LAST_SEED, named, of_seed, only_seed, short_name
from stylexfer.ui.session import Visitor

PEOPLE = 8
TRUNCATION = 0.7

_HERE = {"api_visibility": "private"}


class Chosen(NamedTuple):
    """Who is chosen in this tab: `recipe`, unless a file is loaded. use: the button for Live."""

    recipe: gr.Textbox
    saved: IdentityInput
    use: gr.Button


def after_number(seed: int | None, truncation: float, recipe: str) -> str:
    """Who is meant once the number of the seed is another. It follows the choice of a favourite
    too, which has a truncation of its own; a mix leaves it empty."""
    return recipe if seed is None or seed == only_seed(recipe) else of_seed(seed, truncation)


def chosen_recipe(seed: int) -> gr.Textbox:
    """Who is chosen. In the page, out of sight: it says when it changes, as a `gr.State` in the
    server does not always. (`visible="hidden"` would be forgotten in a tab that was never open.)"""
    return gr.Textbox(of_seed(seed, TRUNCATION), show_label=False, elem_classes="unseen")


def seed_number(value: int, **options) -> gr.Number:
    """The seed of the chosen person."""
    return gr.Number(
        value,
        label=texts.PERSON_SEED,
        precision=0,
        minimum=0,
        maximum=LAST_SEED + PEOPLE,
        min_width=150,
        **options,
    )


def person_face(name: str) -> gr.Image:
    """A small picture of the chosen person, with the name beneath it."""
    return picture_file(
        texts.CHOSEN_PERSON,
        interactive=False,
        min_width=150,
        buttons=["download"],
        elem_id=f"{name}-chosen",
        elem_classes="tile",
    )


def show_person(
    engine: Engine, visitor: Visitor, recipe: str, loaded: str | None
) -> tuple[str, str]:
    """The picture of the chosen person, and the name: for `person_face` and a Markdown."""
    someone = person_or_file(engine, visitor, recipe, loaded)
    # Of a file the inversion: what was sent may be a photo, and this is marked as made here.
    face = someone.inversion if loaded else someone.crop
    picture = made_picture("person.png", face, engine.mark(visitor.label))
    return picture, texts.IDENTITY_FILE if loaded else named(recipe)


def random_tab(engine: Engine, visitor: gr.State, tab: gr.Tab) -> Chosen:
    shown = gr.State([])  # the recipes in the gallery, in order
    recipe = chosen_recipe(0)
    with gr.Row():
        with gr.Column(min_width=320):
            first, truncation, show, onwards = _gallery_controls()
            gallery = people_gallery(texts.PEOPLE, "people")
            with gr.Row():
                face = person_face("random")
                with gr.Column(min_width=150):
                    name = gr.Markdown(named(recipe.value), elem_id="chosen-name")
                    person = seed_number(0, info=texts.PERSON_INFO, elem_id="person")
                    with gr.Row():
                        keep = gr.Button(texts.KEEP_PERSON, size="sm", min_width=70)
                        drop = gr.Button(texts.DROP_PERSON, size="sm", min_width=70)
                    use = gr.Button(texts.USE_IN_LIVE, size="sm", visible=not shared_gpu())
            kept = gr.BrowserState(
                [], storage_key="stylexfer-favourites", secret="nothing in it is secret"
            )
            hint = gr.Markdown(texts.FAVOURITES_INFO.format(most=MOST))
            album = people_gallery(texts.FAVOURITES, "favourites", visible=False)
            first_of_mix, second_of_mix = mixing(recipe, person, truncation)
            saved = identity_input(engine, visitor, "random")
            pose, expression = strengths()
        with gr.Column(min_width=320), gr.Tabs():
            chosen = [recipe, saved.loaded, pose, expression]
            with gr.Tab(texts.WITH_PICTURE, elem_id="with-picture"):
                with_picture(engine, visitor, chosen)
            with gr.Tab(texts.WITH_CLIP, elem_id="with-clip"):
                with_clip(engine, visitor, chosen)
    favourites(
        *(engine, visitor, tab, kept, hint, album, recipe, person),
        *(keep, drop, [first_of_mix, second_of_mix]),
    )
    wire_save(
        engine,
        saved,
        lambda recipe, loaded, visitor: person_or_file(engine, visitor, recipe, loaded),
        [recipe, saved.loaded, visitor],
    )

    @guarded
    def random_gallery(first_seed: int, truncation: float, visitor: Visitor):
        """Show eight people who do not exist, from a first seed on."""
        if first_seed is None:
            raise StylexferError(texts.NO_SEED)
        recipes = [of_seed(int(first_seed) + k, truncation) for k in range(PEOPLE)]
        pictures = []
        for someone in recipes:
            face = random_person(engine, visitor, someone).crop
            picture = made_picture("person.png", face, engine.mark(visitor.label))
            pictures.append((picture, short_name(someone)))
        return pictures, recipes

    def afresh(first_seed, truncation, shown, visitor):
        """The truncation moved: the same seeds are other people now."""
        if not shown:
            return gr.skip(), gr.skip()
        return random_gallery(first_seed, truncation, visitor)

    def at_first(first_seed, truncation, shown, visitor):
        """The tab was opened: nobody should find it empty."""
        if shown:
            return gr.skip(), gr.skip()
        return random_gallery(first_seed, truncation, visitor)

    # Who is chosen is told by handlers that take no time: one that draws eight people meanwhile
    # would undo a choice that was made while it ran.
    @guarded
    def after_truncation(truncation: float, recipe: str):
        seed = only_seed(recipe)
        return recipe if seed is None else of_seed(seed, truncation)

    def choose(shown: list[str], event: gr.SelectData):
        if event.index >= len(shown):
            return gr.skip(), gr.skip()
        return shown[event.index], only_seed(shown[event.index])

    @guarded
    def show_chosen(recipe: str, loaded: str | None, visitor: Visitor):
        return show_person(engine, visitor, recipe, loaded)

    quiet = {**_HERE, **SHORT}
    show.click(random_gallery, [first, truncation, visitor], [gallery, shown], **quiet)
    onwards.click(lambda first: min((first or 0) + PEOPLE, LAST_SEED), first, first, **_HERE).then(
        random_gallery, [first, truncation, visitor], [gallery, shown], **quiet
    )
    tab.select(
        at_first,
        [first, truncation, shown, visitor],
        [gallery, shown],
        **quiet,
    )
    truncation.change(
        afresh,
        [first, truncation, shown, visitor],
        [gallery, shown],
        trigger_mode="always_last",
        **quiet,
    )
    truncation.change(after_truncation, [truncation, recipe], recipe, queue=False, **_HERE)
    gallery.select(choose, shown, [recipe, person], queue=False, **_HERE)
    gr.on(  # whoever is chosen appears, and no longer the person of a file
        [gallery.select, album.select, recipe.change],
        lambda: None,
        None,
        saved.loaded,
        queue=False,
        **_HERE,
    )
    gr.on(  # settings that were restored in a tab that was never open have told nobody
        [person.change, tab.select],
        guarded(after_number),
        [person, truncation, recipe],
        recipe,
        queue=False,
        show_progress="hidden",
        **_HERE,
    )
    gr.on(
        [tab.select, recipe.change, saved.loaded.change],
        show_chosen,
        [recipe, saved.loaded, visitor],
        [face, name],
        trigger_mode="always_last",
        show_progress="hidden",
        **quiet,
    )
    return Chosen(recipe, saved, use)


def people_gallery(label: str, name: str, **options) -> gr.Gallery:
    """Small faces in rows of four; each is a button."""
    return gr.Gallery(
        label=label,
        columns=4,
        height="auto",
        object_fit="cover",
        allow_preview=False,
        interactive=False,
        buttons=[],
        elem_id=name,
        elem_classes="people",
        **options,
    )


def _gallery_controls() -> tuple[gr.Number, gr.Slider, gr.Button, gr.Button]:
    with gr.Row():
        first = gr.Number(
            0,
            label=texts.FIRST_SEED,
            info=texts.FIRST_SEED_INFO,
            precision=0,
            minimum=0,
            maximum=LAST_SEED,
            min_width=150,
        )
        truncation = gr.Slider(
            0,
            1,
            TRUNCATION,
            step=0.05,
            label=texts.TRUNCATION,
            info=texts.TRUNCATION_INFO,
            min_width=150,
        )
    with gr.Row():
        show = gr.Button(texts.SHOW_PEOPLE, min_width=140)
        onwards = gr.Button(texts.NEXT_PEOPLE, min_width=140)
    return first, truncation, show, onwards
