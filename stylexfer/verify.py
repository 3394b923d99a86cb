"""`python -m stylexfer verify`: was this file made here, and is it as it was made?

A file is asked three things: its signed C2PA manifest, its XMP, and its watermark. Nothing in it is
run, nothing is fetched, and it is opened with the limits of every upload.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import Enum
from itertools import islice
from pathlib import Path

import numpy as np

from stylexfer.arguments import NO_LIMITS
from stylexfer.errors import StylexferError, UnreadableMedia
from stylexfer.marks.detector import FALSE_ALARMS, Found, detect
from stylexfer.marks.manifest import Manifest, read_manifest
from stylexfer.marks.mark import Source
from stylexfer.marks.xmp import read_source_type
from stylexfer.media import ClipInfo, open_picture, probe, read_frames

_PLACES, _FRAMES, _EVERY = 3, 12, 2  # of a clip: parts, frames of each, every second one

AI = tuple(source.value for source in Source)


class Verdict(str, Enum):
    """What is known of a file, most telling first."""

    MADE = "made"
    EDITED = "edited"
    REENCODED = "re-encoded"
    SAYS_SO = "says so"
    SIGNED = "signed by others"
    UNKNOWN = "no mark"


WORDS = {
    Verdict.MADE: "Made by AI, and unchanged since it was signed.",
    Verdict.EDITED: "It was signed as made by AI, and changed afterwards.",
    Verdict.REENCODED: (
        "Made by AI with stylexfer: the watermark is there. The signature is gone, so it was saved "
        "again, resized or cut by another program."
    ),
    Verdict.SAYS_SO: "It says of itself that AI made it; no signature and no watermark of ours.",
    Verdict.SIGNED: "Signed by somebody else, and nothing of ours is in it.",
    Verdict.UNKNOWN: (
        "No mark was found. That does not make it real: marks can be removed, and other programs "
        "leave none."
    ),
    "manifest": "Signature (C2PA)",
    "xmp": "Metadata (XMP)",
    "watermark": "Watermark",
    "none": "none",
    "intact": "intact: nothing was changed since it was signed",
    "altered": "broken: the file was changed after it was signed",
    "damaged": "broken: it is damaged or not genuine",
    "trusted": "by {signer}, whom this machine trusts",
    "throw_away": "by nobody in particular: a throw-away certificate, as anybody can make one",
    "untrusted": "by {signer}, as the certificate claims; this machine does not know it",
    "generator": "made with {generator}",
    "pack": "pack {pack}",
    "source": "source type {source}",
    "found": "found; an unmarked file looks so once in {odds} at most",
    "scale": "seen at {scale:.0%} of the size at which it was made",
    "absent": "not found",
}


@dataclass(frozen=True)
class Report:
    """What the marks of one file say."""

    verdict: Verdict
    manifest: Manifest | None
    source_type: str | None  # of the XMP
    watermark: Found

    def rows(self) -> list[tuple[str, list[str]]]:
        """What was looked at and what was found there, in words."""
        found = [WORDS["absent"]]
        if self.watermark.marked:
            power = int(-np.log10(max(self.watermark.chance, 1e-30)))
            found = [WORDS["found"].format(odds=f"10^{power}")]
            if abs(self.watermark.scale - 1) > 0.01:
                found.append(WORDS["scale"].format(scale=self.watermark.scale))
        said = WORDS["none"]
        if self.source_type:
            said = WORDS["source"].format(source=self.source_type)
        return [
            (WORDS["manifest"], self._manifest()),
            (WORDS["xmp"], [said]),
            (WORDS["watermark"], found),
        ]

    def _manifest(self) -> list[str]:
        m = self.manifest
        if m is None:
            return [WORDS["none"]]
        state = "intact" if m.intact else "altered" if m.altered else "damaged"
        parts = [WORDS[state]]
        if m.signer:
            by = "trusted" if m.trusted else "throw_away" if m.throw_away else "untrusted"
            parts.append(WORDS[by].format(signer=m.signer))
        if m.generator:
            parts.append(WORDS["generator"].format(generator=m.generator))
        if m.pack:
            parts.append(WORDS["pack"].format(pack=m.pack))
        if m.source_type:
            parts.append(WORDS["source"].format(source=m.source_type))
        return parts

    def as_json(self) -> dict:
        """The same for programs."""
        return {
            "verdict": self.verdict.value,
            "c2pa": asdict(self.manifest) if self.manifest else None,
            "xmp_source_type": self.source_type,
            "watermark": asdict(self.watermark) | {"found": self.watermark.marked},
        }


def _verdict(manifest: Manifest | None, source_type: str | None, watermark: Found) -> Verdict:
    if manifest and not manifest.intact:
        ours = manifest.source_type in AI or source_type in AI or watermark.marked
        return Verdict.EDITED if ours else Verdict.SIGNED
    if manifest and manifest.source_type in AI:
        return Verdict.MADE
    if watermark.marked:
        return Verdict.REENCODED
    if source_type in AI:
        return Verdict.SAYS_SO
    return Verdict.SIGNED if manifest else Verdict.UNKNOWN


def _sampled(path: Path, info: ClipInfo) -> Iterator[np.ndarray]:
    """Some frames of a clip, from its beginning, middle and end."""
    wanted = _FRAMES * _EVERY
    spread = info.frames > 2 * _PLACES * wanted
    for place in range(_PLACES if spread else 1):
        start = info.duration * place / _PLACES if spread else 0.0
        frames = read_frames(path, info.part(start))
        try:
            yield from islice(frames, 0, wanted if spread else _PLACES * wanted, _EVERY)
        finally:
            frames.close()


def _watermark(path: Path, limits: dict) -> Found:
    try:
        return detect([open_picture(path)])
    except UnreadableMedia:
        start = b""
        if path.is_file():
            with open(path, "rb") as file:
                start = file.read(12)
        if not (start[4:8] == b"ftyp" or start[:4] in (b"\x1aE\xdf\xa3", b"RIFF")):
            raise
        return detect(_sampled(path, probe(path, **limits)))


def verify(path: str | Path, **limits) -> Report:
    """Look for all marks in a picture or clip.

    limits: those of `probe`, for a clip. TooLarge, TooLong, and UnreadableMedia for a file that is
    neither or is damaged.
    """
    path = Path(path)
    watermark = _watermark(path, limits)  # first, as it is this that checks the file
    with open(path, "rb") as file:
        manifest = read_manifest(file)
    source_type = read_source_type(path)
    return Report(_verdict(manifest, source_type, watermark), manifest, source_type, watermark)


def _verify(args: argparse.Namespace) -> int:
    """Says what marks a picture or clip carries, and whether it was changed since."""
    reports, failed = {}, False
    for path in args.files:
        try:
            report = verify(path, **NO_LIMITS)
        except StylexferError as problem:
            if not args.json and len(args.files) == 1:
                raise
            failed = True
            reports[path] = {"error": str(problem)}
            if not args.json:
                print(f"stylexfer: {path}: {problem}", file=sys.stderr)
            continue
        reports[path] = report.as_json()
        if not args.json:
            print(f"{path}: {WORDS[report.verdict]}")
            for name, found in report.rows():
                print(f"  {name:18}{'; '.join(found)}")
    if args.json:
        print(json.dumps(reports, indent=1))
    return 2 if failed else 0


def add_verify_command(commands) -> None:
    """`verify`, among the commands of `python -m stylexfer`."""
    command = commands.add_parser(
        "verify",
        help=_verify.__doc__,
        description=f"{_verify.__doc__} The watermark is found in one unmarked file of "
        f"{1 / FALSE_ALARMS:,.0f}, at most. Signers are trusted if $STYLEXFER_C2PA_TRUST names their "
        "root (PEM text or a file).",
    )
    command.add_argument("files", nargs="+", metavar="FILE", help="PNG, JPEG, WebP, MP4 and others")
    command.add_argument("--json", action="store_true", help="for programs")
    command.set_defaults(run=_verify)
