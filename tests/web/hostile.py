"""Files that no visitor means well with, each with what the app has to say of it.

`pictures(folder)` and `clips(folder)` give (name it is sent under, path, words of the message; "" where
the file is odd, but has to work).
"""

import io
import struct
import subprocess
import zipfile
import zlib
from pathlib import Path

import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image, PngImagePlugin

from tests.web.serve import ROOT

FACE = ROOT / "examples/photos/collins_astronaut.png"
CLIP = ROOT / "examples/clips/clip_a.mp4"
NAMES = (
    "../../../../etc/passwd.png", "..\\..\\boot.ini.png", "/etc/passwd", "-i.png", "%2e%2e%2fup.png",
    "a\u202egnp.exe", "лицо 顔 🎭.png", "x" * 300 + ".png", "<img src=x onerror=alert(1)>.png",
    "nul\x00byte.png", "line\nbreak.png", "con.png", ".htaccess", "file:/etc/passwd.png", "no_ending",
)  # fmt: skip

Case = tuple[str, Path, str]


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check


def _png(width: int, height: int, data: bytes, depth: int = 1, *more: bytes) -> bytes:
    """A grey PNG whose header says `width` x `height`, whatever `data` holds."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0))
    body = _chunk(b"IDAT", zlib.compress(data, 9))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + body + _chunk(b"IEND", b"")


def _saved(picture: Image.Image, form: str, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def _many_scans() -> bytes:
    """A progressive JPEG that repeats its last scan: each costs a pass over the whole picture."""
    plain = _saved(Image.new("RGB", (6000, 6000)), "JPEG", progressive=True)
    last = plain.rindex(b"\xff\xda")
    return plain[:-2] + plain[last:-2] * 500 + b"\xff\xd9"


def _looped_tiff() -> bytes:
    """Its list of pages never ends, and its one strip has 4 GB."""
    tags = {256: 512, 257: 512, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 512, 279: 2**32 - 1}
    rows = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + rows + struct.pack("<I", 8)


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../evil.sh", b"0" * 10**6)
    return file.getvalue()


def pictures(folder: Path) -> list[Case]:
    face = Image.open(FACE).convert("RGB").resize((400, 400))
    jpeg, png = _saved(face, "JPEG"), _saved(face, "PNG")
    grey, deep = face.convert("L"), np.asarray(face.convert("L")).astype(np.uint16) * 257
    floats = np.asarray(grey).astype(np.float32)
    floats[:9, :9] = np.nan
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", "<x/>" * 100_000)
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    turned = Image.Exif()
    turned[0x0112] = 6
    nonsense = Image.Exif()
    nonsense[0x0112] = 99
    bad_profile = {"icc_profile": b"\0" * 3_000_000}
    bomb = zlib.compress(b"\0" * 2**26, 9)
    frames = [face.rotate(k) for k in range(0, 40, 4)]
    greys = [frame.convert("L") for frame in frames]
    many = {"save_all": True, "append_images": frames}
    no_picture, damaged, large = "not a picture", "damaged or was cut short", "million pixels"
    made = {
        "empty.png": (b"", "empty"),
        "byte.png": (b"\x89", no_picture),
        "one_pixel.png": (_png(1, 1, b"\0\0"), "No face was found"),
        "line.png": (_png(65535, 1, b"\0" * 8193), "No face was found"),
        "column.png": (_png(1, 65535, b"\0\0" * 65535), "No face was found"),
        "thread.jpg": (_saved(Image.new("RGB", (1, 65500)), "JPEG"), "No face was found"),
        "no_size.png": (_png(0, 0, b""), no_picture),
        "half.jpg": (jpeg[: len(jpeg) // 2], damaged),
        "half.png": (png[: len(png) // 2], damaged),
        "start.png": (png[:30], no_picture),
        "flipped.png": (png[:3000] + bytes(200) + png[3200:], damaged),
        "says_60000.png": (_png(60000, 60000, b"\0" * 99), large),
        "says_maximum.png": (_png(2**31 - 1, 2**31 - 1, b"\0"), large),
        "bomb_400_mp.png": (_png(20000, 20000, bytes(2501 * 20000)), large),
        "bomb_49_mp.png": (_png(7000, 7000, bytes(876 * 7000)), "No face was found"),
        "bomb.gif": (b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0), no_picture),
        "profile_bomb.png": (
            _png(9, 9, b"\0" * 27, 1, _chunk(b"iCCP", b"a\0\0" + bomb)), "No face|damaged|not a pic"
        ),
        "text_bomb.png": (
            _png(9, 9, b"\0" * 27, 1, _chunk(b"zTXt", b"a\0\0" + bomb)), "No face|damaged|not a pic"
        ),
        "scans.jpg": (_many_scans(), "too many scans"),
        "animated.gif": (_saved(grey, "GIF", save_all=True, append_images=greys), ""),
        "animated.png": (_saved(face, "PNG", **many), ""),
        "animated.webp": (_saved(face, "WEBP", **many), ""),
        "much_text.png": (_saved(face, "PNG", pnginfo=text), ""),
        "comments.jpg": (jpeg[:2] + (b"\xff\xfe\xff\xff" + b"c" * 65533) * 300 + jpeg[2:], ""),
        "bad_profile.jpg": (_saved(face, "JPEG", **bad_profile), ""),
        "jpeg_called.png": (jpeg, ""),
        "text.jpg": (b"this is no picture <b>at all</b>", no_picture),
        "script.svg": (svg, no_picture),
        "svg_called.png": (svg, no_picture),
        "page.png": (b"<!doctype html><script>alert(document.cookie)</script>", no_picture),
        "archive.png": (_zip(), no_picture),
        "picture_and_archive.jpg": (jpeg + _zip(), ""),
        "gif_and_script.gif": (b"GIF89a/*" + bytes(8) + b"*/=1;alert(1)", no_picture),
        "document.jpg": (b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript>>>>", no_picture),
        "postscript.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nquit", no_picture),
        "photoshop.png": (b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 9, 9, 8, 3), no_picture),
        "program.png": (b"\x7fELF" + bytes(60), no_picture),
        "deep.png": (_saved(Image.fromarray(deep), "PNG"), ""),
        "four_inks.jpg": (_saved(face.convert("CMYK"), "JPEG"), ""),
        "palette.png": (_saved(face.quantize(200), "PNG", transparency=3), ""),
        "clear.png": (_saved(Image.new("RGBA", (300, 300), (0, 0, 0, 0)), "PNG"), "No face"),
        "alpha.png": (_saved(face.convert("RGBA"), "PNG"), ""),
        "grey_alpha.png": (_saved(grey.convert("LA"), "PNG"), ""),
        "one_bit.png": (_saved(Image.new("1", (99, 99)), "PNG"), "No face"),
        "not_numbers.tif": (_saved(Image.fromarray(floats), "TIFF"), ""),
        "pages.tif": (_saved(face, "TIFF", save_all=True, append_images=frames[:9]), ""),
        "looped.tif": (_looped_tiff(), f"{damaged}|{no_picture}"),
        "huge.bmp": (b"BM" + struct.pack("<IIIIiiHHIIiiII", 99, 0, 54, 40, 2**30, -(2**30), 1, 24, 0,
                     0, 0, 0, 0, 0), f"{large}|{no_picture}|{damaged}"),
        "turned.jpg": (_saved(face.rotate(90), "JPEG", exif=turned), ""),
        "turned_nowhere.jpg": (_saved(face, "JPEG", exif=nonsense), ""),
        "bad_exif.jpg": (_saved(face, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"), ""),
        "junk.heic": (b"\0\0\0\x18ftypheic" + bytes(range(256)) * 8, "HEIC|not a pic|damaged"),
        "junk.avif": (b"\0\0\0\x18ftypavif" + bytes(range(256)) * 8, "not a picture|video|damaged"),
        "clip.png": (CLIP.read_bytes(), "This is a video"),
        "tensors.png": (struct.pack("<Q", 2**20 - 1) + b'{"a":' + b"[" * 9**5, "damaged|not a pic"),
    }  # fmt: skip
    cases = []
    for name, (content, words) in made.items():
        (folder / name).write_bytes(content)
        cases.append((name, folder / name, words))
    (folder / "face").write_bytes(png)
    return cases + [(name, folder / "face", "") for name in NAMES]


def _ffmpeg(path: Path, *arguments: str | Path) -> Path:
    command = [get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments), str(path)]
    subprocess.run(command, check=True, timeout=120)
    return path


def clips(folder: Path) -> list[Case]:
    face = ("-t", "0.4", "-i", CLIP)
    grey = ("-f", "lavfi", "-i")
    fast = ("-c:v", "libx264", "-preset", "ultrafast")

    def made(name: str, *arguments: str | Path) -> bytes:
        return _ffmpeg(folder / name, *arguments).read_bytes()

    good = made("good.mp4", *face, "-c", "copy")
    turn = made("turn.mp4", "-display_rotation", "90", *face, "-c", "copy")
    mvhd = good.index(b"mvhd")
    year = struct.pack(">I", 1000 * 3600 * 24 * 365 % 2**32)
    secret = "file:///etc/passwd"
    playlist = f"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:9.0,\n{secret}\n#EXT-X-ENDLIST\n"
    remote = playlist.replace(secret, "http://127.0.0.1:9/secret.ts")
    chained = playlist.replace(secret, "concat:http://127.0.0.1:9/a|file:///etc/passwd")
    dash = (
        '<?xml version="1.0"?><MPD type="static" mediaPresentationDuration="PT9S"><Period>'
        f"<AdaptationSet><Representation id='1'><BaseURL>{secret}</BaseURL>"
        "</Representation></AdaptationSet></Period></MPD>"
    )
    subtitle = (
        b"GAB2\0\2\0"
        + struct.pack("<I", 4)
        + b"e\0\0\0\4\0"
        + struct.pack("<I", len(playlist))
        + playlist.encode()
    )
    avi = made("plain.avi", *face, "-c:v", "mjpeg")
    no_video, damaged = "not a video", "damaged or was cut short"
    sizes = [made(f"{k}.ts", *face, "-vf", f"scale={k}:{k}", *fast) for k in (320, 160, 480)]
    streams = [part for _ in range(150) for part in ("-map", "0:v")]
    sound = ("-f", "lavfi", "-i", "sine=440:duration=1")
    words = {
        "empty.mp4": (b"", "empty"),
        "text.mp4": (b"no video at all", no_video),
        "page.mp4": (b"<!doctype html><script>alert(1)</script>", no_video),
        "archive.mp4": (_zip(), no_video),
        "picture.mp4": (FACE.read_bytes(), "This is a picture"),
        "half.mp4": (good[: len(good) // 2], f"{damaged}|"),
        "no_index.mp4": (good[: good.index(b"moov") - 4] + bytes(99), damaged),
        "no_frames.mp4": (good.replace(b"stsz", b"xxxx").replace(b"stco", b"xxxx"), damaged),
        "sound_only.mp4": (made("s.mp4", *sound), "sound but no picture"),
        "subtitles_only.mkv": (
            made("t.mkv", "-f", "srt", "-i", _text(folder / "t.srt", "1\n0:0:0,0 --> 0:0:1,0\na\n")),
            damaged,
        ),
        "playlist.m3u8": (playlist.encode(), no_video),
        "playlist_called.mp4": (playlist.encode(), no_video),
        "playlist_elsewhere.mp4": (remote.encode(), no_video),
        "playlist_chained.mp4": (chained.encode(), no_video),
        "list.ffconcat": (b"ffconcat version 1.0\nfile /etc/passwd\n", no_video),
        "list_called.mp4": (b"ffconcat version 1.0\nfile http://127.0.0.1:9/a.mp4\n", no_video),
        "dash.mpd": (dash.encode(), no_video),
        "session.sdp": (b"v=0\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n", no_video),
        "playlist_as_subtitle.avi": (avi + subtitle, ""),
        "playlist_in_mov.mov": (good.replace(b"url \0\0\0\1", b"alis\0\0\0\0"), f"{damaged}|"),
        "hour.mp4": (
            made("h.mp4", *grey, "color=s=32x32:r=1:d=3600", *fast), "longer than 600 seconds"
        ),
        "minutes.mp4": (made("m.mp4", *grey, "color=s=32x32:r=1:d=90", *fast), "Choose a part"),
        "says_a_year.mp4": (good[: mvhd + 20] + year + good[mvhd + 24 :], "longer than|"),
        "fast.mp4": (made("f.mp4", *grey, "color=s=32x32:r=1000:d=30", *fast), "frames"),
        "streams.mkv": (made("n.mkv", *face, *streams, "-c", "copy"), ""),
        "wall.mp4": (made("w.mp4", *grey, "color=s=8000x8000:r=1:d=1", *fast), "pixels, more than"),
        "stretched.mp4": (
            made("x.mp4", *grey, "color=s=640x480:r=5:d=1", "-vf", "setsar=3000/1", *fast),
            "pixels, more than",
        ),
        "dot.mp4": (made("d.mp4", *grey, "color=s=2x2:r=5:d=1", *fast), "No face was found"),
        "changing.ts": (b"".join(sizes), ""),
        "turned.mp4": (turn, "No face was found|"),
        "animated.gif": (made("g.gif", *face, "-vf", "scale=200:-2"), ""),
        "one_frame.mp4": (made("o.mp4", *face, "-frames:v", "1", *fast), ""),
        "much_text.mp4": (
            made("c.mp4", *face, "-c", "copy", "-metadata", "comment=" + "c" * 99_999), ""
        ),
        "black.mp4": (made("b.mp4", *grey, "color=s=320x240:r=5:d=1", *fast), "No face was found"),
        "noise.mp4": (good[:48] + np.random.default_rng(0).bytes(20_000), damaged),
    }  # fmt: skip
    cases = []
    for name, (content, said) in words.items():
        path = folder / f"sent_{name}"
        path.write_bytes(content)
        cases.append((name, path, said))
    names = ("-i.mp4", "%03d.mp4", "file:|etc|passwd.mp4", "concat:a|b.mp4", "http:__x.mp4")
    return cases + [(name, folder / "good.mp4", "") for name in names]


def _text(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
