"""Does a long clip stay in step and in memory, and does a stop keep what is done?

    python -m stylexfer.endurance --driving CLIP --identity PICTURE --minutes 10 --out FOLDER

repeats CLIP for so many minutes under a sound that clicks every second, animates all of it, then
again until half of it is done. FOLDER gets both results, `memory.csv` and `memory.png`; the last
line is JSON: `frames`, `video_fps`, `rss_mb` at a tenth of the run, at its end and at most,
`sound_ms`, the largest distance of a click in the result from where it belongs, `frame_ms`, and
`half_frames`, the frames of the stopped clip that decode.
"""

import argparse
import csv
import json
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from stylexfer.baseline import load_model
from stylexfer.clip import Account, write_clip
from stylexfer.identity import Identity
from stylexfer.media import ClipInfo, Mark, open_picture, probe, read_frames
from stylexfer.media.probe import ffmpeg
from stylexfer.transfer import FaceTransfer

_LIMITS = {"max_bytes": sys.maxsize, "max_seconds": 1e6}
_CLICK = "aevalsrc='if(lt(mod(t,1),0.01),0.8*sin(6283*t),0)':s=48000"  # at each full second
_EVERY = 25  # frames between two looks at the memory


def rss_mb() -> float:
    """Memory of this process and its children (ffmpeg) in MB; NaN where there is no /proc."""
    try:
        pids = {"self"}
        for task in Path("/proc/self/task").iterdir():
            pids |= set((task / "children").read_text().split())
        # a child may have ended since
        known = (Path("/proc", pid, "status") for pid in pids)
        texts = [path.read_text() for path in known if path.exists()]
    except OSError:
        return float("nan")
    sizes = [line.split()[1] for t in texts for line in t.splitlines() if line[:6] == "VmRSS:"]
    return sum(map(int, sizes)) / 1024


def long_clip(source: str | Path, path: Path, minutes: float) -> Path:
    """The pictures of `source` again and again, with a click each second."""
    rate = probe(source, **_LIMITS).fps
    inputs = ("-stream_loop", "-1", "-i", f"file:{Path(source).absolute()}", "-f", "lavfi")
    command = ffmpeg(
        *("-y", "-v", "error", *inputs, "-i", _CLICK, "-map", "0:v:0", "-map", "1:a:0"),
        # encoded anew: copied, the seams would be uneven in time
        *("-vf", f"fps={rate}", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "20"),
        *("-c:a", "aac", "-t", f"{60 * minutes:g}", f"file:{path}"),
    )
    subprocess.run(command, check=True)
    return path


def click_error(path: Path, duration: float) -> float:
    """Seconds between a full second and its click, at most; infinite if one is missing."""
    command = ffmpeg("-v", "error", "-i", f"file:{path}", "-vn", "-ac", "1", "-ar", "16000")
    raw = subprocess.run([*command, "-f", "s16le", "-"], check=True, stdout=subprocess.PIPE).stdout
    loud = np.flatnonzero(np.abs(np.frombuffer(raw, np.int16).astype(np.int32)) > 6000)
    heard = loud[np.diff(loud, prepend=-16000) > 1600] / 16000
    want = np.arange(0.0, duration - 0.02)
    return float(np.abs(heard - want).max()) if len(heard) == len(want) else float("inf")


def animate_long(
    model: FaceTransfer,
    identity: Identity,
    driving: Path,
    output: Path,
    stop_after: int | None = None,
) -> tuple[ClipInfo, Account, list[tuple[float, int, float]]]:
    """One run over all of `driving`, or its first `stop_after` frames. The rows: seconds since its
    start, frames done, MB."""
    info = probe(driving, **_LIMITS)
    account, rows, start = Account(info.fps), [], time.perf_counter()
    results = model.animate(identity, read_frames(driving, info), fps=float(info.fps))
    steps = write_clip(
        account, output, results, lambda result: result.image, info, driving, Mark.GENERATED
    )
    with closing(steps):
        for _ in steps:
            if account.frames % _EVERY == 0:
                rows.append((time.perf_counter() - start, account.frames, rss_mb()))
            if account.frames == stop_after:
                break
    rows.append((time.perf_counter() - start, account.frames, rss_mb()))
    return info, account, rows


def plotted(rows: list[tuple[float, int, float]], title: str) -> Image.Image:
    """Memory over the frames done."""
    width, height, edge = 1000, 320, 60
    picture = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(14)
    frames, sizes = np.array([row[1] for row in rows]), np.array([row[2] for row in rows])
    top = max(1.0, float(np.nanmax(sizes)) * 1.15)
    bottom, right = height - edge, width - 20
    for k in range(5):
        y = bottom - (bottom - 40) * k / 4
        draw.line([(edge, y), (right, y)], "#dddddd")
        draw.text((edge - 8, y), f"{top * k / 4:.0f}", "black", font, "rm")
        x = edge + (right - edge) * k / 4
        draw.text((x, bottom + 8), f"{frames[-1] * k / 4:.0f}", "black", font, "mt")
    xs = edge + (right - edge) * frames / frames[-1]
    ys = bottom - (bottom - 40) * sizes / top
    draw.line(list(zip(xs.tolist(), ys.tolist(), strict=True)), "#0072B2", 2)
    draw.text((edge, 12), title, "black", font)
    draw.text(((edge + right) / 2, height - 22), "frames done", "black", font, "mt")
    return picture


def endurance(
    model: FaceTransfer, identity: Identity, source: str | Path, minutes: float, folder: Path
) -> dict[str, float]:
    """Both runs; the numbers named above."""
    folder.mkdir(parents=True, exist_ok=True)
    driving = long_clip(source, folder / "driving.mp4", minutes)
    whole, half = folder / "whole.mp4", folder / "half.mp4"
    info, account, rows = animate_long(model, identity, driving, whole)
    with open(folder / "memory.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("seconds", "frames", "mb"), *rows])
    title = f"memory in MB, {info.width} x {info.height}, {info.duration / 60:.1f} minutes"
    plotted(rows, title).save(folder / "memory.png")
    animate_long(model, identity, driving, half, stop_after=info.frames // 2)
    kept = sum(1 for _ in read_frames(half, probe(half, **_LIMITS)))
    made = probe(whole, **_LIMITS)
    sizes = [row[2] for row in rows]
    return {
        "frames": account.frames,
        "seconds": round(rows[-1][0], 1),
        "video_fps": round(account.frames / rows[-1][0], 2),
        "rss_mb": [round(x, 1) for x in (sizes[len(sizes) // 10], sizes[-1], max(sizes))],
        "sound_ms": round(1e3 * click_error(whole, made.duration), 2),
        "frame_ms": round(1e3 / float(info.fps), 2),
        "half_frames": kept,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--driving", required=True)
    parser.add_argument("--identity", required=True)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--pack", default="default")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    model = load_model(args.pack)
    identity = model.identify(open_picture(args.identity), 0)
    print(json.dumps(endurance(model, identity, args.driving, args.minutes, args.out)))


if __name__ == "__main__":
    main()
