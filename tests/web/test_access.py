"""The page for those who see little or use no mouse: axe's rules, and every control by keyboard."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from stylexfer.ui import texts
from tests.web.serve import App
from tests.web.visit import PATIENCE, address, open_tab

pytestmark = pytest.mark.web

SCREENS = {"desk": (1280, 900, "light"), "phone": (390, 844, "dark")}

# Every control that is shown and works, with its place in the page's order; one of a group of radio
# buttons and one of a row of tabs stands for all (arrow keys go on from there).
CONTROLS = """() => {
  const shown = e => e.checkVisibility({visibilityProperty: true}) && e.getClientRects().length
    && !e.disabled && e.getAttribute("aria-disabled") !== "true" && !e.closest("[aria-hidden=true]");
  const all = [...document.querySelectorAll(
    "button, input, textarea, select, a[href], summary, [role=tab], [role=slider], [role=button]"
  )].filter(shown);
  const group = e => e.type === "radio" ? "radio " + e.name
    : e.getAttribute("role") === "tab" ? "tabs " + (e.closest("[role=tablist]")?.id ?? "") : null;
  const name = e => group(e) ?? [e.tagName, e.type ?? "", e.getAttribute("aria-label") ?? "",
    e.innerText?.trim().slice(0, 40) ?? "", e.id].join("|");
  window.nameOfControl = name;
  return [...new Set(all.map(name))];
}"""


@pytest.fixture(params=SCREENS)
def visited(request, app: App, browser: Browser) -> Iterator[Page]:
    width, height, scheme = SCREENS[request.param]
    size = {"width": width, "height": height}
    context = browser.new_context(viewport=size, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(app.url)
    page.get_by_role("tab", name="Picture").wait_for()
    yield page
    context.close()


def tabs(page: Page) -> list[str]:
    names = page.get_by_role("tablist").first.get_by_role("tab").all_inner_texts()
    assert len(names) >= 5
    return names


def serious(page: Page) -> list[str]:
    """What axe holds against the page as it is now, but for its lesser findings."""
    return [
        f"{rule['id']}: {node['html'][:300]}"
        for rule in Axe().run(page).response["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


def test_axe_finds_nothing_serious(visited):
    found = []
    for name in tabs(visited):
        open_tab(visited, name)
        visited.wait_for_timeout(300)  # what fades in has no contrast yet
        found += [f"{name}: {what}" for what in serious(visited)]
    assert not found, "\n".join(found)


def test_every_control_is_reached_by_keyboard(visited):
    for name in tabs(visited):
        open_tab(visited, name)
        wanted = set(visited.evaluate(CONTROLS))
        visited.evaluate("document.activeElement.blur()")
        reached = set()
        for _ in range(2 * len(wanted) + 60):
            visited.keyboard.press("Tab")
            reached.add(visited.evaluate("window.nameOfControl(document.activeElement)"))
        assert not wanted - reached, (name, sorted(wanted - reached))


def test_before_and_after_by_keyboard(page):
    page.get_by_role("button", name=texts.PICTURE_EXAMPLES[0]).click()
    address(page, "#picture-result img")
    page.wait_for_function("document.querySelector('#picture-pasted img')?.naturalWidth")
    line = page.get_by_role("slider", name=texts.COMPARED)
    expect(line).to_have_attribute("aria-valuenow", "50")
    line.press("ArrowLeft")
    expect(line).to_have_attribute("aria-valuenow", "45")
    after = page.locator("#picture-pasted img").last
    expect(after).to_have_attribute("style", re.compile(r"inset\(0px 0px 0px 4\d\."))
    line.press("End")
    expect(line).to_have_attribute("aria-valuenow", "100")
    assert not serious(page)
