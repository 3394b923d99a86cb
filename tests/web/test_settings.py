"""Settings come back, go into a link, and are set by presets; a face never goes with them."""

import pytest
from playwright.sync_api import Page, expect

from stylexfer.ui import texts
from tests.web.conftest import PORTRAIT
from tests.web.visit import open_tab, upload

pytestmark = pytest.mark.web

NO_STORAGE = """Object.defineProperty(window, "localStorage", {
  get() { throw new DOMException("", "SecurityError"); }, configurable: true,
})"""


def _number(page: Page, label: str):
    return page.get_by_label(f"number input for {label}").locator("visible=true")


def _bar(page: Page, which: int):
    return page.locator("#bar select").nth(which)


def _opened(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_role("tab", name="Picture").wait_for()


def test_settings_come_back_and_go_into_a_link(page, app, browser):
    expect(_bar(page, 2)).to_have_value(texts.NATURAL)
    upload(page, "Portrait", PORTRAIT)
    _number(page, "Pose").fill("0.6")
    _number(page, "Pose").press("Enter")
    expect(_bar(page, 2)).to_have_value("")  # own settings
    open_tab(page, "Video")
    page.get_by_label("In the portrait").check()
    page.get_by_label("Relative motion").locator("visible=true").check()
    page.reload()
    expect(_number(page, "Pose")).to_have_value("0.6")
    open_tab(page, "Video")
    expect(page.get_by_label("In the portrait")).to_be_checked()
    expect(page.get_by_label("Relative motion").locator("visible=true")).to_be_checked()

    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name=texts.COPY_LINK).click()
    expect(page.locator("#bar [role=status]")).to_have_text(texts.LINK_COPIED)
    link = page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(app.url) and "picture.pose=0.6" in link
    assert set(link.partition("?")[2].split("&")) == {
        *("picture.pose=0.6", "video.view=In+the+portrait", "video.relative=1")
    }
    other = browser.new_context()
    visitor = other.new_page()
    _opened(visitor, f"{link}&picture.expression=9&video.steadiness=nan&live.mirror=x&video.nil=1")
    expect(_number(visitor, "Pose")).to_have_value("0.6")
    expect(_number(visitor, "Expression")).to_have_value("1")  # 9 is beyond the slider's end
    assert "picture.pose" not in visitor.url and "video.nil" in visitor.url
    open_tab(visitor, "Video")
    expect(visitor.get_by_label("In the portrait")).to_be_checked()
    expect(_number(visitor, "Steadiness")).to_have_value("0.5")
    other.close()


def test_a_preset_sets_all_tabs(page):
    _bar(page, 2).select_option(texts.POSE_ONLY)
    expect(_number(page, "Expression")).to_have_value("0")
    for tab in ("Video", "Random", "Live"):
        open_tab(page, tab)
        expect(_number(page, "Expression")).to_have_value("0")
        expect(_number(page, "Pose")).to_have_value("1")
    expect(_bar(page, 2)).to_have_value(texts.POSE_ONLY)
    page.reload()
    open_tab(page, "Live")
    expect(_number(page, "Expression")).to_have_value("0")


def test_a_browser_that_lends_no_storage(app, browser):
    context = browser.new_context()
    context.add_init_script(NO_STORAGE)
    page = context.new_page()
    _opened(page, app.url)
    _bar(page, 2).select_option(texts.POSE_ONLY)
    expect(_number(page, "Expression")).to_have_value("0")
    context.close()


def test_dark_and_light_are_kept(page):
    ground = "getComputedStyle(document.querySelector('#bar select')).backgroundColor"
    _bar(page, 1).select_option("dark")
    dark = page.evaluate(ground)
    page.reload()
    expect(page.locator("body.dark")).to_be_visible()
    page.emulate_media(color_scheme="light")
    expect(page.locator("body.dark")).to_be_visible()
    _bar(page, 1).select_option("system")
    expect(page.locator("body:not(.dark)")).to_be_visible()
    assert page.evaluate(ground) != dark
