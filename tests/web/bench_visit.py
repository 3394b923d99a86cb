"""A first visit, timed in a real Chromium: from opening the page to a result.

python -m tests.web.bench_visit --visits 5

Each visit is a fresh browser profile; the app has just started before the first, and is warm after.
The last line is JSON, medians in seconds: `open_s` to the page's first example, `example_s` from the
click on it to its result, `visit_s` both, `upload_s` from Transfer to the result of two uploads; of the
first visit the same under `first`.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from stylexfer.ui import texts
from tests.web.chromium import chromium_path
from tests.web.conftest import DRIVER, PORTRAIT
from tests.web.serve import App, running_app
from tests.web.visit import address, agree, changed, press, upload


def visit(browser: Browser, app: App) -> dict[str, float]:
    """Seconds of one visit."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    began = time.monotonic()
    page.goto(app.url)
    example = page.get_by_role("button", name=texts.PICTURE_EXAMPLES[0])
    example.wait_for()
    opened = time.monotonic()
    example.click()
    result = address(page, "#picture-result img")
    shown = time.monotonic()
    agree(page)
    upload(page, texts.PORTRAIT, PORTRAIT)
    upload(page, texts.DRIVER, DRIVER)
    pressed = time.monotonic()
    press(page, texts.TRANSFER)
    changed(page, "#picture-result img", result)
    seconds = {
        "open_s": opened - began,
        "example_s": shown - opened,
        "visit_s": shown - began,
        "upload_s": time.monotonic() - pressed,
    }
    context.close()
    return {name: round(value, 2) for name, value in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visits", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as player:
        browser = player.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        with running_app(Path(name)) as app:
            visits = []
            for _ in range(options.visits):
                visits.append(visit(browser, app))
                print(visits[-1], flush=True)
        browser.close()
    first, later = visits[0], visits[1:] or visits
    medians = {name: round(statistics.median(v[name] for v in later), 2) for name in first}
    print(json.dumps(medians | {"first": first}))


if __name__ == "__main__":
    main()
