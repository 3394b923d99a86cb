"""The third tab: people who do not exist, shown in a gallery and animated."""

import gradio as gr

from stylexfer.errors import StylexferError
from stylexfer.transfer import Identity
from stylexfer.ui import texts
from stylexfer.ui.clips import NOT_YET, VIEWS, checked_clip, render_clip
from stylexfer.ui.controls import (
    LONG,
    SHORT,
    clip_input,
    clip_part,
    clip_result,
    clip_settings,
    picture_input,
    run_buttons,
    strengths,
    tiles,
)
from stylexfer.ui.engine import Engine, Motion
from stylexfer.ui.examples import driver_rows, driving_clip_rows, show_examples
from stylexfer.ui.files import made_picture, photo
from stylexfer.ui.guard import explained, guarded
from stylexfer.ui.picture_tab import driven_by_picture
from stylexfer.ui.session import Visitor
from stylexfer.ui.terms import allowed

PEOPLE = 8
LAST_SEED = 2**31 - 1 - PEOPLE


def random_person(
    engine: Engine, visitor: Visitor, seed: int | None, truncation: float
) -> Identity:
    """The person of a seed; the same again costs nothing."""
    if seed is None:
        raise StylexferError(texts.NO_SEED)
    key = ("random", int(seed), float(truncation))
    return visitor.remember(key, lambda: engine.random_identity(int(seed), float(truncation)))


def random_tab(engine: Engine, visitor: gr.State, tab: gr.Tab) -> None:
    shown = gr.State([])  # the seeds in the gallery, in order
    with gr.Row():
        with gr.Column(min_width=320):
            first, truncation, show, onwards = _gallery_controls()
            gallery = gr.Gallery(
                label=texts.PEOPLE,
                columns=4,
                height="auto",
                object_fit="cover",
                allow_preview=False,
                interactive=False,
                buttons=[],
                elem_id="people",
            )
            person = gr.Number(
                0,
                label=texts.PERSON_SEED,
                info=texts.PERSON_INFO,
                precision=0,
                minimum=0,
                maximum=LAST_SEED + PEOPLE,
                elem_id="person",
            )
            pose, expression = strengths()
        with gr.Column(min_width=320), gr.Tabs():
            chosen = [person, truncation, pose, expression]
            with gr.Tab(texts.WITH_PICTURE, elem_id="with-picture"):
                _with_picture(engine, visitor, chosen)
            with gr.Tab(texts.WITH_CLIP, elem_id="with-clip"):
                _with_clip(engine, visitor, chosen)

    @guarded
    def random_gallery(first_seed: int, truncation: float, visitor: Visitor):
        """Show eight people who do not exist.

        Args:
            first_seed: the seed of the first; the others follow.
            truncation: 0 is the average face, 1 the widest variety.

        Returns:
            The eight pictures, each with its seed as the caption.
        """
        if first_seed is None:
            raise StylexferError(texts.NO_SEED)
        seeds = list(range(int(first_seed), int(first_seed) + PEOPLE))
        pictures = []
        for seed in seeds:
            someone = random_person(engine, visitor, seed, truncation)
            picture = made_picture(f"person-{seed}.png", someone.crop, engine.mark(visitor.label))
            pictures.append((picture, texts.SEED_CAPTION.format(seed=seed)))
        return pictures, seeds

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

    def choose(shown: list[int], event: gr.SelectData):
        return shown[event.index] if event.index < len(shown) else gr.skip()

    inputs, outputs = [first, truncation, visitor], [gallery, shown]
    quiet = {"api_visibility": "private", **SHORT}
    show.click(random_gallery, inputs, outputs, api_visibility="private", **SHORT)
    onwards.click(
        lambda first: min((first or 0) + PEOPLE, LAST_SEED), first, first, api_visibility="private"
    ).then(random_gallery, inputs, outputs, **quiet)
    inputs = [first, truncation, shown, visitor]
    tab.select(at_first, inputs, outputs, **quiet)
    truncation.change(afresh, inputs, outputs, trigger_mode="always_last", **quiet)
    gallery.select(choose, shown, person, api_visibility="private")


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
            0.7,
            step=0.05,
            label=texts.TRUNCATION,
            info=texts.TRUNCATION_INFO,
            min_width=150,
        )
    with gr.Row():
        show = gr.Button(texts.SHOW_PEOPLE, min_width=140)
        onwards = gr.Button(texts.NEXT_PEOPLE, min_width=140)
    return first, truncation, show, onwards


def _with_picture(engine: Engine, visitor: gr.State, chosen: list) -> None:
    driver = picture_input(texts.DRIVER)
    run = gr.Button(texts.ANIMATE_WITH_PICTURE, variant="primary")
    examples = show_examples(driver_rows(), [driver])
    crop, inversion, driving, result = tiles(
        "random", texts.PERSON_CROP, texts.INVERSION, texts.DRIVER_CROP, texts.RESULT
    )
    outputs = [crop, inversion, driving, result]

    @guarded
    def animate_random_image(
        seed: int,
        truncation: float,
        pose: float,
        expression: float,
        driver: str,
        visitor: Visitor,
    ):
        """Give a person who does not exist the head pose and expression of a face.

        Args:
            seed: which person, as in the gallery.
            truncation: 0 is the average face, 1 the widest variety.
            pose: strength of the pose, 0 keeps the person's own, 1 is the driver's.
            expression: strength of the expression, likewise.
            driver: the picture of the face that gives pose and expression; exactly one face.

        Returns:
            The person, its inversion, the aligned driver, and the result.
        """
        with explained(texts.DRIVER):
            allowed(visitor, driver)
        someone = random_person(engine, visitor, seed, truncation)
        animated = driven_by_picture(engine, visitor, someone, driver, pose, expression)
        mark = engine.mark(visitor.label)
        return (
            made_picture("person.png", someone.crop, mark),
            made_picture("inversion.png", someone.inversion, mark),
            photo("driver.png", animated.driving),
            made_picture(f"result{visitor.ending}", animated.image, mark),
        )

    def again(seed, truncation, pose, expression, driver, visitor):
        """Another person, or a slider moved: render once more, unless there is no driver yet."""
        if not driver or seed is None:
            return [gr.skip()] * len(outputs)
        return animate_random_image(seed, truncation, pose, expression, driver, visitor)

    inputs = [*chosen, driver, visitor]
    run.click(
        animate_random_image,
        inputs,
        outputs,
        api_visibility="private",
        scroll_to_output=True,
        show_progress_on=result,
        **SHORT,
    )
    gr.on(
        [control.change for control in chosen],
        again,
        inputs,
        outputs,
        trigger_mode="always_last",
        show_progress="hidden",
        api_visibility="private",
        **SHORT,
    )
    examples.load_input_event.then(
        animate_random_image,
        inputs,
        outputs,
        api_visibility="private",
        scroll_to_output=True,
        show_progress_on=result,
        **SHORT,
    )


def _with_clip(engine: Engine, visitor: gr.State, chosen: list) -> None:
    clip = clip_input()
    start, stop = run_buttons(texts.ANIMATE_WITH_CLIP)
    show_examples(driving_clip_rows(), [clip])
    result, account = clip_result("random-video-result")
    view, relative, steadiness = clip_settings(VIEWS[:2])
    start_at, end_at = clip_part()

    @guarded
    def animate_random_video(
        seed: int,
        truncation: float,
        pose: float,
        expression: float,
        clip: str,
        view: str,
        relative: bool,
        steadiness: float,
        start_at: float,
        end_at: float,
        visitor: Visitor,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds it by this default
    ):
        """Animate a person who does not exist with the head pose and expression of a clip.

        Args:
            seed: which person, as in the gallery.
            truncation: 0 is the average face, 1 the widest variety.
            pose: strength of the pose, 0 keeps the person's own, 1 is the driver's.
            expression: strength of the expression, likewise.
            clip: the driving video; its sound and frame rate are kept.
            view: "Face" or "Side by side".
            relative: add the driver's change since the first frame to the person's own pose.
            steadiness: 0 to 1, smooths the driver's position over time.
            start_at: seconds into the clip at which the part begins that is used.
            end_at: seconds into the clip at which it ends; 0: at the clip's end.

        Returns:
            The animated clip as mp4, and an account of it in words.
        """
        run = visitor.start("random")
        with explained(texts.DRIVING_CLIP):
            info = checked_clip(allowed(visitor, clip), start_at, end_at)
        progress(0, desc=texts.PREPARING_PERSON)
        someone = random_person(engine, visitor, seed, truncation)
        motion = Motion(pose, expression, relative, steadiness)
        with explained(texts.DRIVING_CLIP):
            for finished in render_clip(
                engine, someone, None, clip, info, motion, view, False, run, progress
            ):
                yield finished or NOT_YET

    start.click(
        animate_random_video,
        [*chosen, clip, view, relative, steadiness, start_at, end_at, visitor],
        [result, account],
        api_visibility="private",
        show_progress_on=result,
        scroll_to_output=True,
        **LONG,
    )
    stop.click(
        lambda visitor: visitor.stop("random"), visitor, None, queue=False, api_visibility="private"
    )
