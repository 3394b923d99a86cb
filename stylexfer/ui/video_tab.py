"""The second tab: a portrait and a driving clip give a clip of the portrait."""

import gradio as gr

from stylexfer.errors import StylexferError
from stylexfer.ui import texts
from stylexfer.ui.clips import NOT_YET, VIEWS, checked_clip, render_clip
from stylexfer.ui.controls import (
    LONG,
    clip_extras,
    clip_input,
    clip_part,
    clip_result,
    clip_settings,
    picture_input,
    run_buttons,
    stoppable,
    strengths,
)
from stylexfer.ui.engine import Engine, Motion
from stylexfer.ui.examples import clip_rows, show_examples
from stylexfer.ui.faithful import faithful_box, learned
from stylexfer.ui.guard import explained, guarded
from stylexfer.ui.identity_input import identity_input, wire_save
from stylexfer.ui.people import saved_identity
from stylexfer.ui.picture_tab import portrait_identity
from stylexfer.ui.session import Visitor
from stylexfer.ui.terms import allowed


def video_tab(engine: Engine, visitor: gr.State) -> None:
    with gr.Row():
        with gr.Column(min_width=320):
            with gr.Row():
                portrait, clip = picture_input(texts.PORTRAIT), clip_input()
            start, stop = run_buttons(texts.ANIMATE)
            show_examples(clip_rows(), [portrait, clip], texts.CLIP_EXAMPLES)
            view, relative, steadiness = clip_settings(VIEWS)
            pose, expression = strengths()
            start_at, end_at = clip_part()
            best_start, follow = clip_extras()
            faithful = faithful_box(engine)
            saved = identity_input(engine, visitor, "video")
        with gr.Column(min_width=320):
            result, account = clip_result("video-result")

    def whoever(portrait, faithful, loaded, visitor):
        """(The portrait, None if a file was loaded in its place; the identity.)"""
        if loaded:
            return None, saved_identity(engine, visitor, loaded, faithful)
        return portrait_identity(engine, visitor, portrait, faithful)

    @guarded
    def transfer_video(
        portrait: str,
        clip: str,
        view: str,
        pose: float,
        expression: float,
        relative: bool,
        steadiness: float,
        start_at: float,
        end_at: float,
        best_start: bool,
        follow: bool,
        faithful: bool,
        loaded: str | None,
        visitor: Visitor,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds it by this default
    ):
        """Animate the face of a portrait with the head pose and expression of a clip.

        Args:
            portrait: the picture of the person who appears; exactly one face.
            clip: the driving video; its sound and frame rate are kept.
            view: "Face", "Side by side" or "In the portrait".
            pose: strength of the pose, 0 keeps the portrait's own, 1 is the driver's.
            expression: strength of the expression, likewise.
            relative: add the driver's change since the first frame to the portrait's own pose.
            steadiness: 0 to 1, smooths the driver's position over time.
            start_at: seconds into the clip at which the part begins that is used.
            end_at: seconds into the clip at which it ends; 0: at the clip's end.
            best_start: relative motion counts from the driver's frame most like the portrait.
            follow: in the portrait, the head moves, tilts and nears as the driver's does.
            faithful: learn the portrait first, which takes some ten seconds, once.
            loaded: a file that says instead of the portrait who appears.

        Returns:
            The animated clip as mp4, and an account of it in words.
        """
        run = visitor.start("video")
        with explained(texts.DRIVING_CLIP):  # before the portrait is inverted, which is slow
            info = checked_clip(allowed(visitor, clip), start_at, end_at)
        progress(0, desc=texts.PREPARING)
        picture, identity = whoever(portrait, faithful, loaded, visitor)
        if picture is None and view == texts.SHOW_PASTED:
            raise StylexferError(texts.FILE_HAS_NO_PORTRAIT)
        if faithful:
            for found in learned(engine, visitor, loaded or portrait, identity, progress, run):
                identity = found or identity
                yield NOT_YET
        motion = Motion(pose, expression, relative, steadiness, best_start)
        with explained(texts.DRIVING_CLIP):
            for finished in render_clip(
                engine, identity, picture, clip, info, motion, view, follow, run, progress
            ):
                yield finished or NOT_YET

    stoppable(start, stop, visitor, "video")
    start.click(
        transfer_video,
        [
            *(portrait, clip, view, pose, expression, relative, steadiness),
            *(start_at, end_at, best_start, follow, faithful, saved.loaded, visitor),
        ],
        [result, account],
        api_visibility="private",
        show_progress_on=result,
        scroll_to_output=True,
        **LONG,
    )
    wire_save(
        engine,
        saved,
        lambda *given: whoever(*given)[1],
        [portrait, faithful, saved.loaded, visitor],
    )
