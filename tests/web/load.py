"""Many visitors at one app for some minutes: pictures, clips and live runs at once.

python -m tests.web.load --minutes 5 --visitors 8

Of eight visitors three send pictures, two send clips and three are live. Each has a person of its
own and checks that what comes back is that person's, as it was when the visitor was alone. The last
line is JSON: for each kind the requests answered, refused (with the words) and failed, p50 and p95
in seconds (live: pictures a second, latency in ms), and the app's memory in MB. It exits with 1 if
anything was mixed up or failed, or memory grew by more than a tenth in the second half.
"""

import argparse
import json
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import Page

from stylexfer.media import open_picture, probe, read_frames, write_video
from stylexfer.ui import texts
from stylexfer.ui.live import SEATS
from stylexfer.ui.live_bench import summary
from tests.web.bench_live import app_and_camera, go_live
from tests.web.chromium import CLIP
from tests.web.serve import ROOT, App

_CLIP_FRAMES = 50
_LOOK_EVERY = 2.0  # seconds between two looks at memory and at the live pages
_SAME = 12.0  # grey levels of mean difference between pictures of one person at rest
_ROLES = ("picture", "picture", "live", "video", "live", "picture", "live", "video")
_PORTRAITS = sorted((ROOT / "examples/photos").glob("*.*")) + sorted(
    (ROOT / "examples/paintings").glob("freecol_*.png")
)


@dataclass
class Account:
    """What came of one kind of request."""

    seconds: list[float] = field(default_factory=list)
    refused: Counter = field(default_factory=Counter)
    failed: Counter = field(default_factory=Counter)
    mixed: int = 0

    def told(self) -> dict:
        p50, p95 = (np.percentile(self.seconds, p) if self.seconds else 0.0 for p in (50, 95))
        return {
            "answered": len(self.seconds),
            "refused": dict(self.refused),
            "failed": dict(self.failed),
            "mixed": self.mixed,
            "p50_s": round(float(p50), 2),
            "p95_s": round(float(p95), 2),
        }


class Sender:
    """A visitor who sends the same request again and again, and knows what must come back."""

    def __init__(self, app: App, kind: str, number: int, folder: Path, clip: Path):
        self.kind = kind
        self._folder = folder / f"visitor-{number}"
        self._client = Client(
            app.url, verbose=False, download_files=self._folder, analytics_enabled=False
        )
        portrait = handle_file(_PORTRAITS[number % len(_PORTRAITS)])
        if kind == "picture":
            driver = _PORTRAITS[(number + 1) % len(_PORTRAITS)]
            self._request = {"portrait": portrait, "driver": handle_file(driver), "consent": True}
        else:
            self._request = {"portrait": portrait, "clip": handle_file(clip), "consent": True}
        self._alone = self._answer()

    def _answer(self) -> np.ndarray:
        if self.kind == "picture":
            shown = self._client.predict(**self._request, api_name="/transfer_picture")
            return open_picture(shown).astype(float)
        path = self._client.predict(**self._request, api_name="/transfer_clip")[0]
        path = path["video"] if isinstance(path, dict) else path
        frames = list(read_frames(path, probe(path)))
        if len(frames) != _CLIP_FRAMES:
            raise RuntimeError(f"{len(frames)} frames of {_CLIP_FRAMES}")
        return frames[-1].astype(float)

    def go_on(self, until: float, account: Account) -> None:
        while (began := time.monotonic()) < until:
            try:
                same = np.abs(self._answer() - self._alone).mean() < _SAME
            except AppError as refusal:  # a message for the visitor
                account.refused[str(refusal)[:80]] += 1
                time.sleep(1)
            except Exception as error:  # noqa: BLE001  counted, and the exit status says so
                account.failed[f"{type(error).__name__}: {error}"[:80]] += 1
                time.sleep(1)
            else:
                account.mixed += not same
                account.seconds.append(time.monotonic() - began)


class LiveVisitor:
    """A page that is live as a person of its own, at strength 0: one picture, over and over."""

    def __init__(self, browser, app: App, seed: int):
        self.page: Page = go_live(browser, app, seed)
        for name in (texts.POSE, texts.EXPRESSION):
            number = self.page.get_by_label(f"number input for {name}").locator("visible=true")
            number.fill("0")
            number.press("Enter")
        self.page.wait_for_timeout(3000)
        self._alone = self._picture()

    def _picture(self) -> np.ndarray:
        seen = self.page.locator("#live-stage canvas").evaluate(
            """canvas => {
                const small = document.createElement("canvas");
                small.width = small.height = 32;
                const ink = small.getContext("2d");
                ink.drawImage(canvas, 0, 0, 32, 32);
                return Array.from(ink.getImageData(0, 0, 32, 32).data);
            }"""
        )
        return np.array(seen, float)

    def look(self, account: Account) -> None:
        if self.page.evaluate("stylexferLive.measured() === null"):
            words = self.page.locator("#live-stage .live-notice").inner_text()
            account.refused[words] += 1
            self.page.get_by_role("button", name=texts.START_LIVE).click()
            return
        account.mixed += bool(np.abs(self._picture() - self._alone).mean() > _SAME)

    def measured(self) -> dict | None:
        return self.page.evaluate("stylexferLive.measured()")


def _memory(process: int) -> float:
    """Resident memory of a process, in MB (Linux)."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def _driving_clip(path: Path) -> Path:
    frames = read_frames(CLIP, probe(CLIP))
    write_video(path, [next(frames) for _ in range(_CLIP_FRAMES)], Fraction(25))
    frames.close()
    return path


def _load(app: App, folder: Path, browser, minutes: float, visitors: int) -> dict:
    accounts = {kind: Account() for kind in ("picture", "video", "live")}
    roles = [_ROLES[k % len(_ROLES)] for k in range(visitors)]
    clip = _driving_clip(folder / "driving.mp4")
    senders = [Sender(app, kind, k, folder, clip) for k, kind in enumerate(roles) if kind != "live"]
    wanted = min(SEATS, roles.count("live"))
    pages = [LiveVisitor(browser, app, seed) for seed in range(wanted)]
    memory = []
    until = time.monotonic() + 60 * minutes
    with ThreadPoolExecutor(max(1, len(senders))) as pool:
        jobs = [pool.submit(one.go_on, until, accounts[one.kind]) for one in senders]
        while time.monotonic() < until:
            memory.append(_memory(app.process))
            for page in pages:
                page.look(accounts["live"])
            time.sleep(_LOOK_EVERY)
        for job in jobs:
            job.result()
    seen = [measured for page in pages if (measured := page.measured())]
    moments = [[moment / 1000 for moment in one["moments"]] for one in seen]
    live = summary(moments, [one["latencies"] for one in seen])
    told = {kind: account.told() for kind, account in accounts.items()}
    told["live"] = {
        **{key: told["live"][key] for key in ("refused", "failed", "mixed")},
        "answered": sum(map(len, moments)),
        **live,
    }
    half = len(memory) // 2
    return {
        "visitors": visitors,
        "minutes": minutes,
        **told,
        "memory_mb": {
            "first_half_max": round(max(memory[: half + 1])),
            "second_half_max": round(max(memory[half:])),
        },
        "tracebacks": app.log.read_text().count("Traceback"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--visitors", type=int, default=8)
    options = parser.parse_args()
    with app_and_camera() as (app, browser, folder):
        told = _load(app, folder, browser, options.minutes, options.visitors)
    print(json.dumps(told))
    memory = told["memory_mb"]
    bad = told["tracebacks"] or memory["second_half_max"] > 1.1 * memory["first_half_max"]
    bad = bad or any(
        told[kind]["failed"] or told[kind]["mixed"] for kind in ("picture", "video", "live")
    )
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
