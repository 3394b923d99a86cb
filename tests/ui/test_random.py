"""People who do not exist: recipes, favourites, mixes, and identities that were saved."""

from pathlib import Path

import gradio as gr
import numpy as np
import pytest
import torch

from stylexfer.errors import StylexferError
from stylexfer.identity_file import save_identity
from stylexfer.transfer import FaceTransfer
from stylexfer.ui import Engine, texts
from stylexfer.ui.favourites import MOST, known_recipes
from stylexfer.ui.people import identity_file, person_or_file, random_person, saved_identity
from stylexfer.ui.recipe import (
    LAST_SEED,
    in_numbers,
    mixed,
    named,
    of_seed,
    only_seed,
    parts_of,
    short_name,
)
from stylexfer.ui.session import Visitor
from tests.tiny import tiny_pack


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(FaceTransfer(tiny_pack(), device="cpu", dtype=torch.float32))


@pytest.fixture
def saved(engine, tmp_path) -> str:
    path = tmp_path / "person.safetensors"
    save_identity(path, engine.random_identity(3, 0.7), engine.model)
    return str(path)


def test_a_recipe_is_a_person(engine):
    visitor = Visitor()
    person = random_person(engine, visitor, of_seed(3, 0.7))
    np.testing.assert_array_equal(person.crop, engine.random_identity(3, 0.7).crop)
    assert random_person(engine, visitor, of_seed(3, 0.7)) is person


def test_a_mix_lies_between(engine):
    first, second = of_seed(3, 0.7), of_seed(8, 0.5)
    assert (mixed(first, second, 0), mixed(first, second, 1)) == (first, second)
    assert mixed(first, first, 0.3) == first
    recipe = mixed(first, second, 0.25)
    assert parts_of(recipe) == [(3, 0.7, 0.75), (8, 0.5, 0.25)]
    visitor = Visitor()
    ends = [random_person(engine, visitor, r).crop.astype(float) for r in (first, second)]
    between = random_person(engine, visitor, recipe).crop
    assert all(np.abs(between - end).mean() > 0.5 for end in ends)
    assert np.abs(between - ends[0]).mean() < np.abs(between - ends[1]).mean()


def test_a_mix_of_mixes_stays_short():
    recipe = of_seed(0, 0.7)
    for seed in range(1, 40):
        recipe = mixed(recipe, of_seed(seed, 0.7), 0.2)
    parts = parts_of(recipe)
    assert len(parts) == 8
    assert sum(part.share for part in parts) == pytest.approx(1, abs=1e-3)


def test_names():
    assert named(of_seed(3, 0.7)) == short_name(of_seed(3, 0.7)) == "seed 3"
    mix = mixed(of_seed(3, 0.7), of_seed(8, 0.7), 0.4)
    assert in_numbers(mix) == "3 (60%) + 8 (40%)"
    assert named(mix) == "mix 3 (60%) + 8 (40%)"
    assert short_name(mix) == "3 + 8"
    assert (only_seed(of_seed(3, 0.7)), only_seed(mix)) == (3, None)


@pytest.mark.parametrize(
    "text",
    [
        *("", "3", "3@0.7", "3@0.7*0.5", "3@1.5*1", "-3@0.7*1", "3@nan*1", "٣@0.7*1"),
        *(f"{LAST_SEED + 9}@0.7*1", "<b>@0.7*1", "3@0.7*1 " * 5000, "3@0.7*0.1 " * 10),
    ],
)
def test_hostile_recipes(text):
    with pytest.raises(StylexferError):
        parts_of(text)


def test_what_a_browser_says_it_has_kept():
    good = [of_seed(seed, 0.7) for seed in range(30)]
    assert known_recipes([*good, *good]) == good[:MOST]
    assert known_recipes([good[0], good[0], None, 7, {}, "x"]) == good[:1]
    for said in (None, "3@0.7*1", {"a": 1}, 7):
        assert known_recipes(said) == []


def test_no_seed_is_told():
    for seed, truncation in ((None, 0.7), (-1, 0.7), (3, 1.5)):
        with pytest.raises(StylexferError, match="whole number"):
            of_seed(seed, truncation)


def test_a_saved_identity_appears_instead(engine, saved, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    visitor = Visitor(agreed=True)
    person = person_or_file(engine, visitor, of_seed(5, 0.7), saved)
    np.testing.assert_array_equal(person.crop, engine.random_identity(3, 0.7).crop)
    again = identity_file(engine, person)
    assert Path(again).name == "identity.safetensors"
    assert torch.equal(saved_identity(engine, visitor, again).code, person.code)


def test_a_saved_identity_needs_consent_and_the_same_pack(engine, saved):
    with pytest.raises(gr.Error, match="First tick the box"):
        saved_identity(engine, Visitor(), saved)
    other = Engine(FaceTransfer(tiny_pack(seed=1), device="cpu", dtype=torch.float32))
    with pytest.raises(gr.Error, match=f"{texts.IDENTITY_FILE}: .*another pack"):
        saved_identity(other, Visitor(agreed=True), saved)
