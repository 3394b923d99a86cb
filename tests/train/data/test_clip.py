"""What is taken of a video: which frames, with what pose, cut out how."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylexfer.errors import UnreadableMedia
from stylexfer.faces import align, find_face
from stylexfer.tensors import resized
from tests.media.clips import make, number_of, run
from train.data.clip import NO_FACE, TWO_FACES, Dropped, Frame, Options, take_frame
from train.data.sample import sample_frames

EXAMPLES = Path(__file__).parents[3] / "examples"
HOPPER = np.asarray(Image.open(EXAMPLES / "photos" / "grace_hopper.jpg").convert("RGB"))
ACCURATE = Options()


@pytest.mark.parametrize("rate,every", [("25", 12.5), ("30000/1001", 15), ("10", 5), ("50", 25)])
def test_frames_are_half_a_second_apart(tmp_path, rate, every):
    path = make(tmp_path / "clip.mp4", frames=120, rate=rate)
    found = [number_of(frame) for frame in sample_frames(path, 4, 0.5)]
    assert found == [int(np.ceil(k * every)) for k in range(4)]


def test_a_short_video_gives_what_it_has_and_no_sound_matters(tmp_path):
    path = make(tmp_path / "clip.mp4", frames=30, rate="25", sound=("-c:a", "aac"))
    assert [number_of(frame) for frame in sample_frames(path, 10, 0.5)] == [0, 13, 25]


def test_a_video_is_turned_upright(tmp_path):
    path = make(tmp_path / "clip.mp4", frames=5)
    turned = tmp_path / "turned.mp4"
    run("-display_rotation", "90", "-i", str(path), "-c", "copy", str(turned))
    (flat, *_), (upright, *_) = (sample_frames(p, 1, 0.5) for p in (path, turned))
    assert upright.shape == (flat.shape[1], flat.shape[0], 3)


def test_damage_in_the_middle_is_no_frame(tmp_path):
    path = make(tmp_path / "clip.mp4", frames=100)
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 3 + 400] = bytes(400)
    path.write_bytes(data)
    with pytest.raises(UnreadableMedia) as error:
        sample_frames(path, 10, 0.5)
    assert "0x" not in str(error.value) and str(tmp_path) not in str(error.value)


def test_a_face_is_cut_out_as_the_paper_does():
    frame = take_frame(HOPPER, "clip", "1.mp4", 0.5, ACCURATE)
    landmarks = find_face(HOPPER).landmarks
    assert np.array_equal(frame.image, resized(align(HOPPER, landmarks, 1024, 4096), 256))
    again = find_face(frame.image).landmarks
    assert np.abs(again - frame.landmarks).mean() < 2.5
    assert isinstance(frame, Frame) and frame.side > 200


def test_no_face_and_two_faces_are_told_apart():
    grey = np.full((200, 200, 3), 128, np.uint8)
    assert take_frame(grey, "c", "v", 1.0, ACCURATE) == Dropped(NO_FACE, "c", "v", 1.0)
    both = take_frame(np.hstack([HOPPER, HOPPER[:, ::-1]]), "c", "v", 0.0, ACCURATE)
    assert (both.reason, both.detail) == (TWO_FACES, "2 faces")
