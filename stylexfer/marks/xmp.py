"""XMP with IPTC's DigitalSourceType: the property that search engines and photo tools read.

It is what article 50 of the EU AI Act's code of practice asks for. It names no person, holds no
picture, is not signed, and is gone as soon as a file is saved by a program that drops metadata.
"""

import re
import struct
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from stylexfer.marks.mark import NOTICE, Source

# As an attribute or as an element: both are XMP, and programs turn one into the other.
_PROPERTY = re.compile(
    rb"DigitalSourceType\s*(?:=\s*[\"']|>)\s*https?://cv\.iptc\.org/newscodes/digitalsourcetype/(\w+)"
)

# ISO base media files carry XMP in a top-level box of this type (XMP specification part 3).
_XMP_UUID = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
_LARGEST_XMP = 1 << 20
_MOST_BOXES = 10_000  # a fragmented recording of an hour has fewer
Image.init()  # else it knows five formats until a file of another comes by
_FORMATS = ("PNG", "JPEG", "WEBP")


def xmp_packet(source: Source) -> bytes:
    """An XMP packet, UTF-8, that holds the source type and nothing else."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about=""'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        f' Iptc4xmpExt:DigitalSourceType="{source.url}"'
        ' xmp:CreatorTool="stylexfer"/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def video_metadata(source: Source) -> list[str]:
    """ffmpeg output options: the same in words, for players and people."""
    text = f"{NOTICE} Digital source type: {source.url}"
    return ["-metadata", f"comment={text}", "-metadata", f"description={text}"]


def append_xmp(path: Path, source: Source) -> None:
    """Append the XMP box to a finished mp4 file; ffmpeg itself cannot write it."""
    body = _XMP_UUID + xmp_packet(source)
    with open(path, "ab") as file:
        file.write(struct.pack(">I4s", 8 + len(body), b"uuid") + body)


def _mp4_xmp(file: BinaryIO) -> bytes:
    """The XMP packet of an mp4, or nothing. Walks the top-level boxes only."""
    end = file.seek(0, 2)
    start = 0
    for _ in range(_MOST_BOXES):
        if start + 24 > end:
            break
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1:
            size, header = struct.unpack(">Q", file.read(8))[0], 16
        elif size == 0:
            size = end - start
        if size < header:
            break
        if kind == b"uuid" and file.read(16) == _XMP_UUID:
            return file.read(min(size - header - 16, _LARGEST_XMP))
        start += size
    return b""


def read_source_type(path: str | Path) -> str | None:
    """The last part of the digital source type in the XMP of a PNG, JPEG, WebP or mp4 file, such as
    "trainedAlgorithmicMedia"; None if there is none or it cannot be read."""
    with open(path, "rb") as file:
        if file.read(12)[4:8] == b"ftyp":
            packet = _mp4_xmp(file)
        else:
            file.seek(0)
            try:
                with Image.open(file, formats=_FORMATS) as picture:
                    info = picture.info
            except Exception:  # noqa: BLE001  a hostile file can make a parser fail in any way
                return None
            packet = info.get("xmp") or info.get("XML:com.adobe.xmp", b"")
            packet = packet.encode() if isinstance(packet, str) else packet
    found = _PROPERTY.search(packet[:_LARGEST_XMP])
    return found[1].decode() if found else None
