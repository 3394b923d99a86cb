"""The look at a picture before anything is computed, and the face that is chosen of several."""

import re

import numpy as np
import pytest
from PIL import Image, ImageFilter

from stylexfer.faces.detect import NO_FACE, find_faces
from stylexfer.faces.track import FaceTracker
from stylexfer.media import open_picture
from stylexfer.transfer import FaceTransfer
from stylexfer.ui import Engine, texts
from stylexfer.ui.chosen import choose_face, chosen_face
from stylexfer.ui.engine import driver_frame
from stylexfer.ui.examples import FOLDER, picture_rows, portrait_rows
from stylexfer.ui.picture_tab import portrait_identity
from stylexfer.ui.preflight import found_in, looked_at
from stylexfer.ui.session import Visitor
from tests.tiny import tiny_pack


def photo(name: str) -> Image.Image:
    return Image.open(FOLDER / "photos" / name).convert("RGB")


@pytest.fixture(scope="module")
def hopper() -> Image.Image:
    return photo("grace_hopper.jpg").resize((512, 600))


@pytest.fixture(scope="module")
def two(hopper) -> np.ndarray:
    """Hopper, and Einstein to her right, who is smaller."""
    picture = Image.new("RGB", (992, 600))
    picture.paste(hopper, (0, 0))
    picture.paste(photo("einstein_1921.jpg").resize((480, 600)), (512, 0))
    return np.asarray(picture)


@pytest.fixture
def two_sent(two, tmp_path) -> str:
    path = tmp_path / "two.png"
    Image.fromarray(two).save(path)
    return str(path)


def test_nothing_is_said_against_the_examples():
    for path in {path for row in picture_rows() + portrait_rows() for path in row}:
        shown = found_in(open_picture(path))
        assert texts.FACE_FOUND in shown and "problem" not in shown, path


def test_it_says_what_to_change(hopper):
    def said(picture: Image.Image) -> str:
        return found_in(np.asarray(picture))

    assert texts.FACE_BLURRED in said(hopper.filter(ImageFilter.GaussianBlur(6)))
    assert texts.FACE_DARK in said(hopper.point(lambda level: level // 6))
    small = said(hopper.resize((120, 140)))
    assert re.search(r"small, \d\d pixels wide", small)
    (face,) = find_faces(np.asarray(hopper))
    assert texts.FACE_CUT_OFF in said(hopper.crop((0, 0, 512, face.box[3] - face.side // 5)))
    assert texts.FACE_ON_SIDE in said(hopper.rotate(90, expand=True))
    assert NO_FACE in said(Image.new("RGB", (300, 300), "grey"))


def test_of_several_faces_each_can_be_chosen(two):
    assert texts.FACES_FOUND.format(count=2) in found_in(two)
    for which, face in enumerate(find_faces(two)):
        shown = found_in(two, which)
        pressed = re.search(r'data-which="(\d)" aria-pressed="true" aria-label="Face (\d)"', shown)
        assert int(pressed[1]) == which
        assert int(pressed[2]) == 1 + (face.box[0] > 512)  # numbered from the left
        assert texts.FACE_CHOSEN in shown


def head(name: str, side: int) -> Image.Image:
    """No more than a head; its face has `side` pixels."""
    picture = photo(name)
    (face,) = find_faces(np.asarray(picture))
    around = np.array(face.box) + np.array([-0.3, -0.5, 0.3, 0.2]) * face.side
    return picture.crop(tuple(around.astype(int))).resize((round(1.6 * side), round(1.7 * side)))


def test_the_driver_is_the_chosen_face():
    """Also where a larger one is so near that both are within what is cut out."""
    near = Image.new("RGB", (480, 300), "white")
    near.paste(head("grace_hopper.jpg", 160), (0, 20))
    near.paste(head("einstein_1921.jpg", 110), (256, 60))
    picture = np.asarray(near)
    faces = find_faces(picture)
    assert [face.box[0] > 240 for face in faces] == [False, True]
    for which, grey in enumerate((False, True)):  # Einstein's is a black and white photograph
        frame = driver_frame(picture, which)
        (seen,) = find_faces(frame)
        x, y, x2, y2 = np.clip(seen.box, 0, None)
        assert (np.ptp(frame[y:y2, x:x2].astype(int), axis=2).mean() < 8) == grey
        landmarks = FaceTracker(steadiness=0).update(frame).landmarks
        assert np.abs(landmarks - seen.landmarks).mean() < 0.1 * seen.side


def test_the_portrait_is_the_chosen_face(two, two_sent):
    engine, visitor = Engine(FaceTransfer(tiny_pack(), device="cpu")), Visitor(agreed=True)
    crops = []
    for which in (0, 1):
        choose_face(visitor, two_sent, which)
        _, identity = portrait_identity(engine, visitor, two_sent)
        crops.append(identity.crop)
        assert (identity.quad.mean(axis=0)[0] > 512) == (find_faces(two)[which].box[0] > 512)
    assert not np.array_equal(*crops)
    assert chosen_face(Visitor(agreed=True), two_sent) is None


def test_choices_do_not_fill_the_memory(tmp_path):
    visitor = Visitor()
    for k in range(100):
        path = tmp_path / "one"
        path.write_bytes(bytes([k]))
        choose_face(visitor, str(path), k)
    assert len(visitor.faces) < 100 and chosen_face(visitor, str(path)) == 99


def test_nobodys_face_is_looked_at_before_they_agreed(two_sent, tmp_path):
    visitor = Visitor()
    assert looked_at(visitor, None, "empty & quiet") == "<p>empty &amp; quiet</p>"
    refused = looked_at(visitor, two_sent, "")
    assert texts.NOT_AGREED in refused and "<img" not in refused
    visitor.agreed = True
    assert "<img" in looked_at(visitor, two_sent, "")
    broken = tmp_path / "<b>.png"
    broken.write_bytes(b"no picture")
    assert "is not a picture" in looked_at(visitor, str(broken), "")
