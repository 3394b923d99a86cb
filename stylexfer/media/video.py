"""Frames out of a clip and into a clip, one at a time: memory does not grow with length."""

import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np

from stylexfer.errors import UnreadableMedia
from stylexfer.marks import Mark, Stamp
from stylexfer.marks.manifest import TYPES, sign
from stylexfer.marks.xmp import append_xmp, video_metadata
from stylexfer.media.probe import ClipInfo, ffmpeg, input_args, probe

log = logging.getLogger(__name__)

# Kept as they are in an mp4; others (Opus, Vorbis, PCM) fit into one too, but phones and
# QuickTime do not play them there.
_COPIED_AUDIO = ("aac", "mp3")

# swscale's quick way of converting colours darkens every frame by a grey level or more.
_EXACT = "accurate_rnd+full_chroma_inp+full_chroma_int"

_SEEK = 10.0  # seconds before a part from which a clip is decoded: files seek inexactly


def read_frames(path: str | Path, info: ClipInfo) -> Iterator[np.ndarray]:
    """Decode a clip: every frame once, in order, upright, uint8 [info.height, info.width, 3].

    They are `1 / info.fps` seconds apart. Where `info.variable_rate` says that the clip's own
    times stray far from that, frames are repeated and dropped so that sound stays in step.
    A damaged clip gives the frames that decode and ends: it was cut short if `info.truncated`,
    or if fewer than `info.frames` came. Closing the generator ends ffmpeg.
    Raises UnreadableMedia if not one frame decodes.
    """
    # Fixed size and rate, whatever the stream changes to on its way.
    # Bilinear: most clips are not scaled, only their chroma is, and bicubic costs a millisecond
    # more for a frame of 640x480, for 0.06 grey levels on average.
    filters = f"scale={info.width}:{info.height}:flags=bilinear+{_EXACT},format=rgb24,setsar=1"
    since, limit = [], []
    if info.skipped:
        begin = info.start + info.skipped
        # The file's own times, from its beginning, so that the filters below can tell frames apart.
        since = ["-ss", f"{max(0.0, begin - _SEEK):.6f}", "-copyts", "-start_at_zero"]
    if info.variable_rate:
        filters = f"fps={info.fps}{f':start_time={begin:.6f}' if info.skipped else ''}," + filters
    elif info.skipped:
        # Not half a frame before it: where a file counts in frames, that would be the frame before.
        filters = f"trim=start={begin - 0.25 / info.fps:.6f}," + filters
    if not info.whole:
        limit = ["-frames:v", str(info.frames)]
    command = ffmpeg(
        *("-v", "quiet", *since, *input_args(path), "-map", "0:V:0", "-vf", filters),
        *("-fps_mode", "passthrough", *limit, "-f", "rawvideo", "pipe:1"),
    )
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    shape = (info.height, info.width, 3)
    count = 0
    try:
        while True:
            frame = np.empty(shape, dtype=np.uint8)
            if process.stdout.readinto(memoryview(frame).cast("B")) < frame.nbytes:
                break
            count += 1
            yield frame
    finally:
        process.kill()
        process.stdout.close()
        process.wait()
    if not count:
        raise UnreadableMedia(
            "No frame of the video can be decoded. Export it again as MP4 and send that."
        )


class VideoWriter:
    """Write frames to an mp4 (H.264, yuv420p, even sides), with all that `mark` asks for: label and
    watermark in the frames, XMP and a signed manifest around them.

    A context manager. Frames go to a temporary file beside `path`; on leaving the block, for
    whatever reason, it is finished, the sound added, and renamed to `path`. So `path` is always
    a whole, playable clip of the frames written so far, or was never touched if there were none.

    fps: exact, such as Fraction(30000, 1001).
    audio_from: a clip whose sound is kept, cut to the length of the frames; copied as it is
        where players will take it in an mp4, else re-encoded to AAC.
    audio_start: seconds into that clip, from its first frame, at which the frames begin; the
        sound is re-encoded then, to begin there exactly.
    """

    def __init__(
        self,
        path: str | Path,
        fps: Fraction,
        audio_from: str | Path | None = None,
        mark: Mark = Mark.GENERATED,
        audio_start: float = 0.0,
    ):
        self.path = Path(path).absolute()
        self.fps = Fraction(fps).limit_denominator(1001)
        self.frames = 0
        self._audio_from = audio_from
        self._audio_start = audio_start
        self._mark = mark
        self._part = self._beside("part")
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed in __exit__
        self._process: subprocess.Popen[bytes] | None = None

    def _beside(self, kind: str) -> Path:
        return self.path.with_name(f".{self.path.name}.{os.getpid()}-{id(self):x}.{kind}.mp4")

    def __enter__(self) -> "VideoWriter":  # noqa: PYI034  Self is Python 3.11
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._finish()
        finally:
            self._errors.close()
            self._part.unlink(missing_ok=True)

    def _start(self, height: int, width: int) -> None:
        # BT.709, and said so in the file: untagged, every player makes its own guess at the colours.
        filters = (
            "crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0,"
            f"scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+{_EXACT},format=yuv420p,"
            "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
        )
        command = ffmpeg(
            *("-y", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"),
            *("-s", f"{width}x{height}", "-r", str(self.fps), "-i", "pipe:0"),
            *("-vf", filters, "-c:v", "libx264", "-preset", "veryfast", "-crf", "18"),
            *(*video_metadata(self._mark.source), "-movflags", "+faststart", f"file:{self._part}"),
        )
        # No -nostdin can apply here, and the terminal's Ctrl-C must not reach ffmpeg before us.
        command.remove("-nostdin")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            start_new_session=True,
        )

    def write(self, frame: np.ndarray) -> None:
        """Append one frame, uint8 [H, W, 3], of the size of the first; an odd last row or column
        is left out."""
        if self._process is None:
            self._shape = frame.shape
            self._stamp = Stamp(self._mark, frame)
            self._start(*frame.shape[:2])
        if frame.shape != self._shape:
            raise ValueError(f"a frame of {frame.shape} in a clip of {self._shape}")
        try:
            self._process.stdin.write(memoryview(self._stamp(frame)).cast("B"))
        except BrokenPipeError as error:
            raise RuntimeError(
                f"ffmpeg stopped writing {self.path}: {self._complaint()}"
            ) from error
        self.frames += 1

    def _complaint(self) -> str:
        self._errors.seek(0)
        return self._errors.read()[-1000:].decode(errors="replace").strip()

    def _finish(self) -> None:
        if self._process is None:
            return
        try:
            self._process.stdin.close()
        except BrokenPipeError:  # it ended before us; its return code tells below
            pass
        if self._process.wait() != 0:
            raise RuntimeError(f"ffmpeg could not write {self.path}: {self._complaint()}")
        if not self.frames:
            return
        if self._audio_from is not None:
            self._add_audio()
        append_xmp(self._part, self._mark.source)
        signed = self._beside("signed")
        try:
            with open(self._part, "rb") as source, open(signed, "w+b") as target:
                sign(source, target, TYPES[".mp4"], self._mark)
            os.replace(signed, self.path)
        finally:
            signed.unlink(missing_ok=True)

    def _add_audio(self) -> None:
        """Mux the sound in, if it can be had; a clip without it is better than none."""
        # After the frames, because only now is their number known: -shortest would cut frames
        # where the sound is a little shorter, and run on where it is longer.
        limits = {"max_bytes": sys.maxsize, "max_seconds": 1e6, "max_pixels": sys.maxsize}
        try:
            driver = probe(self._audio_from, **limits)
        except UnreadableMedia as error:
            log.warning("%s stays without sound: %s", self.path.name, error)
            return
        if driver.audio_codec is None:
            return
        mixed = self._beside("mixed")
        # Seeking to the first frame keeps lips and sound in step where the sound starts first.
        begin = driver.start + self._audio_start
        since = ["-ss", f"{begin:.6f}"] if begin else []
        whole = [
            *since,
            "-t",
            f"{float(self.frames / self.fps):.6f}",
            *input_args(self._audio_from),
        ]
        # A copied packet of sound begins up to its length, 20 to 60 ms, from where it should.
        copied = driver.audio_codec in _COPIED_AUDIO and not self._audio_start
        ways = ["copy", "aac"] if copied else ["aac"]
        for codec in ways:
            command = ffmpeg(
                *("-y", "-v", "error", "-i", f"file:{self._part}", *whole),
                *("-map", "0:v:0", "-map", "1:a:0", "-c:v", "copy", "-c:a", codec, "-b:a", "160k"),
                *("-map_metadata", "0", "-movflags", "+faststart", f"file:{mixed}"),
            )
            done = subprocess.run(command, check=False, capture_output=True, start_new_session=True)
            if done.returncode == 0:
                os.replace(mixed, self._part)
                return
            mixed.unlink(missing_ok=True)
        why = done.stderr[-300:].decode(errors="replace").strip()
        log.warning("%s stays without sound: %s", self.path.name, why)


def write_video(
    path: str | Path,
    frames: Iterable[np.ndarray],
    fps: Fraction,
    audio_from: str | Path | None = None,
    mark: Mark = Mark.GENERATED,
    audio_start: float = 0.0,
) -> int:
    """Write all `frames`, uint8 [H, W, 3], as `VideoWriter` does, and return their number.

    If `frames` raises, the clip of the frames before is finished and kept, and the error goes on.
    """
    with VideoWriter(path, fps, audio_from, mark, audio_start) as writer:
        for frame in frames:
            writer.write(frame)
    return writer.frames
