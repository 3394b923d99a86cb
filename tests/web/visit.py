"""What a visitor does on the page."""

import re
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, expect

PATIENCE = 30_000  # milliseconds for one result


def open_tab(page: Page, name: str) -> None:
    """Open a tab and wait until it is the one that is shown, so that no label is seen twice."""
    tab = page.get_by_role("tab", name=name)
    tab.click()
    expect(tab).to_have_attribute("aria-selected", "true")
    expect(page.locator(f"[id='{tab.get_attribute('aria-controls')}']")).to_be_visible()


def agree(page: Page) -> None:
    """Say that the faces may be used, as the page asks before it uses any that are sent."""
    box = page.locator("#agree input")
    if not box.is_checked():
        with page.expect_response(lambda answer: "/run/" in answer.url or "/queue/" in answer.url):
            box.check()


def upload(page: Page, label: str, path: Path) -> None:
    """Put a file into the visible input called `label`, in place of what is there."""
    block = page.locator(".block", has=page.get_by_test_id("block-label").get_by_text(label))
    block = block.filter(has=page.locator("button")).locator("visible=true").first
    clear = block.get_by_label(re.compile("^(Remove Image|Clear)$")).first  # a clip may show two
    if clear.count():
        clear.click()
    block.locator("input[type=file]").set_input_files(path)
    expect(clear).to_be_visible(timeout=PATIENCE)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).locator("visible=true").click()


def address(page: Page, selector: str) -> str:
    """Where the picture or clip in this place is served, once there is one."""
    return page.locator(selector).get_attribute("src", timeout=PATIENCE)


def changed(page: Page, selector: str, before: str) -> str:
    """The same, once it is another."""
    expect(page.locator(selector)).not_to_have_attribute("src", before, timeout=PATIENCE)
    return address(page, selector)


def fetch(url: str, path: Path) -> Path:
    with urllib.request.urlopen(url, timeout=30) as answer:
        path.write_bytes(answer.read())
    return path


def message(page: Page, words: str) -> str:
    """The text of the message with these words, once it is there; the message is then closed."""
    toast = page.get_by_test_id("toast-body").filter(has_text=words)
    text = toast.inner_text(timeout=PATIENCE)
    toast.get_by_test_id("toast-close").dispatch_event("click")
    toast.wait_for(state="detached")
    return text
