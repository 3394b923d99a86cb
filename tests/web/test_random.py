"""The Random tab: favourites, a mix, an identity file, and the way to Live."""

import pytest
from playwright.sync_api import Page, expect

from stylexfer.identity_file import is_identity_file
from stylexfer.ui import texts
from tests.web.conftest import DRIVER, PATIENCE, PORTRAIT
from tests.web.visit import address, changed, message, open_tab, press, upload

pytestmark = pytest.mark.web


def _chosen(page: Page, name: str) -> None:
    expect(page.locator("#chosen-name")).to_have_text(name, timeout=PATIENCE)


def _choose(page: Page, number: int, name: str) -> None:
    page.get_by_role("button", name=f"Thumbnail {number} of 8").first.click()
    _chosen(page, name)


def _unfold(page: Page, tab: str) -> None:
    page.locator(f"#{tab}-identity").get_by_text(texts.IDENTITY_FILE).click()


def _load(page: Page, tab: str, path) -> None:
    page.locator(f"#{tab}-loaded input[type=file]").set_input_files(path)


def test_favourites_mix_and_live(app, page):
    open_tab(page, "Random")
    kept = page.locator("#favourites img")
    page.locator("#people img").nth(7).wait_for()
    for number, name in ((4, "seed 3"), (6, "seed 5")):
        _choose(page, number, name)
        press(page, texts.KEEP_PERSON)
        kept.nth((3, 5).index(number - 1)).wait_for()

    page.get_by_text(texts.MIX, exact=True).click()
    for label, place in ((texts.MIX_FIRST, 0), (texts.MIX_SECOND, 1)):
        page.get_by_label(label, exact=True).locator("visible=true").click()
        page.locator("ul [role=option]").nth(place).click()
    _chosen(page, "mix 3 (50%) + 5 (50%)")
    upload(page, texts.DRIVER, DRIVER)
    press(page, texts.ANIMATE_WITH_PICTURE)
    first = address(page, "#random-result img")
    share = page.get_by_label(f"number input for {texts.MIX_SHARE}")
    share.fill("0.2")
    share.press("Enter")
    changed(page, "#random-result img", first)
    _chosen(page, "mix 3 (80%) + 5 (20%)")
    press(page, texts.KEEP_PERSON)
    kept.nth(2).wait_for()

    press(page, texts.USE_IN_LIVE)
    expect(page.get_by_role("tab", name="Live")).to_have_attribute(
        "aria-selected", "true", timeout=PATIENCE
    )
    live = page.locator("#live-chosen img")
    expect(live).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_label(texts.RANDOM_PERSON).locator("visible=true").last).to_be_checked()

    page.reload()
    open_tab(page, "Random")
    kept.nth(2).wait_for()
    page.locator("#favourites button").nth(1).click()
    _chosen(page, "seed 5")
    press(page, texts.DROP_PERSON)
    expect(kept).to_have_count(2, timeout=PATIENCE)
    press(page, texts.DROP_PERSON)
    assert message(page, "is no favourite")
    assert "Traceback" not in app.log.read_text()


def test_an_identity_file_in_every_tab(app, page, tmp_path):
    open_tab(page, "Random")
    page.locator("#people img").nth(7).wait_for()
    _choose(page, 4, "seed 3")
    _unfold(page, "random")
    with page.expect_download() as saved:
        press(page, texts.SAVE_IDENTITY)
    path = tmp_path / saved.value.suggested_filename
    saved.value.save_as(path)
    assert is_identity_file(path)

    for tab in ("picture", "video", "live"):
        page.locator(f"#{tab}-button").click()
        _unfold(page, tab)
        _load(page, tab, path)
        page.locator(f"#{tab}-identity img").wait_for()
    page.locator("#picture-button").click()
    upload(page, texts.DRIVER, DRIVER)
    press(page, texts.TRANSFER)
    address(page, "#picture-result img")

    open_tab(page, "Random")
    _choose(page, 6, "seed 5")
    _load(page, "random", path)
    _chosen(page, texts.IDENTITY_FILE)
    _choose(page, 2, "seed 1")  # whoever is chosen takes the place of the file
    (tmp_path / "wrong.safetensors").write_bytes(PORTRAIT.read_bytes())
    _load(page, "random", tmp_path / "wrong.safetensors")
    assert f"{texts.IDENTITY_FILE}: " in message(page, "damaged")
    assert "Traceback" not in app.log.read_text()
