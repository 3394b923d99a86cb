"""The first tab: a portrait and a driver's picture give the portrait in the driver's pose."""

import gradio as gr
import numpy as np
from gradio.events import Dependency
from PIL import Image

from stylexfer.faces.composite import paste_back
from stylexfer.layouts import PASTED
from stylexfer.media import open_picture
from stylexfer.steps import Driven, Held
from stylexfer.transfer import Identity
from stylexfer.ui import texts
from stylexfer.ui.chosen import chosen_face
from stylexfer.ui.controls import SHORT, picture_input, strengths, tiles
from stylexfer.ui.edits import Edit, there
from stylexfer.ui.engine import Engine, driver_frame
from stylexfer.ui.examples import picture_rows, show_examples
from stylexfer.ui.faithful import LEARN, faithful_box, known, learned
from stylexfer.ui.files import made_picture, photo
from stylexfer.ui.guard import explained, guarded
from stylexfer.ui.identity_input import identity_input, wire_save
from stylexfer.ui.many import many_at_once
from stylexfer.ui.people import saved_identity
from stylexfer.ui.preflight import LOOK_CSS, preflight
from stylexfer.ui.session import Visitor, content_key
from stylexfer.ui.step_controls import STEPS_CSS, step_controls, wire_steps
from stylexfer.ui.terms import allowed

PICTURE_CSS = LOOK_CSS + STEPS_CSS

_SEEN = 1280  # pixels of the longer side of the portrait that a result is compared with


def portrait_identity(
    engine: Engine, visitor: Visitor, path: str | None, faithful: bool = False
) -> tuple[np.ndarray, Identity]:
    """A portrait, opened, and its identity; inverting the same file again costs nothing. faithful:
    its tuned identity, where that is `known`."""
    with explained(texts.PORTRAIT):
        picture = open_picture(allowed(visitor, path))
        which = chosen_face(visitor, path)
        key = (*content_key("identity", path), which)
        identity = visitor.remember(key, lambda: engine.identify(picture, which))
        return picture, known(visitor, path, identity) if faithful else identity


def driven_by_picture(
    engine: Engine,
    visitor: Visitor,
    identity: Identity,
    path: str | None,
    pose: float,
    expression: float,
    held: Held | None = None,
) -> Driven:
    """`identity` with the motion of the face in the driver's picture. held: of the step before."""
    with explained(texts.DRIVER):
        path = allowed(visitor, path)
        which = chosen_face(visitor, path)
        key = (*content_key("driver", path), which)
        frame = visitor.remember(key, lambda: driver_frame(open_picture(path), which))
        return engine.drive_picture(identity, frame, pose, expression, held)


def _compared() -> gr.ImageSlider:
    """The portrait and the result in it, over each other; what can be saved of it is the latter."""
    return gr.ImageSlider(
        type="filepath",
        label=texts.COMPARED,
        interactive=False,
        max_height=420,
        buttons=["download", "fullscreen"],
        elem_id="picture-pasted",
    )


def _before(picture: np.ndarray) -> str:
    """The portrait as it is compared with: not larger than it is seen."""
    seen = Image.fromarray(picture)
    seen.thumbnail((_SEEN, _SEEN), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return photo("before.jpg", np.asarray(seen))


def picture_tab(engine: Engine, visitor: gr.State, agreed: Dependency) -> None:
    """agreed: what runs when somebody may have agreed to the use of faces."""
    with gr.Row():
        with gr.Column(min_width=320):
            with gr.Row():
                with gr.Column(min_width=150):
                    portrait = picture_input(texts.PORTRAIT)
                    preflight(portrait, visitor, agreed, texts.PORTRAIT_HINT, "portrait-look")
                with gr.Column(min_width=150):
                    driver = picture_input(texts.DRIVER)
                    preflight(driver, visitor, agreed, texts.DRIVER_HINT, "driver-look")
            pose, expression = strengths()
            faithful = faithful_box(engine)
            run = gr.Button(texts.TRANSFER, variant="primary")
            labels = texts.PICTURE_EXAMPLES
            examples = show_examples(picture_rows(), [portrait, driver], labels)
            saved = identity_input(engine, visitor, "picture")
        with gr.Column(min_width=320, elem_id="picture-outputs"):
            crop, inversion, driving, result = tiles(
                "picture", texts.PORTRAIT_CROP, texts.INVERSION, texts.DRIVER_CROP, texts.RESULT
            )
            compared = _compared()
            hint = gr.Markdown(texts.PICTURE_HINT, elem_id="picture-hint")
            steps = step_controls()
    use_result = steps[1][0]
    outputs = [crop, inversion, driving, result, compared, hint, use_result]
    many_at_once(engine, visitor, pose, expression)
    wire_steps(portrait, visitor, steps)

    @guarded
    def transfer_image(
        portrait: str,
        driver: str,
        pose: float,
        expression: float,
        faithful: bool,
        loaded: str | None,
        visitor: Visitor,
    ):
        """Give the face of a portrait the head pose and expression of another face.

        Args:
            portrait: the picture of the person who appears; exactly one face.
            driver: the picture of the face that gives pose and expression; exactly one face.
            pose: strength of the pose, 0 keeps the portrait's own, 1 is the driver's.
            expression: strength of the expression, likewise.
            faithful: draw a portrait that was learned before with what was learned.
            loaded: a file that says instead of the portrait who appears.

        Returns:
            The aligned portrait (of a step: the result before), its inversion, the aligned driver,
            the result, and the result pasted back into the portrait beside that.
        """
        if loaded:
            return without_portrait(loaded, driver, pose, expression, faithful, visitor)
        step = visitor.edits.of(portrait)
        source = there(step.portrait) if step else portrait
        picture, identity = portrait_identity(engine, visitor, source, faithful)
        held = step.held if step else None
        driven = driven_by_picture(engine, visitor, identity, driver, pose, expression, held)
        whole = paste_back(picture, identity.quad, driven.image)
        mark = engine.mark(visitor.label)
        ending = ".jpg" if visitor.ending == ".png" else visitor.ending  # a photo as PNG: 20 MB
        face = made_picture(f"result{visitor.ending}", driven.image, mark)
        whole_mark = engine.mark(visitor.label, PASTED)
        shown = made_picture(f"result-in-portrait{ending}", whole, whole_mark)
        visitor.edits.latest = Edit(source, shown, face, driven.held)
        return (
            there(step.face) if step else photo("portrait.png", identity.crop),
            made_picture("inversion.png", identity.inversion, mark),
            photo("driver.png", driven.driving),
            face,
            (step.shown if step else _before(picture), shown),
            texts.COMPARE_HINT,
            gr.update(visible=True),
        )

    def without_portrait(loaded, driver, pose, expression, faithful, visitor):
        """The same of a file: there is nothing to be pasted into, and no step to go on from."""
        identity = saved_identity(engine, visitor, loaded, faithful)
        driven = driven_by_picture(engine, visitor, identity, driver, pose, expression)
        mark = engine.mark(visitor.label)
        return (
            photo("portrait.png", identity.crop),
            made_picture("inversion.png", identity.inversion, mark),
            photo("driver.png", driven.driving),
            made_picture(f"result{visitor.ending}", driven.image, mark),
            None,
            texts.FILE_SHOWN,
            gr.update(visible=False),
        )

    def again(portrait, driver, pose, expression, faithful, loaded, visitor):
        """A slider moved: render once more, unless there is nothing to render yet."""
        if not ((portrait or loaded) and driver):
            return [gr.skip()] * len(outputs)
        return transfer_image(portrait, driver, pose, expression, faithful, loaded, visitor)

    def whoever(portrait, faithful, loaded, visitor):
        """(The file that says who appears, the identity.)"""
        if loaded:
            return loaded, saved_identity(engine, visitor, loaded, faithful)
        step = visitor.edits.of(portrait)
        source = there(step.portrait) if step else portrait
        return source, portrait_identity(engine, visitor, source, faithful)[1]

    @guarded
    def learn(
        portrait: str,
        faithful: bool,
        loaded: str | None,
        visitor: Visitor,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds it by this default
    ):
        """Once the first result is there, learn the portrait."""
        if faithful:
            source, identity = whoever(portrait, faithful, loaded, visitor)
            for _ in learned(engine, visitor, source, identity, progress):
                yield gr.skip()
        yield gr.skip()

    def better(portrait, driver, pose, expression, faithful, loaded, visitor):
        """It was learned: the settings of now, once more."""
        if not faithful:
            return [gr.skip()] * len(outputs)
        return again(portrait, driver, pose, expression, faithful, loaded, visitor)

    inputs = [portrait, driver, pose, expression, faithful, saved.loaded, visitor]
    clicked = run.click(
        transfer_image,
        inputs,
        outputs,
        api_visibility="private",
        scroll_to_output=True,
        show_progress_on=result,
        **SHORT,
    )
    gr.on(
        [pose.change, expression.change, faithful.change],
        again,
        inputs,
        outputs,
        trigger_mode="always_last",
        show_progress="hidden",
        api_visibility="private",
        **SHORT,
    )
    chosen = examples.load_input_event.then(
        transfer_image,
        inputs,
        outputs,
        api_visibility="private",
        scroll_to_output=True,
        show_progress_on=result,
        **SHORT,
    )
    for first in (clicked, chosen):
        # The bar is on the inversion: the first result is there to be looked at.
        learning = first.success(
            learn,
            [portrait, faithful, saved.loaded, visitor],
            inversion,
            show_progress_on=inversion,
            api_visibility="private",
            **LEARN,
        )
        learning.success(
            better, inputs, outputs, show_progress="hidden", api_visibility="private", **SHORT
        )
    wire_save(
        engine,
        saved,
        lambda *given: whoever(*given)[1],
        [portrait, faithful, saved.loaded, visitor],
    )
