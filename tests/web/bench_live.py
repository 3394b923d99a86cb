"""Live pictures a second, and how late they are, in a real Chromium with a file as its camera.

python -m tests.web.bench_live --seconds 30 --visitors 1

App, browser and camera share this machine's cores. The last line is JSON: `live_fps` of the median
visitor, `live_latency_ms` and `live_latency_p95_ms` from the camera's frame to the picture drawn.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from stylexfer.ui import texts
from stylexfer.ui.live_bench import summary
from tests.web.chromium import camera_options, chromium_path, write_camera
from tests.web.serve import App, running_app
from tests.web.visit import agree, open_tab, press

_WARM_UP = 3.0  # seconds


def go_live(browser: Browser, app: App, seed: int) -> Page:
    """A new visitor, live as the random person of `seed`."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, permissions=["camera"])
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(app.url)
    agree(page)
    open_tab(page, texts.LIVE_TAB)
    page.get_by_label(texts.RANDOM_PERSON).locator("visible=true").last.click()
    number = page.get_by_role("spinbutton", name=texts.PERSON_SEED, exact=True).locator(
        "visible=true"
    )
    number.fill(str(seed))
    number.press("Enter")
    press(page, texts.START_LIVE)
    page.wait_for_function("stylexferLive.measured()?.moments.length > 0")
    return page


@contextmanager
def app_and_camera() -> Iterator[tuple[App, Browser, Path]]:
    """The app on the default pack, a Chromium with a face before its camera, a folder for files."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as player:
        folder = Path(name)
        write_camera(folder / "camera.y4m", seconds=9, empty=0)
        browser = player.chromium.launch(
            executable_path=chromium_path(), args=camera_options(folder / "camera.y4m")
        )
        with running_app(folder) as app:
            yield app, browser, folder
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--visitors", type=int, default=1)
    options = parser.parse_args()
    with app_and_camera() as (app, browser, _):
        pages = [go_live(browser, app, seed) for seed in range(options.visitors)]
        pages[0].wait_for_timeout(1000 * (options.seconds + _WARM_UP))
        measured = [page.evaluate("stylexferLive.measured()") for page in pages]
    moments = [[moment / 1000 for moment in one["moments"]] for one in measured]
    figures = summary(moments, [one["latencies"] for one in measured], _WARM_UP)
    print(json.dumps({"visitors": options.visitors, "seconds": options.seconds, **figures}))


if __name__ == "__main__":
    main()
