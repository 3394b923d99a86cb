"""What a person who does not exist can do: follow a picture, or a clip."""

import gradio as gr
from gradio.components import Component

from stylexfer.marks import Mark
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
    stoppable,
    tiles,
)
from stylexfer.ui.engine import Engine, Motion
from stylexfer.ui.examples import driver_rows, driving_clip_rows, show_examples
from stylexfer.ui.files import made_picture, photo
from stylexfer.ui.guard import explained, guarded
from stylexfer.ui.people import person_or_file
from stylexfer.ui.picture_tab import driven_by_picture
from stylexfer.ui.session import Visitor
from stylexfer.ui.terms import allowed


def _face(person: Identity, loaded: str | None, mark: Mark) -> str:
    """What is in a file that was sent may be a photo; all others were made here."""
    if loaded:
        return photo("person.png", person.crop)
    return made_picture("person.png", person.crop, mark)


def with_picture(engine: Engine, visitor: gr.State, chosen: list[Component]) -> None:
    """A picture as the driver. chosen: recipe, loaded file, pose, expression."""
    driver = picture_input(texts.DRIVER)
    run = gr.Button(texts.ANIMATE_WITH_PICTURE, variant="primary")
    examples = show_examples(driver_rows(), [driver])
    crop, inversion, driving, result = tiles(
        "random", texts.PERSON_CROP, texts.INVERSION, texts.DRIVER_CROP, texts.RESULT
    )
    outputs = [crop, inversion, driving, result]

    @guarded
    def animate_random_image(
        recipe: str,
        loaded: str | None,
        pose: float,
        expression: float,
        driver: str,
        visitor: Visitor,
    ):
        """Give a person who does not exist the head pose and expression of a face.

        Args:
            recipe: who the person is, see `recipe`.
            loaded: a file that says instead who appears.
            pose: strength of the pose, 0 keeps the person's own, 1 is the driver's.
            expression: strength of the expression, likewise.
            driver: the picture of the face that gives pose and expression; exactly one face.

        Returns:
            The person, its inversion, the aligned driver, and the result.
        """
        with explained(texts.DRIVER):
            allowed(visitor, driver)
        someone = person_or_file(engine, visitor, recipe, loaded)
        animated = driven_by_picture(engine, visitor, someone, driver, pose, expression)
        mark = engine.mark(visitor.label)
        return (
            _face(someone, loaded, mark),
            made_picture("inversion.png", someone.inversion, mark),
            photo("driver.png", animated.driving),
            made_picture(f"result{visitor.ending}", animated.image, mark),
        )

    def again(recipe, loaded, pose, expression, driver, visitor):
        """Another person, or a slider moved: render once more, unless there is no driver yet."""
        if not driver:
            return [gr.skip()] * len(outputs)
        return animate_random_image(recipe, loaded, pose, expression, driver, visitor)

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


def with_clip(engine: Engine, visitor: gr.State, chosen: list[Component]) -> None:
    """A clip as the driver; chosen: as of `with_picture`."""
    clip = clip_input()
    start, stop = run_buttons(texts.ANIMATE_WITH_CLIP)
    show_examples(driving_clip_rows(), [clip])
    result, account = clip_result("random-video-result")
    view, relative, steadiness = clip_settings(VIEWS[:2])
    start_at, end_at = clip_part()

    @guarded
    def animate_random_video(
        recipe: str,
        loaded: str | None,
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
            recipe: who the person is, see `recipe`.
            loaded: a file that says instead who appears.
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
        someone = person_or_file(engine, visitor, recipe, loaded)
        motion = Motion(pose, expression, relative, steadiness)
        with explained(texts.DRIVING_CLIP):
            for finished in render_clip(
                engine, someone, None, clip, info, motion, view, False, run, progress
            ):
                yield finished or NOT_YET

    stoppable(start, stop, visitor, "random")
    start.click(
        animate_random_video,
        [*chosen, clip, view, relative, steadiness, start_at, end_at, visitor],
        [result, account],
        api_visibility="private",
        show_progress_on=result,
        scroll_to_output=True,
        **LONG,
    )
