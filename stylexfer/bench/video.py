"""What surrounds the networks: from a picture's or a clip's file to the result's."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from stylexfer.arguments import NO_LIMITS
from stylexfer.bench.timing import Cost, once
from stylexfer.clip import Account, write_clip
from stylexfer.driving import Animated
from stylexfer.faces.align import crop_quad, ffhq_quad
from stylexfer.faces.composite import Paster
from stylexfer.faces.track import FaceTracker
from stylexfer.identity import Identity
from stylexfer.layouts import FACE, mark_of
from stylexfer.media import VideoWriter, open_picture, probe, read_frames
from stylexfer.media.probe import ffmpeg
from stylexfer.packs.pack import CHECKPOINTS
from stylexfer.tensors import to_pictures
from stylexfer.transfer import FaceTransfer

EXAMPLES = CHECKPOINTS.parent / "examples"
PORTRAIT = EXAMPLES / "photos" / "collins_astronaut.png"
SPEECH = EXAMPLES / "clips" / "clip_c_speech.mp4"
_STAGE_FRAMES = 64  # of a clip, for the stages one by one


def own_clip(path: Path, seconds: float = 10.0) -> Path:
    """10 s of the speaking example as cameras give it: 640x480, 25 frames/s, with sound."""
    command = ffmpeg(
        *("-y", "-v", "error", "-i", f"file:{SPEECH}", "-t", f"{seconds:g}"),
        *("-vf", "scale=480:480,pad=640:480:80:0:gray,fps=25", "-c:v", "libx264", "-crf", "20"),
        *("-pix_fmt", "yuv420p", "-c:a", "aac", f"file:{path}"),
    )
    subprocess.run(command, check=True)
    return path


def identified(model: FaceTransfer, runs: int) -> tuple[Identity, Cost, Cost, Cost]:
    """The example's person; the cost of `identify` for the first time and warm, and of a first
    picture: identify, and drive it by another photograph, both read from their files."""
    people = []
    portrait, driver = open_picture(PORTRAIT), EXAMPLES / "photos" / "einstein_1921.jpg"

    def identify() -> None:
        people.append(model.identify(portrait))

    def picture() -> None:
        person = model.identify(open_picture(PORTRAIT))
        list(model.animate(person, [open_picture(driver)], steadiness=0.0, batch_size=1))

    first = once(identify, model.device)
    warm = min((once(identify, model.device) for _ in range(runs)), key=lambda c: c.wall)
    picture()
    whole = min((once(picture, model.device) for _ in range(runs)), key=lambda c: c.wall)
    return people[0], first, warm, whole


@torch.inference_mode()
def stage_costs(model: FaceTransfer, identity: Identity, clip: Path, folder: Path) -> dict:
    """Each stage by itself, a frame of `clip`: milliseconds on the clock and of the processor."""
    info, batch = probe(clip), model.batch_size
    frames: list[np.ndarray] = []
    faces, crops, costs = [], [], {}

    def each(name: str, work: Callable[[], object], items: int) -> None:
        costs[name] = once(work, model.device).each(items)

    def batches(items: list) -> Iterator[list]:
        return (items[k : k + batch] for k in range(0, len(items), batch))

    # to the end, because a program's time is known when it has ended
    each("decode", lambda: sum(1 for _ in read_frames(clip, info)), info.frames)
    with closing(read_frames(clip, info)) as reader:
        frames += islice(reader, _STAGE_FRAMES)
    count = len(frames)
    tracker = FaceTracker(float(info.fps))
    each("track", lambda: faces.extend(map(tracker.update, frames)), count)
    seen = [(frame, face) for frame, face in zip(frames, faces, strict=True) if face]
    side = model.view_side
    each(
        "align",
        lambda: crops.extend(crop_quad(f, ffhq_quad(face.landmarks), side) for f, face in seen),
        count,
    )
    motions = []
    model.motion_codes(crops[:batch])
    each("E_m", lambda: motions.extend(map(model.motion_codes, batches(crops))), count)
    rest, origin = model.rest_code(identity), model.own_origin(identity, crops[:1])
    codes = []
    each(
        "M",
        lambda: codes.extend(rest + model.change(m - origin, 1.0, 1.0) for m in motions),
        count,
    )
    model.generator(codes[0])
    images, pictures = [], []
    each("G", lambda: images.extend(map(model.generator, codes)), count)
    each("bytes", lambda: pictures.extend(p for i in images for p in to_pictures(i)), count)
    if identity.quad is not None:
        paster = Paster(open_picture(PORTRAIT), identity.quad)
        paster(pictures[0])
        each("composite", lambda: [paster(p) for p in pictures], count)
    output = folder / "stages.mp4"

    def encode() -> None:
        with VideoWriter(output, info.fps, clip, mark_of(FACE)) as writer:
            for picture in pictures:
                writer.write(picture)

    each("encode", encode, count)
    output.unlink()
    return costs


def in_memory(model: FaceTransfer, identity: Identity, clip: Path) -> Cost:
    """A frame of `animate`: tracking, crop and networks, of frames that are decoded before."""
    info = probe(clip)
    with closing(read_frames(clip, info)) as reader:
        frames = list(islice(reader, 4 * _STAGE_FRAMES))

    def work() -> None:
        for _ in model.animate(identity, frames, fps=float(info.fps)):
            pass

    return once(work, model.device).each(len(frames))


def from_file_to_file(
    model: FaceTransfer, identity: Identity, clip: Path, folder: Path
) -> tuple[int, Cost]:
    """(Frames, a frame's cost) of the whole clip: decoded, animated, encoded, marked, with sound."""
    info = probe(clip, **NO_LIMITS)
    account, output = Account(info.fps), folder / f"{clip.stem}-result.mp4"

    def face(result: Animated) -> np.ndarray:
        return result.image

    def work() -> None:
        results = model.animate(identity, read_frames(clip, info), fps=float(info.fps))
        for _ in write_clip(account, output, results, face, info, clip, mark_of(FACE)):
            pass

    cost = once(work, model.device)
    output.unlink()
    return account.frames, cost.each(account.frames)
