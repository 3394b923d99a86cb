"""Live runs: the camera frames of several visitors, drawn by one network thread.

A visitor's `LiveRun` has room for one frame that waits and one crop that waits; a newer one takes
the place of the older, so nothing is ever queued and a picture is never late. The runs take turns,
each one frame a turn, and crops that wait together go through the networks as one batch.
"""

import io
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np
import torch
from PIL import Image

from stylexfer.marks import Source
from stylexfer.marks.watermark import Watermark
from stylexfer.marks.xmp import xmp_packet
from stylexfer.tensors import resized
from stylexfer.transfer import FaceTransfer, Identity
from stylexfer.ui import texts
from stylexfer.ui.live_run import LivePicture, LiveRefused, LiveRun

SEATS = 4  # visitors at once: two cores make some 25 pictures a second for all of them

_EYES = max(1, min(4, (os.cpu_count() or 2) // 2))  # threads that look for faces
_TOGETHER = 4  # crops in one batch, at most
_LOOK_UP = 0.5  # seconds after which a thread that waits sees that the program ends
_SIDE = 512  # of a picture that is sent, at most: as large as the page shows it
_XMP = xmp_packet(Source.GENERATED)


class Live:
    """The runs under way over one model, and the threads that serve them while there are any."""

    def __init__(self, model: FaceTransfer, seats: int = SEATS):
        self.model = model
        self.seats = seats
        self._runs: list[LiveRun] = []
        self._to_see: deque[LiveRun] = deque()  # runs whose frame waits, in turn
        self._to_draw: deque[LiveRun] = deque()  # runs whose crop waits, in turn
        self._change = threading.Condition()
        self._working: set[str] = set()  # names of the threads at work

    @property
    def full(self) -> bool:
        return len(self._runs) >= self.seats

    def begin(
        self, identity: Identity, deliver: Callable[[LivePicture | Exception], None]
    ) -> LiveRun:
        """Take a seat for `identity`. LiveRefused when all are taken."""
        run = LiveRun(self.model, identity, deliver)
        with self._change:
            if self.full:
                raise LiveRefused(texts.LIVE_BUSY.format(seats=self.seats))
            self._runs.append(run)
            eyes = {f"live-see-{k}": self._see for k in range(_EYES)}
            for name, work in {**eyes, "live-draw": self._draw}.items():
                if name not in self._working:
                    self._working.add(name)
                    # No daemon: one that is killed inside torch takes the process down with noise.
                    threading.Thread(target=work, name=name).start()
        return run

    def end(self, run: LiveRun) -> None:
        """Give the seat back; what waits is thrown away. Once more does nothing."""
        with self._change:
            run.ended = True
            run.frame = run.crop = run.last = None
            for place in (self._runs, self._to_see, self._to_draw):
                if run in place:
                    place.remove(run)
            self._change.notify_all()

    def give(self, run: LiveRun, number: int, jpeg: bytes) -> None:
        """A new camera frame: it takes the place of one that still waits."""
        with self._change:
            if run.ended:
                return
            run.frame = (number, time.monotonic(), jpeg)
            self._line_up(run)

    def _line_up(self, run: LiveRun) -> None:
        # Not before its last crop is taken: else looking would outrun drawing, for nothing.
        if run.frame and run.crop is None and run not in self._to_see:
            self._to_see.append(run)
            self._change.notify_all()

    def _wait_for(self, line: deque[LiveRun]) -> bool:
        """Wait, with the lock held, for somebody in `line`; False, and the thread has to end, when
        all visitors have left, or the program ends."""
        while self._runs and threading.main_thread().is_alive():
            if line:
                return True
            self._change.wait(_LOOK_UP)
        self._working.discard(threading.current_thread().name)
        return False

    def _see(self) -> None:
        """Decode, track and crop, a run a turn."""
        while True:
            with self._change:
                if not self._wait_for(self._to_see):
                    return
                run = self._to_see.popleft()
                number, came, jpeg = run.frame
                run.frame = None
                run.crop = (number, came, None)  # its place is taken while this one looks
            try:
                crop = run.look(jpeg)
            except Exception as error:  # noqa: BLE001  its connection will say or log it
                self._fail(run, error)
                continue
            with self._change:
                if not run.ended:
                    run.crop = (number, came, crop)
                    self._to_draw.append(run)
                    self._change.notify_all()

    def _draw(self) -> None:
        """The networks, for all the runs that wait."""
        while True:
            with self._change:
                if not self._wait_for(self._to_draw):
                    return
                turn = [self._to_draw.popleft() for _ in range(min(_TOGETHER, len(self._to_draw)))]
                work = [(run, *run.crop) for run in turn]
                for run in turn:
                    run.crop = None
                    self._line_up(run)
            try:
                pictures = self._pictures(work)
            except Exception as error:  # noqa: BLE001  likewise
                for run in turn:
                    self._fail(run, error)
                continue
            for (run, number, came, crop), jpeg in zip(work, pictures, strict=True):
                spent = 1000 * (time.monotonic() - came)
                if not run.ended:
                    run.remember(jpeg)
                    run.deliver(LivePicture(number, crop is not None, spent, jpeg))

    @torch.inference_mode()
    def _pictures(self, work: list) -> list[bytes]:
        """A JPEG for each (run, number, when, crop); where there is no face, the last one."""
        for run, *_ in work:
            if run.rest is None:
                run.rest = self.model.rest_code(run.identity)
                run.generator = self.model.generator_of(run.identity)
        seen = [(run, crop) for run, _, _, crop in work if crop is not None]
        motions = self.model.motion_codes([crop for _, crop in seen]).split(1) if seen else ()
        codes = [
            run.code(self.model, crop, motion)
            for (run, crop), motion in zip(seen, motions, strict=True)
        ]
        new = [run for run, _ in seen]
        for run, _, _, crop in work:
            if crop is None and run.last is None:
                new.append(run)
                codes.append(run.rest)
        for run, image in self._decoded(new, codes):
            run.last = _as_jpeg(run, image)
        return [run.last for run, *_ in work]

    def _decoded(
        self, runs: list[LiveRun], codes: list[torch.Tensor]
    ) -> Iterator[tuple[LiveRun, np.ndarray]]:
        """The picture of each: a batch of all that the pack's generator draws, and each whose
        identity is tuned by its own."""
        shared = [k for k, run in enumerate(runs) if run.generator is None]
        own = [[k] for k, run in enumerate(runs) if run.generator is not None]
        for group in [shared, *own]:
            if group:
                batch = torch.cat([codes[k] for k in group])
                for k, image in zip(
                    group, self.model.decode(batch, runs[group[0]].generator), strict=True
                ):
                    yield runs[k], image

    def _fail(self, run: LiveRun, error: Exception) -> None:
        self.end(run)
        run.deliver(error)


def _as_jpeg(run: LiveRun, image: np.ndarray) -> bytes:
    """With XMP and the watermark. Not signed: these pictures are shown, not kept, and the clip of
    them that can be saved is signed."""
    file = io.BytesIO()
    small = resized(image, min(_SIDE, image.shape[0]))
    if run.watermark is None:
        run.watermark = Watermark(small)
    picture = Image.fromarray(run.watermark(small))
    picture.save(file, "JPEG", quality=90, subsampling=0, xmp=_XMP)
    return file.getvalue()
