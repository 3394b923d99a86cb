"""The endpoints for programs and agents: named, described, and independent of the tabs' layout.

What Gradio says of each at /gradio_api/info, on the page "Use via API" and over MCP is its
docstring here. None of them keeps anything of a visitor: `identify` hands out a file that stands
for a person.
"""

import tempfile
from contextlib import closing
from pathlib import Path

import gradio as gr

from stylexfer import __version__
from stylexfer.errors import StylexferError
from stylexfer.layouts import FACE, LAYOUTS, arranger
from stylexfer.media import open_picture
from stylexfer.media.picture import MAX_BYTES, MAX_PIXELS
from stylexfer.ui import texts
from stylexfer.ui.batch import MAX_FILES, MAX_PAIRS, Batch, Sent
from stylexfer.ui.clips import NOT_YET, VIEWS, checked_clip, render_clip
from stylexfer.ui.controls import LONG, SHORT
from stylexfer.ui.endpoints import FORMATS, MAX_STRENGTH, endpoint
from stylexfer.ui.engine import Engine, Motion, driver_frame
from stylexfer.ui.files import (
    MAX_CLIP_BYTES,
    MAX_CLIP_SECONDS,
    clip_file,
    handed_out,
    made_picture,
    needed,
    photo,
    picture_file,
)
from stylexfer.ui.guard import explained, guarded
from stylexfer.ui.people import identity_file, someone
from stylexfer.ui.recipe import LAST_SEED
from stylexfer.ui.session import Run
from stylexfer.ui.verify_tab import CHECK_LIMITS
from stylexfer.verify import verify


def agreed(consent: bool) -> None:
    """The one place where a call has to say that it may use the faces. StylexferError."""
    if consent is not True:
        raise StylexferError(texts.NO_CONSENT)


def api_endpoints(engine: Engine) -> None:
    """Define all of them; call it within the page's Blocks."""

    @guarded
    def transfer_picture(
        portrait: str,
        driver: str,
        consent: bool,
        pose: float = 1.0,
        expression: float = 1.0,
        layout: str = FACE,
        file_format: str = "png",
        label: bool = True,
    ):
        """Give the person in a portrait the head pose and facial expression of another face.

        Args:
            portrait: who appears: a picture of one face, or a file of identify or random_person.
            driver: a picture with one face, which gives pose and expression.
            consent: must be true: the people in the files agree, or you may use them.
            pose: strength of the head pose: 0 the portrait's own, 1 the driver's; up to 1.5.
            expression: strength of the expression, likewise.
            layout: face, side-by-side (portrait, driver, result) or pasted (into the portrait).
            file_format: of the picture that comes back: png, jpg or webp.
            label: draw "AI-generated" into a corner.

        Returns:
            The picture that was made, marked as AI-generated
        """
        agreed(consent)
        with explained(texts.DRIVER):
            frame = driver_frame(open_picture(needed(driver)))
        with explained(texts.PORTRAIT):
            person = someone(engine, needed(portrait))
        arrange = arranger(layout, person.identity, person.picture)
        animated = engine.drive_picture(person.identity, frame, pose, expression)
        return made_picture(f"result.{file_format}", arrange(animated), engine.mark(label, layout))

    @guarded
    def transfer_clip(
        portrait: str,
        clip: str,
        consent: bool,
        pose: float = 1.0,
        expression: float = 1.0,
        layout: str = FACE,
        relative: bool = False,
        best_start: bool = False,
        steadiness: float = 0.5,
        follow: bool = False,
        start_at: float = 0.0,
        end_at: float = 0.0,
        label: bool = True,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds it by this default
    ):
        """Animate the person in a portrait with the head pose and expression of a video clip.

        Args:
            portrait: who appears: a picture of one face, or a file of identify or random_person.
            clip: the driving video; its sound and frame rate are kept.
            consent: must be true: the people in the files agree, or you may use them.
            pose: strength of the head pose: 0 the portrait's own, 1 the driver's; up to 1.5.
            expression: strength of the expression, likewise.
            layout: face, side-by-side (portrait, driver, result) or pasted (into the portrait).
            relative: add the driver's change since the first frame to the portrait's pose.
            best_start: with relative, count from the driver's frame most like the portrait.
            steadiness: 0 to 1, smooths the driver's position over time.
            follow: with the layout pasted, the head moves, tilts and nears as the driver's does.
            start_at: seconds into the clip at which the part begins that is used.
            end_at: seconds into the clip at which it ends; 0 is the clip's end.
            label: draw "AI-generated" into a corner.

        Returns:
            The animated clip as mp4, marked as AI-generated
            An account of it in words: frames, seconds, where no face was seen
        """
        agreed(consent)
        with explained(texts.DRIVING_CLIP):
            info = checked_clip(needed(clip), start_at, end_at)
        with explained(texts.PORTRAIT):
            person = someone(engine, needed(portrait))
        motion = Motion(pose, expression, relative, steadiness, best_start)
        view = VIEWS[LAYOUTS.index(layout)]
        with explained(texts.DRIVING_CLIP):
            for finished in render_clip(
                *(engine, person.identity, person.picture, clip, info, motion, view, follow),
                *(Run(label), progress),
            ):
                yield finished or NOT_YET

    @guarded
    def identify(
        portrait: str,
        consent: bool,
        faithful: bool = False,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds it by this default
    ):
        """Look at a portrait once, and get a file that stands for the person in later calls.

        Args:
            portrait: a picture with one face.
            consent: must be true: the person agrees, or you may use the picture.
            faithful: learn the person's looks, for seconds; no effect where it can't be.

        Returns:
            The file: pass it as portrait, to any app with the same pack. It holds the face
            The face as it was cut out and aligned
            Its reconstruction by the generator, marked as AI-generated
        """
        agreed(consent)
        with explained(texts.PORTRAIT):
            identity = engine.identify(open_picture(needed(portrait)))
            if faithful and engine.tuning_steps:
                with closing(engine.tune(identity)) as steps:
                    for step in steps:
                        desc = texts.LEARNING.format(done=step.done, planned=step.planned)
                        progress((step.done, step.planned), desc=desc, unit="steps")
                        identity = step.identity or identity
        return (
            identity_file(engine, identity),
            photo("portrait.png", identity.crop),
            made_picture("inversion.png", identity.inversion, engine.mark()),
        )

    @guarded
    def random_person(seed: int = 7, truncation: float = 0.7, label: bool = True):
        """Make a person who does not exist.

        Args:
            seed: a whole number; the same one with the same truncation is the same person.
            truncation: 0 is the average face, 1 the widest variety.
            label: draw "AI-generated" into a corner.

        Returns:
            A file that stands for the person: pass it as portrait in other calls
            The person's picture, marked as AI-generated
        """
        identity = engine.random_identity(int(seed), truncation)
        return identity_file(engine, identity), made_picture(
            "person.png", identity.crop, engine.mark(label)
        )

    @guarded
    def batch(
        portraits: list[Sent],
        drivers: list[Sent],
        consent: bool,
        pose: float = 1.0,
        expression: float = 1.0,
        layout: str = FACE,
        file_format: str = "png",
        label: bool = True,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds it by this default
    ):
        """Drive each of several portraits by each of several drivers; all results in one zip.

        Args:
            portraits: at most 16, each a picture of one face or a file as for transfer_picture.
            drivers: at most 16, each a picture of one face or a clip; 64 pairs and 60 s in all.
            consent: must be true: the people in the files agree, or you may use them.
            pose: strength of the head pose: 0 the portrait's own, 1 the driver's; up to 1.5.
            expression: strength of the expression, likewise.
            layout: face, side-by-side (portrait, driver, result) or pasted (into the portrait).
            file_format: of pictures: png, jpg or webp.
            label: draw "AI-generated" into a corner.

        Returns:
            A zip: 01-02.png is portrait 1 by driver 2; a grid of all; and manifest.json
            The manifest, while it grows: what was made of what, what failed, and why
        """
        agreed(consent)
        motion = Motion(pose, expression, False, 0.5)
        with tempfile.TemporaryDirectory(prefix="stylexfer-") as folder:
            work = Batch(engine, Path(folder), motion, layout, file_format, Run(label))
            for account in work.run(portraits, drivers, progress):
                yield None, account
            yield handed_out("batch.zip", work.zipped), work.account()

    @guarded
    def check_file(file: str):
        """Look whether a picture or clip carries marks that AI made it, and whether it was changed.

        Args:
            file: a picture or a video clip, from anywhere.

        Returns:
            The verdict, and what the signature (C2PA), metadata (XMP) and watermark say
        """
        return verify(needed(file), **CHECK_LIMITS).as_json()

    @guarded
    def list_options():
        """Tell what this app can do: its pack, the size of its pictures, choices and limits.

        Returns:
            A JSON object
        """
        return {
            "version": __version__,
            "pack": {"name": engine.info.get("name"), "version": engine.info.get("version")},
            "method": engine.method,
            "picture_side": engine.size,
            "layouts": list(LAYOUTS),
            "file_formats": list(FORMATS),
            "limits": {
                "picture_bytes": MAX_BYTES,
                "picture_pixels": MAX_PIXELS,
                "clip_bytes": MAX_CLIP_BYTES,
                "clip_seconds": MAX_CLIP_SECONDS,
                "batch_files": MAX_FILES,
                "batch_results": MAX_PAIRS,
                "strength": MAX_STRENGTH,
                "seed": LAST_SEED,
            },
        }

    endpoint(transfer_picture, [picture_file], SHORT)
    endpoint(transfer_clip, [clip_file, gr.Textbox], LONG)
    endpoint(identify, [gr.File, picture_file, picture_file], SHORT)
    endpoint(random_person, [gr.File, picture_file], SHORT)
    endpoint(batch, [gr.File, gr.JSON], LONG)
    endpoint(check_file, [gr.JSON], SHORT)
    endpoint(list_options, [gr.JSON], SHORT)
