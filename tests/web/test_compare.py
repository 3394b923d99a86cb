"""The Compare tab: an example's clip by ours and the baselines."""

import re

import pytest
from playwright.sync_api import expect

from stylexfer.marks import Source
from stylexfer.marks.xmp import read_source_type
from stylexfer.media import probe
from stylexfer.ui import texts
from tests.web.conftest import PATIENCE
from tests.web.visit import address, fetch, open_tab, press

pytestmark = pytest.mark.web


def test_side_by_side(app, page, tmp_path):
    open_tab(page, texts.COMPARE_TAB)
    panel = page.locator("#compare")
    expect(panel).not_to_contain_text(texts.NO_METHOD["e4e"])
    until = page.get_by_role("spinbutton", name=re.compile(f"^{texts.PART_END}"))
    until = until.locator("visible=true")
    expect(until).to_have_value("5")
    until.fill("0.4")
    until.press("Enter")
    page.get_by_role("button", name="Mona Lisa, by clip B").locator("visible=true").click()
    expect(panel.locator("video").first).to_be_visible()
    press(page, texts.COMPARE)
    account = page.locator("#compare-result-account")
    expect(account).to_contain_text("10 of 10 frames", timeout=PATIENCE)
    made = fetch(address(page, "#compare-result video"), tmp_path / "made.mp4")
    assert read_source_type(made) == Source.COMPOSITE
    assert (probe(made).width, probe(made).height) == (1024, 288)
    expect(page.locator("#measures table")).to_contain_text("FL CORR", timeout=PATIENCE)
    assert page.locator("#measures tr").count() == 4
    until.fill("0")
    until.press("Enter")
    press(page, texts.COMPARE)
    expect(page.locator("#compare-result")).to_contain_text("left", timeout=PATIENCE)
    press(page, texts.STOP)
    expect(account).to_contain_text("Stopped", timeout=PATIENCE)
    assert "Traceback" not in app.log.read_text()
