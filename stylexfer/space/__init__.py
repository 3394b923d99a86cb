"""The checkout as a Space on the Hugging Face Hub: what of it goes there, and how it gets there."""

from stylexfer.space.files import checkout, space_files
from stylexfer.space.push import push_space

__all__ = ["checkout", "push_space", "space_files"]
