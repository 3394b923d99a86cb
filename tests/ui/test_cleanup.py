"""What is left of visitors after the hour for which the page keeps files."""

import base64
import tempfile
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest
from gradio.route_utils import delete_files_created_by_app
from gradio_client import Client, handle_file

from stylexfer.transfer import FaceTransfer
from stylexfer.ui import Engine, build_page
from tests.agents import with_tools
from tests.tiny import tiny_pack
from tests.web.serve import ROOT

FACE = ROOT / "examples/photos/collins_astronaut.png"
CLIP = ROOT / "examples/evaluation/clips/00.mp4"


@pytest.fixture
def page(tmp_path, monkeypatch) -> Iterator[gr.Blocks]:
    cache = str(tmp_path / "cache")
    monkeypatch.setenv("GRADIO_TEMP_DIR", cache)
    for place in ("routes", "mcp"):
        monkeypatch.setattr(f"gradio.{place}.DEFAULT_TEMP_DIR", cache)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    page = build_page(Engine(FaceTransfer(tiny_pack(size=64), device="cpu")))
    options = {"quiet": True, "prevent_thread_lock": True, "ssr_mode": False, "mcp_server": True}
    page.launch(server_name="127.0.0.1", **options)
    yield page
    page.close()


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def by_agent(address: str) -> None:
    """With the picture in the call itself, as some agents send it."""
    inline = "data:image/png;base64," + base64.b64encode(FACE.read_bytes()).decode()

    async def use(session):
        given = {"portrait": inline, "consent": True}
        assert not (await session.call_tool("identify", given)).isError

    with_tools(address, use)


def test_nothing_is_kept(page, tmp_path):
    cache = tmp_path / "cache"
    before = files(cache)
    client = Client(page.local_url, verbose=False, download_files=tmp_path / "client")
    face, clip = handle_file(FACE), handle_file(CLIP)
    person, *_ = client.predict(face, True, api_name="/identify")
    client.predict(handle_file(person), face, True, api_name="/transfer_picture")
    client.predict(face, clip, True, end_at=0.2, api_name="/transfer_clip")
    client.predict([face], [face, handle_file(__file__)], True, api_name="/batch")
    by_agent(page.local_url)
    assert len(files(cache) - before) > 10
    delete_files_created_by_app(page, None)  # what Gradio runs every hour, for files of any age
    left = files(cache) - before
    assert not left, "kept: " + " ".join(sorted(str(p.relative_to(cache)) for p in left))
    assert not files(tmp_path / "tmp")
