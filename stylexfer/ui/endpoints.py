"""How a function becomes an endpoint: an event of components that nobody sees.

Components rather than `gr.api`, because they check what comes: numbers within bounds, choices,
files that were uploaded here. Each parameter of a handler has a component here, by its name; what its
docstring says of it becomes the label, which "Use via API" shows.
"""

import inspect
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import gradio as gr
from anyio import from_thread
from gradio.components import Component
from gradio.components.api_component import Api
from gradio.data_classes import FileData
from gradio.utils import get_function_description, get_upload_folder, is_in_or_equal
from gradio_client.utils import python_type_to_json_schema

from stylexfer.layouts import LAYOUTS
from stylexfer.ui import texts
from stylexfer.ui.batch import MAX_FILES, Sent
from stylexfer.ui.files import MAX_CLIP_BYTES, MAX_CLIP_SECONDS, clip_file, picture_file
from stylexfer.ui.recipe import LAST_SEED
from stylexfer.ui.remote import take_addresses

FORMATS = ("png", "jpg", "webp")
MAX_STRENGTH = 1.5
_LATEST = 10 * MAX_CLIP_SECONDS  # seconds into a clip


def _file_list(value: None, label: str) -> Api:
    """Several files of any kind; handlers get a list of `Sent`."""
    files = Api(value, python_type_to_json_schema(list[FileData]), label)
    take_addresses(files, MAX_CLIP_BYTES)

    def one(item: object) -> Sent:
        if isinstance(item, dict) and isinstance(path := item.get("path"), str):
            if is_in_or_equal(path, get_upload_folder()):
                return Sent(path, str(item.get("orig_name") or Path(path).name))
        elif isinstance(item, str) and item.startswith(("http://", "https://")):
            path = from_thread.run(files.async_move_resource_to_block_cache, item)
            return Sent(path, Path(urlsplit(item).path).name)
        raise gr.Error(texts.NO_FILE, print_exception=False)

    def preprocess(payload: object) -> list[Sent]:
        if not isinstance(payload, list) or len(payload) > MAX_FILES:
            message = texts.BATCH_FILES.format(limit=MAX_FILES)
            raise gr.Error(message, print_exception=False)
        return [one(item) for item in payload]

    files.preprocess = preprocess
    return files


def _slider(largest: float) -> Callable[[float, str], Component]:
    return lambda value, label: gr.Slider(0, largest, value, label=label)


def _seconds(value: float, label: str) -> Component:
    return gr.Number(value, label=label, minimum=0, maximum=_LATEST)


def _box(value: bool | None, label: str) -> Component:
    box = gr.Checkbox(bool(value), label=label)
    box.value = value  # Gradio itself would make None False, and the parameter optional
    return box


def _choice(choices: tuple[str, ...]) -> Callable[[str, str], Component]:
    return lambda value, label: gr.Radio(choices, value=value, label=label)


def _seed(value: int, label: str) -> Component:
    return gr.Number(value, label=label, precision=0, minimum=0, maximum=LAST_SEED)


# (default, label) -> component; a default of None: the parameter has to be given.
_PARAMETERS: dict[str, Callable[..., Component]] = {
    "portrait": lambda _, label: picture_file(label),
    "driver": lambda _, label: picture_file(label),
    "clip": lambda _, label: clip_file(label),
    "file": lambda _, label: clip_file(label),
    "portraits": _file_list,
    "drivers": _file_list,
    "consent": _box,
    "pose": _slider(MAX_STRENGTH),
    "expression": _slider(MAX_STRENGTH),
    "layout": _choice(LAYOUTS),
    "file_format": _choice(FORMATS),
    "relative": _box,
    "best_start": _box,
    "follow": _box,
    "label": _box,
    "faithful": _box,
    "steadiness": _slider(1),
    "truncation": _slider(1),
    "start_at": _seconds,
    "end_at": _seconds,
    "seed": _seed,
}


def endpoint(handler: Callable, results: list[Callable], line: dict) -> None:
    """Offer `handler` under its name; call it within Blocks.

    results: makes a component, by `label=`, for each thing it returns. line: where its calls wait.
    """
    _, said, returns = get_function_description(handler)
    inputs = []
    for parameter in inspect.signature(handler).parameters.values():
        if parameter.name != "progress":
            value = None if parameter.default is parameter.empty else parameter.default
            inputs.append(_PARAMETERS[parameter.name](value, said[parameter.name]))
    outputs = [make(label=label) for make, label in zip(results, returns, strict=True)]
    gr.on([], handler, inputs, outputs, api_name=handler.__name__, **line)
