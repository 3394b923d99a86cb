"""The first tab: a portrait and a driver's picture give the portrait in the driver's pose."""

import gradio as gr
import numpy as np

from stylexfer.faces.composite import paste_back
from stylexfer.layouts import PASTED
from stylexfer.media import open_picture
from stylexfer.transfer import Animated, Identity
from stylexfer.ui import texts
from stylexfer.ui.controls import SHORT, picture_input, strengths, tiles
from stylexfer.ui.engine import Engine, driver_frame
from stylexfer.ui.examples import picture_rows, show_examples
from stylexfer.ui.faithful import LEARN, faithful_box, known, learned
from stylexfer.ui.files import made_picture, photo, picture_file
from stylexfer.ui.guard import explained, guarded
from stylexfer.ui.session import Visitor, content_key
from stylexfer.ui.terms import allowed


def portrait_identity(
    engine: Engine, visitor: Visitor, path: str | None, faithful: bool = False
) -> tuple[np.ndarray, Identity]:
    """A portrait, opened, and its identity; inverting the same file again costs nothing. faithful:
    its tuned identity, where that is `known`."""
    with explained(texts.PORTRAIT):
        picture = open_picture(allowed(visitor, path))
        key = content_key("identity", path)
        identity = visitor.remember(key, lambda: engine.identify(picture))
        return picture, known(visitor, path, identity) if faithful else identity


def driven_by_picture(
    engine: Engine,
    visitor: Visitor,
    identity: Identity,
    path: str | None,
    pose: float,
    expression: float,
) -> Animated:
    """`identity` with the motion of the face in the driver's picture."""
    with explained(texts.DRIVER):
        picture = open_picture(allowed(visitor, path))
        frame = visitor.remember(content_key("driver", path), lambda: driver_frame(picture))
        return engine.drive_picture(identity, frame, pose, expression)


def picture_tab(engine: Engine, visitor: gr.State) -> None:
    with gr.Row():
        with gr.Column(min_width=320):
            with gr.Row():
                portrait, driver = picture_input(texts.PORTRAIT), picture_input(texts.DRIVER)
            pose, expression = strengths()
            faithful = faithful_box(engine)
            run = gr.Button(texts.TRANSFER, variant="primary")
            labels = texts.PICTURE_EXAMPLES
            examples = show_examples(picture_rows(), [portrait, driver], labels)
        with gr.Column(min_width=320, elem_id="picture-outputs"):
            crop, inversion, driving, result = tiles(
                "picture", texts.PORTRAIT_CROP, texts.INVERSION, texts.DRIVER_CROP, texts.RESULT
            )
            pasted = picture_file(
                texts.PASTED,
                interactive=False,
                height=360,
                buttons=["download", "fullscreen"],
                elem_id="picture-pasted",
            )
    outputs = [crop, inversion, driving, result, pasted]

    @guarded
    def transfer_image(
        portrait: str,
        driver: str,
        pose: float,
        expression: float,
        faithful: bool,
        visitor: Visitor,
    ):
        """Give the face of a portrait the head pose and expression of another face.

        Args:
            portrait: the picture of the person who appears; exactly one face.
            driver: the picture of the face that gives pose and expression; exactly one face.
            pose: strength of the pose, 0 keeps the portrait's own, 1 is the driver's.
            expression: strength of the expression, likewise.
            faithful: draw a portrait that was learned before with what was learned.

        Returns:
            The aligned portrait, its inversion, the aligned driver, the result, and the result
            pasted back into the portrait.
        """
        picture, identity = portrait_identity(engine, visitor, portrait, faithful)
        animated = driven_by_picture(engine, visitor, identity, driver, pose, expression)
        whole = paste_back(picture, identity.quad, animated.image)
        mark = engine.mark(visitor.label)
        ending = ".jpg" if visitor.ending == ".png" else visitor.ending  # a photo as PNG: 20 MB
        return (
            photo("portrait.png", identity.crop),
            made_picture("inversion.png", identity.inversion, mark),
            photo("driver.png", animated.driving),
            made_picture(f"result{visitor.ending}", animated.image, mark),
            made_picture(f"result-in-portrait{ending}", whole, engine.mark(visitor.label, PASTED)),
        )

    def again(portrait, driver, pose, expression, faithful, visitor):
        """A slider moved: render once more, unless there is nothing to render yet."""
        if not (portrait and driver):
            return [gr.skip()] * len(outputs)
        return transfer_image(portrait, driver, pose, expression, faithful, visitor)

    @guarded
    def learn(
        portrait: str,
        faithful: bool,
        visitor: Visitor,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds it by this default
    ):
        """Once the first result is there, learn the portrait."""
        if faithful:
            _, identity = portrait_identity(engine, visitor, portrait, faithful)
            for _ in learned(engine, visitor, portrait, identity, progress):
                yield gr.skip()
        yield gr.skip()

    def better(portrait, driver, pose, expression, faithful, visitor):
        """It was learned: the settings of now, once more."""
        if not faithful:
            return [gr.skip()] * len(outputs)
        return again(portrait, driver, pose, expression, faithful, visitor)

    inputs = [portrait, driver, pose, expression, faithful, visitor]
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
            [portrait, faithful, visitor],
            inversion,
            show_progress_on=inversion,
            api_visibility="private",
            **LEARN,
        )
        learning.success(
            better, inputs, outputs, show_progress="hidden", api_visibility="private", **SHORT
        )
