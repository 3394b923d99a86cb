"""The page in other languages: nothing of the English is left, and nothing is lost."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from stylexfer.ui import texts
from stylexfer.ui.languages import LANGUAGES, translations
from tests.web.conftest import PORTRAIT
from tests.web.visit import PATIENCE, address, message, upload

pytestmark = pytest.mark.web

# What is seen, heard by a screen reader, or shown under the pointer.
SHOWN = """() => {
  const found = new Set();
  const own = "script, style, [translate=no]";
  for (const element of document.body.querySelectorAll("*")) {
    if (element.closest(own) || !element.checkVisibility({ visibilityProperty: true })) continue;
    for (const node of element.childNodes) if (node.nodeType === 3) found.add(node.nodeValue.trim());
    for (const name of ["aria-label", "alt", "placeholder", "title"]) {
      found.add((element.getAttribute(name) ?? "").trim());
    }
  }
  return [...found];
}"""
OPEN = """() => document.querySelectorAll(".label-wrap:not(.open)").forEach((closed) => {
  if (closed.checkVisibility()) closed.click();
})"""
# Spelled alike in both.
ALIKE = {
    "cs": {"Video"},
    "de": {"Video", "Live", "Person", "System"},
}
NAMES = {"", "PNG", "JPEG", "WebP"}


def _shown(page: Page) -> set[str]:
    """All texts with letters, of all tabs, with everything that opens opened."""
    found = set()
    for tab in page.get_by_role("tab").all():
        if tab.is_visible():
            tab.click()
            expect(tab).to_have_attribute("aria-selected", "true")
            if tab.get_attribute("id").startswith("random"):
                page.locator("#people img").nth(7).wait_for(timeout=PATIENCE)
            page.evaluate(OPEN)
            page.wait_for_timeout(150)
            found |= set(page.evaluate(SHOWN))
    return {text for text in found if re.search("[A-Za-z]{2}", text)} - NAMES


def _choose(page: Page, code: str) -> None:
    page.locator("#bar select").first.select_option(code)


@contextmanager
def _visit(browser: Browser, url: str, locale: str) -> Iterator[Page]:
    context = browser.new_context(locale=locale)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(url)
    page.locator("#bar select").first.wait_for()
    yield page
    context.close()


def test_a_switch_leaves_no_english_behind(page):
    upload(page, "Portrait", PORTRAIT)
    sent = address(page, "[data-testid=image] img")
    english = _shown(page)
    assert texts.AGREE in english and texts.USE_RULES.split("\n")[0][2:] in english
    for code, alike in ALIKE.items():
        _choose(page, code)
        expect(page.locator("html")).to_have_attribute("lang", code)
        left = (_shown(page) & english) - alike
        assert not left, f"not in {code}: {left}"
        page.get_by_role("tab").first.click()
        assert address(page, "[data-testid=image] img") == sent
    # What the server says: a message about an input, with its name.
    expect(page).to_have_title(translations()[texts.TITLE]["de"])
    page.get_by_role("button", name=translations()[texts.TRANSFER]["de"], exact=True).click()
    label, said = (translations()[text]["de"] for text in (texts.DRIVER, texts.NO_FILE))
    assert f"{label}: {said}" in message(page, said)
    _choose(page, "en")
    german = {other["de"] for text, other in translations().items() if other["de"] != text}
    assert not _shown(page) & german


def test_a_phone_shows_all_tabs_in_every_language(page):
    page.set_viewport_size({"width": 390, "height": 844})
    for code in LANGUAGES:
        _choose(page, code)
        page.wait_for_timeout(200)
        assert not page.locator(".overflow-menu").locator("visible=true").count(), code
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, code
        assert page.locator("#bar").bounding_box()["height"] < 80, code  # two rows
        cut = "all => all.some((one) => one.scrollWidth > one.clientWidth)"
        assert not page.locator("#bar button").evaluate_all(cut), code


def test_the_browser_says_which_language_until_one_is_chosen(app, browser):
    with _visit(browser, app.url, "de-CH") as page:
        german = translations()[texts.TRANSFER]["de"]
        expect(page.get_by_role("button", name=german, exact=True)).to_be_visible()
        _choose(page, "en")
        page.reload()
        expect(page.get_by_role("button", name=texts.TRANSFER, exact=True)).to_be_visible()
        # Gradio's own words too, which knows German.
        expect(page.get_by_text("Drop Image Here").first).to_be_visible()
        expect(page.locator("html")).to_have_attribute("lang", "en")
    with _visit(browser, f"{app.url}?lang=zh", "de-CH") as page:
        chinese = translations()[texts.TRANSFER]["zh"]
        expect(page.get_by_role("button", name=chinese, exact=True)).to_be_visible()
