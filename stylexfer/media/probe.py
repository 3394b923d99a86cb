"""What is in a clip, read with the ffmpeg that comes with imageio-ffmpeg (it has no ffprobe)."""

import re
import subprocess
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe

from stylexfer.errors import StylexferError, TooLarge, TooLong, UnreadableMedia

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

_HIDDEN = 0x4  # AV_PKT_FLAG_DISCARD: decoded but not shown, as an mp4 edit list may ask for

_DAMAGED = "The video is damaged or was cut short. Download or export it again, and send that."
_COMMON_RATES = [
    *(Fraction(rate) for rate in (10, 12, 15, 20, 24, 25, 30, 48, 50, 60, 120)),
    *(Fraction(rate, 1001) for rate in (24000, 30000, 60000)),
]


@dataclass(frozen=True)
class ClipInfo:
    """What `probe` found out; `read_frames` needs it."""

    width: int  # upright and with square pixels: the shape of the frames that read_frames yields
    height: int
    fps: Fraction  # the true average rate: 29.97 is 30000/1001
    frames: int  # that the file holds; fewer come out if some of them do not decode
    duration: float  # seconds, frames / fps
    audio_codec: str | None  # as ffmpeg calls it
    start: float  # seconds from the start of the file to its first frame
    variable_rate: bool  # frames are repeated and dropped to keep time, see read_frames
    truncated: bool  # the file promises more seconds than it holds: it was cut short
    skipped: float = 0.0  # seconds at the beginning of the clip that are left out, see `part`
    whole: bool = True  # False: only `frames` frames from there on are wanted

    @property
    def has_audio(self) -> bool:
        return self.audio_codec is not None

    def part(self, start: float = 0.0, end: float | None = None) -> "ClipInfo":
        """The same clip from `start` to `end`, in seconds since its first frame (None: its end).

        Rounded to whole frames, and at least one. StylexferError if nothing lies between.
        """
        first = round(start * self.fps)
        last = self.frames if end is None else min(self.frames, round(end * self.fps))
        if not 0 <= first < self.frames:
            raise StylexferError(
                f"The part cannot start at {start:g} s: the video has {self.duration:.2f} s. "
                "Choose an earlier start."
            )
        if end is not None and end <= start:
            raise StylexferError(
                f"The part ends at {end:g} s, before it starts at {start:g} s. Choose a later end."
            )
        frames = max(1, last - first)
        return replace(
            self,
            frames=frames,
            duration=float(frames / self.fps),
            skipped=self.skipped + float(first / self.fps),
            whole=self.whole and frames == self.frames,
            truncated=self.truncated and last == self.frames,
        )


def input_args(path: str | Path) -> list[str]:
    """ffmpeg options to open one untrusted file, and nothing that it refers to."""
    return [
        *("-protocol_whitelist", "file", "-format_whitelist", _CONTAINERS),
        *("-i", f"file:{Path(path).absolute()}"),  # "file:" so that no name reads as an option
    ]


def ffmpeg(*args: str) -> list[str]:
    """The command line of the bundled ffmpeg."""
    return [get_ffmpeg_exe(), "-hide_banner", "-nostdin", *args]


def _run(*args: str) -> tuple[str, str]:
    # Nothing here decodes more than a frame, so a minute means a file built to hang.
    try:
        done = subprocess.run(ffmpeg(*args), check=False, capture_output=True, timeout=60)
    except subprocess.TimeoutExpired as error:
        raise UnreadableMedia(_DAMAGED) from error
    return done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def _refusal(start: bytes) -> UnreadableMedia:
    """Say what a file is that no container claimed, from its first bytes."""
    if not start:
        return UnreadableMedia("The video file is empty. Send it again.")
    if start[4:8] in (b"ftyp", b"moov", b"mdat") or start[:4] in (b"\x1aE\xdf\xa3", b"RIFF"):
        return UnreadableMedia(_DAMAGED)
    if start[:3] == b"\xff\xd8\xff" or start[:4] == b"\x89PNG":
        return UnreadableMedia(
            "This is a picture, and a video is needed here. Send a video, or use the image tab."
        )
    return UnreadableMedia(
        f"This file is not a video, whatever its name says. Send an {_ACCEPTED} file."
    )


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise TooLarge(
            f"The video is {width} x {height} pixels, more than the limit of "
            f"{max_pixels / 1e6:.1f} million. Export it smaller, 1280 x 720 is plenty."
        )


def _read_header(path: Path, max_pixels: int) -> tuple[float | None, str | None]:
    """Check the streams and the size; return the promised seconds and the codec of the sound."""
    _, header = _run(*input_args(path))
    if "Input #0" not in header:
        with open(path, "rb") as file:
            raise _refusal(file.read(16))
    streams = re.findall(r"^\s*Stream #0:\d+.*", header, re.MULTILINE)
    sounds = [found[1] for line in streams if (found := re.search(r": Audio: (\w+)", line))]
    video = [line for line in streams if ": Video: " in line and "(attached pic)" not in line]
    if not video:
        raise UnreadableMedia(
            "This file has sound but no picture. Send a video in which a face can be seen."
            if sounds
            else _DAMAGED
        )
    if size := re.search(r", (\d+)x(\d+)\b", video[0]):
        _check_size(int(size[1]), int(size[2]), max_pixels)
    clock = re.search(r"Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)", header)
    promised = 3600 * int(clock[1]) + 60 * int(clock[2]) + float(clock[3]) if clock else None
    return promised, sounds[0] if sounds else None


@dataclass(frozen=True)
class _Packets:
    times: list[Fraction]  # seconds, of each video frame in order of showing
    last: Fraction  # seconds that the last frame stays
    tick: Fraction  # seconds, the precision of `times`
    end: float  # seconds, of video and audio


def _list_packets(path: Path, seconds: float) -> _Packets:
    """When each frame is shown: the packets are listed, not decoded, 20 ms for a short clip."""
    out, _ = _run(
        *("-v", "error", *input_args(path), "-map", "0:V:0", "-map", "0:a:0?"),
        *("-t", f"{seconds:.3f}", "-c", "copy", "-f", "framecrc", "-"),
    )
    ticks = {stream: Fraction(tick) for stream, tick in re.findall(r"#tb (\d): (\S+)", out)}
    shown: list[tuple[int, int]] = []
    end = 0.0
    row = r"^(\d),[^,]*, *(-?\d+), *(\d+),[^,]*,[^,\n]*(?:, F=0x(\w+))?"
    for stream, time, length, flags in re.findall(row, out, re.MULTILINE):
        end = max(end, float((int(time) + int(length)) * ticks[stream]))
        if stream == "0" and not int(flags or "0", 16) & _HIDDEN:
            shown.append((int(time), int(length)))
    if not shown:
        raise UnreadableMedia(_DAMAGED)
    shown.sort()
    tick = ticks["0"]
    return _Packets([time * tick for time, _ in shown], shown[-1][1] * tick, tick, end)


def _average_rate(packets: _Packets) -> Fraction:
    """Frames a second, exact: a usual rate if the timestamps are too coarse to tell it apart."""
    span = packets.times[-1] - packets.times[0]
    if not span:
        return 1 / packets.last if packets.last else Fraction(25)  # one frame; 25 is as good as any
    rate = (len(packets.times) - 1) / span
    usual = min(_COMMON_RATES, key=lambda common: abs(common - rate))
    if abs(usual - rate) <= rate * 2 * packets.tick / span:
        return usual
    return rate.limit_denominator(1001)


def _decode_one(path: Path) -> tuple[int, int]:
    """Width and height of the first frame, upright and with square pixels."""
    one = ("-map", "0:V:0", "-frames:v", "1", "-f", "framecrc", "-")
    out, _ = _run("-v", "error", *input_args(path), *one)
    size = re.search(r"#dimensions 0: (\d+)x(\d+)", out)
    if not size or not re.search(r"^0,", out, re.MULTILINE):
        raise UnreadableMedia(_DAMAGED)
    width, height = int(size[1]), int(size[2])
    if (sar := re.search(r"#sar 0: (\d+)/(\d+)", out)) and int(sar[1]) and int(sar[2]):
        width = max(1, round(width * int(sar[1]) / int(sar[2])))
    return width, height


def probe(
    path: str | Path,
    max_bytes: int = MAX_BYTES,
    max_seconds: float = MAX_SECONDS,
    max_pixels: int = MAX_PIXELS,
) -> ClipInfo:
    """Look into an untrusted clip; bytes, pixels and seconds are checked before it is decoded.

    max_pixels: of one frame. Takes about 0.1 s.
    Raises TooLarge, TooLong, and UnreadableMedia for a file that is no video, holds only sound
    or is damaged.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
    except OSError as error:
        raise UnreadableMedia(f"The video {path.name} cannot be read: {error.strerror}.") from error
    if size > max_bytes:
        raise TooLarge(
            f"The video has {size / 2**20:.0f} MB, and the limit is {max_bytes / 2**20:.0f} MB. "
            "Cut it shorter or export it smaller."
        )
    too_long = TooLong(
        f"The video is longer than {max_seconds:g} seconds, which is the limit. Cut it shorter."
    )
    promised, audio_codec = _read_header(path, max_pixels)
    if promised is not None and promised > max_seconds + 0.5:
        raise too_long
    # A file may promise nothing, as recordings made in a browser do, or too little.
    packets = _list_packets(path, max_seconds + 1)
    if packets.end > max_seconds + 0.5:
        raise too_long

    width, height = _decode_one(path)
    _check_size(width, height, max_pixels)  # again: its pixels may be wide
    fps = _average_rate(packets)
    first = packets.times[0]
    stray = max(abs(time - first - k / fps) for k, time in enumerate(packets.times))
    return ClipInfo(
        width=width,
        height=height,
        fps=fps,
        frames=len(packets.times),
        duration=float(len(packets.times) / fps),
        audio_codec=audio_codec,
        start=max(0.0, float(first)),
        variable_rate=stray > _LARGEST_STRAY,
        truncated=promised is not None and promised - packets.end > 0.5,
    )
