"""Many visitors, good and bad, at the page and at its endpoints."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from stylexfer.media import open_picture
from tests.web.conftest import DRIVER, OTHER_DRIVER, PAINTING, PORTRAIT
from tests.web.visit import address, message, open_tab, press, upload

pytestmark = pytest.mark.web


@pytest.fixture(scope="module")
def bad_pictures(tmp_path_factory) -> dict[str, tuple[Path, str]]:
    """Pictures that cannot work, and a word of the message each must give."""
    folder = tmp_path_factory.mktemp("bad")
    Image.new("RGB", (640, 480), "teal").save(folder / "no_face.png")
    one, other = (Image.fromarray(open_picture(path)) for path in (DRIVER, OTHER_DRIVER))
    two = Image.new("RGB", (1000, 500))
    two.paste(one.resize((500, 500)), (0, 0))
    two.paste(other.resize((500, 500)), (500, 0))
    two.save(folder / "two_faces.png")
    (folder / "text.jpg").write_text("this is no picture <b>at all</b>")
    Image.new("L", (6000, 6000), 128).save(folder / "huge.png")
    (folder / "cut.jpg").write_bytes(PORTRAIT.read_bytes()[:20_000])
    words = {
        "no_face.png": "No face was found",
        "two_faces.png": "2 faces were found",
        "text.jpg": "not a picture",
        "huge.png": "No face was found",
        "cut.jpg": "cut short",
    }
    return {name: (folder / name, text) for name, text in words.items()}


def test_bad_uploads(app, page, bad_pictures, clips):
    press(page, "Transfer")
    assert "Portrait: " in message(page, "Nothing is chosen")
    upload(page, "Portrait", PORTRAIT)
    for path, words in bad_pictures.values():
        upload(page, "Driver", path)
        press(page, "Transfer")
        assert "Driver: " in message(page, words)
    upload(page, "Driver", DRIVER)
    upload(page, "Portrait", bad_pictures["text.jpg"][0])
    press(page, "Transfer")
    assert "Portrait: " in message(page, "not a picture")

    open_tab(page, "Video")
    upload(page, "Portrait", PORTRAIT)
    for name, words in (("truncated", "cut short"), ("audio_only", "sound but no picture")):
        upload(page, "Driving clip", clips[name])
        press(page, "Animate")
        assert "Driving clip: " in message(page, words)

    open_tab(page, "Picture")  # and the app goes on
    upload(page, "Portrait", PORTRAIT)
    press(page, "Transfer")
    assert address(page, "#picture-result img")
    assert "Traceback" not in app.log.read_text()


@pytest.fixture(autouse=True)
def downloads(tmp_path, monkeypatch) -> None:
    """gradio_client leaves an empty folder in the temporary directory for each file it fetches."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def _client(app, folder: Path) -> Client:
    return Client(app.url, verbose=False, download_files=folder, analytics_enabled=False)


def test_two_visitors_at_once(app, tmp_path):
    """Each gets what its own settings give, whatever the other does meanwhile."""
    settings = [(PORTRAIT, DRIVER, 1.0), (PORTRAIT, OTHER_DRIVER, 1.0), (PAINTING, DRIVER, 0.3)]
    clients = [_client(app, tmp_path / str(k)) for k in range(len(settings))]

    def visit(k: int) -> np.ndarray:
        portrait, driver, strength = settings[k]
        files = handle_file(portrait), handle_file(driver)
        shown = clients[k].predict(*files, True, strength, strength, api_name="/transfer_picture")
        return open_picture(shown)

    alone = [visit(k) for k in range(len(settings))]
    assert not any(np.array_equal(alone[0], other) for other in alone[1:])
    turns = [0, 1, 2] * 3
    with ThreadPoolExecutor(len(settings)) as pool:
        for k, together in zip(turns, pool.map(visit, turns), strict=True):
            np.testing.assert_array_equal(together, alone[k])
