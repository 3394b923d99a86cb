"""Packs: a folder of `pack.json` and safetensors; code reads every architecture number from it."""

from stylexfer.packs.pack import (
    Pack,
    default_pack,
    load_component,
    load_pack,
    resolve_pack,
    save_pack,
    verify_pack,
)

__all__ = [
    "Pack",
    "default_pack",
    "load_component",
    "load_pack",
    "resolve_pack",
    "save_pack",
    "verify_pack",
]
