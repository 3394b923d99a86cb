import subprocess
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from stylexfer.errors import TooLarge, TooLong, UnreadableMedia
from stylexfer.media import probe, read_frames
from tests.media.clips import HEIGHT, WIDTH, make, number_of, run

AAC = ("-c:a", "aac")


@pytest.mark.parametrize("rate", ["30000/1001", "24000/1001", "15", "60", "25", "12.5"])
@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_true_frame_rate(tmp_path, rate, ending):
    info = probe(make(tmp_path / f"a.{ending}", frames=45, rate=rate))
    assert info.fps == Fraction(rate)
    assert info.frames == 45
    assert info.duration == pytest.approx(45 / Fraction(rate))
    assert (info.width, info.height) == (WIDTH, HEIGHT)
    assert not (info.has_audio or info.variable_rate or info.truncated)


def test_every_frame_once_and_in_order(tmp_path):
    path = make(tmp_path / "a.mp4", frames=75, rate="30000/1001", sound=AAC)
    info = probe(path)
    assert info.has_audio and info.audio_codec == "aac"
    frames = list(read_frames(path, info))
    assert [number_of(frame) for frame in frames] == list(range(75))
    assert frames[0].dtype == np.uint8 and frames[0].shape == (HEIGHT, WIDTH, 3)


def test_webm_and_gif_and_avi(tmp_path):
    vp9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8")
    clips = [
        make(tmp_path / "a.webm", rate="20", video=vp9, sound=("-c:a", "libopus")),
        make(tmp_path / "a.gif", rate="20", video=()),
        make(tmp_path / "a.avi", rate="20", video=("-c:v", "mpeg4", "-q:v", "2")),
    ]
    for path in clips:
        info = probe(path)
        assert info.fps == 20, path.suffix
        assert [number_of(frame) for frame in read_frames(path, info)] == list(range(30))


def test_a_browser_recording_has_no_duration(tmp_path):
    path = tmp_path / "a.webm"
    make(tmp_path / "b.mp4", rate="30")
    vp8 = ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8")
    run("-i", str(tmp_path / "b.mp4"), *vp8, "-live", "1", str(path))
    info = probe(path)
    assert info.fps == 30 and info.frames == 30 and not info.truncated


def test_rotation_and_pixel_shape(tmp_path):
    upright = make(tmp_path / "a.mp4")
    turned = tmp_path / "turned.mp4"
    run("-display_rotation", "90", "-i", str(upright), "-c", "copy", str(turned))
    info = probe(turned)
    assert (info.width, info.height) == (HEIGHT, WIDTH)
    first = next(read_frames(turned, info))
    assert first.shape == (WIDTH, HEIGHT, 3)
    assert number_of(np.ascontiguousarray(np.rot90(next(read_frames(turned, info)), -1))) == 0
    wide = make(tmp_path / "wide.mp4", filters="setsar=2")
    assert (probe(wide).width, probe(wide).height) == (2 * WIDTH, HEIGHT)


def test_a_slightly_uneven_clip_is_played_frame_by_frame(tmp_path):
    jitter = "settb=1/1000,setpts=N*40+10*mod(N\\,2)"
    path = make(tmp_path / "a.mkv", filters=jitter, frames=40)
    info = probe(path)
    assert not info.variable_rate and abs(info.fps - 25) < 0.3
    assert [number_of(frame) for frame in read_frames(path, info)] == list(range(40))


def test_a_clip_of_two_rates_keeps_time(tmp_path):
    # 20 frames at 10 a second, then 40 at 40: three seconds, 20 frames a second.
    path = make(
        tmp_path / "a.mkv",
        frames=60,
        filters="settb=1/1000,setpts='if(lt(N,20),N*100,2000+(N-20)*25)'",
    )
    info = probe(path)
    assert info.variable_rate and abs(float(info.fps) - 20) < 0.3 and info.frames == 60
    shown = [number_of(frame) for frame in read_frames(path, info)]
    assert abs(len(shown) - 60) <= 2 and shown == sorted(shown)
    for second, number in ((0.5, 5), (1.5, 15), (2.5, 40)):
        assert abs(shown[round(second * info.fps)] - number) <= 3


def test_an_edit_list_hides_frames(tmp_path):
    # A copy from 0.5 s begins at the keyframe before it, and marks what lies between as hidden.
    whole = make(
        tmp_path / "a.mp4", frames=60, video=("-c:v", "libx264", "-g", "10", "-preset", "ultrafast")
    )
    cut = tmp_path / "cut.mp4"
    run("-ss", "0.5", "-i", str(whole), "-c", "copy", str(cut))
    info = probe(cut)
    shown = [number_of(frame) for frame in read_frames(cut, info)]
    assert len(shown) == info.frames and shown == list(range(13, 60))


def test_closing_early_ends_ffmpeg(tmp_path, monkeypatch):
    started = []
    original = subprocess.Popen

    def kept(*args, **kwargs):
        started.append(original(*args, **kwargs))
        return started[-1]

    path = make(tmp_path / "a.mp4", frames=200)
    info = probe(path)
    monkeypatch.setattr(subprocess, "Popen", kept)
    frames = read_frames(path, info)
    next(frames)
    frames.close()
    assert len(started) == 1 and started[0].returncode is not None


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_truncated(tmp_path, ending):
    options = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-movflags", "+faststart")
    whole = make(tmp_path / f"a.{ending}", frames=150, video=options, sound=AAC)
    short = tmp_path / f"short.{ending}"
    short.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    info = probe(short)
    assert info.truncated
    shown = [number_of(frame) for frame in read_frames(short, info)]
    assert 20 < len(shown) < 130 and shown == list(range(len(shown)))
    assert not probe(whole).truncated


def test_an_mp4_without_its_index_is_damaged(tmp_path):
    whole = make(tmp_path / "a.mp4", frames=100)
    whole.write_bytes(whole.read_bytes()[:-2000])
    with pytest.raises(UnreadableMedia, match="cut short"):
        probe(whole)


def test_sound_alone(tmp_path):
    tone = ("-f", "lavfi", "-i", "sine=440:duration=1")
    cover = tmp_path / "cover.png"
    Image.new("RGB", (32, 32)).save(cover)
    run(*tone, str(tmp_path / "a.mp4"))
    run(*tone, str(tmp_path / "a.mp3"))
    attached = ("-map", "0", "-map", "1", "-c:v", "mjpeg", "-disposition:v", "attached_pic")
    run(*tone, "-i", str(cover), *attached, str(tmp_path / "a.m4a"))
    for name in ("a.mp4", "a.mp3", "a.m4a"):
        with pytest.raises(UnreadableMedia, match="sound but no picture"):
            probe(tmp_path / name)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"Dear Sir or Madam,\n" * 50, "not a video"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 100, "is a picture"),
        (b"\0\0\0\x20ftypisom" + b"\0" * 100, "damaged"),
    ],
)
def test_what_is_no_video(tmp_path, data, message):
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    with pytest.raises(UnreadableMedia, match=message):
        probe(path)


def test_playlists_open_nothing(tmp_path):
    secret = make(tmp_path / "secret.ts", video=("-c:v", "mpeg2video"))
    playlists = {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1.2,\n{secret}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '{secret}'\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011">'
        f"<Period><BaseURL>{secret}</BaseURL></Period></MPD>",
    }
    for kind, text in playlists.items():
        path = tmp_path / f"{kind}.mp4"
        path.write_text(text)
        with pytest.raises(UnreadableMedia, match="not a video"):
            probe(path)


def test_names_are_never_options_or_protocols(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clip = make(tmp_path / "a.mp4")
    for name in ("-i.mp4", "http:x.mp4", "a%03d.mp4", "concat:a.mp4|b.mp4", "a b'\".mp4"):
        (tmp_path / name).write_bytes(clip.read_bytes())
        assert sum(1 for _ in read_frames(name, probe(name))) == 30


def test_limits(tmp_path):
    path = make(tmp_path / "a.mp4", frames=100)
    with pytest.raises(TooLong, match="2 seconds"):
        probe(path, max_seconds=2)
    with pytest.raises(TooLarge, match=r"96 x 64 pixels"):
        probe(path, max_pixels=6000)
    with pytest.raises(TooLarge, match="limit is 0 MB"):
        probe(path, max_bytes=1000)
    with pytest.raises(UnreadableMedia, match="cannot be read"):
        probe(tmp_path / "none.mp4")


def test_a_long_clip_that_does_not_say_so(tmp_path):
    vp8 = ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-live", "1")
    path = make(tmp_path / "a.webm", frames=100, video=vp8)
    with pytest.raises(TooLong):
        probe(path, max_seconds=2)
