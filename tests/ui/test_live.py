"""The runs of several visitors over one model, without a browser."""

import io
import queue
import threading
import time

import numpy as np
import pytest
from PIL import Image

from stylexfer.errors import TooLarge, UnreadableMedia
from stylexfer.marks import Mark, Source
from stylexfer.marks.xmp import read_source_type
from stylexfer.media import open_picture, probe, read_frames
from stylexfer.transfer import FaceTransfer
from stylexfer.ui import live_run
from stylexfer.ui.examples import FOLDER
from stylexfer.ui.live import Live
from stylexfer.ui.live_run import LiveRefused, LiveSettings, clip_of, opened_frame
from tests.tiny import tiny_pack

PATIENCE = 30


def jpeg_of(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=90)
    return file.getvalue()


@pytest.fixture(scope="module")
def model() -> FaceTransfer:
    return FaceTransfer(tiny_pack(), device="cpu")


@pytest.fixture(scope="module")
def identities(model):
    return [model.random_identity(seed, 1.0) for seed in range(3)]


@pytest.fixture(scope="module")
def frames() -> list[bytes]:
    path = FOLDER / "clips/clip_a.mp4"
    clip = read_frames(path, probe(path))
    shown = [next(clip) for _ in range(60)]
    clip.close()
    return [jpeg_of(frame) for frame in shown[::10]]


NOTHING = jpeg_of(np.zeros((240, 320, 3), np.uint8))


class Visit:
    """A visitor of a `Live`, with what it was handed."""

    def __init__(self, live: Live, identity):
        self.live = live
        self.handed = queue.Queue()
        self.run = live.begin(identity, self.handed.put)

    def ask(self, number: int, frame: bytes):
        self.live.give(self.run, number, frame)
        return self.handed.get(timeout=PATIENCE)

    def picture(self, frame: bytes, number: int = 1) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(self.ask(number, frame).jpeg)))


@pytest.fixture
def live(model):
    live = Live(model, seats=3)
    yield live
    assert live._runs == [], "a test left a run behind"
    for _ in range(100):
        if not any(thread.name.startswith("live-") for thread in threading.enumerate()):
            return
        time.sleep(0.05)
    pytest.fail("threads go on although every visitor has left")


@pytest.fixture
def visit(live, identities):
    visits = []

    def begin(k: int = 0) -> Visit:
        visits.append(Visit(live, identities[k]))
        return visits[-1]

    yield begin
    for one in visits:
        live.end(one.run)


class Gate:
    """The model, whose networks wait until they are let go."""

    def __init__(self, model: FaceTransfer):
        self._model = model
        self.sizes = []
        self.arrived = threading.Semaphore(0)
        self.open = threading.Semaphore(0)

    def __getattr__(self, name):
        return getattr(self._model, name)

    def motion_codes(self, crops):
        self.sizes.append(len(crops))
        self.arrived.release()
        assert self.open.acquire(timeout=PATIENCE)
        return self._model.motion_codes(crops)


def test_the_face_drives_the_picture(visit, frames):
    one = visit()
    first, other = one.ask(1, frames[0]), one.ask(7, frames[-1])
    assert (first.number, first.face, other.number) == (1, True, 7)
    assert first.jpeg != other.jpeg
    assert 0 < first.spent < 1000 * PATIENCE


def test_a_picture_is_marked(visit, frames, tmp_path):
    (tmp_path / "a.jpg").write_bytes(visit().ask(1, frames[0]).jpeg)
    assert read_source_type(tmp_path / "a.jpg") == Source.GENERATED


def test_without_a_face_the_last_picture_is_held(visit, frames):
    one = visit()
    rest = one.ask(1, NOTHING)
    assert not rest.face
    driven = one.ask(2, frames[-1])
    held = one.ask(3, NOTHING)
    assert (driven.face, held.face) == (True, False)
    assert held.jpeg == driven.jpeg != rest.jpeg


def test_frames_are_dropped_and_never_queued(model, identities, frames):
    gate = Gate(model)
    live = Live(gate)
    one = Visit(live, identities[0])
    try:
        live.give(one.run, 1, frames[0])
        assert gate.arrived.acquire(timeout=PATIENCE)  # 1 is in the networks
        live.give(one.run, 2, frames[1])
        while one.run.crop is None or one.run.frame is not None:  # 2 is looked at
            time.sleep(0.01)
        for number in range(3, 50):  # of these only the last can wait
            live.give(one.run, number, frames[number % len(frames)])
        for _ in range(3):
            gate.open.release()
        answered = [one.handed.get(timeout=PATIENCE).number for _ in range(3)]
        assert answered == [1, 2, 49]
        assert one.handed.empty()
    finally:
        live.end(one.run)


def test_turns_are_fair_and_share_a_batch(model, identities, frames):
    """A visitor who sends without pause gets no more than one who waits for each answer."""
    gate = Gate(model)
    live = Live(gate)
    greedy, patient, third = (Visit(live, identity) for identity in identities)
    visits = [greedy, patient, third]
    try:
        live.give(greedy.run, 1, frames[0])
        assert gate.arrived.acquire(timeout=PATIENCE)
        for number in range(2, 20):
            live.give(greedy.run, number, frames[0])
        live.give(patient.run, 1, frames[1])
        live.give(third.run, 1, frames[2])
        while len(live._to_draw) < 3:
            time.sleep(0.01)
        for _ in range(2):
            gate.open.release()
        assert patient.handed.get(timeout=PATIENCE).number == 1
        assert third.handed.get(timeout=PATIENCE).number == 1
        assert gate.sizes[1] == 3
        assert greedy.handed.get(timeout=PATIENCE).number == 1
    finally:
        for one in visits:
            live.end(one.run)
        for _ in range(20):
            gate.open.release()


def test_visitors_do_not_mix(live, visit, frames):
    """Three at once, each with its own identity, face, settings: as if each were alone."""
    settings = [LiveSettings(), LiveSettings(pose=0, expression=0), LiveSettings(relative=True)]

    def pictures(k: int) -> list[np.ndarray]:
        one = visit(k)
        one.run.settings = settings[k]
        order = frames if k != 1 else frames[::-1]
        shown = [one.picture(frame, n) for n, frame in enumerate(order)]
        live.end(one.run)
        return shown

    alone = [pictures(k) for k in range(3)]
    together = [None] * 3
    threads = [
        threading.Thread(target=lambda k=k: together.__setitem__(k, pictures(k))) for k in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    for own, shared in zip(alone, together, strict=True):
        # A batch may round otherwise than a single picture.
        np.testing.assert_allclose(np.stack(own, dtype=float), np.stack(shared), atol=4)
    assert np.abs(np.stack(alone[0], dtype=float) - np.stack(alone[2])).max() > 8


def test_strengths_and_neutral(visit, frames):
    one, at_rest = visit(), visit()
    rest = at_rest.picture(NOTHING)
    driven = one.picture(frames[0])
    assert np.abs(driven.astype(int) - rest).max() > 8
    one.run.settings = LiveSettings(pose=0, expression=0)
    np.testing.assert_allclose(one.picture(frames[0]).astype(int), rest, atol=2)
    one.run.settings = LiveSettings(relative=True)
    one.run.neutral_wanted = True  # this face is the neutral one from now on
    np.testing.assert_allclose(one.picture(frames[0]).astype(int), rest, atol=2)
    assert np.abs(one.picture(frames[-1]).astype(int) - rest).max() > 2


def test_seats_are_limited_and_given_back(live, visit, identities):
    visits = [visit() for _ in range(3)]
    with pytest.raises(LiveRefused, match="All 3 live places are taken"):
        Visit(live, identities[0])
    live.end(visits[0].run)
    live.end(visits[0].run)
    visit()


def test_a_visitor_who_left_gets_nothing(live, visit, frames):
    one, other = visit(), visit()
    live.give(one.run, 1, frames[0])
    live.end(one.run)
    live.give(one.run, 2, frames[1])
    assert other.ask(1, frames[0]).number == 1  # the others go on
    assert all(picture.number == 1 for picture in list(one.handed.queue))
    assert one.run.frame is None and one.run.crop is None


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (b"", UnreadableMedia),
        (b"no picture", UnreadableMedia),
        (b"\xff\xd8\xff\xe0" + b"\x00" * 100, UnreadableMedia),
        (b"\x00" * (live_run.MAX_FRAME_BYTES + 1), TooLarge),
        (jpeg_of(np.zeros((1300, 1000, 3), np.uint8)), TooLarge),
    ],
)
def test_what_is_no_frame_ends_the_run(live, visit, frames, frame, kind):
    one, other = visit(), visit()
    assert isinstance(one.ask(1, frame), kind)
    assert one.run.ended
    assert other.ask(1, frames[0]).face


def test_only_jpeg_is_opened():
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    with pytest.raises(UnreadableMedia):
        opened_frame(file.getvalue())


@pytest.mark.parametrize(
    "change",
    [
        {"pose": 2},
        {"pose": -0.1},
        {"expression": float("nan")},
        {"steadiness": "1"},
        {"steadiness": None},
        {"relative": 1},
    ],
)
def test_settings_out_of_bounds_are_refused(change):
    said = {"pose": 1, "expression": 0.5, "relative": True, "steadiness": 0}
    assert LiveSettings.of(said) == LiveSettings(1, 0.5, True, 0)
    with pytest.raises(LiveRefused):
        LiveSettings.of({**said, **change})


def test_the_last_seconds_can_be_saved(visit, frames, tmp_path, monkeypatch):
    one = visit()
    with pytest.raises(LiveRefused):
        clip_of(one.run.recent(), Mark.GENERATED)
    for number, frame in enumerate(frames):
        one.ask(number, frame)
    shown = one.run.recent()
    assert [jpeg[:2] for _, jpeg in shown] == [b"\xff\xd8"] * len(frames)
    evenly = [(100 + 0.2 * k, jpeg) for k, (_, jpeg) in enumerate(shown)]
    clip_of(evenly, Mark(watermark=False))(tmp_path / "clip.mp4")
    info = probe(tmp_path / "clip.mp4")
    assert (info.frames, float(info.fps)) == (26, 25.0)  # 1 s, and the last picture
    assert read_source_type(tmp_path / "clip.mp4") == Source.GENERATED
    monkeypatch.setattr(live_run, "RECENT", 0.0)
    one.ask(9, frames[0])
    assert len(one.run.recent()) == 1


def test_a_portrait_keeps_its_person(model, visit, frames):
    """The rest of a run is what `animate` gives at strength 0."""
    picture = open_picture(FOLDER / "photos/grace_hopper.jpg")
    identity = model.identify(picture)
    (still,) = model.animate(identity, [picture], pose=0, expression=0)
    one = Visit(visit().live, identity)
    np.testing.assert_allclose(one.picture(NOTHING).astype(int), still.image, atol=24)  # JPEG
    one.live.end(one.run)


def test_a_tuned_person_is_drawn_with_their_own_weights(model, live, frames):
    """Two tuned visitors and one who is not, in one batch, as each would be alone."""
    picture = open_picture(FOLDER / "photos/grace_hopper.jpg")
    other = open_picture(FOLDER / "photos/collins_astronaut.png")
    plain = model.identify(picture)
    people = [model.identify(picture, tune=True), model.identify(other, tune=True), plain]
    alone = []
    for person in people:
        one = Visit(live, person)
        alone.append(one.picture(frames[0]).astype(int))
        live.end(one.run)
    runs = [Visit(live, person).run for person in people]
    crop = runs[0].look(frames[0])
    live._pictures([(run, 1, 0.0, crop) for run in runs])
    together = [np.asarray(Image.open(io.BytesIO(run.last))).astype(int) for run in runs]
    for run in runs:
        live.end(run)
    for k in range(3):
        assert np.abs(together[k] - alone[k]).mean() < 1.0
        assert all(np.abs(together[k] - alone[j]).mean() > 2.0 for j in range(3) if j != k)
