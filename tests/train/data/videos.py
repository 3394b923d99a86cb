"""A tree of small videos in VoxCeleb2's layout, cut from the two rendered clips of the examples."""

import itertools
import subprocess
from pathlib import Path

from stylexfer.media.probe import ffmpeg

CLIPS = Path(__file__).parents[3] / "examples" / "clips"
SIDE, FPS = 160, 10
LOOKS = (  # as many people as two clips can give
    "null",
    "hflip",
    "hue=h=25",
    "hflip,hue=h=-20:s=0.8",
    "eq=brightness=0.08",
    "hflip,eq=brightness=-0.1",
    "crop=360:360:12:12",
    "hflip,crop=360:360:20:8",
    "eq=contrast=0.8",
    "hflip,hue=s=0",
    "hue=s=0",
)
ENCODED = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")

# what is wrong with a video, by its identity
WRONG = ("cut", "damaged", "text", "empty", "faceless", "two", "tilted")


def _ffmpeg(*args: str) -> None:
    subprocess.run(ffmpeg("-y", "-v", "error", *args), check=True)


def _segments(folder: Path, clip: Path, look: str, tag: str) -> list[Path]:
    """`clip` in videos of one second."""
    filters = f"{look},scale={SIDE}:{SIDE},fps={FPS}"
    cut = ("-f", "segment", "-segment_time", "1", "-reset_timestamps", "1")
    _ffmpeg(
        *("-i", str(clip), "-vf", filters, *ENCODED, "-g", str(FPS), *cut),
        *("-movflags", "+faststart", str(folder / f"{tag}_%02d.mp4")),
    )
    return sorted(folder.glob(f"{tag}_*.mp4"))


def make_videos(folder: Path, looks: int) -> list[Path]:
    """20 videos of one face for each look."""
    found = []
    for look, (number, clip) in itertools.product(LOOKS[:looks], enumerate(("a", "b"))):
        tag = f"{LOOKS.index(look):02d}{number}"
        found += _segments(folder, CLIPS / f"clip_{clip}.mp4", look, tag)
    return found


def make_bad_videos(folder: Path, good: Path) -> dict[str, Path]:
    """One video for each of WRONG."""
    paths = {name: folder / f"{name}.mp4" for name in WRONG}
    data = good.read_bytes()
    paths["cut"].write_bytes(data[: len(data) // 2])
    middle = len(data) // 2
    paths["damaged"].write_bytes(data[:middle] + bytes(600) + data[middle + 600 :])
    paths["text"].write_text("this is no video\n" * 20)
    paths["empty"].touch()
    size = f"{SIDE}x{SIDE}"
    noise = ("-f", "lavfi", "-i", f"mandelbrot=size={size}:rate={FPS}", "-t", "1")
    _ffmpeg(*noise, *ENCODED, str(paths["faceless"]))
    twice = "[0:v]split[a][b];[b]hflip[c];[a][c]hstack"
    _ffmpeg("-i", str(good), "-filter_complex", twice, *ENCODED, str(paths["two"]))
    tilt = ("-vf", "rotate=25*PI/180:c=gray")
    _ffmpeg("-i", str(good), *tilt, *ENCODED, str(paths["tilted"]))
    return paths


def plant(root: Path, identity: str, clip: str, *videos: Path) -> None:
    """Hard links at root/identity/clip/00001.mp4 .."""
    folder = root / identity / clip
    folder.mkdir(parents=True, exist_ok=True)
    for number, video in enumerate(videos, len(list(folder.iterdir())) + 1):
        (folder / f"{number:05d}.mp4").hardlink_to(video)
