"""The app as a visitor meets it: `python app.py` in its own process, and a real Chromium."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from imageio_ffmpeg import get_ffmpeg_exe
from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from stylexfer.packs import resolve_pack, save_pack
from tests.tiny import tiny_pack

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
PORTRAIT = EXAMPLES / "photos/grace_hopper.jpg"
PAINTING = EXAMPLES / "paintings/mona_lisa_joconde.jpg"
DRIVER = EXAMPLES / "photos/collins_astronaut.png"
OTHER_DRIVER = EXAMPLES / "photos/einstein_1921.jpg"
LONG_CLIP = EXAMPLES / "clips/clip_a.mp4"

STARTS_WITHIN = 15  # seconds, the promise of the README; tripled for a busy machine
PATIENCE = 30_000  # milliseconds for one result


@dataclass(frozen=True)
class App:
    url: str
    log: Path
    started_in: float


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def app(tmp_path_factory) -> Iterator[App]:
    """The app with the default pack; in a checkout without one, with a tiny random pack."""
    folder = tmp_path_factory.mktemp("app")
    pack = "default"
    if resolve_pack(pack) is None:
        pack = str(folder / "pack")
        save_pack(tiny_pack(size=128), pack)
    (folder / "tmp").mkdir()
    places = {"GRADIO_TEMP_DIR": str(folder / "cache"), "TMPDIR": str(folder / "tmp")}
    port, log = _free_port(), folder / "log"
    command = [sys.executable, "app.py", "--pack", pack, "--port", str(port)]
    began = time.monotonic()
    with log.open("w") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **places}, stdout=file, stderr=file
        )
    try:
        url = f"http://127.0.0.1:{port}"
        while not _answers(url):
            late = time.monotonic() - began > 3 * STARTS_WITHIN
            if late or process.poll() is not None:
                pytest.fail(f"the app did not start; its log:\n{log.read_text()}")
            time.sleep(0.1)
        yield App(url, log, time.monotonic() - began)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    left = [path.name for path in (folder / "tmp").rglob("*")]
    assert not left, f"the app left files behind: {left}"


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def _chromium() -> str | None:
    """`$STYLEXFER_CHROMIUM`, else the system's, else None: playwright's own."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = (shutil.which(name) for name in names)
    return os.environ.get("STYLEXFER_CHROMIUM") or next(filter(None, found), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = _chromium()
        try:
            chromium = playwright.chromium.launch(executable_path=path)
        except PlaywrightError as error:
            pytest.fail(
                f"Chromium ({path or 'the one of playwright'}) does not start: install it "
                "(apt-get install chromium, or playwright install chromium) or name it in "
                f"STYLEXFER_CHROMIUM. {error}",
                pytrace=False,
            )
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
