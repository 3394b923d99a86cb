"""Signed C2PA manifests: written into pictures and clips of ours, read from anybody's.

No network is touched: no time stamp, no revocation list, no manifest that lies elsewhere. A manifest
holds no picture (c2pa would put a thumbnail, so a face, into it).
"""

import json
import os
from dataclasses import dataclass
from functools import cache
from typing import BinaryIO

from stylexfer import __version__
from stylexfer.errors import StylexferError
from stylexfer.marks.certificate import (
    CERTIFICATE,
    THROW_AWAY,
    Credentials,
    credentials,
    own,
    pem,
)
from stylexfer.marks.mark import Mark

ANCHORS = "STYLEXFER_C2PA_TRUST"  # PEM of roots that `verify` trusts: text, or the path of a file

TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".mp4": "video/mp4",
}

_SETTINGS = {
    "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}


def _claim(mark: Mark, media_type: str) -> dict:
    generator = {"name": "stylexfer", "version": __version__}
    actions = [
        {
            "action": "c2pa.created",
            "digitalSourceType": mark.source.url,
            "softwareAgent": dict(generator),
        },
        {"action": "c2pa.watermarked.unbound"},  # ours is one bit: it points to no manifest
    ]
    return {
        "claim_generator_info": [generator | ({"pack": mark.pack} if mark.pack else {})],
        "format": media_type,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }


def sign(
    source: BinaryIO,
    target: BinaryIO,
    media_type: str,
    mark: Mark,
    signer: Credentials | None = None,
) -> None:
    """Copy a finished file (one of TYPES, open for reading) to `target` (open for reading and
    writing) with a signed manifest inside. About 4 kB; memory does not grow with the file.

    signer: `credentials()`. StylexferError if they cannot sign.
    """
    import c2pa  # a library of 23 MB

    signer = signer or credentials()
    chain, key = signer.chain.encode(), signer.key.encode()
    try:
        with (
            c2pa.Context(settings=c2pa.Settings.from_dict(_SETTINGS)) as context,
            c2pa.Signer.from_info(c2pa.C2paSignerInfo(signer.algorithm, chain, key, None)) as by,
            c2pa.Builder(_claim(mark, media_type), context=context) as builder,
        ):
            builder.sign(by, media_type, source, target)
    except c2pa.C2paError as error:
        if not signer.own:
            raise
        raise StylexferError(
            f"The certificate in ${CERTIFICATE} cannot sign: {error} It has to be for C2PA (end "
            "entity, key usage digitalSignature, extended key usage emailProtection, "
            "documentSigning or c2pa-kp-claimSigning)."
        ) from error


@dataclass(frozen=True)
class Manifest:
    """What a file's active manifest says, and whether to believe it."""

    intact: bool  # signature and hashes fit: nothing was changed since it was signed
    altered: bool  # they do not, and it is the picture or the sound that was changed
    trusted: bool  # the signer is one that this machine trusts
    signer: str | None  # organisation, else name, that the certificate claims
    throw_away: bool  # it says of itself that it is nobody's
    generator: str  # name and version of what made the file
    pack: str | None
    source_type: str | None  # last part of the digital source type
    problems: tuple[str, ...]  # C2PA's codes


@cache
def trust() -> dict:
    """c2pa's settings for whom to trust: the owner, and the roots of $STYLEXFER_C2PA_TRUST."""
    roots = pem(ANCHORS).decode() if os.environ.get(ANCHORS) else ""
    if mine := own():
        roots += "\n" + mine.chain[mine.chain.rindex("-----BEGIN") :]
    return {"trust": {"user_anchors": roots}} if roots else {}


def _source_type(manifest: dict) -> str | None:
    for assertion in manifest.get("assertions", []):
        if assertion.get("label", "").startswith("c2pa.actions"):
            for action in assertion.get("data", {}).get("actions", []):
                if isinstance(url := action.get("digitalSourceType"), str):
                    return _clean(url.rsplit("/", 1)[-1])
    return None


def read_manifest(file: BinaryIO) -> Manifest | None:
    """The active manifest of a file, open for reading; None if it has none.

    A manifest that is damaged beyond reading is one that is not intact.
    """
    import c2pa

    settings = c2pa.Settings.from_dict(_SETTINGS | trust())
    try:
        with c2pa.Context(settings=settings) as context:
            reader = c2pa.Reader.try_create(None, file, context=context)
            if reader is None:
                return None
            with reader:
                return _told(json.loads(reader.json()))
    except (c2pa.C2paError.NotSupported, c2pa.C2paError.Io):
        return None  # no format that has manifests, or cut off before one
    except c2pa.C2paError as error:
        # It lies elsewhere, and nothing is fetched; or there is no whole file that could hold one.
        if str(error).startswith(("Remote:", "Other: asset could not be parsed")):
            return None
        return Manifest(False, False, False, None, False, "", None, None, (_clean(str(error)),))


def _clean(text: object) -> str | None:
    """Somebody else's words, without what steers a terminal, and not many of them."""
    kept = "".join(c if c.isprintable() else " " for c in text) if isinstance(text, str) else ""
    return kept[:100].strip() or None


def _told(store: dict) -> Manifest:
    manifest = store.get("manifests", {}).get(store.get("active_manifest"), {})
    generator = next(iter(manifest.get("claim_generator_info") or []), {})
    signature = manifest.get("signature_info") or {}
    codes = tuple(status.get("code", "") for status in store.get("validation_status") or [])
    signer = _clean(signature.get("issuer") or signature.get("common_name"))
    return Manifest(
        intact=store.get("validation_state") in ("Valid", "Trusted"),
        altered=any(code.endswith("Hash.mismatch") for code in codes),
        trusted=store.get("validation_state") == "Trusted",
        signer=signer,
        throw_away=signer == THROW_AWAY,
        generator=_clean(f"{generator.get('name', '')} {generator.get('version', '')}") or "",
        pack=_clean(generator.get("pack")),
        source_type=_source_type(manifest),
        problems=codes,
    )
