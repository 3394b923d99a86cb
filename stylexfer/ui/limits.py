"""How much one visitor may ask of the app: runs, places in the line, and bytes sent.

A visitor is an address; a page, a script and an agent at one address share what it is allowed.
Whoever sits at the machine itself is not limited.
"""

import ipaddress
import math
import time
from collections import OrderedDict

import gradio as gr
from fastapi import HTTPException
from gradio.utils import get_space
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from stylexfer.ui import texts

RUNS, RUNS_A_SECOND = 60, 1.0  # at once, and then; a slider that is dragged makes several a second
WAITING = 8  # of one visitor in line: the line has 40 places
BYTES, BYTES_A_SECOND = 600 * 2**20, 2**20
REQUEST_BYTES = 300 * 2**20  # several files
_VISITORS = 10_000  # that are remembered


def visitor_of(connection: HTTPConnection) -> str | None:
    """The address that a request is from; None for this machine's own.

    A Space stands behind proxies, which name the visitor. An IPv6 visitor has a whole /64.
    """
    host = connection.client.host if connection.client else ""
    if get_space():
        host = connection.headers.get("x-forwarded-for", host).split(",")[0].strip()
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host or "unknown"
    if address.is_loopback:
        return None
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host


class Allowance:
    """So much at once, and so much a second after that, for each visitor."""

    def __init__(self, at_once: float, a_second: float):
        self.at_once, self.a_second = at_once, a_second
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # how much, when

    def take(self, visitor: str | None, amount: float = 1.0) -> float:
        """Take it and return 0; or take nothing, and return the seconds until there is enough."""
        if visitor is None:
            return 0.0
        now = time.monotonic()
        left, then = self._left.pop(visitor, (self.at_once, now))
        left = min(self.at_once, left + (now - then) * self.a_second)
        enough = left >= amount
        self._left[visitor] = (left - amount if enough else left, now)
        while len(self._left) > _VISITORS:
            self._left.popitem(last=False)
        return 0.0 if enough else (amount - left) / self.a_second


def limit_runs(page: gr.Blocks) -> None:
    """Refuse runs of a visitor who starts too many; call it after `page.queue()`.

    Everything passes here: the tabs, scripts, and agents over MCP. (In the queue, and not in the
    handlers, because it is its places that one visitor could take from all the others.)
    """
    runs = Allowance(RUNS, RUNS_A_SECOND)
    queue = page._queue
    push = queue.push

    async def checked_push(body, request, username):
        if visitor := visitor_of(request):
            lines = queue.event_queue_per_concurrency_id.values()
            waiting = sum(
                visitor_of(run.request) == visitor for line in lines for run in line.queue
            )
            if waiting >= WAITING:
                raise HTTPException(429, texts.TOO_MANY_WAITING.format(limit=WAITING))
            if wait := runs.take(visitor):
                seconds = math.ceil(wait)
                headers = {"Retry-After": str(seconds)}
                raise HTTPException(429, texts.TOO_MANY_RUNS.format(seconds=seconds), headers)
        return await push(body=body, request=request, username=username)

    queue.push = checked_push


class UploadLimit:
    """Middleware: refuses uploads of unknown or too great a size before they are read."""

    def __init__(self, app: ASGIApp):
        self.app = app
        self._bytes = Allowance(BYTES, BYTES_A_SECOND)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        upload = scope["type"] == "http" and scope["path"].rstrip("/").endswith("/upload")
        if upload and scope["method"] == "POST":
            connection = HTTPConnection(scope)
            size = connection.headers.get("content-length", "")
            refusal = None
            if not size.isdecimal():
                refusal = PlainTextResponse(texts.NO_LENGTH, 411)
            elif int(size) > REQUEST_BYTES:
                limit = REQUEST_BYTES >> 20
                refusal = PlainTextResponse(texts.UPLOAD_TOO_LARGE.format(limit=limit), 413)
            elif self._bytes.take(visitor_of(connection), int(size)):
                refusal = PlainTextResponse(texts.TOO_MANY_BYTES, 429)
            if refusal:
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)
