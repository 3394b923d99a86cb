"""Faithful identity in the tabs, without a browser."""

import gradio as gr
import pytest
import torch

from stylexfer.baseline import load_model
from stylexfer.media import open_picture
from stylexfer.packs import default_pack
from stylexfer.transfer import FaceTransfer
from stylexfer.tuning import seconds_needed
from stylexfer.ui.engine import Engine
from stylexfer.ui.examples import FOLDER
from stylexfer.ui.faithful import faithful_box, known, learned
from stylexfer.ui.session import Visitor
from tests.tiny import tiny_pack

PORTRAIT = str(FOLDER / "photos/grace_hopper.jpg")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(FaceTransfer(tiny_pack(), device="cpu"))


@pytest.fixture(scope="module")
def person(engine):
    return engine.identify(open_picture(PORTRAIT))


class Bar(gr.Progress):
    """What a visitor is told of the progress."""

    def __init__(self):
        super().__init__()
        self.told = []

    def __call__(self, progress, **options):
        self.told.append(progress)


def test_a_portrait_is_learned_once_with_a_bar(engine, person):
    visitor, bar = Visitor(), Bar()
    *_, tuned = learned(engine, visitor, PORTRAIT, person, bar)
    assert tuned.tuning.steps == engine.tuning_steps
    assert bar.told == [(k, engine.tuning_steps) for k in range(1, engine.tuning_steps + 1)]
    assert known(visitor, PORTRAIT, person) is tuned
    assert list(learned(engine, visitor, PORTRAIT, tuned, bar)) == [tuned]
    assert known(Visitor(), PORTRAIT, person) is person


def test_stop_keeps_the_untuned_person(engine, person):
    visitor = Visitor()
    run = visitor.start("video")
    visitor.stop("video")
    *_, kept = learned(engine, visitor, PORTRAIT, person, Bar(), run)
    assert kept is person and known(visitor, PORTRAIT, person) is person


def test_what_fails_keeps_the_untuned_person(person, monkeypatch):
    pack = tiny_pack()
    pack.generator.to_rgb1.bias.fill_(float("nan"))
    engine, said = Engine(FaceTransfer(pack, device="cpu")), []
    monkeypatch.setattr(gr, "Warning", said.append)
    *_, kept = learned(engine, Visitor(), PORTRAIT, person, Bar())
    assert kept is person
    assert "without faithful identity" in said[0]


def test_it_is_on_at_first_only_where_it_is_quick(engine, monkeypatch):
    box = faithful_box(engine)
    assert (box.value, box.visible) == (False, True)
    assert "about a minute" in box.info
    monkeypatch.setattr(engine, "tuning_is_quick", True)
    box = faithful_box(engine)
    assert (box.value, box.visible) == (True, True)
    assert "some seconds" in box.info


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_on_a_gpu_it_is_on_at_first_where_it_takes_under_ten_seconds(monkeypatch):
    model = load_model(default_pack())
    engine, needed = Engine(model), seconds_needed(model)
    print(f"faithful identity: {needed:.1f} s foretold")
    assert engine.tuning_is_quick == faithful_box(engine).value == (needed < 10)
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert not Engine(model).tuning_is_quick
