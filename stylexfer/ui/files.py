"""Files in and out of the page.

Gradio's own components open an upload before any handler can explain what is wrong with it, and
convert videos with whatever ffmpeg is on the PATH. Those made here hand over the path, no more.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import gradio as gr
import numpy as np
from gradio.data_classes import FileData, ImageData
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder
from PIL import Image

from stylexfer.errors import UnreadableMedia
from stylexfer.media import Mark, save_picture
from stylexfer.media.picture import MAX_BYTES
from stylexfer.ui import texts
from stylexfer.ui.remote import take_addresses

MAX_CLIP_BYTES = 100 * 2**20
MAX_CLIP_SECONDS = 60.0
MAX_CLIP_FRAMES = 3630  # of 60 a second: what a frame costs does not depend on how short it is


def _path_of(payload: FileData | ImageData | None) -> str | None:
    return payload.path if payload else None


def _as_it_is(path: str | Path | None) -> FileData | None:
    return FileData(path=str(path), orig_name=Path(path).name) if path else None


# The methods are replaced on the object: for a subclass Gradio writes a .pyi into the source tree.
def picture_file(label: str, **options) -> gr.Image:
    """A picture; handlers get the path of the file as it was sent, unopened."""
    picture = gr.Image(type="filepath", label=label, **options)
    picture.preprocess = _path_of
    return take_addresses(picture, MAX_BYTES)


def clip_file(label: str, **options) -> gr.Video:
    """A clip; handlers get the path of the file as it was sent, and what they give is shown as it
    is, whatever ffmpeg is on the PATH."""
    clip = gr.Video(label=label, **options)
    clip.preprocess = _path_of
    clip.postprocess = _as_it_is
    return take_addresses(clip, MAX_CLIP_BYTES)


class AllFiles(set):
    """Every file in Gradio's cache since this was made, whoever put it there.

    For `Blocks.temp_file_sets`, from which Gradio takes what it deletes: its own sets lack what an
    agent sends within a call, and what a component shows that was made anew by an update.
    """

    def __init__(self) -> None:
        super().__init__()
        self._since = time.time() - 1  # clocks of file systems are coarse

    def __iter__(self) -> Iterator[str]:
        for path in Path(get_upload_folder()).rglob("*"):
            with suppress(FileNotFoundError):
                if path.is_file() and path.lstat().st_ctime >= self._since:
                    yield str(path)


def needed(path: str | None) -> str:
    """The path, or a message that there is none yet."""
    if not path:
        raise UnreadableMedia(texts.NO_FILE)
    return path


def handed_out(name: str, write: Callable[[Path], None]) -> str:
    """Let `write` make a file called `name`, and return where the page finds it.

    It lies in Gradio's cache, which is emptied hourly (`delete_cache`); nothing stays elsewhere.
    """
    with tempfile.TemporaryDirectory(prefix="stylexfer-") as folder:
        path = Path(folder) / name
        write(path)
        return save_file_to_cache(path, get_upload_folder())


def made_picture(name: str, image: np.ndarray, mark: Mark = Mark.GENERATED) -> str:
    """A picture of our making, marked so; `name` ends in .png or .jpg."""
    return handed_out(name, lambda path: save_picture(path, image, mark))


def photo(name: str, image: np.ndarray) -> str:
    """A picture cut from what the visitor sent: not of our making, so not marked."""
    return handed_out(name, Image.fromarray(image).save)
