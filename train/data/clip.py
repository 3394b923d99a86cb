"""What is taken from the videos of one person: aligned frames, and why the others were left out.

`prepare_identity` is a function of its files and its options alone, so it does not matter which
process of which machine calls it, or when.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from stylexfer.errors import StylexferError, UnreadableMedia
from stylexfer.faces import align, clear_faces, ffhq_quad, find_faces
from stylexfer.faces.pose import head_pose
from train.data.sample import sample_frames
from train.heads.corpus import CorpusError

VIDEOS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi")
LAYOUTS = {  # what the folders and files under the root are
    "voxceleb2": "identity/clip/utterance.mp4",
    "clips": "identity/clip.mp4",
}

# why a frame, a video, a clip or an identity was left out
UNREADABLE, NO_FACE, TWO_FACES, EXTREME_POSE = "unreadable", "no face", "two faces", "extreme pose"
NO_VIDEO, FEW_FRAMES, UNEXPECTED = "no video", "too few frames", "unexpected error"


@dataclass(frozen=True)
class Options:
    """How frames are chosen and cut out; a prepared corpus holds one set of them."""

    layout: str = "voxceleb2"
    clips: int = 5  # of an identity, at most
    frames: int = 10  # of a clip, at most
    min_frames: int = 2  # of a clip: the paper's self-supervision needs a pair
    step: float = 0.5  # seconds between two frames
    max_yaw: float = 45.0  # degrees, to either side
    max_pitch: float = 30.0
    max_roll: float = 30.0
    size: int = 256  # px, side of a stored frame
    align_size: int = 1024  # px, at which FFHQ's alignment is run, sampled at four times that
    seed: int = 0  # of the choice of clips, and of the split

    def __post_init__(self):
        if self.layout not in LAYOUTS:
            raise CorpusError(f"--layout is {self.layout}: one of {', '.join(LAYOUTS)}.")
        for name in ("clips", "min_frames", "step", "max_yaw", "max_pitch", "max_roll"):
            if getattr(self, name) <= 0:
                raise CorpusError(f"--{name.replace('_', '-')} must be above 0.")
        if self.frames < self.min_frames:
            raise CorpusError(f"--frames is {self.frames}: at least --min-frames, or none is kept.")
        if not 32 <= self.size <= self.align_size:
            raise CorpusError(
                f"--size is {self.size}: between 32 and --align-size, {self.align_size}."
            )


@dataclass(frozen=True)
class Frame:
    """An aligned frame and its labels."""

    video: str
    time: float  # seconds
    image: np.ndarray  # uint8 [size, size, 3]
    landmarks: np.ndarray  # float [68, 2] px of `image`
    pose: tuple[float, float, float]  # degrees, before the alignment took the roll out
    side: float  # px of FFHQ's square in the video: what there was to be seen


@dataclass(frozen=True)
class Dropped:
    """A frame that was left out; without `time` a video, without `video` a clip, else a person."""

    reason: str
    clip: str | None = None
    video: str | None = None
    time: float | None = None
    detail: str = ""


@dataclass
class Clip:
    name: str
    frames: list[Frame] = field(default_factory=list)


@dataclass
class Person:
    """What was taken from the videos of one identity."""

    name: str
    found: int  # clips that its folder holds
    clips: list[Clip] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    tried: int = 0  # clips
    opened: int = 0  # videos
    looked: int = 0  # frames


def is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEOS and not path.name.startswith(".")


def find_clips(folder: Path, layout: str) -> dict[str, list[Path]]:
    """Clips of an identity and the videos of each, in order of their names."""
    if layout == "clips":
        return {path.name: [path] for path in sorted(folder.iterdir()) if is_video(path)}
    clips = sorted(path for path in folder.iterdir() if path.is_dir())
    return {clip.name: sorted(filter(is_video, clip.iterdir())) for clip in clips}


def digest(*words: object) -> bytes:
    """A number that depends on nothing but the words: an order of names from a seed."""
    return hashlib.sha256("/".join(map(str, words)).encode(errors="surrogateescape")).digest()


def prepare_identity(folder: Path, options: Options) -> Person:
    """Frames of up to `options.clips` clips, tried in an order drawn from the seed.

    A clip with too few frames is left out, and the next one tried. Raises StylexferError or OSError
    for what is no fault of the videos: no landmark model, no ffmpeg, a lost disk.
    """
    clips = find_clips(folder, options.layout)
    person = Person(folder.name, len(clips))
    for name in sorted(clips, key=lambda name: digest(options.seed, folder.name, name)):
        if len(person.clips) == options.clips:
            break
        clip = _take_clip(person, name, clips[name], options)
        if clip is not None:
            person.clips.append(clip)
    person.clips.sort(key=lambda clip: clip.name)
    if not person.clips:
        reasons = [d.reason for d in person.dropped if d.clip and not d.video]
        person.dropped.append(Dropped(_most(reasons) or NO_VIDEO))
    return person


def _most(reasons: list[str]) -> str | None:
    """The most frequent, of several the first to come."""
    return Counter(reasons).most_common(1)[0][0] if reasons else None


def _take_clip(person: Person, name: str, videos: list[Path], options: Options) -> Clip | None:
    """Up to `options.frames` frames: the clip's videos in order, until it has them."""
    clip, reasons = Clip(name), {}
    person.tried += 1
    for path in videos:
        if len(clip.frames) == options.frames:
            break
        person.opened += 1
        kept, dropped, looked = _take_video(path, name, options.frames - len(clip.frames), options)
        clip.frames += kept
        person.dropped += dropped
        person.looked += looked
        if not kept:
            reasons[path.name] = _most([d.reason for d in dropped])
            if looked:  # else it is listed already
                person.dropped.append(Dropped(reasons[path.name], name, path.name))
    if len(clip.frames) >= options.min_frames:
        return clip
    for frame in clip.frames:
        person.dropped.append(Dropped(FEW_FRAMES, name, frame.video, frame.time))
    for video in dict.fromkeys(frame.video for frame in clip.frames):
        person.dropped.append(Dropped(FEW_FRAMES, name, video))
    why = FEW_FRAMES if clip.frames else _most(list(reasons.values())) or NO_VIDEO
    person.dropped.append(Dropped(why, name))
    return None


def _take_video(
    path: Path, clip: str, count: int, options: Options
) -> tuple[list[Frame], list[Dropped], int]:
    """(frames, what was dropped, frames looked at) of one file, however bad it is.

    StylexferError or OSError if not the file is at fault: no landmark model, no ffmpeg, a lost disk.
    """
    kept, dropped, detail = [], [], ""
    try:
        frames = sample_frames(path, count, options.step)
        for k, image in enumerate(frames):
            item = take_frame(image, clip, path.name, k * options.step, options)
            (kept if isinstance(item, Frame) else dropped).append(item)
        return kept, dropped, len(frames)
    except UnreadableMedia as error:
        path.lstat()
        reason, detail = UNREADABLE, str(error)
    except (StylexferError, OSError):
        raise
    except Exception as error:  # noqa: BLE001  one file of a million must not end the run
        reason, detail = UNEXPECTED, f"{type(error).__name__}: {error}"
    return [], [Dropped(reason, clip, path.name, detail=detail)], 0


def take_frame(
    image: np.ndarray, clip: str, video: str, time: float, options: Options
) -> Frame | Dropped:
    """Find the one face of a video's frame, uint8 `[H, W, 3]`, and cut it out."""
    faces = find_faces(image)
    clear = clear_faces(faces)
    if len(clear) != 1:
        detail = f"{len(clear)} faces" if clear else ""
        return Dropped(TWO_FACES if clear else NO_FACE, clip, video, time, detail)
    landmarks = faces[clear[0]].landmarks
    pose = head_pose(landmarks)
    limits = (options.max_yaw, options.max_pitch, options.max_roll)
    if any(abs(angle) > limit for angle, limit in zip(pose, limits, strict=True)):
        detail = "yaw {:.0f}, pitch {:.0f}, roll {:.0f}".format(*pose)
        return Dropped(EXTREME_POSE, clip, video, time, detail)
    aligned = align(image, landmarks, options.align_size, 4 * options.align_size)
    if options.size != options.align_size:  # as ReStyle's preprocessing makes its 256 px
        square = (options.size, options.size)
        aligned = np.asarray(Image.fromarray(aligned).resize(square, Image.Resampling.BILINEAR))
    corner, down, _, right = ffhq_quad(landmarks)
    axes = np.stack([right - corner, down - corner])
    places = (landmarks - corner) @ np.linalg.inv(axes) * options.size - 0.5
    return Frame(video, time, aligned, places, pose, float(np.hypot(*axes[0])))
