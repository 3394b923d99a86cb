"""The way of live frames between page and server: a WebSocket, `live`, beside Gradio's routes.

A visitor's page gets a ticket from a handler, good for one connection and bound to the identity
chosen there. On the connection it sends

    {"ticket": "..."}                                    first, as text
    frame number, 4 bytes big-endian, then a JPEG        a camera frame
    {"pose": 1, "expression": 1, "relative": false, "steadiness": 0.5}
    {"neutral": true}                                    the next face is the neutral one

and gets

    {"state": "ready"}
    number, 4 bytes; face, 1 byte; milliseconds, 2 bytes; then a JPEG
    {"state": "ended", "why": "..."}                     and the connection is closed

Frames are held in memory, one a visitor, and never written anywhere.
"""

import asyncio
import json
import logging
import secrets
import struct
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from stylexfer.errors import StylexferError
from stylexfer.transfer import Identity
from stylexfer.ui import texts
from stylexfer.ui.live import Live
from stylexfer.ui.live_run import (
    MAX_FRAME_BYTES,
    LivePicture,
    LiveRefused,
    LiveRun,
    LiveSettings,
)

log = logging.getLogger(__name__)

PATH = "/live"

TICKET_SECONDS = 60.0  # to allow the camera, and connect
RUN_SECONDS = 600.0
IDLE_SECONDS = 15.0  # without a frame: the page is hidden, or the camera has stopped
_HELLO_SECONDS = 5.0
_MAX_TICKETS = 32  # an identity of a 1024 px pack takes 6 MB
_MAX_MESSAGES = 90  # a second, on average over a while; a camera gives 30 frames, at most 60
_MAX_TEXT = 1024

_NUMBER = struct.Struct("!I")
_PICTURE = struct.Struct("!IBH")


def same_origin(headers: Headers) -> bool:
    """Whether the page that connects is this app's own, by what the browser says of it."""
    host = urlsplit(headers.get("origin", "")).netloc
    own = (headers.get("host"), headers.get("x-forwarded-host"))  # the latter behind a proxy
    return bool(host) and host in own


class _Pace:
    """Counts messages; more than `_MAX_MESSAGES` a second for a while are too many."""

    def __init__(self) -> None:
        self._left, self._then = 2.0 * _MAX_MESSAGES, time.monotonic()

    def allows(self) -> bool:
        now = time.monotonic()
        self._left = min(2.0 * _MAX_MESSAGES, self._left + (now - self._then) * _MAX_MESSAGES)
        self._then = now
        self._left -= 1
        return self._left >= 0


class _Outbox:
    """The latest thing to send, put there by other threads; an older one is forgotten."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._filled = asyncio.Event()
        self._latest: LivePicture | Exception | None = None

    def put(self, latest: LivePicture | Exception) -> None:
        try:
            self._loop.call_soon_threadsafe(self._put, latest)
        except RuntimeError:  # the server has stopped
            pass

    def _put(self, latest: LivePicture | Exception) -> None:
        if not isinstance(self._latest, Exception):
            self._latest = latest
        self._filled.set()

    async def get(self) -> LivePicture | Exception:
        await self._filled.wait()
        self._filled.clear()
        return self._latest


@dataclass(frozen=True)
class _Ticket:
    owner: str  # the session of the page that asked for it
    identity: Identity
    until: float  # time.monotonic()


class LiveSocket:
    """Tickets, and the connections that they open. An owner, one session of the page, has at most
    one ticket and one run."""

    def __init__(self, live: Live, run_seconds: float = RUN_SECONDS, idle: float = IDLE_SECONDS):
        self.live = live
        self.run_seconds = run_seconds
        self.idle = idle
        self.route = WebSocketRoute(PATH, self._serve)
        self._tickets: OrderedDict[str, _Ticket] = OrderedDict()
        self._runs: dict[str, LiveRun] = {}  # by owner
        self._lock = threading.Lock()

    def attach(self, app: Starlette) -> None:
        """Serve on this app; once more does nothing."""
        with self._lock:
            if self.route not in app.router.routes:
                app.router.routes.append(self.route)

    def ticket(self, owner: str, identity: Identity) -> str:
        """A word, good for one connection within a minute, with which `identity` goes live.

        LiveRefused when all seats are taken.
        """
        word, now = secrets.token_urlsafe(24), time.monotonic()
        with self._lock:
            if self.live.full and owner not in self._runs:
                raise LiveRefused(texts.LIVE_BUSY.format(seats=self.live.seats))
            for old in [w for w, t in self._tickets.items() if t.owner == owner or t.until < now]:
                del self._tickets[old]
            self._tickets[word] = _Ticket(owner, identity, now + TICKET_SECONDS)
            while len(self._tickets) > _MAX_TICKETS:
                self._tickets.popitem(last=False)
        return word

    def run_of(self, owner: str) -> LiveRun:
        """The run under way of this session of the page; LiveRefused when there is none."""
        run = self._runs.get(owner)
        if run is None:
            raise LiveRefused(texts.LIVE_NOT_RUNNING)
        return run

    def _begin(self, word: object, outbox: "_Outbox") -> tuple[str, LiveRun]:
        with self._lock:
            ticket = self._tickets.pop(word, None) if isinstance(word, str) else None
            if ticket is None or ticket.until < time.monotonic():
                raise LiveRefused(texts.LIVE_NO_TICKET)
            if before := self._runs.pop(ticket.owner, None):
                self.live.end(before)
                before.deliver(LiveRefused(texts.LIVE_ELSEWHERE))
            self._runs[ticket.owner] = run = self.live.begin(ticket.identity, outbox.put)
            return ticket.owner, run

    def _end(self, owner: str, run: LiveRun) -> None:
        with self._lock:
            self.live.end(run)
            if self._runs.get(owner) is run:
                del self._runs[owner]

    async def _serve(self, socket: WebSocket) -> None:
        if not same_origin(socket.headers):
            await socket.close()
            return
        await socket.accept()
        run = None
        try:
            outbox = _Outbox()
            said = await asyncio.wait_for(_text_or_bytes(socket), _HELLO_SECONDS)
            owner, run = self._begin(_parsed(said).get("ticket"), outbox)
            await socket.send_json({"state": "ready"})
            await self._until_one_ends(self._receive(socket, run), self._send(socket, outbox))
        except WebSocketDisconnect:  # the visitor has left
            pass
        except StylexferError as error:
            await _goodbye(socket, str(error))
        except asyncio.TimeoutError:
            await _goodbye(socket, texts.LIVE_NO_TICKET)
        except Exception:
            log.exception("a live run failed")
            await _goodbye(socket, texts.UNEXPECTED)
        finally:
            if run:
                self._end(owner, run)

    async def _until_one_ends(self, *jobs) -> None:
        tasks = [asyncio.ensure_future(job) for job in jobs]
        try:
            done, _ = await asyncio.wait(
                tasks, timeout=self.run_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                raise LiveRefused(texts.LIVE_TIME_UP.format(minutes=self.run_seconds / 60))
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _receive(self, socket: WebSocket, run: LiveRun) -> None:
        pace = _Pace()
        frame_by = time.monotonic() + self.idle
        while True:
            try:
                left = max(0.0, frame_by - time.monotonic())
                said = await asyncio.wait_for(_text_or_bytes(socket), left)
            except asyncio.TimeoutError:
                raise LiveRefused(texts.LIVE_IDLE.format(seconds=self.idle)) from None
            if not pace.allows():
                raise LiveRefused(texts.LIVE_TOO_FAST)
            if isinstance(said, bytes):
                frame_by = time.monotonic() + self.idle
                if not _NUMBER.size < len(said) <= _NUMBER.size + MAX_FRAME_BYTES:
                    raise LiveRefused(texts.LIVE_TOO_LARGE)
                self.live.give(run, _NUMBER.unpack_from(said)[0], said[_NUMBER.size :])
            else:
                wish = _parsed(said)
                if wish.get("neutral") is True:
                    run.neutral_wanted = True
                else:
                    run.settings = LiveSettings.of(wish)

    async def _send(self, socket: WebSocket, outbox: _Outbox) -> None:
        while True:
            latest = await outbox.get()
            if isinstance(latest, Exception):
                raise latest
            spent = min(round(latest.spent), 0xFFFF)
            await socket.send_bytes(_PICTURE.pack(latest.number, latest.face, spent) + latest.jpeg)


async def _text_or_bytes(socket: WebSocket) -> str | bytes:
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    return message["text"] if message.get("bytes") is None else message["bytes"]


def _parsed(said: str | bytes) -> dict:
    """A JSON object of at most `_MAX_TEXT` characters; LiveRefused for anything else."""
    try:
        if isinstance(said, bytes) or len(said) > _MAX_TEXT:
            raise ValueError
        wish = json.loads(said)
    except (ValueError, RecursionError):
        wish = None
    if not isinstance(wish, dict):
        raise LiveRefused(texts.LIVE_GARBLED)
    return wish


async def _goodbye(socket: WebSocket, why: str) -> None:
    try:
        await socket.send_json({"state": "ended", "why": why})
        await socket.close()
    except (RuntimeError, WebSocketDisconnect):  # it is closed already
        pass
