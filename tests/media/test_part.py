"""A part of a clip: its frames, and the sound that belongs to them."""

from fractions import Fraction

import numpy as np
import pytest

from stylexfer.errors import StylexferError
from stylexfer.media import probe, read_frames, write_video
from tests.media.clips import make, number_of, run

H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "12")
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8")
HEVC = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error")


def shown(path, info) -> list[int]:
    return [number_of(frame) for frame in read_frames(path, info)]


@pytest.mark.parametrize(
    ("ending", "video"),
    [
        ("mp4", (*H264, "-bf", "3", "-g", "300")),
        ("mkv", (*H264, "-g", "12")),
        ("webm", VP9),
        ("ts", H264),
        ("mov", (*HEVC, "-tag:v", "hvc1")),
        ("avi", ("-c:v", "mpeg4", "-q:v", "2")),
        ("gif", ()),
    ],
)
def test_the_same_frames_as_in_the_whole(tmp_path, ending, video):
    rate = "25" if ending == "gif" else "30000/1001"
    path = make(tmp_path / f"a.{ending}", frames=100, rate=rate, video=video)
    info = probe(path)
    step = float(1 / info.fps)
    for first, last in ((0, 7), (1, 2), (33, 60), (90, 100), (99, 100)):
        part = info.part(first * step, last * step)
        assert (part.frames, part.duration) == (last - first, pytest.approx((last - first) * step))
        assert shown(path, part) == list(range(first, last))
    assert shown(path, info.part(40 * step)) == list(range(40, 100))
    assert shown(path, info.part()) == list(range(100))
    assert shown(path, info.part(10 * step).part(5 * step, 8 * step)) == [15, 16, 17]


def test_far_into_a_clip(tmp_path):
    """Further than is decoded ahead of a part; two keyframes in all."""
    path = make(tmp_path / "a.mp4", frames=1000, rate="25", video=(*H264, "-g", "500"))
    assert shown(path, probe(path).part(36.0, 36.4)) == [(900 + k) % 256 for k in range(10)]


def test_of_variable_rate(tmp_path):
    """20 frames at 10 a second, then 40 at 40: three seconds. A frame is held where the part begins
    in the middle of it."""
    changing = "settb=1/1000,setpts='if(lt(N,20),N*100,2000+(N-20)*25)'"
    path = make(tmp_path / "a.mkv", frames=60, filters=changing)
    info = probe(path)
    assert info.variable_rate
    slow, fast = (shown(path, info.part(a, b)) for a, b in ((0.55, 1.55), (2.0, 2.5)))
    assert len(slow) == len(fast) * 2 == round(info.fps)
    assert slow[0] == 5 and abs(slow[-1] - 15) <= 1
    assert abs(fast[0] - 20) <= 1 and abs(fast[-1] - 38) <= 2


def test_a_rotated_phone_clip(tmp_path):
    turned = tmp_path / "turned.mp4"
    upright = make(tmp_path / "a.mp4", frames=60)
    run("-display_rotation", "90", "-i", str(upright), "-c", "copy", str(turned))
    info = probe(turned).part(1.0, 1.2)
    frames = [np.ascontiguousarray(np.rot90(frame, -1)) for frame in read_frames(turned, info)]
    assert [number_of(frame) for frame in frames] == list(range(25, 30))


def test_bad_parts(tmp_path):
    info = probe(make(tmp_path / "a.mp4", frames=50))
    for start, end, message in (
        (2.0, None, "has 2.00 s"),
        (-1.0, None, "cannot start at -1"),
        (1.0, 1.0, "before it starts"),
        (1.5, 0.5, "before it starts"),
    ):
        with pytest.raises(StylexferError, match=message):
            info.part(start, end)
    assert info.part(1.0, 99.0).frames == 25
    assert info.part(0.5, 0.501).frames == 1


def clicks(path, tmp_path) -> np.ndarray:
    """Seconds at which the sound of a clip becomes loud."""
    wave = tmp_path / "sound.raw"
    silence = ("-af", "aresample=async=1:first_pts=0")  # before a sound that starts late
    run("-i", str(path), "-vn", *silence, "-ac", "1", "-ar", "48000", "-f", "s16le", str(wave))
    sound = np.abs(np.frombuffer(wave.read_bytes(), dtype=np.int16).astype(int))
    loud = np.flatnonzero(sound > 6000)
    return loud[np.diff(loud, prepend=-48000) > 2400] / 48000


CLICK_EVERY = "aevalsrc='if(lt(mod(t,1),0.01),0.8*sin(6283*t),0)':d={seconds}:s=48000"


@pytest.mark.parametrize("codec", ["aac", "libmp3lame", "libopus"])
@pytest.mark.parametrize("rate", ["30000/1001", "15", "60"])
def test_sound_is_within_a_frame_from_beginning_to_end(tmp_path, rate, codec):
    """A click each second: in the result of a part, each lies where its frame does."""
    seconds = 12
    frames = round(seconds * Fraction(rate))
    silent = make(tmp_path / "silent.mkv", frames=frames, rate=rate)
    driver = tmp_path / "driver.mkv"
    tone = ("-f", "lavfi", "-i", CLICK_EVERY.format(seconds=seconds))
    run("-i", str(silent), *tone, "-c:v", "copy", "-c:a", codec, str(driver))
    info = probe(driver)
    step = float(1 / info.fps)
    for part in (info, info.part(3.35, 10.9)):
        path = tmp_path / "out.mp4"
        write_video(path, read_frames(driver, part), info.fps, driver, audio_start=part.skipped)
        made = probe(path)
        assert made.frames == part.frames
        want = np.arange(np.ceil(part.skipped), part.skipped + part.duration - 0.02) - part.skipped
        heard = clicks(path, tmp_path)
        assert len(heard) == len(want)
        assert np.abs(heard - want).max() < step


def test_sound_that_starts_late_stays_in_step(tmp_path):
    silent = make(tmp_path / "silent.mkv", frames=75)
    driver = tmp_path / "driver.mkv"
    tone = ("-itsoffset", "0.8", "-f", "lavfi", "-i", CLICK_EVERY.format(seconds=2))
    run("-i", str(silent), *tone, "-c:v", "copy", "-c:a", "aac", str(driver))
    info = probe(driver)
    for part, want in ((info, [0.8, 1.8]), (info.part(0.4), [0.4, 1.4]), (info.part(1.0), [0.8])):
        write_video(
            tmp_path / "out.mp4",
            read_frames(driver, part),
            info.fps,
            driver,
            audio_start=part.skipped,
        )
        assert clicks(tmp_path / "out.mp4", tmp_path) == pytest.approx(want, abs=0.03)
