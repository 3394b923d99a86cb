"""The machine-readable mark that a picture or clip was made by a network.

The mark is XMP with IPTC's DigitalSourceType, the property that article 50 of the EU AI Act's
code of practice, search engines and photo tools read. It names no person and holds no picture.
"""

import re
import struct
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from PIL import Image

_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_PROPERTY = re.compile(rb"DigitalSourceType[^<>]*?" + re.escape(_SOURCE_TYPES.encode()) + rb"(\w+)")

# ISO base media files carry XMP in a top-level box of this type (XMP specification part 3).
_XMP_UUID = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
_LARGEST_XMP = 1 << 20

NOTICE = "AI-generated: made with stylexfer by a neural network, not recorded by a camera."


class Mark(str, Enum):
    """IPTC digital source types, https://cv.iptc.org/newscodes/digitalsourcetype/"""

    GENERATED = "trainedAlgorithmicMedia"
    COMPOSITE = "compositeWithTrainedAlgorithmicMedia"  # pasted back into a real picture


def xmp_packet(mark: Mark) -> bytes:
    """An XMP packet, UTF-8, that holds the mark and nothing else."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about=""'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        f' Iptc4xmpExt:DigitalSourceType="{_SOURCE_TYPES}{mark.value}"'
        ' xmp:CreatorTool="stylexfer"/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def video_metadata(mark: Mark) -> list[str]:
    """ffmpeg output options: the same in words, for players and people."""
    text = f"{NOTICE} Digital source type: {_SOURCE_TYPES}{mark.value}"
    return ["-metadata", f"comment={text}", "-metadata", f"description={text}"]


def append_mark(path: Path, mark: Mark) -> None:
    """Append the XMP box to a finished mp4 file; ffmpeg itself cannot write it."""
    body = _XMP_UUID + xmp_packet(mark)
    with open(path, "ab") as file:
        file.write(struct.pack(">I4s", 8 + len(body), b"uuid") + body)


def _mp4_xmp(file: BinaryIO) -> bytes:
    """The XMP packet of an mp4, or nothing. Walks the top-level boxes only."""
    end = file.seek(0, 2)
    start = 0
    while start + 24 <= end:
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1:
            size, header = struct.unpack(">Q", file.read(8))[0], 16
        elif size == 0:
            size = end - start
        if size < header:
            return b""
        if kind == b"uuid" and file.read(16) == _XMP_UUID:
            return file.read(min(size - header - 16, _LARGEST_XMP))
        start += size
    return b""


def read_mark(path: str | Path) -> Mark | None:
    """The mark in a PNG, JPEG, WebP or mp4 file; None if there is none or it cannot be read."""
    with open(path, "rb") as file:
        if file.read(12)[4:8] == b"ftyp":
            packet = _mp4_xmp(file)
        else:
            file.seek(0)
            try:
                with Image.open(file) as picture:
                    info = picture.info
            except (OSError, Image.DecompressionBombError):
                return None
            packet = info.get("xmp") or info.get("XML:com.adobe.xmp", b"")
            packet = packet.encode() if isinstance(packet, str) else packet
    found = _PROPERTY.search(packet)
    known = {mark.value.encode(): mark for mark in Mark}
    return known.get(found[1]) if found else None
