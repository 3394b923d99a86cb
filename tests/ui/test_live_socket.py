"""The connection of a live run: what it takes, what it refuses, and that it ends."""

import json
import struct
import time
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from stylexfer.transfer import FaceTransfer
from stylexfer.ui import live_socket, texts
from stylexfer.ui.live import Live
from stylexfer.ui.live_run import MAX_FRAME_BYTES, LiveRefused
from stylexfer.ui.live_socket import PATH, LiveSocket
from tests.tiny import tiny_pack
from tests.ui.test_live import NOTHING, frames  # noqa: F401  a fixture

SETTINGS = {"pose": 1, "expression": 1, "relative": False, "steadiness": 0.5}


@pytest.fixture(scope="module")
def model() -> FaceTransfer:
    return FaceTransfer(tiny_pack(), device="cpu")


@pytest.fixture(scope="module")
def identity(model):
    return model.random_identity(0)


@pytest.fixture
def served(model):
    """A `LiveSocket` of two seats, and what connects to it."""
    made = LiveSocket(Live(model, seats=2))
    app = Starlette()
    made.attach(app)
    made.attach(app)
    assert app.router.routes == [made.route]
    with TestClient(app) as client:

        @contextmanager
        def connect(origin="http://testserver"):
            headers = {"origin": origin} if origin else {}
            # Starlette's client raises this at times, on leaving, where the server has closed first.
            with suppress(CancelledError), client.websocket_connect(PATH, headers=headers) as line:
                yield line

        yield made, connect
    _until(lambda: not made.live._runs and not made._runs, "a run was left behind")


def _until(true, what: str) -> None:
    for _ in range(200):
        if true():
            return
        time.sleep(0.02)
    pytest.fail(what)


def _enter(line, word) -> None:
    line.send_json({"ticket": word})
    assert line.receive_json() == {"state": "ready"}


def _frame(number: int, jpeg: bytes) -> bytes:
    return struct.pack("!I", number) + jpeg


def _picture(line) -> tuple[int, int, bytes]:
    answer = line.receive_bytes()
    number, face, _ = struct.unpack_from("!IBH", answer)
    return number, face, answer[7:]


def _why(line) -> str:
    """Why the run ended: the last word before the connection closes."""
    while True:
        message = line.receive()
        if "text" in message:
            told = json.loads(message["text"])
            assert told["state"] == "ended"
            break
    with pytest.raises(WebSocketDisconnect):
        line.receive_json()
    return told["why"]


def test_a_run(served, identity, frames):  # noqa: F811
    socket, connect = served
    with connect() as line:
        _enter(line, socket.ticket("me", identity))
        line.send_json(SETTINGS)
        line.send_bytes(_frame(1, NOTHING))
        assert _picture(line)[:2] == (1, False)
        line.send_bytes(_frame(2**32 - 1, frames[0]))
        number, face, jpeg = _picture(line)
        assert (number, face, jpeg[:2]) == (2**32 - 1, True, b"\xff\xd8")
        line.send_json({**SETTINGS, "relative": True})
        line.send_json({"neutral": True})
        line.send_bytes(_frame(3, frames[1]))
        assert _picture(line)[2] != jpeg
        assert socket.run_of("me").recent()
    _until(lambda: not socket.live._runs, "the visitor left, and the run goes on")
    with pytest.raises(LiveRefused):
        socket.run_of("me")


def test_a_ticket_is_good_once_and_soon(served, identity, monkeypatch):
    socket, connect = served
    word = socket.ticket("me", identity)
    with connect() as line:
        _enter(line, word)
        for bad in (word, "guessed", None, 7, ["x"]):
            with connect() as other:
                other.send_json({"ticket": bad})
                assert _why(other) == texts.LIVE_NO_TICKET
    old = socket.ticket("me", identity)
    new = socket.ticket("me", identity)  # a session has one
    monkeypatch.setattr(live_socket, "TICKET_SECONDS", -1.0)
    late = socket.ticket("somebody", identity)
    for bad in (old, late):
        with connect() as line:
            line.send_json({"ticket": bad})
            assert _why(line) == texts.LIVE_NO_TICKET
    with connect() as line:
        _enter(line, new)


def test_tickets_do_not_pile_up(served, identity):
    socket, _ = served
    words = [socket.ticket(f"session {k}", identity) for k in range(100)]
    assert len(socket._tickets) == 32
    assert words[-1] in socket._tickets


@pytest.mark.parametrize("origin", ["http://elsewhere.example", "null", None])
def test_only_this_page_may_connect(served, origin):
    _, connect = served
    with pytest.raises(WebSocketDisconnect), connect(origin):
        pass


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"abc", texts.LIVE_TOO_LARGE),
        (_frame(1, b"x" * (MAX_FRAME_BYTES + 1)), texts.LIVE_TOO_LARGE),
        (_frame(1, b"no picture"), texts.LIVE_GARBLED),
        ("{", texts.LIVE_GARBLED),
        ("[]", texts.LIVE_GARBLED),
        ("[" * 2000, texts.LIVE_GARBLED),
        (json.dumps({**SETTINGS, "pose": 9}), texts.LIVE_GARBLED),
    ],
)
def test_what_is_malformed_ends_the_run(served, identity, caplog, sent, why):
    socket, connect = served
    with connect() as line:
        _enter(line, socket.ticket("me", identity))
        (line.send_bytes if isinstance(sent, bytes) else line.send_text)(sent)
        assert _why(line) == why
    assert not caplog.records  # and no traceback


def test_first_comes_the_ticket(served):
    _, connect = served
    with connect() as line:
        line.send_bytes(_frame(1, NOTHING))
        assert _why(line) == texts.LIVE_GARBLED


def test_busy(served, identity):
    socket, connect = served
    spare = socket.ticket("third", identity)
    with connect() as one, connect() as two:
        _enter(one, socket.ticket("one", identity))
        _enter(two, socket.ticket("two", identity))
        busy = texts.LIVE_BUSY.format(seats=2)
        with pytest.raises(LiveRefused, match="All 2 live places are taken"):
            socket.ticket("fourth", identity)
        with connect() as three:
            three.send_json({"ticket": spare})
            assert _why(three) == busy
        # Who has a seat may start again: the new run takes the place of the old.
        with connect() as again:
            _enter(again, socket.ticket("one", identity))
            assert _why(one) == texts.LIVE_ELSEWHERE
            again.send_bytes(_frame(1, NOTHING))
            assert _picture(again)[0] == 1
            assert socket.run_of("one").recent()


def test_a_run_ends_in_time(served, identity):
    socket, connect = served
    socket.idle = 0.3
    with connect() as line:
        _enter(line, socket.ticket("me", identity))
        line.send_json(SETTINGS)
        assert _why(line).startswith("No camera picture came")
    socket.idle, socket.run_seconds = 5, 0.5
    with connect() as line:
        _enter(line, socket.ticket("me", identity))
        assert "are over" in _why(line)


def test_a_flood_ends_the_run(served, identity):
    socket, connect = served
    with connect() as line:
        _enter(line, socket.ticket("me", identity))
        for number in range(1000):
            line.send_bytes(_frame(number, NOTHING))
        assert _why(line) == texts.LIVE_TOO_FAST


def test_one_visitor_s_trouble_is_not_the_other_s(served, identity, frames):  # noqa: F811
    socket, connect = served
    with connect() as good, connect() as bad:
        _enter(good, socket.ticket("good", identity))
        _enter(bad, socket.ticket("bad", identity))
        bad.send_bytes(_frame(1, b"no picture"))
        assert _why(bad) == texts.LIVE_GARBLED
        good.send_bytes(_frame(1, frames[0]))
        assert _picture(good)[:2] == (1, True)


def test_a_fault_of_ours_is_logged_and_not_shown(served, identity, frames, monkeypatch, caplog):  # noqa: F811
    socket, connect = served

    def broken(crops):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(socket.live.model, "motion_codes", broken)
    with connect() as line:
        _enter(line, socket.ticket("me", identity))
        line.send_bytes(_frame(1, frames[0]))
        assert _why(line) == texts.UNEXPECTED
    assert "secret detail" in caplog.text
