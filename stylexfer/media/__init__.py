"""Pictures and clips: opened safely, written whole, marked as made by a network."""

from stylexfer.media.picture import open_picture, save_picture
from stylexfer.media.probe import ClipInfo, probe
from stylexfer.media.provenance import Mark, read_mark
from stylexfer.media.video import VideoWriter, read_frames, write_video

__all__ = [
    "ClipInfo",
    "Mark",
    "VideoWriter",
    "open_picture",
    "probe",
    "read_frames",
    "read_mark",
    "save_picture",
    "write_video",
]
