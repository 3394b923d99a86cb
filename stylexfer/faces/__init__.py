"""Faces in pictures: find, align, follow through a clip, and put back."""

from stylexfer.faces.align import align, crop_quad, ffhq_quad
from stylexfer.faces.composite import Paster, paste_back
from stylexfer.faces.detect import Face, clear_faces, find_face, find_faces
from stylexfer.faces.track import FaceTracker, TrackedFace

__all__ = [
    "Face",
    "FaceTracker",
    "Paster",
    "TrackedFace",
    "align",
    "clear_faces",
    "crop_quad",
    "ffhq_quad",
    "find_face",
    "find_faces",
    "paste_back",
]
