import numpy as np
import pytest
import torch

from stylexfer.baseline import LatentArithmetic
from stylexfer.errors import NoFaceFound
from stylexfer.media import open_picture
from stylexfer.steps import drive_step
from stylexfer.transfer import FaceTransfer
from stylexfer.ui.engine import driver_frame
from stylexfer.ui.examples import FOLDER
from tests.tiny import tiny_pack


def picture(name: str) -> np.ndarray:
    return open_picture(FOLDER / "photos" / name)


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    return [driver_frame(picture(name)) for name in ("collins_astronaut.png", "einstein_1921.jpg")]


@pytest.fixture(scope="module", params=[FaceTransfer, LatentArithmetic])
def model(request):
    return request.param(tiny_pack(), device="cpu")


@pytest.fixture(scope="module")
def person(model):
    return model.identify(picture("grace_hopper.jpg"))


def differ(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b).max())


def test_one_step_is_a_frame_of_a_clip(model, person, frames):
    (frame,) = model.animate(person, frames[:1], pose=0.7, expression=1.2, steadiness=0)
    step = drive_step(model, person, frames[0], 0.7, 1.2)
    assert np.array_equal(step.image, frame.image)
    assert np.array_equal(step.driving, frame.driving)


def test_pose_of_one_and_expression_of_another(model, person, frames):
    """In either order; and what has strength 0 stays to the bit."""
    pose = drive_step(model, person, frames[0], 1, 0)
    both = drive_step(model, person, frames[1], 0, 1, pose.held)
    assert torch.equal(both.held.pose, pose.held.pose)
    expression = drive_step(model, person, frames[1], 0, 1)
    other = drive_step(model, person, frames[0], 1, 0, expression.held)
    assert differ(both.image, other.image) <= 1
    assert differ(both.image, pose.image) > 1 and differ(both.image, expression.image) > 1


def test_nothing_is_lost_from_step_to_step(model, person, frames):
    step = drive_step(model, person, frames[0])
    for frame in (frames[1], frames[0], frames[1], frames[0]):
        step = drive_step(model, person, frame, held=step.held)
    assert differ(step.image, drive_step(model, person, frames[0]).image) <= 1
    half = drive_step(model, person, frames[1], 0.5, 0.5, step.held)
    middle = (step.held.pose + drive_step(model, person, frames[1]).held.pose) / 2
    assert torch.allclose(half.held.pose, middle, atol=1e-5)


def test_a_picture_without_a_face(model, person):
    with pytest.raises(NoFaceFound):
        drive_step(model, person, np.full((200, 200, 3), 128, np.uint8))
