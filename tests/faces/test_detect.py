from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylexfer.errors import NoFaceFound, StylexferError, TooManyFaces
from stylexfer.faces import Face, clear_faces, detect, find_face, find_faces

EXAMPLES = Path(__file__).parents[2] / "examples"
PICTURES = sorted([*EXAMPLES.glob("photos/*.*"), *EXAMPLES.glob("paintings/*.*")])


def load(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


HOPPER = load(EXAMPLES / "photos" / "grace_hopper.jpg")
COLLINS = load(EXAMPLES / "photos" / "collins_astronaut.png")


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)
def test_each_example_has_one_face_with_sensible_landmarks(path):
    image = load(path)
    face = find_face(image)
    points = face.landmarks
    assert points.shape == (68, 2) and points.dtype == np.int64
    left_eye, right_eye, mouth = points[36:42], points[42:48], points[48:68]
    assert left_eye[:, 0].mean() < right_eye[:, 0].mean()
    assert left_eye[:, 1].mean() < mouth[:, 1].mean()
    left, top, right, bottom = face.box
    centre = points.mean(axis=0)
    assert left < centre[0] < right and top < centre[1] < bottom


def test_landmarks_follow_the_resolution():
    large = np.asarray(Image.fromarray(COLLINS).resize((2048, 2048), Image.Resampling.BICUBIC))
    small, big = find_face(COLLINS), find_face(large)
    assert np.abs(big.landmarks / 4 - small.landmarks).mean() < 0.04 * small.side


def test_a_small_face_is_found_on_the_second_look():
    wide = np.full((600, 800, 3), 120, dtype=np.uint8)
    tiny = Image.fromarray(HOPPER).resize((160, 188), Image.Resampling.LANCZOS)
    wide[200:388, 300:460] = np.asarray(tiny)
    left, top, right, bottom = find_face(wide).box
    assert 300 < left < right < 460 and 200 < top < bottom < 388


def test_two_faces_are_an_error_until_one_is_chosen():
    both = np.hstack([HOPPER[:512], COLLINS])
    with pytest.raises(TooManyFaces, match="2 faces.*choose"):
        find_face(both)
    assert find_face(both, which=0).box[0] < 512 < find_face(both, which=1).box[0]
    with pytest.raises(NoFaceFound, match="number 6"):
        find_face(both, which=5)


@pytest.mark.parametrize("shape", [(480, 640), (1, 1), (3, 900), (2000, 30)])
def test_no_face(shape):
    grey = np.full((*shape, 3), 128, dtype=np.uint8)
    assert find_faces(grey) == []
    with pytest.raises(NoFaceFound, match="Use a picture"):
        find_face(grey)


def test_faint_and_tiny_companions_do_not_count():
    def face(side: int, score: float) -> Face:
        return Face((0, 0, side, side), np.zeros((68, 2), dtype=np.int64), score)

    assert clear_faces([]) == []
    assert clear_faces([face(200, 1.5), face(190, 1.2)]) == [0, 1]
    assert clear_faces([face(200, 1.5), face(190, 0.1)]) == [0]
    assert clear_faces([face(200, 1.5), face(50, 1.4)]) == [0]
    assert clear_faces([face(400, 0.1), face(200, 1.5)]) == [1]  # the larger is the faint one


def test_threads_share_the_detector():
    pictures = [HOPPER, COLLINS] * 4
    with ThreadPoolExecutor(4) as pool:
        boxes = [faces[0].box for faces in pool.map(find_faces, pictures)]
    assert boxes == [boxes[0], boxes[1]] * 4


def test_the_model_can_be_replaced(monkeypatch, tmp_path):
    assert detect.landmarks_path().is_file()
    monkeypatch.setenv("STYLEXFER_LANDMARKS", str(tmp_path / "missing.dat"))
    with pytest.raises(StylexferError, match="STYLEXFER_LANDMARKS"):
        detect.landmarks_path()
