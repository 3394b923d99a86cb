"""One pass over a clip: of the driver alone, onto another identity, onto its own first frame, or
drawn elsewhere."""

import time
from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch

from stylexfer.driving import followed_views
from stylexfer.faces.align import align
from stylexfer.faces.detect import find_face
from stylexfer.metrics.fidelity import landmark_error, psnr
from stylexfer.metrics.pairs import BadPairs, Clip
from stylexfer.metrics.reading import COLUMNS, SIDE, SPARSE, Reader, Reading, join, square
from stylexfer.metrics.store import to_jpeg
from stylexfer.tensors import to_tensor
from stylexfer.transfer import FaceTransfer, Identity

STEADINESS = 0.5  # of the track, as `animate` has it
TIMED = 48  # frames of a clip that are timed
SAMPLES = 8  # frames of each clip that are kept as pictures


def sample_places(count: int) -> list[int]:
    """Numbers of the frames that are kept, evenly spread."""
    return sorted(set(np.linspace(0, max(0, count - 1), SAMPLES).round().astype(int).tolist()))


def aligned(clip: Clip) -> Iterator[np.ndarray | None]:
    """The driver's face in each frame, uint8 `[SIDE, SIDE, 3]`, by the track that drives; None:
    no face."""
    for view in followed_views(clip.frames(), SIDE, clip.fps, STEADINESS):
        yield None if view is None else view.crop


def _columns(reading: Reading) -> dict[str, np.ndarray]:
    return {name: getattr(reading, name) for name in COLUMNS}


def of_driver(clip: Clip, reader: Reader, bar) -> tuple[dict, dict[str, np.ndarray]]:
    """What there is to follow: the driver's reading and samples; a lost track reads as no face."""
    places = sample_places(clip.count)
    readings, samples = [], {}
    black = np.zeros((SIDE, SIDE, 3), np.uint8)
    for k, crop in enumerate(aligned(clip)):
        picture = black if crop is None else crop
        readings.append(reader.read([picture], k, SPARSE))
        if k in places:
            samples[f"sample_{len(samples)}"] = to_jpeg(picture)
        bar.update()
    return {"frames": len(readings), "fps": clip.fps}, _columns(join(readings)) | samples


def onto(
    model: FaceTransfer,
    picture: np.ndarray,
    clip: Clip,
    reader: Reader,
    options: dict,
    tune: bool,
    timed: bool,
    bar,
) -> tuple[dict, dict[str, np.ndarray]]:
    """Cross-reenactment: every frame of the clip drives the largest face of `picture`.

    NoFaceFound in the picture or in all of the clip.
    """
    start = time.perf_counter()
    identity = model.identify(picture, 0, tune)
    identify_seconds = time.perf_counter() - start
    who = reader.read([identity.crop, identity.inversion])
    places = sample_places(clip.count)
    readings, samples = [], {}
    results = model.animate(identity, clip.frames(), fps=clip.fps, **options)
    for k, result in enumerate(results):
        readings.append(reader.read([result.image], k, SPARSE))
        if k in places:
            samples[f"sample_{len(samples)}"] = to_jpeg(result.image)
        bar.update()
    arrays = _columns(join(readings)) | samples
    arrays |= {f"who_{name}": values for name, values in _columns(who).items()}
    arrays |= {"crop": to_jpeg(square(identity.crop)), "inversion": to_jpeg(identity.inversion)}
    facts = {"identify_seconds": identify_seconds}
    if timed:
        facts["fps"] = speed(model, identity, clip, options)
    return facts, arrays


def recorded(
    picture: np.ndarray, driver: Clip, output: Clip, reader: Reader, bar
) -> tuple[dict, dict[str, np.ndarray]]:
    """Cross-reenactment by another method: a clip `output` of `picture`, driven by `driver`, a
    frame for each of its frames, aligned as the drivers are. There is no inversion to compare with.

    NoFaceFound in the picture; BadPairs if the clips differ in length.
    """
    crop = align(picture, find_face(picture, 0).landmarks, SIDE, 4 * SIDE)
    places = sample_places(driver.count)
    readings, samples = [], {}
    black = np.zeros((SIDE, SIDE, 3), np.uint8)
    for k, found in enumerate(aligned(output)):
        shown = black if found is None else found
        readings.append(reader.read([shown], k, SPARSE))
        if k in places:
            samples[f"sample_{len(samples)}"] = to_jpeg(shown)
        bar.update()
    if len(readings) != (driving := sum(1 for _ in driver.frames())):
        raise BadPairs(
            f"{output.path} has {len(readings)} frames, but {driving} drive: give one for each."
        )
    arrays = _columns(join(readings)) | samples | {"crop": to_jpeg(crop)}
    for name, values in _columns(reader.read([crop])).items():
        arrays[f"who_{name}"] = np.concatenate([values, np.full_like(values, np.nan)])
    return {}, arrays


def speed(model: FaceTransfer, identity: Identity, clip: Clip, options: dict) -> float:
    """Frames/s of `animate` (track and networks), the frames decoded before and nothing measured."""
    frames = list(islice(clip.frames(), TIMED))
    start = time.perf_counter()
    count = sum(1 for _ in model.animate(identity, frames, fps=clip.fps, **options))
    return count / (time.perf_counter() - start)


@torch.inference_mode()
def onto_itself(
    model: FaceTransfer,
    clip: Clip,
    first: int,
    reader: Reader,
    perceptual,
    options: dict,
    tune: bool,
    bar,
) -> tuple[dict, dict[str, np.ndarray]]:
    """Self-reenactment: frame number `first` is the identity, each later one what should come out.

    Every `SPARSE`-th frame is measured, at `SIDE` px. `perceptual`: LPIPS, or None.
    Returns `lpips`, `psnr` (dB) and `nme` (percent), `[M]` each; NaN without a face in either.
    """
    picture = next(frame for k, frame in enumerate(clip.frames()) if k == first)
    identity: Identity = model.identify(picture, 0, tune)
    results = model.animate(identity, clip.frames(), fps=clip.fps, **options)
    rows = []
    for k, (result, truth) in enumerate(zip(results, aligned(clip), strict=True)):
        bar.update()
        if k <= first or k % SPARSE or truth is None:
            continue
        output = square(result.image)
        seen = reader.read([truth, output], every=None)
        error = landmark_error(*seen.landmarks)
        distance = np.nan
        if perceptual is not None:
            a, b = to_tensor([truth, output]).to(model.device).split(1)
            distance = float(perceptual(a, b))
        rows.append((distance, psnr(truth, output), float(error)))
    columns = np.array(rows, dtype=np.float64).reshape(-1, 3).T
    return {}, dict(zip(("lpips", "psnr", "nme"), columns, strict=True))


def onto_many(
    model: FaceTransfer,
    pictures: list[np.ndarray],
    clips: list[Clip],
    options: dict,
    tune: bool,
    bar,
) -> dict[str, np.ndarray]:
    """Several people driven by several clips: `driver_J` and `crop_I`, aligned, and `output_I_J`.

    Of each clip the frame half-way through is shown; the other samples are driven too, because
    the baselines need to know a driver from several frames.
    """
    arrays = {}
    people = [model.identify(picture, 0, tune) for picture in pictures]
    arrays |= {f"crop_{i}": to_jpeg(square(person.crop)) for i, person in enumerate(people)}
    for j, clip in enumerate(clips):
        places = sample_places(clip.count)
        frames = [frame for k, frame in enumerate(clip.frames()) if k in places]
        shown = len(frames) // 2
        for i, person in enumerate(people):
            # far apart in time: each is aligned as a clip's first
            results = list(model.animate(person, frames, fps=1.0, **options))
            arrays[f"output_{i}_{j}"] = to_jpeg(results[shown].image)
            if results[shown].driving is not None:
                arrays[f"driver_{j}"] = to_jpeg(square(results[shown].driving))
            bar.update()
    return arrays
