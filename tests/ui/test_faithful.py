"""Faithful identity in the tabs, without a browser."""

import gradio as gr
import pytest

from stylexfer.media import open_picture
from stylexfer.transfer import FaceTransfer
from stylexfer.ui.engine import Engine
from stylexfer.ui.examples import FOLDER
from stylexfer.ui.faithful import known, learned
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
