"""Open any picture a visitor sends, and save ours with its mark."""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from stylexfer.errors import TooLarge, UnreadableMedia
from stylexfer.marks import Mark, Stamp
from stylexfer.marks.manifest import TYPES, sign
from stylexfer.marks.xmp import xmp_packet

try:
    from pillow_heif import register_heif_opener
except ImportError:  # no wheel for this platform: HEIC uploads then get a message
    pass
else:
    register_heif_opener()

MAX_BYTES = 50 * 2**20
MAX_PIXELS = 50_000_000

# More is of no use: FFHQ alignment at 1024 px, the largest there is, samples about 1500 px of a
# face that fills the picture.
WORKING_SIDE = 4096

# Formats of cameras, phones and the web. Pillow knows forty more, each one a parser to attack.
Image.init()  # else it knows five of them until a file of another comes by
_FORMATS = [
    name
    for name in ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
    if name in Image.OPEN  # HEIF and AVIF depend on how Pillow was built
]
_ACCEPTED = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC"
# Each scan of a progressive JPEG costs a pass over the whole picture, and may be ten bytes long:
# encoders write about ten of them, and a file of a megabyte could keep a core busy for an hour.
_MAX_SCANS = 200
_SCAN = b"\xff\xda"  # within a scan's data 0xff is always followed by 0

_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1")


def _refusal(start: bytes) -> UnreadableMedia:
    """Say what a file is that no picture format claimed, from its first bytes."""
    if not start:
        return UnreadableMedia("The picture file is empty. Send it again.")
    if start[4:8] == b"ftyp" and start[8:12] in _HEIC_BRANDS:
        return UnreadableMedia(
            "This HEIC picture cannot be opened here. Save it as JPEG or PNG and send that."
        )
    is_video = start[4:8] == b"ftyp" or start[:4] == b"\x1aE\xdf\xa3" or start[8:11] == b"AVI"
    if is_video:
        return UnreadableMedia(
            "This is a video, and a picture is needed here. Send a still picture instead."
        )
    return UnreadableMedia(
        "This file is not a picture, whatever its name says. "
        f"Send a {_ACCEPTED} file, opened and saved again if need be."
    )


def _to_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """Convert from the colour space the file declares (phones write Display P3)."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(picture, source, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):  # a broken profile must not cost the picture
        return picture.convert("RGB")


def _to_rgb(picture: Image.Image) -> Image.Image:
    """Any Pillow mode to RGB: deep greys scaled to 8 bits, transparency over white."""
    if picture.mode[0] in "IF":  # 16 or 32 bits a pixel; Pillow's own conversion would clip
        grey = np.asarray(picture, dtype=np.float32)
        peak = 65535 if picture.mode.startswith("I;16") else np.nanmax(grey, initial=0)
        white = 1 if peak <= 1 else 255 if peak <= 255 else 65535
        grey = np.nan_to_num(grey) * (255 / white)
        return Image.fromarray(np.uint8(np.clip(np.rint(grey), 0, 255))).convert("RGB")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
        return picture.convert("RGB")
    profile = picture.info.get("icc_profile")
    if profile and picture.mode in ("RGB", "CMYK", "L"):
        return _to_srgb(picture, profile)
    return picture.convert("RGB")


def open_picture(
    path: str | Path, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS
) -> np.ndarray:
    """Open an untrusted picture, upright, in sRGB.

    Bytes and pixels are checked before anything is decoded. Of an animation the first frame is
    taken; a picture with a side over 4096 px (`WORKING_SIDE`) is scaled down to that.
    Returns uint8 [H, W, 3].
    Raises TooLarge, and UnreadableMedia for a file that is no picture or is damaged.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            start = file.read(16)
    except OSError as error:
        raise UnreadableMedia(
            f"The picture {path.name} cannot be read: {error.strerror}."
        ) from error
    if size > max_bytes:
        raise TooLarge(
            f"The picture has {size / 2**20:.0f} MB, and the limit is {max_bytes / 2**20:.0f} MB. "
            "Save it smaller and send it again."
        )
    too_many = TooLarge(
        f"The picture has more than {max_pixels / 1e6:.0f} million pixels, which is the limit. "
        "Scale it down and send it again."
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's bomb warning: the limit here is ours
            picture = Image.open(path, formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise too_many from error
    except Exception as error:  # a hostile file can make a parser fail in any way
        raise _refusal(start) from error

    with picture:
        if picture.width * picture.height > max_pixels:
            raise too_many
        if picture.format in ("JPEG", "MPO") and path.read_bytes().count(_SCAN) > _MAX_SCANS:
            raise UnreadableMedia(
                "This JPEG is made of too many scans. Open it, save it again, and send that."
            )
        try:
            # Lets the JPEG decoder leave out detail that would be thrown away next.
            picture.draft(None, (WORKING_SIDE, WORKING_SIDE))
            picture.load()
            upright = _to_rgb(ImageOps.exif_transpose(picture))
        except Exception as error:
            raise UnreadableMedia(
                "The picture is damaged or was cut short. Download or export it again, "
                "and send the new file."
            ) from error
        upright.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.LANCZOS, reducing_gap=3)
        return np.array(upright)


def encoded_picture(ending: str, image: np.ndarray, mark: Mark = Mark.GENERATED) -> bytes:
    """A PNG, JPEG or WebP file of a picture of our making, with all that `mark` asks for: label and
    watermark in the pixels, XMP and a signed manifest around them.

    ending: ".png", ".jpg", ".jpeg" or ".webp". image: uint8 [H, W, 3].
    """
    packet = xmp_packet(mark.source)
    picture, plain = Image.fromarray(Stamp(mark, image)(image)), io.BytesIO()
    match ending.lower():
        case ".png":
            info = PngImagePlugin.PngInfo()
            info.add_itxt("XML:com.adobe.xmp", packet.decode())
            picture.save(plain, "PNG", pnginfo=info)
        case ".jpg" | ".jpeg":
            picture.save(plain, "JPEG", quality=95, subsampling=0, xmp=packet)
        case ".webp":
            picture.save(plain, "WEBP", quality=95, xmp=packet)
        case other:
            raise UnreadableMedia(
                f"Pictures are not written as '{other}'. Choose a name in .png, .jpg or .webp."
            )
    plain.seek(0)
    signed = io.BytesIO()
    sign(plain, signed, TYPES[ending.lower()], mark)
    return signed.getvalue()


def save_picture(path: str | Path, image: np.ndarray, mark: Mark = Mark.GENERATED) -> None:
    """Write a PNG, JPEG or WebP file, by the ending of `path`, marked as `encoded_picture` says.

    image: uint8 [H, W, 3].
    """
    path = Path(path)
    path.write_bytes(encoded_picture(path.suffix, image, mark))
