"""Steps of the picture tab, and many portraits by many drivers, without a browser."""

import json
import zipfile

import pytest

from stylexfer.errors import StylexferError
from stylexfer.layouts import FACE
from stylexfer.marks import Source
from stylexfer.marks.xmp import read_source_type
from stylexfer.steps import Held
from stylexfer.transfer import FaceTransfer
from stylexfer.ui import Engine, texts
from stylexfer.ui.batch import Batch, Sent
from stylexfer.ui.edits import Edit, Edits
from stylexfer.ui.engine import Motion
from stylexfer.ui.examples import FOLDER
from stylexfer.ui.many import _told, named
from stylexfer.ui.session import Run
from tests.tiny import tiny_pack

HOPPER, EINSTEIN = (str(FOLDER / "photos" / n) for n in ("grace_hopper.jpg", "einstein_1921.jpg"))
COLLINS = str(FOLDER / "photos/collins_astronaut.png")


@pytest.fixture
def result(tmp_path):
    """Makes results of a portrait: files of other bytes each time."""
    made = []

    def make(portrait: str = HOPPER) -> Edit:
        path = tmp_path / f"result-{len(made)}.png"
        path.write_bytes(b"result %d" % len(made))
        made.append(Edit(portrait, str(path), str(path), Held(None, None)))
        return made[-1]

    return make


def test_steps_go_on_and_back(result):
    edits = Edits()
    with pytest.raises(StylexferError, match="no result yet"):
        edits.take(HOPPER)
    with pytest.raises(StylexferError, match="No step"):
        edits.at(0)
    portrait, taken = HOPPER, []
    for _ in range(3):
        edits.latest = result()
        portrait = edits.take(portrait)
        taken.append(edits.latest)
        assert edits.of(portrait) is edits.latest
    assert edits.take(portrait) == portrait and edits.steps == taken  # once, however often
    assert edits.shown() == [HOPPER, *(edit.shown for edit in taken)]
    assert [edits.place(path) for path in edits.shown()] == [0, 1, 2, 3]
    assert edits.at(-1) == HOPPER and edits.at(9) == taken[-1].shown
    assert edits.of(HOPPER) is None and edits.place(COLLINS) is None

    edits.latest = result()
    edits.take(taken[0].shown)  # back at the first step, another way
    assert edits.steps == [taken[0], edits.latest]
    edits.latest = result(EINSTEIN)
    edits.take(taken[0].shown)  # of another portrait
    assert edits.shown() == [EINSTEIN, edits.latest.shown]
    edits.forget()
    assert edits.shown() == []


def test_steps_are_bounded_and_their_files_may_be_gone(result, tmp_path):
    edits, portrait = Edits(), HOPPER
    for _ in range(20):
        edits.latest = result()
        portrait = edits.take(portrait)
    assert len(edits.steps) == 12 and edits.place(portrait) == 12
    (tmp_path / "result-18.png").unlink()
    with pytest.raises(StylexferError, match="deleted"):
        edits.at(11)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(FaceTransfer(tiny_pack(), device="cpu"))


def batch(engine, folder, job) -> Batch:
    return Batch(engine, folder, Motion(1.0, 1.0, False, 0.5), FACE, "png", job, named)


PORTRAITS = [Sent(HOPPER, "Hopper.jpg"), Sent(EINSTEIN, "../<b>Ein stein</b>.png")]
DRIVERS = [Sent(COLLINS, "collins.png"), Sent(__file__, "<script>.jpg")]


def test_files_are_named_by_portrait_and_driver(engine, tmp_path):
    work = batch(engine, tmp_path, Run())
    told = []
    for _ in work.run(PORTRAITS, DRIVERS, lambda _, desc, unit: told.append(desc)):
        pass
    work.zipped(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        names = archive.namelist()
        manifest = json.loads(archive.read("manifest.json"))
    assert names == [
        *("01-01_Hopper_by_collins.png", "02-01_b__by_collins.png"),
        *("grid.jpg", "manifest.json"),
    ]
    assert (manifest["done"], manifest["failed"]) == (2, 2)
    assert read_source_type(tmp_path / names[0]) == Source.GENERATED
    assert read_source_type(work.grid) == Source.COMPOSITE
    assert told[0] == "Result 1 of 4" and told[3].startswith("Result 4 of 4, about ")
    words = _told(work, 4, 2.0)
    assert texts.MANY_DONE.format(done=2, total=4, seconds=2) in words
    assert "<script" not in words and "not a picture" in words


def test_stop_keeps_what_is_done(engine, tmp_path):
    job = Run()
    work = batch(engine, tmp_path, job)
    for _ in work.run(PORTRAITS, DRIVERS[:1] * 3, lambda *_, **__: None):
        job.stopped = len(work.items) == 2
    assert len(work.items) == 2 and work.grid
    assert texts.MANY_STOPPED.format(done=2, total=6) in _told(work, 6, 1.0)


def test_stop_before_anything_is_made(engine, tmp_path):
    job = Run()
    job.stopped = True
    work = batch(engine, tmp_path, job)
    assert list(work.run(PORTRAITS, DRIVERS, lambda *_, **__: None)) == []
    assert texts.MANY_EMPTY in _told(work, 4, 1.0) and work.grid is None
