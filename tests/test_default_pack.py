"""The pack in `checkpoints/`: whole, small, and it does what it is for."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylexfer.media import open_picture, probe, read_frames
from stylexfer.metrics.motion import correlation, face_signals
from stylexfer.packs import resolve_pack, verify_pack
from stylexfer.transfer import FaceTransfer, Identity

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
STRIDE = 3  # every third frame of a clip says enough
SIDE = 128  # px, at which pictures are compared


@pytest.fixture(scope="module")
def model() -> FaceTransfer:
    return FaceTransfer.from_pretrained("default")


@pytest.fixture(scope="module")
def people(model) -> list[Identity]:
    names = ("grace_hopper.jpg", "collins_astronaut.png")
    return [model.identify(open_picture(EXAMPLES / "photos" / name)) for name in names]


def small(picture: np.ndarray) -> np.ndarray:
    image = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(image, dtype=float)


def test_it_is_whole_and_small():
    manifest = verify_pack(resolve_pack("default"))
    files = manifest["files"].values()
    assert sum(facts["bytes"] for facts in files) < 120e6
    assert all(facts["origin"] and facts["licence"] for facts in files)
    assert manifest["architecture"]["generator"]["size"] == 256


def test_an_inversion_is_nearest_to_its_own_face(people):
    for k, person in enumerate(people):
        distances = [np.abs(small(person.inversion) - small(p.crop)).mean() for p in people]
        assert int(np.argmin(distances)) == k


def test_random_people_have_faces(model):
    crops = [model.random_identity(seed).crop for seed in range(4)]
    assert np.isfinite(face_signals(crops)["yaw"]).sum() >= 3
    assert min(np.abs(small(a) - small(crops[0])).mean() for a in crops[1:]) > 3


@pytest.mark.parametrize(
    ("clip", "signals"),
    [
        # The mouth of clip_a hardly opens: what dlib sees of it there is mostly its own noise.
        ("clip_a.mp4", ("yaw",)),
        ("clip_b.mp4", ("yaw", "mouth")),
    ],
)
def test_the_output_follows_the_driver(model, people, clip, signals):
    path = EXAMPLES / "clips" / clip
    info = probe(path)
    frames = list(islice(read_frames(path, info), 0, None, STRIDE))
    results = list(model.animate(people[0], frames, fps=float(info.fps) / STRIDE))
    assert all(result.face for result in results)
    driver, output = face_signals(frames), face_signals(result.image for result in results)
    assert np.isfinite(output["yaw"]).mean() > 0.9
    for name in signals:
        assert correlation(driver[name], output[name]) > 0.6, name
