import time

import numpy as np
import pytest

from stylexfer.marks.detector import FALSE_ALARMS, detect
from stylexfer.marks.watermark import Watermark
from stylexfer.media import probe, read_frames
from tests.marks.pictures import FACES, FOLDER, cropped, psnr, resized, saved_again, square
from tests.media.clips import run

ATTACKS = {
    "nothing": lambda p: p,
    "JPEG 80": lambda p: saved_again(p, "JPEG", 80),
    "JPEG 60": lambda p: saved_again(p, "JPEG", 60),
    "WebP 80": lambda p: saved_again(p, "WEBP", 80),
    "half": lambda p: resized(p, 0.5),
    "half, JPEG 80": lambda p: saved_again(resized(p, 0.5), "JPEG", 80),
    "0.9, JPEG 80": lambda p: saved_again(resized(p, 0.9), "JPEG", 80),
    "crop": cropped,
    "crop, JPEG 80": lambda p: saved_again(cropped(p), "JPEG", 80),
    "twice": lambda p: resized(p, 2.0),
}


@pytest.mark.parametrize("side", [256, 512, 1024])
@pytest.mark.parametrize("attack", ATTACKS)
def test_it_outlives(attack, side):
    for name in FACES[:2]:
        picture = square(name, side)
        assert detect([ATTACKS[attack](Watermark(picture)(picture))]).marked, name


@pytest.mark.parametrize("side", [128, 256, 512])
def test_nobody_sees_it(side):
    for name in FACES:
        picture = square(name, side)
        marked = Watermark(picture)(picture)
        assert psnr(picture, marked) > 40
        assert np.abs(marked.astype(int) - picture).max() < 20
        grey = (marked.astype(int) - picture).mean(axis=(0, 1))
        assert np.abs(grey).max() < 0.3  # no tint


def test_it_tells_the_scale():
    picture = square(FACES[0], 512)
    marked = Watermark(picture)(picture)
    for scale in (0.6, 0.9, 1.0):
        assert detect([resized(marked, scale)]).scale == pytest.approx(min(1.0, scale), rel=0.02)


def _clip(path, frames, *options):
    height, width = frames[0].shape[:2]
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", "25", "-i", "-")
    run(*raw, *options, "-c:v", "libx264", "-pix_fmt", "yuv420p", str(path), data=b"".join(frames))
    return list(read_frames(path, probe(path)))


@pytest.mark.parametrize(("width", "height"), [(256, 256), (640, 480)])
def test_clips(tmp_path, width, height):
    frames = list(
        read_frames(FOLDER / "clips/clip_b.mp4", probe(FOLDER / "clips/clip_b.mp4").part(0, 1))
    )
    scale = f"scale={width}:{height}"
    plain = _clip(tmp_path / "plain.mkv", frames, "-vf", scale, "-crf", "10")
    watermark = Watermark(plain[0])
    marked = [np.ascontiguousarray(watermark(frame)) for frame in plain]
    bad = _clip(tmp_path / "bad.mkv", marked, "-crf", "28")
    assert detect(bad[::2]).marked
    assert not detect(plain[::2]).marked


def _unmarked():
    random = np.random.RandomState(0)
    yield "black", np.zeros((256, 256, 3), np.uint8)
    yield "white", np.full((300, 200, 3), 255, np.uint8)
    for k in range(6):
        yield f"noise {k}", random.randint(0, 256, (200 + 40 * k, 256, 3), np.uint8)
    rows = np.sin(np.arange(512) * 2 * np.pi / 12.8) * 60 + 128
    stripes = np.repeat(np.uint8(rows)[:, None], 512, axis=1)
    yield "stripes", np.repeat(stripes[..., None], 3, axis=2)
    yield "squares", np.repeat(np.uint8((stripes > 128) ^ (stripes.T > 128))[..., None] * 255, 3, 2)
    yield "tiny", random.randint(0, 256, (20, 30, 3), np.uint8)
    yield "strip", random.randint(0, 256, (40, 4000, 3), np.uint8)
    for path in sorted(FOLDER.glob("*/*.jpg")) + sorted(FOLDER.glob("*/*.png")):
        yield path.name, square(str(path.relative_to(FOLDER)), 320)


def test_it_is_not_seen_where_it_is_not():
    for name, picture in _unmarked():
        found = detect([picture])
        assert not found.marked, name
        assert found.chance > 1e-4, name  # far from it


def test_chance_is_a_bound():
    """In noise the chance that is reported may be below c in a share c of pictures, at most."""
    random = np.random.RandomState(1)
    chances = [detect([random.randint(0, 256, (96, 96, 3), np.uint8)]).chance for _ in range(40)]
    assert sum(chance < 0.05 for chance in chances) <= 6
    assert FALSE_ALARMS <= 1e-6


def test_small_pictures_stay_as_they_are():
    picture = square(FACES[0], 48)
    marked = Watermark(picture)(picture)
    assert (marked == picture).all() and marked is not picture


def test_it_is_cheap():
    """About 1 ms a frame of 256 px; three times that here, as machines differ."""
    picture = square(FACES[0], 256)
    watermark = Watermark(picture)
    watermark(picture)
    began = time.process_time()
    for _ in range(20):
        watermark(picture)
    assert (time.process_time() - began) / 20 < 0.006
