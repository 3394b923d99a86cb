"""Steering: the head of a tuned person turns as far as the untuned one's, by every way that drives it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from stylexfer.baseline import load_model
from stylexfer.faces.landmarks import enlarged, largest_face
from stylexfer.faces.pose import head_pose
from stylexfer.identity import Identity, Tuning
from stylexfer.media import open_picture
from stylexfer.networks import PoseSplit
from stylexfer.packs import default_pack
from stylexfer.steering import directions, steering
from stylexfer.steps import drive_step
from stylexfer.transfer import FaceTransfer
from stylexfer.ui.live_run import LiveRun, LiveSettings
from tests.tiny import tiny_pack

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
HOPPER, COLLINS = (
    EXAMPLES / "photos" / name for name in ("grace_hopper.jpg", "collins_astronaut.png")
)


@pytest.fixture(scope="module")
def default() -> FaceTransfer:
    return load_model(default_pack(), "transfer", device="cpu")


@pytest.fixture(scope="module")
def tiny() -> FaceTransfer:
    pack = tiny_pack()
    split = PoseSplit(*pack.mapper.shape)
    split.readout.normal_(std=0.1)
    split.basis.normal_(std=0.1)
    return FaceTransfer(replace(pack, pose_split=split), device="cpu", dtype=torch.float32)


def untouched(identity: Identity, steering: torch.Tensor | None) -> Identity:
    """As if it were tuned, and nothing had been learned."""
    return replace(identity, tuning=Tuning({}, 1, 1, steering))


def test_a_unit_of_a_turn_is_one_for_the_mapper_and_for_the_readout(default):
    split, ways = default.pack.pose_split, directions(default.pack)
    torch.testing.assert_close(split.read(ways), torch.eye(3), atol=1e-3, rtol=0)
    moved = default.pack.mapper.motion_term(ways).flatten(1)
    away = (moved - split.basis.t()).norm(dim=1) / split.basis.norm(dim=0)
    assert away.max() < 0.01


def yaws(model: FaceTransfer, identity: Identity, motions: torch.Tensor) -> np.ndarray:
    change = model.change(model.steered(identity, motions) - identity.motion, 1, 1)
    pictures = model.decode(model.rest_code(identity) + change)
    return np.array([head_pose(largest_face(enlarged(picture)))[0] for picture in pictures])


def test_a_head_that_is_turned_aside_is_turned_back(default):
    """A person whose code leaks a turn into all motions, as that of a portrait from the side does."""
    plain = default.random_identity(3)
    width = default.pack.mapper.linear.out_features
    turn = 0.6 * default.pack.pose_split.basis[:, 0]  # some eleven degrees
    leak = torch.linalg.lstsq(default.pack.mapper.linear.weight[:, :width].float(), turn[:, None])
    aside = replace(plain, code=plain.code + leak.solution.reshape(plain.code.shape))
    found = steering(default, plain, untouched(aside, None))
    motions = default.strangers[:4]
    wanted = yaws(default, plain, motions)
    leaking = np.abs(yaws(default, untouched(aside, None), motions) - wanted)
    steered = np.abs(yaws(default, untouched(aside, found), motions) - wanted)
    assert leaking.min() > 6
    assert steered.max() < 3


def test_nothing_is_asked_of_who_turns_as_wanted_already(default):
    person = default.random_identity(3)
    found = steering(default, person, untouched(person, None))
    assert found.shape == (4, *default.pack.pose_split.shape)
    assert found.abs().max() < 1e-3


def test_every_way_of_driving_steers(tiny):
    person = tiny.identify(open_picture(HOPPER))
    ways = torch.randn(4, *tiny.pack.pose_split.shape)
    plain, steered = untouched(person, None), untouched(person, ways)
    frame = open_picture(COLLINS)
    (still,) = tiny.animate(plain, [frame], steadiness=0.0)
    (image,) = tiny.animate(steered, [frame], steadiness=0.0)
    assert np.abs(image.image.astype(int) - still.image).mean() > 3
    step = drive_step(tiny, steered, frame)
    assert np.abs(step.image.astype(int) - image.image).max() <= 1
    run = LiveRun(tiny, steered, lambda picture: None)
    run.rest = tiny.rest_code(steered)
    code = run.code(tiny, image.driving, tiny.motion_codes([image.driving]))
    live = tiny.decode(code, tiny.generator_of(steered))[0]
    assert np.abs(live.astype(int) - image.image).max() <= 1
    # a strength of 0 keeps the portrait as it is, and a driver who does not move moves nothing
    kept = tiny.decode(tiny.rest_code(person))[0].astype(int)
    (none,) = tiny.animate(steered, [frame], pose=0, expression=0)
    assert np.abs(none.image - kept).max() <= 1
    run.settings = LiveSettings(relative=True)
    code = run.code(tiny, image.driving, tiny.motion_codes([image.driving]))
    assert np.abs(tiny.decode(code)[0] - kept).max() <= 1


def test_a_pack_without_a_pose_split_steers_nothing():
    model = FaceTransfer(tiny_pack(), device="cpu", dtype=torch.float32)
    person = model.random_identity(0)
    assert steering(model, person, untouched(person, None)) is None


def test_faces_that_are_not_found_are_left_alone(tiny):
    """Random weights draw no face, at any turn."""
    person = tiny.random_identity(0)
    found = steering(tiny, person, untouched(person, None))
    assert not found.any()
