"""Which Chromium opens the page, and a camera for it that needs no device."""

import os
import shutil
import subprocess
from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe

CLIP = Path(__file__).resolve().parents[2] / "examples/clips/clip_a.mp4"


def chromium_path() -> str | None:
    """`$STYLEXFER_CHROMIUM`, else the system's, else None: playwright's own."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = (shutil.which(name) for name in names)
    return os.environ.get("STYLEXFER_CHROMIUM") or next(filter(None, found), None)


def write_camera(path: Path, seconds: float = 4, empty: float = 2) -> None:
    """A y4m file, 640x480 at 30 frames/s: a rendered face for `seconds`, nothing for `empty`."""
    face = "scale=480:480,pad=640:480:80:0:gray,fps=30"
    away = f"tpad=stop_duration={empty}:color=gray"
    command = [get_ffmpeg_exe(), "-v", "error", "-i", str(CLIP)]
    command += ["-vf", f"{face},trim=duration={seconds},{away}", "-pix_fmt", "yuv420p", str(path)]
    subprocess.run(command, check=True, timeout=60)


def camera_options(path: Path) -> list[str]:
    """Chromium's command line; the page still needs the permission to use the camera."""
    return ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={path}"]
