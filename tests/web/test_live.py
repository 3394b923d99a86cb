"""The live tab in a real Chromium, with a file as its camera."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from stylexfer.marks import Source
from stylexfer.marks.xmp import read_source_type
from stylexfer.media import probe
from stylexfer.ui import texts
from stylexfer.ui.live import SEATS
from tests.web.conftest import PATIENCE, PORTRAIT
from tests.web.serve import App
from tests.web.visit import address, agree, fetch, message, open_tab, press, upload

pytestmark = pytest.mark.web

WORDS = texts.LIVE_WORDS


def _visit(app: App, browser: Browser, camera: bool = True, width: int = 1280) -> Page:
    # A list of others than the camera refuses it; without a list the browser would ask.
    permissions = ["camera"] if camera else ["geolocation"]
    context = browser.new_context(viewport={"width": width, "height": 900}, permissions=permissions)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(app.url)
    agree(page)
    open_tab(page, texts.LIVE_TAB)
    return page


@pytest.fixture
def page(app, camera_browser) -> Iterator[Page]:
    page = _visit(app, camera_browser)
    yield page
    page.context.close()


def _notice(page: Page, words: str) -> None:
    expect(page.locator("#live-stage .live-notice")).to_have_text(words, timeout=PATIENCE)


def _go_live(page: Page) -> None:
    upload(page, texts.PORTRAIT, PORTRAIT)
    press(page, texts.START_LIVE)
    page.wait_for_function("stylexferLive.measured()?.moments.length > 0", timeout=PATIENCE)


def _picture(page: Page) -> str:
    return page.locator("#live-stage canvas").evaluate("canvas => canvas.toDataURL()")


def _next_picture(page: Page) -> str:
    """The picture, after some more were shown."""
    page.evaluate("window.before = stylexferLive.measured().moments.length")
    page.wait_for_function("stylexferLive.measured().moments.length > before + 3", timeout=PATIENCE)
    return _picture(page)


def _camera_is_off(page: Page) -> bool:
    return page.locator("#live-stage video").evaluate("video => video.srcObject === null")


def _files(app: App) -> set[Path]:
    """All that the app has put on the disk."""
    folder = app.log.parent
    return {path for name in ("cache", "tmp") for path in (folder / name).rglob("*")}


def test_the_camera_drives_the_portrait(app, page, tmp_path):
    _notice(page, WORDS["idle"])
    _go_live(page)
    _notice(page, WORDS["running"])
    expect(page.locator("#live-stage .live-figures")).to_contain_text("pictures a second")
    shown = {_next_picture(page) for _ in range(4)}
    assert len(shown) > 2

    _notice(page, WORDS["noFace"])  # the file shows nobody for two seconds,
    _notice(page, WORDS["running"])  # and the face again

    for name in (texts.POSE, texts.EXPRESSION):  # at strength 0 the portrait is at rest
        number = page.get_by_label(f"number input for {name}").locator("visible=true")
        number.fill("0")
        number.press("Enter")
    page.wait_for_timeout(1000)
    assert _next_picture(page) == _next_picture(page)

    press(page, texts.SET_NEUTRAL)
    expect(page.get_by_label(texts.RELATIVE).locator("visible=true")).to_be_checked()

    press(page, texts.SAVE_LIVE.format(seconds=10))
    saved = fetch(address(page, "#live-saved video"), tmp_path / "saved.mp4")
    assert read_source_type(saved) == Source.GENERATED
    assert probe(saved).duration > 1

    press(page, texts.STOP)
    _notice(page, WORDS["stopped"])
    assert _camera_is_off(page)
    press(page, texts.SAVE_LIVE.format(seconds=10))
    assert message(page, texts.LIVE_NOT_RUNNING)
    assert "Traceback" not in app.log.read_text()


def test_nothing_of_it_is_on_the_disk(app, page):
    _go_live(page)
    before = _files(app)
    for _ in range(5):
        _next_picture(page)
        assert _files(app) == before
    press(page, texts.STOP)
    _notice(page, WORDS["stopped"])
    assert _files(app) == before


def test_the_label_is_in_the_picture(page):
    _go_live(page)
    _next_picture(page)
    corner = page.locator("#live-stage canvas").evaluate(
        """canvas => {
            const [x, y] = [canvas.width - 60, canvas.height - 40];
            const found = canvas.getContext("2d").getImageData(x, y, 60, 40).data;
            return [Math.max(...found), Math.min(...found.filter((_, i) => i % 4 < 3))];
        }"""
    )
    assert corner[0] == 255 and corner[1] < 100  # white letters on a dark ground


def test_a_random_person_by_keyboard(page):
    page.get_by_label(texts.RANDOM_PERSON).locator("visible=true").last.focus()
    page.keyboard.press("Space")
    expect(
        page.get_by_role("spinbutton", name=texts.PERSON_SEED, exact=True).locator("visible=true")
    ).to_be_visible()
    page.get_by_role("button", name=texts.START_LIVE).press("Enter")
    _notice(page, WORDS["running"])
    first = _next_picture(page)
    page.get_by_role("button", name=texts.STOP).locator("visible=true").press("Enter")
    _notice(page, WORDS["stopped"])
    assert first.startswith("data:image/png")


def test_another_tab_turns_the_camera_off(page):
    _go_live(page)
    open_tab(page, texts.PICTURE_TAB)
    page.wait_for_function("stylexferLive.measured() === null", timeout=PATIENCE)
    assert _camera_is_off(page)
    open_tab(page, texts.LIVE_TAB)
    _notice(page, WORDS["stopped"])


def test_places_are_given_back_by_those_who_leave(app, camera_browser):
    for _ in range(SEATS + 1):
        page = _visit(app, camera_browser)
        _go_live(page)
        page.context.close()


def test_the_camera_is_refused(app, camera_browser):
    page = _visit(app, camera_browser, camera=False)
    upload(page, texts.PORTRAIT, PORTRAIT)
    press(page, texts.START_LIVE)
    _notice(page, WORDS["refused"])
    page.context.close()


def test_no_camera_and_no_portrait(app, browser):
    page = _visit(app, browser)
    press(page, texts.START_LIVE)
    assert f"{texts.PORTRAIT}: " in message(page, "Nothing is chosen")
    upload(page, texts.PORTRAIT, PORTRAIT)
    press(page, texts.START_LIVE)
    _notice(page, WORDS["noCamera"])
    page.context.close()


def test_phone(app, camera_browser):
    page = _visit(app, camera_browser, width=390)
    _go_live(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    stage = page.locator("#live-stage canvas").bounding_box()
    assert stage["width"] > 250
    page.context.close()
