"""Latent arithmetic on a tiny pack and the free pictures of `examples/`."""

import dataclasses

import numpy as np
import pytest
import torch

from stylexfer.baseline import LatentArithmetic, load_model, mirrored
from stylexfer.driving import followed_views
from stylexfer.errors import NoFaceFound, PackMismatch
from stylexfer.packs import save_pack
from stylexfer.transfer import LOOK_AHEAD, FaceTransfer
from tests.test_transfer import BLANK, COLLINS, HOPPER, driver, far, images, near, photo
from tests.tiny import tiny_pack


def bare_pack(heads: str = "psp"):
    """No motion encoder, no mapper."""
    pack = tiny_pack(heads=heads)
    for head in pack.identity_encoder.styles:  # so that a motion shows in so small a picture
        head.linear.weight *= 4
    return dataclasses.replace(pack, motion_encoder=None, mapper=None, method=heads)


@pytest.fixture(scope="module", params=["psp", "e4e"])
def model(request) -> LatentArithmetic:
    return LatentArithmetic(bare_pack(request.param), device="cpu", dtype=torch.float32)


@pytest.fixture(scope="module")
def hopper(model):
    return model.identify(photo(HOPPER))


def crops_of(model, frames, steadiness: float = 0.5) -> list[np.ndarray]:
    """The crops that `animate` sees."""
    return [view.crop for view in followed_views(frames, model.view_side, 25.0, steadiness)]


def test_the_formula(model, hopper):
    """n(t) + E(s) - n(s), written out."""
    frames = driver(6)
    crops = crops_of(model, frames)
    straight = torch.cat([model.invert([crop]) for crop in crops])
    flipped = torch.cat([model.invert([mirrored(crop)]) for crop in crops])
    neutral = (straight.mean(dim=0) + flipped.mean(dim=0)) / 2
    target = (hopper.code + model.invert([mirrored(hopper.crop)])) / 2
    expected = np.concatenate([model.decode(target + code - neutral) for code in straight])
    assert near(images(model.animate(hopper, frames)), expected)


def test_strengths(model, hopper):
    still = images(model.animate(hopper, driver(2), pose=0, expression=0))
    assert near(still, hopper.inversion[None])
    both = images(model.animate(hopper, driver(2)))
    assert far(both, still) > 1
    for one in ({"pose": 0}, {"expression": 0}):
        assert not near(images(model.animate(hopper, driver(2), **one)), both)


def test_relative_motion_starts_at_the_identity(model, hopper):
    moved = images(model.animate(hopper, [BLANK, *driver(3)], relative=True, batch_size=2))
    assert near(moved[0], hopper.inversion)
    assert near(moved[1], hopper.inversion)
    assert not near(moved[3], hopper.inversion)


def test_a_mirrored_driver_turns_the_other_way(model, hopper):
    """With one picture only what is not symmetric is carried over, and its mirror image is opposite."""
    codes = []
    for frame in (driver(1)[0], mirrored(driver(1)[0])):
        crops = crops_of(model, [frame], 0.0)
        motion = model.motion_codes(crops) - model.own_origin(hopper, crops)
        code = model.rest_code(hopper) + model.change(motion, 1.0, 1.0)
        codes.append(code - (hopper.code + hopper.motion) / 2)
    assert codes[0].abs().max() > 1e-3
    cosine = torch.nn.functional.cosine_similarity(codes[0].flatten(), codes[1].flatten(), dim=0)
    assert cosine < -0.8  # dlib's landmarks are not quite mirrored


@pytest.mark.parametrize("batch_size", [1, 3])
def test_batches_and_frames_without_a_face(model, hopper, batch_size):
    frames = [BLANK, *driver(3), BLANK, *driver(2, COLLINS)]
    results = list(model.animate(hopper, frames, batch_size=batch_size))
    assert [result.face for result in results] == [False, True, True, True, False, True, True]
    assert near(results[0].image, hopper.inversion)
    assert near(results[4].image, results[3].image)
    assert near(images(results), images(model.animate(hopper, frames)))


def test_a_long_clip_is_not_held(model, hopper):
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield BLANK

    results = model.animate(hopper, endless(), batch_size=1)
    for shown in range(LOOK_AHEAD + 20):
        next(results)
        assert taken <= max(LOOK_AHEAD, shown + 1) + 1  # one more is looked at meanwhile
    with pytest.raises(NoFaceFound):
        list(model.animate(hopper, [BLANK] * 3))


def test_random_identities(model):
    first, again = (model.random_identity(3) for _ in range(2))
    assert torch.equal(first.code, again.code)
    assert images(model.animate(first, driver(2))).shape == (2, 32, 32, 3)


def test_the_method_is_chosen_by_the_pack(tmp_path):
    save_pack(bare_pack(), tmp_path / "bare")
    save_pack(tiny_pack(), tmp_path / "whole")
    assert load_model(tmp_path / "bare").method == "psp"
    whole = load_model(tmp_path / "whole")
    assert type(whole) is FaceTransfer
    assert whole.method == "transfer"
    assert isinstance(load_model(tmp_path / "whole", "psp"), LatentArithmetic)
    with pytest.raises(PackMismatch, match="cannot do 'e4e'"):
        load_model(tmp_path / "whole", "e4e")
    with pytest.raises(PackMismatch, match="cannot do 'transfer'"):
        FaceTransfer.from_pretrained(tmp_path / "bare")
    with pytest.raises(PackMismatch, match="no motion encoder"):
        FaceTransfer(bare_pack())
