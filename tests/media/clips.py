"""Small clips with known content, made by ffmpeg on the spot."""

import subprocess
from pathlib import Path

import numpy as np

from stylexfer.media.probe import ffmpeg

WIDTH, HEIGHT = 96, 64


def numbered(number: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A frame that shows its number as eight black or white stripes, the lowest bit left."""
    bits = [(number >> bit) & 1 for bit in range(8)]
    row = np.repeat(np.array(bits, dtype=np.uint8) * 215 + 20, width // 8)
    return np.ascontiguousarray(np.broadcast_to(row[None, :, None], (height, width, 3)))


def number_of(frame: np.ndarray) -> int:
    """The number that a frame shows."""
    width = frame.shape[1]
    stripes = frame[frame.shape[0] // 2, :, 1].reshape(8, width // 8).mean(axis=1)
    return sum(1 << bit for bit, value in enumerate(stripes) if value > 127)


def run(*args: str, data: bytes = b"") -> None:
    command = ffmpeg("-y", "-v", "error", *args)
    command.remove("-nostdin")
    subprocess.run(command, input=data, check=True)


def make(
    path: Path,
    frames: int = 30,
    rate: str = "25",
    sound: tuple[str, ...] = (),
    video: tuple[str, ...] = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "12"),
    filters: str = "null",
) -> Path:
    """A clip of numbered frames; sound: options of a codec for a 440 Hz tone of the same length."""
    data = b"".join(numbered(k % 256).tobytes() for k in range(frames))
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", rate]
    top, _, bottom = rate.partition("/")
    seconds = frames * int(bottom or 1) / float(top)
    tone = ["-f", "lavfi", "-i", f"sine=440:duration={seconds}", *sound] if sound else []
    pixels = ["-pix_fmt", "yuv420p"] if "libx264" in video else []
    inputs = [*source, "-i", "pipe:0", *tone]
    run(*inputs, "-vf", filters, "-fps_mode", "passthrough", *video, *pixels, str(path), data=data)
    return path


def unsigned(path: Path) -> bytes:
    """The bytes of an mp4 without its C2PA manifest, which no two files have in common."""
    data, start, kept = path.read_bytes(), 0, b""
    while start < len(data):
        size = int.from_bytes(data[start : start + 4], "big")
        box = data[start : start + size]
        if box[8:24] != bytes.fromhex("D8FEC3D61B0E483C92975828877EC481"):
            kept += box
        start += size
    return kept
