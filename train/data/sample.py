"""A few frames out of a video, with one ffmpeg a file.

`media.probe` and `media.read_frames` ask more of a clip than is needed here, and start ffmpeg five
times for it: 230 ms for ten frames of a VoxCeleb2 clip, against 60 here, the same bytes.
"""

import re
import subprocess
import tempfile
from pathlib import Path
from typing import BinaryIO

import numpy as np

from stylexfer.errors import UnreadableMedia
from stylexfer.media.probe import MAX_PIXELS, ffmpeg, input_args

_CPU_SECONDS = 120  # of ffmpeg; a file that takes longer was built to hang

# As in `media.video`: swscale's quick way of converting colours darkens every frame.
_EXACT = "bicubic+accurate_rnd+full_chroma_inp+full_chroma_int"


def sample_frames(path: Path, count: int, step: float) -> list[np.ndarray]:
    """The first `count` frames at steps of `step` seconds, uint8 `[H, W, 3]` upright RGB.

    Fewer if the video is shorter. Raises UnreadableMedia if it is no video, or ffmpeg finds damage
    in what is read: a frame that it patched up looks whole and is not.
    """
    # 1 % of a step early is on time: 29.97 frames a second have none at 0.5 s exactly
    passed, before = (f"floor({t}/{step}+0.01)" for t in ("t", "prev_t"))
    filters = (
        f"setpts=PTS-STARTPTS,select='isnan(prev_t)+gt({passed},{before})'"
        f",scale='iw*if(sar,sar,1)':ih:flags={_EXACT},format=rgb24,setsar=1"
    )
    command = ffmpeg(
        *("-v", "error", "-timelimit", str(_CPU_SECONDS), "-filter_threads", "1"),
        *("-threads", "1", "-max_pixels", str(MAX_PIXELS), *input_args(path), "-map", "0:V:0"),
        *("-vf", filters, "-fps_mode", "passthrough", "-frames:v", str(count)),
        *("-threads", "1", "-c:v", "ppm", "-f", "image2pipe", "pipe:1"),
    )
    frames = []
    with tempfile.TemporaryFile() as errors:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as process:
            while (frame := _read_ppm(process.stdout)) is not None:
                frames.append(frame)
        errors.seek(0)
        said = errors.read(2000).decode(errors="replace").strip()
    if said or process.returncode or not frames:
        raise UnreadableMedia(_first_line(said) or "ffmpeg gets no frame out of it")
    return frames


def _read_ppm(stream: BinaryIO) -> np.ndarray | None:
    """The next picture of a stream of binary PPM as ffmpeg writes it; None at the end."""
    if stream.readline() != b"P6\n":
        return None
    width, height = map(int, stream.readline().split())
    stream.readline()  # the largest value, 255
    data = stream.read(3 * width * height)
    if len(data) < 3 * width * height:
        return None
    return np.frombuffer(data, np.uint8).reshape(height, width, 3)


def _first_line(said: str) -> str:
    """ffmpeg's first complaint without its "[h264 @ 0x55..] ": the same in every run."""
    return re.sub(r"^\[[^]]*\]\s*", "", said.partition("\n")[0])
