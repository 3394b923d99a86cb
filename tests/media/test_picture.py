import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from stylexfer.errors import TooLarge, UnreadableMedia
from stylexfer.marks import Mark, Source
from stylexfer.marks.xmp import read_source_type
from stylexfer.media import open_picture, save_picture
from stylexfer.media.picture import WORKING_SIDE
from tests.reference.weights import smooth_image

IMAGE = smooth_image(60, 80, 3)
SMOOTH = np.asarray(Image.fromarray(IMAGE).resize((8, 6)).resize((80, 60)))


def saved(path, picture: Image.Image, **options):
    picture.save(path, **options)
    return path


def test_lossless_formats_come_back_as_they_were(tmp_path):
    for ending in ("png", "bmp", "tiff", "webp"):
        options = {"lossless": True} if ending == "webp" else {}
        path = saved(tmp_path / f"a.{ending}", Image.fromarray(IMAGE), **options)
        image = open_picture(path)
        assert image.dtype == np.uint8 and image.flags.writeable
        assert np.array_equal(image, IMAGE), ending


@pytest.mark.parametrize("kind", ["JPEG", "AVIF", "HEIF"])
def test_lossy_formats_come_back_nearly(tmp_path, kind):
    path = tmp_path / "a.bin"  # the name must not matter
    try:
        Image.fromarray(SMOOTH).save(path, kind, quality=95)
    except (KeyError, OSError):
        pytest.skip(f"this Pillow cannot write {kind}")
    assert np.abs(open_picture(path).astype(int) - SMOOTH).mean() < 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path, orientation):
    corners = np.zeros((40, 60, 3), dtype=np.uint8)
    corners[:20, :30] = 255  # white: top left of the stored picture
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "a.jpg", Image.fromarray(corners), exif=exif, quality=95)
    image = open_picture(path)
    assert image.shape[:2] == ((40, 60) if orientation < 5 else (60, 40))
    height, width = image.shape[:2]
    white = {
        (y > 0, x > 0)
        for y, x in ((0, 0), (0, 1), (1, 0), (1, 1))
        if image[5 + y * (height - 10), 5 + x * (width - 10), 0] > 128
    }
    # Where EXIF says that the stored top-left corner goes.
    bottom, right = {3, 4, 7, 8}, {2, 3, 6, 7}
    assert white == {(orientation in bottom, orientation in right)}


@pytest.mark.parametrize("ending", ["png", "tiff"])
def test_16_bit_grey_keeps_its_tones(tmp_path, ending):
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)
    path = saved(tmp_path / f"a.{ending}", Image.fromarray(np.tile(ramp, (9, 1))))
    want = np.repeat(np.arange(256)[None, :, None], 3, axis=2)
    assert np.abs(open_picture(path).astype(int) - want).max() <= 1


def test_dark_16_bit_grey_stays_dark(tmp_path):
    path = saved(tmp_path / "a.png", Image.fromarray(np.full((4, 4), 200, dtype=np.uint16)))
    assert open_picture(path).max() <= 1


def test_cmyk(tmp_path):
    path = saved(tmp_path / "a.jpg", Image.new("CMYK", (20, 20), (0, 255, 255, 0)), quality=95)
    red = open_picture(path)[10, 10].astype(int)
    assert red[0] > 200 and red[1:].max() < 60


def test_transparency_is_put_on_white(tmp_path):
    palette = Image.new("P", (10, 10), 1)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    palette.paste(0, (0, 0, 5, 10))
    clear = saved(tmp_path / "a.gif", palette, transparency=0)
    image = open_picture(clear)
    assert tuple(image[5, 2]) == (255, 255, 255) and tuple(image[5, 7]) == (255, 0, 0)
    half = saved(tmp_path / "a.png", Image.new("RGBA", (4, 4), (0, 0, 0, 128)))
    assert abs(int(open_picture(half)[0, 0, 0]) - 127) <= 1


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_an_animation_gives_its_first_frame(tmp_path, ending):
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    path = saved(tmp_path / f"a.{ending}", frames[0], save_all=True, append_images=frames[1:])
    image = open_picture(path)
    assert image.shape == (20, 20, 3) and image[10, 10, 0] > 200 and image[10, 10, 2] < 60


def test_colour_profiles_are_converted_and_broken_ones_ignored(tmp_path):
    from PIL import ImageCms

    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (srgb, b"no profile at all"):
        path = saved(tmp_path / "a.png", Image.fromarray(IMAGE), icc_profile=profile)
        assert np.abs(open_picture(path).astype(int) - IMAGE).max() <= 1


def test_a_6000_px_picture_is_scaled_to_the_working_size(tmp_path):
    path = saved(tmp_path / "a.jpg", Image.new("RGB", (6000, 6000), (10, 200, 30)))
    image = open_picture(path)
    assert image.shape == (WORKING_SIDE, WORKING_SIDE, 3)
    assert np.abs(image[0, 0].astype(int) - (10, 200, 30)).max() < 4


def bomb(side: int) -> bytes:
    """A PNG whose header promises side x side pixels and that holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [7100, 12000, 60000])
def test_too_many_pixels_are_refused_before_decoding(tmp_path, side):
    path = tmp_path / "a.png"
    path.write_bytes(bomb(side))
    with pytest.raises(TooLarge, match="50 million pixels"):
        open_picture(path)


def test_too_many_bytes(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\xff\xd8" * 2**20)
    with pytest.raises(TooLarge, match="2 MB, and the limit is 1 MB"):
        open_picture(path, max_bytes=2**20)


def encoded(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(smooth_image(200, 200, 4)).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("part", [0.5, 0.97])
def test_truncated(tmp_path, kind, part):
    path = tmp_path / "a.jpg"
    data = encoded(kind)
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(UnreadableMedia, match="damaged|not a picture"):
        open_picture(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"Dear Sir or Madam,\n", "not a picture"),
        (b"", "empty"),
        (b"\0" * 100, "not a picture"),
        (b"%PDF-1.7 ...", "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", "is a video"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\1B\xf7\x81\1", "is a video"),
        (b"\x89PNG\r\n\x1a\n", "not a picture"),
        (b"GIF89a", "not a picture"),
    ],
)
def test_what_is_no_picture(tmp_path, data, message):
    path = tmp_path / "portrait.jpg"
    path.write_bytes(data)
    with pytest.raises(UnreadableMedia, match=message):
        open_picture(path)


def test_missing_file_and_folder(tmp_path):
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(UnreadableMedia, match="cannot be read"):
            open_picture(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
def test_damaged_bytes_never_escape_as_another_error(tmp_path, kind):
    path = tmp_path / "a.bin"
    random = np.random.RandomState(0)
    data = np.frombuffer(encoded(kind), dtype=np.uint8)
    for _ in range(25):
        hurt = data.copy()
        hurt[random.randint(0, min(len(data), 600), 12)] = random.randint(0, 256, 12)
        path.write_bytes(hurt.tobytes())
        try:
            assert open_picture(path).ndim == 3
        except (UnreadableMedia, TooLarge):
            pass


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
@pytest.mark.parametrize("source", list(Source))
def test_saved_pictures_carry_the_mark(tmp_path, ending, source):
    path = tmp_path / f"out.{ending}"
    save_picture(path, IMAGE, Mark(source, label=None))
    assert read_source_type(path) == source
    assert b"Iptc4xmpExt:DigitalSourceType" in path.read_bytes()
    difference = np.abs(open_picture(path).astype(int) - IMAGE)
    assert difference.mean() < (4 if ending == "png" else 8)  # the watermark


def test_no_mark(tmp_path):
    assert read_source_type(saved(tmp_path / "a.png", Image.fromarray(IMAGE))) is None
    text = tmp_path / "a.txt"
    text.write_text("hello")
    assert read_source_type(text) is None


def test_save_refuses_other_endings(tmp_path):
    with pytest.raises(UnreadableMedia, match=r"\.png, \.jpg or \.webp"):
        save_picture(tmp_path / "a.bmp", IMAGE)
