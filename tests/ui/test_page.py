import dataclasses
from pathlib import Path

import gradio as gr
import pytest

from stylexfer.transfer import FaceTransfer
from stylexfer.ui import Engine, build_page, texts
from stylexfer.ui.examples import FOLDER, clip_rows, driver_rows, driving_clip_rows, picture_rows
from tests.tiny import tiny_pack


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(FaceTransfer(tiny_pack(), device="cpu"))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The page copies its examples when it is built, and makes a folder of its own."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr("gradio.routes.DEFAULT_TEMP_DIR", str(tmp_path))


def test_examples_are_there_and_may_be_shown():
    sources = (FOLDER / "SOURCES.md").read_text()
    for rows in (picture_rows(), clip_rows(), driver_rows(), driving_clip_rows()):
        for path in map(Path, (name for row in rows for name in row)):
            assert path.is_file()
            assert path.stem.split("_")[-1] in sources
    assert len(texts.PICTURE_EXAMPLES) == len(picture_rows())
    assert len(texts.CLIP_EXAMPLES) == len(clip_rows())


def test_the_page_says_which_method_it_uses(engine):
    for method, words in (("transfer", "the paper's"), ("psp", "pSp latent arithmetic")):
        model = FaceTransfer(engine.model.pack, device="cpu")
        model.pack = dataclasses.replace(model.pack, method=method)
        page = build_page(Engine(model))
        intro = next(b.value for b in page.blocks.values() if isinstance(b, gr.Markdown))
        assert words in intro


@pytest.mark.parametrize("space", [None, "someone/stylexfer"])
def test_duplicate_button_is_for_spaces(engine, space, monkeypatch):
    monkeypatch.delenv("SYSTEM", raising=False)
    if space:
        monkeypatch.setenv("SYSTEM", "spaces")
        monkeypatch.setenv("SPACE_ID", space)
    page = build_page(engine)
    (button,) = (b for b in page.blocks.values() if isinstance(b, gr.DuplicateButton))
    assert button.parent.visible is (space is not None)
    said = [block.value for block in button.parent.children if isinstance(block, gr.Markdown)]
    assert said == [texts.DUPLICATE_INFO]


def test_only_the_endpoints_are_public(engine):
    """What the tabs do is nobody's interface: it changes with their layout."""
    page = build_page(engine)
    public = {
        fn.api_name: fn for fn in page.fns.values() if fn.api_visibility == "public" and fn.fn
    }
    assert {"transfer_picture", "transfer_clip", "batch"} < set(public)
    for fn in public.values():
        assert fn.fn.__doc__ and "Returns:" in fn.fn.__doc__ and not fn.targets
    assert sum(page.delete_cache) <= 3600  # how often, and from what age
    assert not page.api_open


def test_gpu_wraps_whatever_needs_the_model():
    lent = []

    def on_gpu(function, seconds):
        lent.append(function.__name__)
        return function

    Engine(FaceTransfer(tiny_pack(), device="cpu"), on_gpu)
    assert lent == [
        *("identify", "random_identity", "mixed_identity"),
        *("_tune", "_drive_picture", "_drive_chunks"),
    ]
