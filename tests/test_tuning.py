"""Faithful identity: a copy of the generator learns one portrait; the pack's stays as it is."""

import hashlib
from itertools import pairwise
from pathlib import Path
from time import monotonic

import numpy as np
import pytest
import torch

from stylexfer.baseline import LatentArithmetic
from stylexfer.cli import main
from stylexfer.errors import NoFaceFound, StylexferError
from stylexfer.media import open_picture
from stylexfer.metrics.variants import BadVariant, parse
from stylexfer.networks import GeneratorConfig
from stylexfer.packs import save_pack
from stylexfer.tensors import resized
from stylexfer.transfer import FaceTransfer, Identity
from stylexfer.tuning import planned_steps, seconds_needed, tuned_generator
from tests.tiny import tiny_pack

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
HOPPER, COLLINS = (
    EXAMPLES / "photos" / name for name in ("grace_hopper.jpg", "collins_astronaut.png")
)


def tune(model: FaceTransfer, identity: Identity, **options) -> Identity:
    *_, last = model.tune(identity, **options)
    return last.identity


def weights(model: FaceTransfer) -> str:
    """A digest of every weight that a model draws with."""
    digest = hashlib.sha256()
    for network in (*model.pack.networks().values(), model.generator):
        for value in network.state_dict().values():
            digest.update(value.detach().float().numpy().tobytes())
        for value in network.buffers():
            digest.update(value.float().numpy().tobytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def model() -> FaceTransfer:
    return FaceTransfer(tiny_pack(), device="cpu", dtype=torch.float32)


@pytest.fixture(scope="module")
def people(model) -> list[Identity]:
    return [model.identify(open_picture(path)) for path in (HOPPER, COLLINS)]


@pytest.fixture(scope="module")
def tuned(model, people) -> list[Identity]:
    return [tune(model, person) for person in people]


def away(identity: Identity) -> float:
    """Of the picture at the pivot from the photo, in grey levels."""
    photo = resized(identity.crop, identity.inversion.shape[0])
    return float(np.abs(photo.astype(float) - identity.inversion).mean())


def drawn(model: FaceTransfer, identity: Identity) -> bytes:
    frames = [open_picture(COLLINS)] * 2
    results = model.animate(identity, frames, batch_size=1)  # sums of a batch are rounded otherwise
    return b"".join(result.image.tobytes() for result in results)


def test_each_portrait_is_learned_and_the_pack_is_left_alone(model, people):
    before = weights(model)
    for person in people:
        learned = tune(model, person)
        assert away(learned) < 0.7 * away(person)
        assert drawn(model, learned) != drawn(model, person)
    assert weights(model) == before


def test_the_same_portrait_gives_the_same_bytes(model, people, tuned):
    again = tune(model, people[0])
    assert again.tuning.steps == again.tuning.planned == model.tuning_steps
    assert np.array_equal(again.inversion, tuned[0].inversion)
    for name, change in again.tuning.change.items():
        assert torch.equal(change, tuned[0].tuning.change[name])


def test_visitors_do_not_mix(model, people, tuned):
    alone = [drawn(model, person) for person in (*tuned, people[0])]
    running = [
        model.animate(person, [open_picture(COLLINS)] * 2, batch_size=1)
        for person in (*tuned, people[0])
    ]
    turns = [[next(run).image.tobytes() for run in running] for _ in range(2)]
    assert [b"".join(frames) for frames in zip(*turns, strict=True)] == alone
    assert len(set(alone)) == 3


def test_what_is_kept_of_a_visitor_is_small(model, tuned):
    generator = model.pack.generator
    count = sum(parameter.numel() for parameter in generator.parameters())
    assert tuned[0].tuning.bytes <= 2 * count
    assert all(change.device.type == "cpu" for change in tuned[0].tuning.change.values())
    remade = tuned_generator(generator, tuned[0].tuning)
    with torch.inference_mode():
        picture = model.decode(model.rest_code(tuned[0]), model.generator_of(tuned[0]))[0]
        same = remade(model.rest_code(tuned[0]))
    assert np.abs(picture.astype(int) - tuned[0].inversion).max() <= 4  # of fp16
    assert torch.isfinite(same).all()


def test_steps_are_told_and_a_closed_run_leaves_nothing(model, people):
    before = weights(model)
    steps = model.tune(people[0])
    first, second = next(steps), next(steps)
    assert (first.done, second.done) == (1, 2) and first.planned == model.tuning_steps
    assert first.identity is None
    steps.close()
    assert weights(model) == before and people[0].tuning is None


def test_time_is_a_limit_that_is_told(model, people):
    *before, last = model.tune(people[0], seconds=0.0)
    assert before == []
    assert last.identity.tuning.steps == 1 < last.identity.tuning.planned


def test_steps_follow_from_the_size_and_the_device():
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    small = GeneratorConfig(size=32, channels=(16, 16, 16, 8))
    middle = GeneratorConfig(size=256, channels=(320, 320, 320, 256, 128, 64, 32))
    steps = [planned_steps(config, cpu) for config in (small, middle, GeneratorConfig())]
    assert all(a > b for a, b in pairwise(steps)) and steps[-1] == 0  # 1024 px
    assert planned_steps(GeneratorConfig(), gpu) > 0


def test_its_time_is_foretold(model, people):
    before = weights(model)
    foretold = seconds_needed(model)
    started = monotonic()
    tune(model, people[0])
    assert foretold / 5 < monotonic() - started < 5 * foretold  # others may be on the machine
    assert weights(model) == before


def test_where_it_cannot_be_done_it_says_so():
    model = LatentArithmetic(tiny_pack(), device="cpu", dtype=torch.float32)
    person = model.identify(open_picture(HOPPER), tune=True)  # where that can be done
    assert person.tuning is None
    with pytest.raises(StylexferError, match="Go on without"):
        model.tune(person)
    assert seconds_needed(model) == 0


@pytest.mark.parametrize("side", [1, 64])
def test_a_picture_without_a_face_says_so(model, side):
    with pytest.raises(NoFaceFound):
        model.identify(np.zeros((side, side, 3), np.uint8), tune=True)


def test_a_broken_encoder_does_not_give_a_broken_person(people):
    model = FaceTransfer(tiny_pack(), device="cpu", dtype=torch.float32)
    with torch.no_grad():
        model.pack.generator.to_rgb1.bias.fill_(float("nan"))
    with pytest.raises(StylexferError, match="without faithful identity"):
        tune(model, people[0])


def test_the_command_line_tunes_where_it_can(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    save_pack(tiny_pack(), "pack")
    invert = ["invert", "--pack", "pack", "--device", "cpu", "--identity", str(HOPPER), "-o"]
    assert main([*invert, "tuned.png", "--no-label", "--tune"]) == 0
    assert main([*invert, "plain.png", "--no-label"]) == 0
    halves = [np.hsplit(open_picture(name).astype(float), 2) for name in ("tuned.png", "plain.png")]
    tuned, plain = (np.abs(left - right).mean() for left, right in halves)
    assert tuned < 0.7 * plain
    capfd.readouterr()
    assert main([*invert, "psp.png", "--method", "psp", "--tune"]) == 2
    assert "Go on without" in capfd.readouterr().err
    driven = ["animate", "--faithful", "--tune", "--driving", str(COLLINS), *invert[1:], "d.png"]
    assert main(driven) == 2
    assert "leave out --tune" in capfd.readouterr().err


def test_a_table_can_have_it_as_a_row():
    plain, tuned = (
        row for spec in ("default,method=transfer", "default,tune=true") for row in parse(spec)
    )
    assert (plain.tune, tuned.tune) == (False, True)
    assert tuned.name == f"{plain.name}, tune"
    assert tuned.facts()["tune"] is True
    for wrong in ("default,tune=true,faithful=true", "default,tune=true,method=psp"):
        with pytest.raises(BadVariant, match="tune=true"):
            parse(wrong)
