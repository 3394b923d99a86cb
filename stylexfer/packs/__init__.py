"""Packs: a folder of `pack.json` and safetensors; code reads every architecture number from it."""

from stylexfer.packs.pack import Pack, load_pack, resolve_pack, save_pack, verify_pack

__all__ = ["Pack", "load_pack", "resolve_pack", "save_pack", "verify_pack"]
