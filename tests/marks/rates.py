"""How often the watermark is missed after each attack, and seen where it is not: README's table.

python -m tests.marks.rates [--alarms 500]
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from stylexfer.marks.detector import detect
from stylexfer.marks.watermark import Watermark
from stylexfer.media import probe, read_frames
from stylexfer.transfer import FaceTransfer
from tests.marks.pictures import FOLDER, cropped, psnr, resized, saved_again, square
from tests.media.clips import run

ATTACKS = {
    "PNG": lambda p: p,
    "JPEG 95": lambda p: saved_again(p, "JPEG", 95),
    "JPEG 80": lambda p: saved_again(p, "JPEG", 80),
    "JPEG 60": lambda p: saved_again(p, "JPEG", 60),
    "WebP 80": lambda p: saved_again(p, "WEBP", 80),
    "half": lambda p: resized(p, 0.5),
    "half, JPEG 80": lambda p: saved_again(resized(p, 0.5), "JPEG", 80),
    "crop 10 %, JPEG 80": lambda p: saved_again(cropped(p), "JPEG", 80),
    "0.9, JPEG 80": lambda p: saved_again(resized(p, 0.9), "JPEG", 80),
}
SIDES = (128, 256, 512, 1024)
CLIP_SIZES = ((128, 128), (256, 256), (640, 480), (1024, 1024))
_PICTURES = ("photos/*", "paintings/*", "evaluation/portraits/0*")


def _examples() -> list[str]:
    found = (path for kind in _PICTURES for path in sorted(FOLDER.glob(kind)))
    return [str(path.relative_to(FOLDER)) for path in found]


def misses(pictures: list[np.ndarray], what: str) -> None:
    """A row of the table."""
    missed, levels, spent = dict.fromkeys(ATTACKS, 0), [], []
    for picture in pictures:
        watermark = Watermark(picture)
        began = time.process_time()
        marked = watermark(picture)
        spent.append(time.process_time() - began)
        levels.append(psnr(picture, marked))
        for name, attack in ATTACKS.items():
            missed[name] += not detect([attack(marked)]).marked
    cells = " | ".join(str(count) for count in missed.values())
    cost = 1000 * np.median(spent)
    print(f"| {what} | {len(pictures)} | {min(levels):.1f} | {cost:.1f} ms | {cells} |", flush=True)


def clip_misses(clips: list[list[np.ndarray]], size: tuple[int, int], what: str) -> None:
    """Missed after the file that the app writes (crf 18) was encoded again."""
    missed = {"crf 28": 0, "half, crf 28": 0}
    with tempfile.TemporaryDirectory() as folder:
        path, again = Path(folder) / "a.mp4", Path(folder) / "b.mp4"
        for clip in clips:
            frames = [np.asarray(Image.fromarray(f).resize(size, 1)) for f in clip]
            watermark = Watermark(frames[0])
            raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "{}x{}".format(*size), "-r", "25")
            codec = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-preset")
            data = b"".join(watermark(frame).tobytes() for frame in frames)
            run(*raw, "-i", "-", *codec, "veryfast", "-crf", "18", str(path), data=data)
            for name, filters in (("crf 28", "null"), ("half, crf 28", "scale=iw/2:-2")):
                run("-i", str(path), "-vf", filters, *codec, "medium", "-crf", "28", str(again))
                seen = list(read_frames(again, probe(again)))[::2]
                missed[name] += not detect(seen).marked
    print(f"| {what}, {size[0]}x{size[1]} | {len(clips)} | {missed} |", flush=True)


def alarms(count: int) -> None:
    """Parts of unmarked pictures, of any size, and noise: how many are taken for marked."""
    random, names = np.random.RandomState(0), _examples()
    seen, chances = 0, []
    for k in range(count):
        side = int(random.randint(96, 420))
        if k % 5 == 0:
            picture = random.randint(0, 256, (side, side, 3), np.uint8)
        else:
            whole = square(names[random.randint(len(names))], int(side * random.uniform(1, 2.5)))
            top, left = random.randint(0, whole.shape[0] - side + 1, 2)
            picture = np.ascontiguousarray(whole[top : top + side, left : left + side])
        found = detect([picture])
        seen += found.marked
        chances.append(found.chance)
    print(f"{seen} of {count} unmarked pictures; smallest chance {min(chances):.2g}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--alarms", type=int, default=500, help="unmarked pictures (500)")
    args = parser.parse_args()
    print("| pictures | number | PSNR at least | cost | " + " | ".join(ATTACKS) + " |")
    model = FaceTransfer.from_pretrained("default")
    people = [model.random_identity(seed, 0.7) for seed in range(24)]
    misses([person.crop for person in people], f"{model.size} px, of the default pack")
    for side in SIDES:
        misses([square(name, side) for name in _examples()], f"{side} px, `examples/`")
    sources = sorted((FOLDER / "evaluation/clips").glob("*.mp4"))[:6]
    drivers = [list(read_frames(path, probe(path).part(0, 1.2))) for path in sources]
    made = [
        [result.image for result in model.animate(person, driver)]
        for person, driver in zip(people, drivers, strict=False)
    ]
    clip_misses(made, (model.size, model.size), "clips of the default pack")
    for size in CLIP_SIZES[1:]:
        clip_misses(drivers, size, "clips of `examples/evaluation`")
    alarms(args.alarms)


if __name__ == "__main__":
    main()
