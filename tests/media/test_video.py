from fractions import Fraction

import numpy as np
import pytest

from stylexfer.marks import NOTICE, Mark, Source
from stylexfer.marks.xmp import read_source_type
from stylexfer.media import VideoWriter, probe, read_frames, write_video
from tests.media.clips import make, number_of, numbered, run
from tests.reference.weights import smooth_image


def sound_seconds(path, tmp_path) -> float:
    wave = tmp_path / "sound.wav"
    run("-i", str(path), "-vn", "-ac", "1", "-ar", "16000", "-f", "s16le", str(wave))
    return wave.stat().st_size / 2 / 16000


def only(folder, *names: str) -> bool:
    return sorted(path.name for path in folder.iterdir()) == sorted(names)


@pytest.mark.parametrize("rate", ["30000/1001", "15", "60", "25", "2987/100"])
def test_round_trip_keeps_frames_and_rate(tmp_path, rate):
    path = tmp_path / "out.mp4"
    count = write_video(path, (numbered(k) for k in range(50)), Fraction(rate))
    info = probe(path)
    assert count == info.frames == 50
    assert info.fps == Fraction(rate)
    assert [number_of(frame) for frame in read_frames(path, info)] == list(range(50))
    assert only(tmp_path, "out.mp4")


@pytest.mark.parametrize("mark", [Mark.GENERATED, Mark.COMPOSITE])
def test_the_mark_is_inside_and_the_clip_still_plays(tmp_path, mark):
    path = tmp_path / "out.mp4"
    write_video(path, [numbered(3)] * 5, Fraction(25), mark=mark)
    assert read_source_type(path) == mark.source
    data = path.read_bytes()
    assert NOTICE.encode() in data and b"Iptc4xmpExt:DigitalSourceType" in data
    assert data.index(b"moov") < data.index(b"mdat")  # it starts to play while it loads
    run("-xerror", "-i", str(path), "-f", "null", "-")


def test_colours_survive(tmp_path):
    path = tmp_path / "out.mp4"
    image = smooth_image(120, 160, 9)
    image = np.repeat(np.repeat(image[::8, ::8], 8, axis=0), 8, axis=1)
    write_video(path, [image] * 3, Fraction(25), mark=Mark(label=None))
    back = next(read_frames(path, probe(path))).astype(int)
    assert np.abs((back - image).mean(axis=(0, 1))).max() < 1.5


def test_odd_sides_lose_a_row(tmp_path):
    path = tmp_path / "out.mp4"
    write_video(path, [np.zeros((101, 75, 3), dtype=np.uint8)] * 3, Fraction(25))
    assert (probe(path).width, probe(path).height) == (74, 100)


@pytest.mark.parametrize(
    ("ending", "sound", "copied"),
    [
        ("mp4", ("-c:a", "aac"), True),
        ("mkv", ("-c:a", "libmp3lame"), True),
        ("mkv", ("-c:a", "libopus"), False),
        ("mkv", ("-c:a", "pcm_s16le"), False),
    ],
)
def test_sound_comes_along(tmp_path, ending, sound, copied):
    driver = make(tmp_path / f"driver.{ending}", frames=75, rate="30000/1001", sound=sound)
    path = tmp_path / "out.mp4"
    info = probe(driver)
    write_video(path, read_frames(driver, info), info.fps, audio_from=driver)
    result = probe(path)
    assert result.audio_codec == (info.audio_codec if copied else "aac")
    assert (result.frames, result.fps) == (75, info.fps)
    assert sound_seconds(path, tmp_path) == pytest.approx(info.duration, abs=0.08)
    assert read_source_type(path) == Source.GENERATED


def test_sound_shorter_than_the_frames_cuts_none(tmp_path):
    silent = make(tmp_path / "silent.mp4", frames=75)
    driver = tmp_path / "driver.mp4"
    run(
        "-i", str(silent), "-f", "lavfi", "-i", "sine=440:duration=1.5", "-c:v", "copy", str(driver)
    )
    info = probe(driver)
    path = tmp_path / "out.mp4"
    write_video(path, read_frames(driver, info), info.fps, audio_from=driver)
    assert probe(path).frames == 75
    assert sound_seconds(path, tmp_path) == pytest.approx(1.5, abs=0.08)


def test_sound_that_starts_before_the_picture_stays_in_step(tmp_path):
    silent = make(tmp_path / "silent.mp4", frames=50)
    driver = tmp_path / "driver.mkv"
    # Silence, then a tone from 1.0 s; the first frame comes at 0.4 s.
    tone = "aevalsrc='if(gte(t,1),sin(2764*t),0)':d=2.4"
    inputs = ("-f", "lavfi", "-i", tone, "-itsoffset", "0.4", "-i", str(silent))
    run(*inputs, "-map", "1:v", "-map", "0:a", "-c:v", "copy", "-c:a", "aac", str(driver))
    info = probe(driver)
    assert info.start == pytest.approx(0.4, abs=0.03)
    path = tmp_path / "out.mp4"
    write_video(path, read_frames(driver, info), info.fps, audio_from=driver)
    wave = tmp_path / "a.raw"
    run("-i", str(path), "-vn", "-ac", "1", "-ar", "16000", "-f", "s16le", str(wave))
    loud = np.abs(np.frombuffer(wave.read_bytes(), dtype=np.int16).astype(int)) > 3000
    assert np.argmax(loud) / 16000 == pytest.approx(0.6, abs=0.05)


def test_a_driver_without_sound_or_gone(tmp_path):
    silent = make(tmp_path / "silent.mp4")
    for name, driver in (("a.mp4", silent), ("b.mp4", tmp_path / "gone.mp4")):
        write_video(tmp_path / name, [numbered(k) for k in range(9)], Fraction(25), driver)
        info = probe(tmp_path / name)
        assert info.frames == 9 and not info.has_audio


def test_an_error_keeps_the_frames_before_it(tmp_path):
    driver = make(tmp_path / "driver.mp4", frames=75, sound=("-c:a", "aac"))
    path = tmp_path / "out.mp4"

    def frames():
        yield from (numbered(k) for k in range(20))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(path, frames(), Fraction(25), audio_from=driver)
    info = probe(path)
    assert [number_of(frame) for frame in read_frames(path, info)] == list(range(20))
    assert sound_seconds(path, tmp_path) == pytest.approx(0.8, abs=0.08)
    assert read_source_type(path) == Source.GENERATED


def test_closing_a_pipeline_keeps_a_playable_clip(tmp_path):
    path = tmp_path / "out.mp4"

    def pipeline():
        with VideoWriter(path, Fraction(25)) as writer:
            for k in range(100):
                writer.write(numbered(k))
                yield k

    running = pipeline()
    for _ in range(12):
        next(running)
    assert not path.exists()  # nothing half-done under the final name
    running.close()
    assert probe(path).frames == 12
    assert only(tmp_path, "out.mp4")


def test_no_frames_leave_no_file_and_the_old_one_alone(tmp_path):
    path = tmp_path / "out.mp4"
    assert write_video(path, [], Fraction(25)) == 0
    assert only(tmp_path)
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        write_video(path, (numbered(1 // k) for k in range(3)), Fraction(25))
    assert path.read_bytes() == b"old" and only(tmp_path, "out.mp4")


def test_frames_of_another_size_are_refused(tmp_path):
    path = tmp_path / "out.mp4"
    with pytest.raises(ValueError, match="in a clip of"), VideoWriter(path, Fraction(25)) as writer:
        writer.write(np.zeros((64, 64, 3), dtype=np.uint8))
        writer.write(np.zeros((64, 32, 3), dtype=np.uint8))
    assert probe(path).frames == 1


def test_a_folder_that_does_not_exist_is_reported(tmp_path):
    with pytest.raises(RuntimeError, match="No such file"):
        write_video(tmp_path / "none" / "out.mp4", [numbered(1)] * 3, Fraction(25))
