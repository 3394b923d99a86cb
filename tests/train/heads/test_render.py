"""The renderer: the same numbers give the same picture, and the labels say what the picture shows."""

from dataclasses import replace

import numpy as np
import pytest
import warp as wp

from stylexfer.faces.align import ffhq_quad
from train.heads.conditions import sample_conditions
from train.heads.head import HeadModel
from train.heads.identity import sample_identity
from train.heads.params import State
from train.heads.render import Renderer
from train.heads.styles import sample_hair

SIZE = 96


def set_up(renderer: Renderer, seed: int):
    identity = sample_identity(renderer.head, seed)
    hair = sample_hair(identity, seed)
    return renderer.person(identity, hair, sample_conditions(identity, seed))


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(SIZE)


@pytest.fixture(scope="module")
def person(renderer):
    return set_up(renderer, 5)


def coeffs(head: HeadModel, **values: float) -> np.ndarray:
    out = np.zeros(len(head.actions), np.float32)
    for name, value in values.items():
        for i, action in enumerate(head.actions):
            if action in (name, f"{name}Left", f"{name}Right"):
                out[i] = value
    return out


def test_same_numbers_same_picture(renderer, person):
    state = State(
        pose=(12.0, -4.0, 3.0), gaze=(5.0, 2.0), coeffs=coeffs(renderer.head, jawOpen=0.4)
    )
    first = renderer.frame(person, state)
    renderer.frame(person, State())  # what was drawn between leaves no trace
    other = Renderer(SIZE)
    again = other.frame(set_up(other, 5), state)
    for a, b in ((first, renderer.frame(person, state)), (first, again)):
        assert np.array_equal(a.image, b.image)
        assert np.array_equal(a.landmarks, b.landmarks)
        assert np.array_equal(a.mask, b.mask)
    assert not np.array_equal(first.image, renderer.frame(person, State()).image)


def test_crop_is_ffhq_s(renderer, person):
    """The square of FFHQ's alignment of the true landmarks is the picture itself."""
    frame = renderer.frame(person, State(pose=(20.0, 8.0, -10.0)))
    corners = np.array([[0, 0], [0, SIZE], [SIZE, SIZE], [SIZE, 0]])
    assert np.abs(ffhq_quad(frame.landmarks.astype(float)) - corners).max() < 0.01


def test_signs_of_the_pose(renderer, person):
    """yaw > 0 to image right, pitch > 0 up, roll > 0 clockwise; a still camera shows it."""

    def points(pose):
        return renderer.frame(person, State(pose=pose), align="still").landmarks

    rest = points((0.0, 0.0, 0.0))
    nose = rest[30] - rest[27]
    assert (points((20.0, 0, 0))[30] - points((20.0, 0, 0))[27] - nose)[0] > 2
    assert (points((0, 15.0, 0))[30] - points((0, 15.0, 0))[27] - nose)[1] < -1
    across = points((0, 0, 15.0))[45] - points((0, 0, 15.0))[36]
    assert 13 < np.degrees(np.arctan2(across[1], across[0])) < 17


def test_labels_of_the_gaze(renderer, person):
    c = renderer.frame(person, State(gaze=(14.0, -7.0))).coeffs
    names = renderer.head.actions
    assert c[names.index("eyeLookOutLeft")] == pytest.approx(14 / 35)
    assert c[names.index("eyeLookInRight")] == pytest.approx(14 / 35)
    assert c[names.index("eyeLookDownLeft")] == pytest.approx(7 / 28)
    assert c[names.index("eyeLookUpRight")] == 0


def test_mask_and_backdrop(renderer, person):
    frame = renderer.frame(person, State())
    assert frame.image.shape == (SIZE, SIZE, 3) and frame.image.dtype == np.uint8
    assert frame.mask.min() == 0 and frame.mask.max() == 1
    face = frame.landmarks[[27, 30, 33, 51, 57]].astype(int)
    assert (frame.mask[face[:, 1], face[:, 0]] == 1).all()
    bare = replace(
        person.conditions,
        backdrop=replace(person.conditions.backdrop, value=0.9, seed=1),
    )
    other = renderer.person(person.identity, sample_hair(person.identity, 5), bare)
    again = renderer.frame(other, State())
    inside = frame.mask == 1
    inside[:2] = inside[-2:] = inside[:, :2] = inside[:, -2:] = False
    changed = np.abs(again.image.astype(int) - frame.image).max(2)
    # the lens blurs a little of the backdrop into the person's edge
    assert np.percentile(changed[inside], 90) <= 2


@pytest.mark.parametrize("seed", range(6))
def test_faces_are_well_exposed(renderer, seed):
    frame = renderer.frame(set_up(renderer, seed), State())
    x, y = frame.landmarks[[29, 31, 35]].mean(0).astype(int)
    nose = frame.image[y - 4 : y + 5, x - 6 : x + 7].astype(float)
    assert 25 < nose.mean() < 235


def test_an_action_changes_its_place(renderer, person):
    """Seen in the picture: the mouth's actions leave the eyes' pixels as they were."""
    clear = replace(person.conditions, grain=0.0)
    person = renderer.person(person.identity, sample_hair(person.identity, 5), clear)
    rest = renderer.frame(person, State(), align="still")

    def change(**values):
        moved = renderer.frame(person, State(coeffs=coeffs(renderer.head, **values)), align="still")
        return np.abs(moved.image.astype(int) - rest.image).mean(2)

    eyes, mouth = rest.landmarks[36:48].mean(0), rest.landmarks[48:60].mean(0)

    def at(picture, point):
        x, y = point.astype(int)
        return picture[y - 5 : y + 6, x - 18 : x + 19].mean()

    jaw, blink = change(jawOpen=0.8), change(eyeBlink=1.0)
    assert at(jaw, mouth) > 4 * at(jaw, eyes)
    assert at(blink, eyes) > 4 * at(blink, mouth)


@pytest.mark.skipif(not wp.is_cuda_available(), reason="no CUDA device: GPU pictures unchecked")
def test_cuda_draws_the_same(renderer, person):
    other = Renderer(SIZE, device="cuda:0")
    state = State(pose=(15.0, 5.0, 0.0), coeffs=coeffs(other.head, mouthSmile=0.8))
    here, there = renderer.frame(person, state), other.frame(set_up(other, 5), state)
    off = np.abs(here.image.astype(int) - there.image)
    assert off.mean() < 0.5 and (off > 8).mean() < 0.01
    assert np.abs(here.landmarks - there.landmarks).max() < 0.01
