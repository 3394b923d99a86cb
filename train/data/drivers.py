"""A public pair list: rendered people whom nothing was trained on, each driving another.

    python -m train.data drivers --out FOLDER

writes `clips/NN.mp4` (talking, 25 frames/s, at least one blink), `portraits/NN.jpg` (the same person
at another moment), `pairs.csv` for `python -m stylexfer evaluate`, in which every clip drives the
next person, and `truth.csv`, the exact head pose and lids of every frame; with `--perfect` also
`perfect/NNN_NN.mp4`, for `evaluate --outputs`: the next person in exactly the driver's motion, what a
transfer without any error would draw. `examples/evaluation` was made so.
"""

import csv
import io
import subprocess
from pathlib import Path

import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image
from tqdm import tqdm

from stylexfer.errors import StylexferError
from stylexfer.metrics.pairs import Pair, write_pairs
from train.heads.corpus import identity_seed, write_atomically
from train.heads.motion import Track, talking_track
from train.heads.stage import Stage

SEED = 900  # of a corpus that nobody renders for training: these people are in no other
FPS = 25
MARGIN = 1.35  # of the picture over the FFHQ crop: the head moves inside the frame
CRF = 18
SHUT = 0.95
EDGE = 8  # frames at either end in which no blink counts


def blinking_track(actions, frames: int, seed: int) -> Track:
    """The first talking track from `seed` on in which both eyes close away from the ends."""
    lids = [list(actions).index(f"eyeBlink{side}") for side in ("Left", "Right")]
    while True:
        track = talking_track(actions, frames, FPS, seed)
        if track.coeffs[EDGE : frames - EDGE, lids].min(axis=1).max() >= SHUT:
            return track
        seed += 1


def encode(path: Path, frames: np.ndarray, fps: float) -> None:
    """uint8 `[n, H, W, 3]` as an mp4 (H.264, BT.709), even sides."""
    height, width = frames.shape[1:3]
    part = path.with_name(f".{path.stem}.part.mp4")
    command = [
        *(get_ffmpeg_exe(), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"),
        *("-s", f"{width}x{height}", "-r", f"{fps:.6g}", "-i", "pipe:0"),
        *("-c:v", "libx264", "-crf", str(CRF), "-preset", "veryslow", "-pix_fmt", "yuv420p"),
        *("-vf", "scale=out_color_matrix=bt709:out_range=tv", "-colorspace", "bt709"),
        *("-color_primaries", "bt709", "-color_trc", "bt709", "-movflags", "+faststart", part),
    ]
    subprocess.run(command, input=np.ascontiguousarray(frames).tobytes(), check=True)
    part.replace(path)


def render_person(stage: Stage, out: Path, seed: int, index: int, n: int, bar) -> None:
    """A clip of `n` frames and a portrait, where they are not there yet; the clip last."""
    name, identity = f"{index:02d}", identity_seed(seed, index)
    if (out / "clips" / f"{name}.mp4").is_file():
        bar.update(n + 1)
        return
    shot = stage.shot(identity, 0)
    other = talking_track(stage.actions, n, FPS, 1000 * identity + 500)
    frame = stage.frame(shot, other.state(n // 2), align="still", margin=MARGIN)
    data = io.BytesIO()
    Image.fromarray(frame.image).save(data, "JPEG", quality=92, subsampling=0)
    write_atomically(out / "portraits" / f"{name}.jpg", data.getvalue())
    bar.update()
    track, pictures = blinking_track(stage.actions, n, 1000 * identity), []
    for k in range(n):
        pictures.append(stage.frame(shot, track.state(k), align="still", margin=MARGIN).image)
        bar.update()
    encode(out / "clips" / f"{name}.mp4", np.stack(pictures), FPS)


def render_perfect(
    stage: Stage, out: Path, seed: int, index: int, people: int, n: int, bar
) -> None:
    """The clip that pair `index` should give, where it is not there yet."""
    path = out / f"{index:03d}_{index:02d}.mp4"
    if not path.is_file():
        shot = stage.shot(identity_seed(seed, (index + 1) % people), 0)
        track = blinking_track(stage.actions, n, 1000 * identity_seed(seed, index))
        frames = (stage.frame(shot, track.state(k), align="still", margin=MARGIN) for k in range(n))
        encode(path, np.stack([frame.image for frame in frames]), FPS)
    bar.update(n)


def truth_table(actions, people: int, n: int, seed: int) -> str:
    """The exact head pose, degrees, and lids (1 is shut) of every frame, as CSV."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["clip", "frame", "yaw", "pitch", "roll", "lids"])
    lids = [list(actions).index(f"eyeBlink{side}") for side in ("Left", "Right")]
    for index in range(people):
        track = blinking_track(actions, n, 1000 * identity_seed(seed, index))
        for k in range(n):
            angles = [f"{angle:.2f}" for angle in track.pose[k]]
            shut = float(track.coeffs[k, lids].min())
            table.writerow([f"{index:02d}", k, *angles, f"{shut:.2f}"])
    return text.getvalue()


def render_pairs(
    out: Path, people: int, seconds: float, size: int, seed: int, device: str, perfect: bool
) -> None:
    """Write the folder, or go on with it. A person's pictures do not depend on `people`."""
    n = round(seconds * FPS)
    if people < 2 or n <= 2 * EDGE:
        raise StylexferError(
            f"Render 2 people or more, for more than {2 * EDGE / FPS:.2f} seconds."
        )
    stage = Stage(size=size, device=device)
    for kind in ("clips", "portraits", *(["perfect"] if perfect else [])):
        (out / kind).mkdir(parents=True, exist_ok=True)
    with tqdm(total=people * (n + 1 + n * perfect), unit="frame", mininterval=1) as bar:
        for index in range(people):
            render_person(stage, out, seed, index, n, bar)
            if perfect:
                render_perfect(stage, out / "perfect", seed, index, people, n, bar)
    write_atomically(out / "truth.csv", truth_table(stage.actions, people, n, seed).encode())
    order = [(k, (k + 1) % people) for k in range(people)]
    pairs = [Pair(f"clips/{a:02d}.mp4", f"portraits/{b:02d}.jpg") for a, b in order]
    write_pairs(out / "pairs.csv", pairs)
