"""The first tab: a portrait and a driver's picture give the portrait in the driver's pose."""

import gradio as gr
import numpy as np

from stylexfer.faces.composite import paste_back
from stylexfer.media import Mark, open_picture
from stylexfer.transfer import Animated, Identity
from stylexfer.ui import texts
from stylexfer.ui.controls import SHORT, picture_input, strengths, tiles
from stylexfer.ui.engine import Engine, driver_frame
from stylexfer.ui.examples import picture_rows, show_examples
from stylexfer.ui.files import made_picture, needed, photo, picture_file
from stylexfer.ui.guard import explained, guarded
from stylexfer.ui.session import Visitor, content_key


def portrait_identity(
    engine: Engine, visitor: Visitor, path: str | None
) -> tuple[np.ndarray, Identity]:
    """A portrait, opened, and its identity; inverting the same file again costs nothing."""
    with explained(texts.PORTRAIT):
        picture = open_picture(needed(path))
        key = content_key("identity", path)
        return picture, visitor.remember(key, lambda: engine.identify(picture))


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
        picture = open_picture(needed(path))
        frame = visitor.remember(content_key("driver", path), lambda: driver_frame(picture))
        return engine.drive_picture(identity, frame, pose, expression)


def picture_tab(engine: Engine, visitor: gr.State) -> None:
    with gr.Row():
        with gr.Column(min_width=320):
            with gr.Row():
                portrait, driver = picture_input(texts.PORTRAIT), picture_input(texts.DRIVER)
            pose, expression = strengths()
            run = gr.Button(texts.TRANSFER, variant="primary")
            labels = texts.PICTURE_EXAMPLES
            examples = show_examples(picture_rows(), [portrait, driver], labels)
        with gr.Column(min_width=320, elem_id="picture-outputs"):
            crop, inversion, driving, result = tiles(
                "picture", texts.PORTRAIT_CROP, texts.INVERSION, texts.DRIVER_CROP, texts.RESULT
            )
            pasted = picture_file(
                texts.PASTED, interactive=False, height=360, buttons=["download", "fullscreen"]
            )
    outputs = [crop, inversion, driving, result, pasted]

    @guarded
    def transfer_image(
        portrait: str, driver: str, pose: float, expression: float, visitor: Visitor
    ):
        """Give the face of a portrait the head pose and expression of another face.

        Args:
            portrait: the picture of the person who appears; exactly one face.
            driver: the picture of the face that gives pose and expression; exactly one face.
            pose: strength of the pose, 0 keeps the portrait's own, 1 is the driver's.
            expression: strength of the expression, likewise.

        Returns:
            The aligned portrait, its inversion, the aligned driver, the result, and the result
            pasted back into the portrait.
        """
        picture, identity = portrait_identity(engine, visitor, portrait)
        animated = driven_by_picture(engine, visitor, identity, driver, pose, expression)
        whole = paste_back(picture, identity.quad, animated.image)
        return (
            photo("portrait.png", identity.crop),
            made_picture("inversion.png", identity.inversion),
            photo("driver.png", animated.driving),
            made_picture("result.png", animated.image),
            made_picture("result-in-portrait.jpg", whole, Mark.COMPOSITE),
        )

    def again(portrait, driver, pose, expression, visitor):
        """A slider moved: render once more, unless there is nothing to render yet."""
        if not (portrait and driver):
            return [gr.skip()] * len(outputs)
        return transfer_image(portrait, driver, pose, expression, visitor)

    inputs = [portrait, driver, pose, expression, visitor]
    run.click(
        transfer_image,
        inputs,
        outputs,
        api_name="transfer_image",
        scroll_to_output=True,
        show_progress_on=result,
        **SHORT,
    )
    gr.on(
        [pose.change, expression.change],
        again,
        inputs,
        outputs,
        trigger_mode="always_last",
        show_progress="hidden",
        api_visibility="private",
        **SHORT,
    )
    examples.load_input_event.then(
        transfer_image,
        inputs,
        outputs,
        api_visibility="private",
        scroll_to_output=True,
        show_progress_on=result,
        **SHORT,
    )
