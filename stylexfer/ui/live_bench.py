"""How fast live runs are without a browser: from a camera frame's JPEG to the picture's.

With a real browser, camera and connection: `python -m tests.web.bench_live`.
"""

import io
import statistics
import time
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from stylexfer.media import probe, read_frames
from stylexfer.transfer import FaceTransfer, Identity
from stylexfer.ui.examples import FOLDER
from stylexfer.ui.live import Live
from stylexfer.ui.live_run import LivePicture

CAMERA_RATE = 30.0
IN_FLIGHT = 2  # frames that the page has on their way, over a short line
_SIZE = (400, 300)  # as the page sends them for a crop of 128 px
_FRAMES = 90
_WARM_UP = 2.0  # seconds


@dataclass
class _Visitor:
    live: Live
    identity: Identity
    sent: dict[int, float] = field(default_factory=dict)
    answered: int = 0
    latencies: list[float] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)
    problem: Exception | None = None

    def __post_init__(self) -> None:
        self.run = self.live.begin(self.identity, self.take)

    def take(self, picture: LivePicture | Exception) -> None:
        if isinstance(picture, Exception):
            self.problem = picture
            return
        now = time.perf_counter()
        self.answered = picture.number
        self.moments.append(now)
        self.latencies.append(1000 * (now - self.sent[picture.number]))

    def see(self, jpeg: bytes) -> None:
        """A camera frame: sent on if there is room, as the page does it."""
        if self.problem:
            raise self.problem
        if len(self.sent) - self.answered < IN_FLIGHT:
            self.sent[len(self.sent) + 1] = time.perf_counter()
            self.live.give(self.run, len(self.sent), jpeg)


def live_bench(model: FaceTransfer, seconds: float = 10.0, visitors: int = 1) -> dict[str, float]:
    """Let so many visitors be live at once, each with a camera of 30 frames/s.

    Returns `live_fps`, pictures a second of one visitor (the median visitor), `live_latency_ms`
    and `live_latency_p95_ms`, over all pictures.
    """
    camera = _camera()
    live = Live(model, seats=visitors)
    people = [_Visitor(live, model.random_identity(seed)) for seed in range(visitors)]
    try:
        started = time.perf_counter()
        for tick in range(round((seconds + _WARM_UP) * CAMERA_RATE)):
            time.sleep(max(0.0, started + tick / CAMERA_RATE - time.perf_counter()))
            for person in people:
                person.see(camera[tick % len(camera)])
    finally:
        for person in people:
            live.end(person.run)
    return summary([person.moments for person in people], [p.latencies for p in people])


def summary(
    moments: list[list[float]], latencies: list[list[float]], warm_up: float = _WARM_UP
) -> dict[str, float]:
    """The figures of several visitors: seconds at which pictures came, and latencies in ms."""
    rates, late = [], []
    for times, delays in zip(moments, latencies, strict=True):
        steady = [k for k, when in enumerate(times) if when - times[0] >= warm_up]
        if len(steady) > 1:
            rates.append((len(steady) - 1) / (times[-1] - times[steady[0]]))
            late += [delays[k] for k in steady]
    if not late:
        return {"live_fps": 0.0, "live_latency_ms": 0.0, "live_latency_p95_ms": 0.0}
    return {
        "live_fps": round(statistics.median(rates), 2),
        "live_latency_ms": round(statistics.median(late), 1),
        "live_latency_p95_ms": round(float(np.percentile(late, 95)), 1),
    }


def _camera() -> list[bytes]:
    path = FOLDER / "clips/clip_a.mp4"
    frames = read_frames(path, probe(path))
    taken = []
    for _ in range(_FRAMES):
        file = io.BytesIO()
        Image.fromarray(next(frames)).resize(_SIZE).save(file, "JPEG", quality=80)
        taken.append(file.getvalue())
    frames.close()
    return taken + taken[::-1]  # there and back, without a cut
