"""What is in a clip, read with the ffmpeg that comes with imageio-ffmpeg (it has no ffprobe)."""

import math
import re
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe

from stylexfer.errors import TooLarge, TooLong, UnreadableMedia

MAX_BYTES = 500 * 2**20
MAX_SECONDS = 600.0
MAX_PIXELS = 4096 * 2304

# Containers of cameras, phones, browsers and messengers. Not in the list, and never to be: hls,
# dash, concat, image2 and sdp, which are playlists and open other files or the network.
_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,gif,flv,asf,ogg,"
    # audio alone, only to be able to say so
    "mp3,wav,flac,aac"
)
_ACCEPTED = "MP4, MOV, WebM, MKV, AVI or GIF"

# Frames shown further than this from their time are seen as lips out of step (ITU-R BT.1359: from
# 45 ms early, 125 ms late). A clip that strays less is played at its average rate, frame by frame.
_LARGEST_STRAY = 0.08

_DAMAGED = "The video is damaged or was cut short. Download or export it again, and send that."
_COMMON_RATES = [
    Fraction(rate)
    for rate in ("10 12 12.5 15 20 24000/1001 24 25 30000/1001 30 48 50 60000/1001 60 120").split()
]


@dataclass(frozen=True)
class ClipInfo:
    """What `probe` found out; `read_frames` needs it."""

    width: int  # upright and with square pixels: the shape of the frames that read_frames yields
    height: int
    fps: Fraction  # the true average rate: 29.97 is 30000/1001
    frames: int  # that the file holds; fewer come out if some of them do not decode
    duration: float  # seconds, frames / fps
    has_audio: bool
    start: float  # seconds from the start of the file to its first frame
    variable_rate: bool  # frames are repeated and dropped to keep time, see read_frames
    truncated: bool  # the file promises more seconds than it holds: it was cut short


def input_args(path: str | Path) -> list[str]:
    """ffmpeg options to open one untrusted file, and nothing that it refers to."""
    return [
        *("-protocol_whitelist", "file", "-format_whitelist", _CONTAINERS),
        *("-i", f"file:{Path(path).absolute()}"),  # "file:" so that no name reads as an option
    ]


def ffmpeg(*args: str) -> list[str]:
    return [get_ffmpeg_exe(), "-hide_banner", "-nostdin", *args]


def _run(command: list[str]) -> tuple[str, str]:
    # No input of ours has to be decoded for long here, so a minute means a file built to hang.
    try:
        done = subprocess.run(command, capture_output=True, timeout=60)
    except subprocess.TimeoutExpired as error:
        raise UnreadableMedia(_DAMAGED) from error
    return done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def _video_line(header: str) -> str | None:
    for line in header.splitlines():
        if re.match(r"\s*Stream #0:\d+.*: Video: ", line) and "(attached pic)" not in line:
            return line
    return None


def _shown_size(line: str, header: str) -> tuple[int, int]:
    """Width and height of the picture upright with square pixels."""
    size = re.search(r", (\d+)x(\d+)[, ]", line + " ")
    if not size:
        raise UnreadableMedia(_DAMAGED)
    width, height = int(size[1]), int(size[2])
    if (aspect := re.search(r"SAR (\d+):(\d+)", line)) and int(aspect[2]):
        width = max(1, round(width * int(aspect[1]) / int(aspect[2])))
    turned = re.search(r"displaymatrix: rotation of (-?[\d.]+) degrees", header)
    if turned and abs(abs(float(turned[1])) - 90) < 45:
        width, height = height, width
    return width, height


def _header_seconds(header: str) -> float | None:
    found = re.search(r"Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)", header)
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found else None


def _frame_times(path: Path, seconds: float) -> tuple[list[int], int, Fraction]:
    """Presentation times of all frames and the last one's length, in ticks; and the tick.

    The packets are listed, not decoded. One frame is decoded on the way, and must succeed.
    """
    out, _ = _run(
        ffmpeg(
            *("-v", "error", *input_args(path)),
            *("-map", "0:V:0", "-t", f"{seconds:.3f}", "-c", "copy", "-f", "framecrc", "-"),
            *("-map", "0:V:0", "-frames:v", "1", "-f", "framecrc", "-"),
        )
    )
    raise NotImplementedError(out)
