import dataclasses

import gradio as gr
import pytest

from stylexfer.baseline import LatentArithmetic
from stylexfer.transfer import FaceTransfer
from stylexfer.ui import Engine, texts
from stylexfer.ui.live_tab import live_tab
from stylexfer.ui.session import Visitor
from tests.tiny import tiny_pack


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr("gradio.routes.DEFAULT_TEMP_DIR", str(tmp_path))
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)


def _tab(method: str = "transfer") -> tuple[str, list[str]]:
    """What the tab says first, and its buttons."""
    pack = dataclasses.replace(tiny_pack(), method=method)
    kind = FaceTransfer if method == "transfer" else LatentArithmetic
    with gr.Blocks() as page:
        live_tab(Engine(kind(pack, device="cpu")), gr.State(Visitor()))
    blocks = page.blocks.values()
    said = next(block.value for block in blocks if isinstance(block, gr.Markdown))
    return said, [block.value for block in blocks if isinstance(block, gr.Button)]


def test_limits_are_stated():
    said, buttons = _tab()
    assert "At most 4 visitors at once, 10 minutes a run" in said
    assert texts.LIVE_SLOW not in said
    assert [b for b in buttons if b in (texts.START_LIVE, texts.STOP)] == [
        texts.START_LIVE,
        texts.STOP,
    ]


def test_a_shared_gpu_gets_an_explanation(monkeypatch):
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    said, buttons = _tab()
    assert "ZeroGPU" in said and "Duplicate" in said
    assert not buttons


def test_a_slow_pack_is_called_so():
    assert texts.LIVE_SLOW in _tab("psp")[0]
