"""The method in memory, on a tiny pack and the free pictures of `examples/`."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stylexfer.errors import NoFaceFound, TooManyFaces
from stylexfer.faces.align import align
from stylexfer.faces.detect import first_face
from stylexfer.networks import PoseSplit, restyle
from stylexfer.tensors import to_pictures, to_tensor
from stylexfer.transfer import FaceTransfer, Identity
from tests.tiny import tiny_pack

PHOTOS = Path(__file__).resolve().parents[1] / "examples" / "photos"
HOPPER, EINSTEIN, COLLINS = (
    PHOTOS / name for name in ("grace_hopper.jpg", "einstein_1921.jpg", "collins_astronaut.png")
)


def photo(path: Path, side: int = 400) -> np.ndarray:
    picture = Image.open(path).convert("RGB")
    picture.thumbnail((side, side))
    return np.asarray(picture)


def driver(count: int, path: Path = EINSTEIN) -> list[np.ndarray]:
    """A head that sways and nears: the photograph, tilted and scaled a little more each frame."""
    picture = Image.fromarray(photo(path, 300))
    frames = []
    for k in range(count):
        turned = picture.rotate(3 * np.sin(k), Image.Resampling.BILINEAR)
        edge = 2 * k
        box = (edge, edge, picture.width - edge, picture.height - edge)
        frames.append(np.asarray(turned.resize(picture.size, Image.Resampling.BILINEAR, box)))
    return frames


BLANK = np.full_like(driver(1)[0], 128)


@pytest.fixture(scope="module")
def model() -> FaceTransfer:
    pack = tiny_pack()
    pack.mapper.linear.weight *= 4  # so that a motion shows in the bytes of so small a picture
    return FaceTransfer(pack, device="cpu", dtype=torch.float32)


@pytest.fixture(scope="module")
def hopper(model) -> Identity:
    return model.identify(photo(HOPPER))


def images(results) -> np.ndarray:
    return np.stack([result.image for result in results])


def rest(model: FaceTransfer, identity: Identity) -> np.ndarray:
    """The identity in its own pose: G(M(E_i(t), E_m(t)))."""
    return model.decode(model.pack.mapper(identity.code, identity.motion))[0]


def far(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


def near(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal but for rounding: at most 1 grey level anywhere."""
    return np.abs(a.astype(int) - b.astype(int)).max() <= 1


def test_identify(model, hopper):
    assert hopper.code.shape == hopper.motion.shape == (1, 8, 16)
    assert hopper.code.dtype == torch.float32
    assert hopper.crop.shape == (256, 256, 3)
    assert hopper.inversion.shape == (model.size, model.size, 3) == (32, 32, 3)
    assert hopper.crop.dtype == hopper.inversion.dtype == np.uint8
    assert hopper.quad.shape == (4, 2)
    assert np.array_equal(hopper.inversion, model.decode(hopper.code)[0])
    with pytest.raises(dataclasses.FrozenInstanceError):
        hopper.crop = None
    again = model.identify(photo(HOPPER))
    assert torch.equal(again.code, hopper.code)
    assert not torch.equal(model.identify(photo(COLLINS)).code, hopper.code)


def test_an_identity_can_be_trained_on(hopper):
    assert not hopper.code.is_inference()  # autograd refuses those
    assert not hopper.motion.is_inference()


def test_no_face_and_two_faces(model):
    with pytest.raises(NoFaceFound):
        model.identify(BLANK)
    pair = [Image.fromarray(photo(path)).resize((300, 400)) for path in (HOPPER, COLLINS)]
    both = np.hstack([np.asarray(picture) for picture in pair])
    with pytest.raises(TooManyFaces):
        model.identify(both)
    first, second = (model.identify(both, which) for which in (0, 1))
    assert far(first.crop, second.crop) > 10
    with pytest.raises(NoFaceFound):
        model.identify(both, 7)


def test_strength_zero_rests(model, hopper):
    results = list(model.animate(hopper, driver(6), pose=0, expression=0, relative=True))
    assert len(results) == 6
    for result in results:
        assert near(result.image, rest(model, hopper))
        assert result.face
        assert result.driving.shape == (32, 32, 3)


def test_strength_one_moves(model, hopper):
    moved = images(model.animate(hopper, driver(3)))
    assert moved.shape == (3, 32, 32, 3)
    assert far(moved[0], rest(model, hopper)) > 1
    assert far(moved[0], moved[2]) > 0
    half = images(model.animate(hopper, driver(3), pose=0.5, expression=0.5))
    assert 0 < far(half[0], rest(model, hopper)) < far(moved[0], rest(model, hopper))


def test_pose_scales_coarse_rows_and_expression_the_others(model, hopper, monkeypatch):
    seen = []
    decode = model.decode
    monkeypatch.setattr(model, "decode", lambda codes, *by: seen.append(codes) or decode(codes))
    still = model.pack.mapper(hopper.code, hopper.motion)
    for strengths in ({"pose": 0.0}, {"expression": 0.0}, {}):
        list(model.animate(hopper, driver(1), **strengths))
    fine, coarse, both = seen
    rows = model.pack.coarse_rows
    assert rows == 3
    torch.testing.assert_close(fine[:, :rows], still[:, :rows])
    torch.testing.assert_close(fine[:, rows:], both[:, rows:])
    torch.testing.assert_close(coarse[:, rows:], still[:, rows:])
    torch.testing.assert_close(coarse[:, :rows], both[:, :rows])
    assert not torch.allclose(both, still)


def test_a_pose_split_keeps_pose_and_expression_apart(model, hopper, monkeypatch):
    """With a split that finds the whole change along one direction of motion, and nothing else."""
    split = PoseSplit(*model.pack.mapper.shape)
    moved = model.motion_codes([result.driving for result in model.animate(hopper, driver(1))])
    change = (moved - hopper.motion).flatten()
    split.readout[0] = change / change.square().sum()
    split.basis[:, 0] = model.pack.mapper.motion_term(moved - hopper.motion).flatten()
    monkeypatch.setattr(model, "pack", dataclasses.replace(model.pack, pose_split=split))
    (still,) = images(model.animate(hopper, driver(1), pose=0))
    (posed,) = images(model.animate(hopper, driver(1), expression=0))
    (both,) = images(model.animate(hopper, driver(1)))
    assert near(still, rest(model, hopper))
    assert near(posed, both)
    assert not near(both, still)


def test_relative_motion_starts_at_the_identitys_own(model, hopper):
    frames = [BLANK, *driver(4)]
    results = images(model.animate(hopper, frames, relative=True, batch_size=2))
    assert near(results[1], rest(model, hopper))
    assert not near(results[4], rest(model, hopper))
    # a driver who does not move leaves the identity at rest
    still = images(model.animate(hopper, [driver(1)[0]] * 5, relative=True))
    assert far(still, rest(model, hopper)[None]) < 1


def test_the_best_start_is_the_frame_most_like_the_identity(model, hopper):
    """The driver is Hopper herself, after frames of Einstein and of nobody."""
    own = photo(HOPPER)
    frames = [*driver(6), BLANK, *[own] * 6]
    options = {"relative": True, "steadiness": 0.0, "batch_size": 4}
    first, best = (
        images(model.animate(hopper, frames, best_start=chosen, **options))
        for chosen in (False, True)
    )
    still = rest(model, hopper)
    assert far(best[-1], still) < 0.3 * far(first[-1], still)
    assert near(first[0], still) and not near(best[0], still)
    with pytest.raises(NoFaceFound):
        list(model.animate(hopper, [BLANK] * 70, relative=True, best_start=True))


def test_frames_of_several_visitors_in_one_batch(model, hopper):
    """What a live page does: codes of each with its own identity, origin and strengths."""
    other = model.random_identity(5)
    crops = [model.identify(photo(path)).crop[:32, :32] for path in (EINSTEIN, COLLINS)]
    people, strengths = (hopper, other), ((0.5, 1.0), (1.0, 0.0))
    motion = model.motion_codes(crops)
    rests = torch.cat([model.rest_code(person) for person in people])
    origins = torch.cat([model.own_origin(person, []) for person in people])
    pose, expression = torch.tensor(strengths).T[..., None, None]
    together = model.decode(rests + model.change(motion - origins, pose, expression))
    for k, (person, both) in enumerate(zip(people, strengths, strict=True)):
        change = model.change(motion[k : k + 1] - model.own_origin(person, []), *both)
        assert near(together[k], model.decode(model.rest_code(person) + change)[0])


def test_same_input_same_bytes(model, hopper):
    first, second = (images(model.animate(hopper, driver(5))) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_batch_size_does_not_matter(model, hopper, batch_size):
    frames = [*driver(3), BLANK, *driver(2, COLLINS), BLANK]
    default = list(model.animate(hopper, frames))
    other = list(model.animate(hopper, frames, batch_size=batch_size))
    assert near(images(default), images(other))
    assert [r.face for r in default] == [r.face for r in other]


def test_bf16_is_near_fp32(model, hopper):
    low = FaceTransfer(model.pack, device="cpu", dtype=torch.bfloat16)
    exact, rough = (images(m.animate(hopper, driver(2))) for m in (model, low))
    assert far(exact, rough) < 4


def test_frames_are_taken_as_they_are_needed(model, hopper):
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield driver(1)[0]

    results = model.animate(hopper, endless(), batch_size=4)
    assert taken == 0
    for shown in range(1, 10):
        next(results)
        assert taken <= shown + 4 + 4  # the batch, and the next, which is looked at meanwhile
    results.close()


def test_a_frame_without_a_face_repeats_the_last(model, hopper):
    frames = [BLANK, *driver(2), BLANK, BLANK, *driver(1)]
    results = list(model.animate(hopper, frames))
    assert [r.face for r in results] == [False, True, True, False, False, True]
    assert [r.driving is None for r in results] == [True, False, False, True, True, False]
    shown = images(results)
    assert near(shown[0], rest(model, hopper))
    assert near(shown[3], shown[2])
    assert near(shown[4], shown[2])


def test_no_face_in_any_frame(model, hopper):
    results = model.animate(hopper, [BLANK] * 5)
    assert near(images([next(results) for _ in range(5)]), rest(model, hopper)[None])
    with pytest.raises(NoFaceFound, match="clip"):
        next(results)
    with pytest.raises(NoFaceFound):
        next(model.animate(hopper, []))


def test_visitors_do_not_mix(model, hopper):
    """Two at once, with other people, drivers and settings, over one FaceTransfer."""
    visits = [
        (hopper, driver(6), {"pose": 0.3}),
        (model.random_identity(5), driver(6, COLLINS), {"relative": True, "expression": 1.5}),
        (model.identify(photo(COLLINS)), [BLANK, *driver(5)], {"steadiness": 0.0}),
    ]

    def visit(job) -> np.ndarray:
        identity, frames, settings = job
        return images(model.animate(identity, frames, batch_size=2, **settings))

    alone = [visit(job) for job in visits]
    with ThreadPoolExecutor(len(visits)) as pool:
        together = list(pool.map(visit, visits * 3))
    for expected, found in zip(alone * 3, together, strict=True):
        assert np.array_equal(expected, found)
    # and frame by frame in one thread
    streams = [model.animate(i, f, batch_size=2, **s) for i, f, s in visits]
    woven = [[next(stream).image for stream in streams] for _ in range(6)]
    for k, expected in enumerate(alone):
        assert np.array_equal(expected, np.stack([row[k] for row in woven]))


def test_random_identities(model):
    first, again, other = (model.random_identity(seed) for seed in (1, 1, 2))
    assert torch.equal(first.code, again.code)
    assert np.array_equal(first.crop, again.crop)
    assert far(first.crop, other.crop) > 1
    assert first.quad is None
    narrow = [model.random_identity(seed, truncation=0.0).crop for seed in (1, 2)]
    assert np.array_equal(*narrow)
    for truncation in (-0.1, 1.1):
        with pytest.raises(ValueError, match="truncation"):
            model.random_identity(1, truncation)
    moved = images(model.animate(first, driver(2)))
    assert moved.shape == (2, 32, 32, 3)


def test_faithful_is_the_released_inference(model):
    """Each picture by itself: first face of dlib at twice the size, FFHQ at 1024 of 4096, PIL's
    bilinear, all of ReStyle's steps, M(identity, motion), constant noise, bytes cut off."""
    faithful = FaceTransfer(model.pack, device="cpu", dtype=torch.bfloat16, faithful=True)
    assert faithful.dtype == torch.float32
    target, source = photo(HOPPER), driver(1)[0]

    def cut(picture: np.ndarray) -> Image.Image:
        return Image.fromarray(align(picture, first_face(picture).landmarks, 1024, 4096))

    def tensor(picture: Image.Image) -> torch.Tensor:
        small = picture.resize((32, 32), Image.Resampling.BILINEAR)
        return (torch.from_numpy(np.array(small)).permute(2, 0, 1)[None] / 255 - 0.5) / 0.5

    pack = model.pack
    code = restyle(pack.identity_encoder, pack.generator, tensor(cut(target)))[-1]
    expected = pack.generator(pack.mapper(code, pack.motion_encoder(tensor(cut(source)))))
    identity = faithful.identify(target)
    assert identity.crop.shape == (1024, 1024, 3)
    torch.testing.assert_close(identity.code, code)
    results = list(faithful.animate(identity, [source, BLANK, source]))
    assert near(results[0].image, to_pictures(expected)[0])
    assert not results[1].face
    assert np.array_equal(results[0].image, results[2].image)  # no track, no smoothing
    with pytest.raises(NoFaceFound):
        faithful.identify(BLANK)


def test_a_pack_loaded_for_bf16_computes_in_fp32_too(model, hopper):
    low = tiny_pack()
    low.motion_encoder.bfloat16()
    low.identity_encoder.bfloat16()
    single = FaceTransfer(low, device="cpu", dtype=torch.float32)
    assert single.identify(photo(HOPPER)).code.dtype == torch.float32


def test_bytes_and_tensors():
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    tensor = to_tensor([picture])
    assert tensor.shape == (1, 3, 4, 4)
    assert tensor.min() == -1
    assert np.array_equal(to_pictures(tensor + 1e-4)[0], picture)
    clipped = to_pictures(torch.tensor([-3.0, -1.0, 1.0, 3.0]).reshape(1, 1, 2, 2))
    assert clipped.ravel().tolist() == [0, 0, 255, 255]
