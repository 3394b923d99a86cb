"""One visit to each tab: upload, run, see the result change."""

from fractions import Fraction

import pytest
from playwright.sync_api import expect

from stylexfer.marks import Source
from stylexfer.marks.xmp import read_source_type
from stylexfer.media import open_picture, probe
from stylexfer.tuning import SECONDS
from tests.web.conftest import (
    DRIVER,
    LONG_CLIP,
    OTHER_DRIVER,
    PAINTING,
    PATIENCE,
    PORTRAIT,
)
from tests.web.serve import STARTS_WITHIN
from tests.web.visit import address, changed, fetch, open_tab, press, upload

pytestmark = pytest.mark.web


def test_starts_soon(app):
    assert app.started_in < 3 * STARTS_WITHIN
    assert "Traceback" not in app.log.read_text()


def test_picture_tab(page, tmp_path):
    upload(page, "Portrait", PORTRAIT)
    upload(page, "Driver", DRIVER)
    press(page, "Transfer")
    first = address(page, "#picture-result img")
    assert page.locator("#picture-outputs img").count() == 6  # the slider has two
    with page.expect_download() as saved:
        page.locator("#picture-result").get_by_label("Download").click()
    saved.value.save_as(tmp_path / "saved.png")
    assert read_source_type(tmp_path / "saved.png") == Source.GENERATED
    assert open_picture(tmp_path / "saved.png").shape[0] >= 128

    pose = page.get_by_label("number input for Pose").locator("visible=true")
    pose.fill("0")
    pose.press("Enter")
    second = changed(page, "#picture-result img", first)

    upload(page, "Driver", OTHER_DRIVER)
    press(page, "Transfer")
    changed(page, "#picture-result img", second)


def test_a_portrait_is_learned_and_drawn_better_by_itself(page):
    upload(page, "Portrait", PORTRAIT)
    upload(page, "Driver", DRIVER)
    page.get_by_label("Faithful identity").locator("visible=true").check()
    press(page, "Transfer")
    before = address(page, "#picture-result img")
    learned = expect(page.locator("#picture-result img"))
    learned.not_to_have_attribute("src", before, timeout=1000 * (SECONDS + 30))


def test_example_is_one_click(page):
    page.get_by_role("button", name="Mona Lisa, by Collins").click()
    assert address(page, "#picture-result img").endswith(".png")


def test_video_tab(page, clips, tmp_path):
    open_tab(page, "Video")
    upload(page, "Portrait", PAINTING)
    upload(page, "Driving clip", clips["sound"])
    page.get_by_label("In the portrait").click()
    press(page, "Animate")
    account = page.locator("#video-result-account")
    expect(account).to_contain_text("30 of 30 frames at 29.97", timeout=PATIENCE)
    expect(account).to_contain_text("sound is kept")
    made = fetch(address(page, "#video-result video"), tmp_path / "made.mp4")
    info = probe(made)
    assert (info.frames, info.fps, info.has_audio) == (30, Fraction(30000, 1001), True)
    assert info.height > info.width  # the whole painting, not the square of the face
    assert read_source_type(made) == Source.COMPOSITE


def test_stop_keeps_the_part(page, tmp_path):
    open_tab(page, "Video")
    upload(page, "Portrait", PORTRAIT)
    upload(page, "Driving clip", LONG_CLIP)
    page.get_by_label("Side by side").locator("visible=true").click()
    press(page, "Animate")
    expect(page.locator("#video-result")).to_contain_text("left", timeout=PATIENCE)
    press(page, "Stop")
    account = page.locator("#video-result-account")
    expect(account).to_contain_text("Stopped", timeout=PATIENCE)
    made = fetch(address(page, "#video-result video"), tmp_path / "made.mp4")
    info = probe(made)
    assert 0 < info.frames < probe(LONG_CLIP).frames
    assert f"Stopped: {info.frames} of" in account.inner_text()
    assert info.width == 3 * info.height


def test_random_tab(page, clips, tmp_path):
    open_tab(page, "Random")
    people = page.locator("#people img")
    people.nth(7).wait_for()
    before = people.first.get_attribute("src")
    page.get_by_role("button", name="Thumbnail 4 of 8").click()
    expect(page.locator("#person input")).to_have_value("3")
    upload(page, "Driver", DRIVER)
    press(page, "Animate with this picture")
    third = address(page, "#random-result img")
    assert read_source_type(fetch(third, tmp_path / "third.png")) == Source.GENERATED
    page.get_by_role("button", name="Thumbnail 6 of 8").click()
    changed(page, "#random-result img", third)

    open_tab(page, "With a clip")
    upload(page, "Driving clip", clips["sound"])
    press(page, "Animate with this clip")
    account = page.locator("#random-video-result-account")
    expect(account).to_contain_text("30 of 30 frames", timeout=PATIENCE)
    made = fetch(address(page, "#random-video-result video"), tmp_path / "made.mp4")
    assert read_source_type(made) == Source.GENERATED

    press(page, "Next eight")
    expect(people.first).not_to_have_attribute("src", before, timeout=PATIENCE)
    expect(people.first).to_have_attribute("alt", "seed 8")


def test_phone(app, browser):
    """At 390 px nothing is wider than the screen, in any tab, light or dark."""
    for scheme in ("light", "dark"):
        context = browser.new_context(
            viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True
        )
        page = context.new_page()
        page.goto(app.url)
        for tab in ("Picture", "Video", "Random", "Live"):
            open_tab(page, tab)
            if tab == "Random":
                page.locator("#people img").nth(7).wait_for()
            page.wait_for_timeout(200)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, (scheme, tab)
        context.close()
