"""Many portraits by many drivers in the picture tab: the paper's figure 3, and every result."""

import shutil
import tempfile
import time
from contextlib import closing
from html import escape
from pathlib import Path

import gradio as gr
from gradio.components.file import ListFiles

from stylexfer.layouts import FACE
from stylexfer.ui import texts
from stylexfer.ui.batch import MAX_FILES, MAX_PAIRS, Batch, Sent
from stylexfer.ui.controls import LONG, run_buttons, stoppable
from stylexfer.ui.engine import Engine, Motion
from stylexfer.ui.examples import many_rows, show_examples
from stylexfer.ui.files import handed_out, picture_file
from stylexfer.ui.guard import guarded
from stylexfer.ui.session import Visitor
from stylexfer.ui.terms import allowed

_STEM = 40  # characters of a file's name that are repeated in a result's


def _sent(payload: ListFiles | None) -> list[Sent]:
    files = payload.root if payload else []
    return [Sent(file.path, file.orig_name or Path(file.path).name) for file in files]


def _several(label: str) -> gr.File:
    """Files as they came; handlers get a list of `Sent`."""
    files = gr.File(file_count="multiple", file_types=["image"], label=label, height=160)
    files.preprocess = _sent
    return files


def _stem(sent: Sent) -> str:
    stem = Path(sent.name).stem
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in stem)[:_STEM]


def named(portrait: Sent, driver: Sent, numbers: str) -> str:
    """01-02_hopper_by_einstein: who appears, and who drives. The numbers keep it unique."""
    return f"{numbers}_{_stem(portrait)}_by_{_stem(driver)}"


def _told(work: Batch, total: int, seconds: float) -> str:
    """What came out, and why some did not; names of files are anybody's words."""
    done = sum("file" in item for item in work.items)
    if work.job.stopped:
        words = texts.MANY_STOPPED if done else texts.MANY_EMPTY
    else:
        words = texts.MANY_DONE
    said = [f"<p>{escape(words.format(done=done, total=total, seconds=seconds))}</p>"]
    for item in work.items:
        if why := item.get("error"):
            pair = texts.MANY_FAILED.format(portrait=item["portrait"], driver=item["driver"])
            said.append(f"<p><b>{escape(pair)}</b> <span>{escape(why)}</span></p>")
    return "".join(said)


def many_at_once(engine: Engine, visitor: gr.State, pose: gr.Slider, expression: gr.Slider) -> None:
    """Below the pair of the tab, with its strengths."""
    with gr.Accordion(texts.MANY, open=False, elem_id="many"):
        gr.Markdown(texts.MANY_INFO.format(files=MAX_FILES, pairs=MAX_PAIRS))
        with gr.Row():
            with gr.Column(min_width=320):
                portraits, drivers = _several(texts.PORTRAITS), _several(texts.DRIVERS)
                start, stop = run_buttons(texts.MAKE_ALL)
                show_examples(many_rows(), [portraits, drivers], [texts.MANY_EXAMPLE])
            with gr.Column(min_width=320):
                grid = picture_file(
                    texts.GRID,
                    interactive=False,
                    buttons=["download", "fullscreen"],
                    elem_id="many-grid",
                )
                account = gr.HTML(
                    f"<p>{escape(texts.MANY_HINT)}</p>", elem_id="many-account", elem_classes="look"
                )
                archive = gr.File(label=texts.ALL_FILES, interactive=False, elem_id="many-zip")

    @guarded
    def make_all(
        portraits: list[Sent],
        drivers: list[Sent],
        pose: float,
        expression: float,
        visitor: Visitor,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds it by this default
    ):
        """Each portrait by each driver: the sheet, the account in words, and the zip."""
        for sent in [*portraits, *drivers]:
            allowed(visitor, sent.path)
        job, began = visitor.start("many"), time.monotonic()
        motion = Motion(pose, expression, False, 0.5)
        with tempfile.TemporaryDirectory(prefix="stylexfer-") as folder:
            suffix = visitor.ending.removeprefix(".")
            work = Batch(engine, Path(folder), motion, FACE, suffix, job, named)
            with closing(work.run(portraits, drivers, progress)) as steps:
                for _ in steps:  # a visitor who has left closes this here
                    yield gr.skip(), gr.skip(), gr.skip()
            told = _told(work, len(portraits) * len(drivers), time.monotonic() - began)
            sheet = zipped = None
            if work.grid:
                sheet = handed_out(work.grid.name, lambda path: shutil.copy(work.grid, path))
            if any("file" in item for item in work.items):
                zipped = handed_out("results.zip", work.zipped)
            yield sheet, told, zipped

    stoppable(start, stop, visitor, "many")
    start.click(
        make_all,
        [portraits, drivers, pose, expression, visitor],
        [grid, account, archive],
        api_visibility="private",
        show_progress_on=grid,
        scroll_to_output=True,
        **LONG,
    )
