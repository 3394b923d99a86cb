"""The app as a visitor meets it: `python app.py` in its own process, and a real Chromium."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from imageio_ffmpeg import get_ffmpeg_exe
from playwright.sync_api import Browser, Page, Playwright, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from tests.web.chromium import camera_options, chromium_path, write_camera
from tests.web.serve import ROOT, App, clean_app
from tests.web.visit import PATIENCE, agree

EXAMPLES = ROOT / "examples"
PORTRAIT = EXAMPLES / "photos/grace_hopper.jpg"
PAINTING = EXAMPLES / "paintings/mona_lisa_joconde.jpg"
DRIVER = EXAMPLES / "photos/collins_astronaut.png"
OTHER_DRIVER = EXAMPLES / "photos/einstein_1921.jpg"
LONG_CLIP = EXAMPLES / "clips/clip_a.mp4"


@pytest.fixture(scope="session")
def app(tmp_path_factory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("app")
    with clean_app(folder) as app:
        yield app


@pytest.fixture(scope="session")
def player() -> Iterator[Playwright]:
    with sync_playwright() as player:
        yield player


def _launched(player: Playwright, *options: str) -> Browser:
    path = chromium_path()
    try:
        return player.chromium.launch(executable_path=path, args=options)
    except PlaywrightError as error:
        pytest.fail(
            f"Chromium ({path or 'the one of playwright'}) does not start: install it "
            "(apt-get install chromium, or playwright install chromium) or name it in "
            f"STYLEXFER_CHROMIUM. {error}",
            pytrace=False,
        )


@pytest.fixture(scope="session")
def browser(player: Playwright) -> Iterator[Browser]:
    chromium = _launched(player)
    yield chromium
    chromium.close()


@pytest.fixture(scope="session")
def camera_browser(player: Playwright, tmp_path_factory) -> Iterator[Browser]:
    """A Chromium whose camera sees a rendered face that comes and goes, over and over."""
    path = tmp_path_factory.mktemp("camera") / "camera.y4m"
    write_camera(path)
    chromium = _launched(player, *camera_options(path))
    yield chromium
    chromium.close()


@pytest.fixture
def page(app: App, browser: Browser) -> Iterator[Page]:
    """The app's page in a fresh profile; it may load nothing from anywhere else."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    strangers = []
    own = (app.url, "data:", "blob:")
    page.on("request", lambda r: None if r.url.startswith(own) else strangers.append(r.url))
    page.goto(app.url)
    page.get_by_role("tab", name="Picture").wait_for()
    agree(page)
    yield page
    context.close()
    assert not strangers, f"the page asked other hosts: {strangers}"


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> dict[str, Path]:
    """Small driving clips, whole and broken, from an example."""
    folder = tmp_path_factory.mktemp("clips")
    made = {name: folder / f"{name}.mp4" for name in ("sound", "truncated", "audio_only")}

    def ffmpeg(*arguments: str | Path) -> None:
        command = [get_ffmpeg_exe(), "-v", "error", *map(str, arguments)]
        subprocess.run(command, check=True, timeout=60)

    tone = ("-f", "lavfi", "-i", "sine=440:duration=2")
    ntsc = ("-r", "30000/1001", "-frames:v", "30", "-c:v", "libx264", "-c:a", "aac")
    ffmpeg("-r", "30000/1001", "-i", LONG_CLIP, *tone, "-shortest", *ntsc, made["sound"])
    ffmpeg(*tone, "-c:a", "aac", made["audio_only"])
    whole = made["sound"].read_bytes()
    made["truncated"].write_bytes(whole[: len(whole) // 2])
    return made
