"""Pictures and clips: opened safely, written whole, marked as made by a network."""

from stylexfer.marks import Mark, Source
from stylexfer.media.picture import encoded_picture, open_picture, save_picture
from stylexfer.media.probe import ClipInfo, probe
from stylexfer.media.video import VideoWriter, read_frames, write_video

__all__ = [
    "ClipInfo",
    "Mark",
    "Source",
    "VideoWriter",
    "encoded_picture",
    "open_picture",
    "probe",
    "read_frames",
    "save_picture",
    "write_video",
]
