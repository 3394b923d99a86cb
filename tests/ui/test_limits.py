import gradio as gr
import httpx
import pytest
from fastapi import HTTPException
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from stylexfer.ui import limits
from stylexfer.ui.limits import Allowance, UploadLimit, limit_runs, visitor_of
from tests.agents import finished


def request(host="203.0.113.5", **headers) -> Request:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "client": (host, 1), "headers": pairs})


def test_who_a_visitor_is(monkeypatch):
    monkeypatch.delenv("SYSTEM", raising=False)
    for own in ("127.0.0.1", "::1", "127.8.8.8"):
        assert visitor_of(request(own)) is None
    # Nobody can hide behind a header where there is no proxy.
    assert visitor_of(request(x_forwarded_for="198.51.100.7")) == "203.0.113.5"
    assert visitor_of(request("2001:db8::1")) == visitor_of(request("2001:db8::ffff:2"))
    assert visitor_of(request("2001:db8::1")) != visitor_of(request("2001:db8:0:1::1"))
    monkeypatch.setenv("SYSTEM", "spaces")
    monkeypatch.setenv("SPACE_ID", "user/demo")
    by_proxy = {"x_forwarded_for": "198.51.100.7, 10.0.0.2"}
    assert visitor_of(request("10.0.0.1", **by_proxy)) == "198.51.100.7"
    assert visitor_of(request("10.0.0.1", x_forwarded_for="<script>")) == "<script>"


def test_an_allowance_runs_out_and_comes_back(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    allowance = Allowance(3, 0.5)
    assert [allowance.take("a") for _ in range(4)] == [0, 0, 0, 2.0]
    assert allowance.take("b") == 0  # another visitor's is another
    assert all(allowance.take(None) == 0 for _ in range(50))  # this machine's own
    now[0] = 1.0
    assert allowance.take("a") == 1.0  # what was refused cost nothing
    now[0] = 2.0
    assert allowance.take("a") == 0
    now[0] = 1e6
    assert [allowance.take("a") > 0 for _ in range(4)] == [False, False, False, True]


def test_strangers_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(limits, "_VISITORS", 10)
    allowance = Allowance(1, 1)
    for k in range(100):
        allowance.take(str(k))
    assert len(allowance._left) == 10


@pytest.fixture
def page(monkeypatch) -> gr.Blocks:
    monkeypatch.setattr(limits, "RUNS", 5)
    monkeypatch.setattr(limits, "WAITING", 2)
    with gr.Blocks() as page:
        gr.api(lambda: None, api_name="nothing")
    page.queue()
    limit_runs(page)
    return page


def test_nobody_takes_the_line_from_the_others(page, monkeypatch):
    body = gr.data_classes.PredictBodyInternal(fn_index=0, data=[], session_hash="s")

    async def joined(host):
        try:
            return (await page._queue.push(body=body, request=request(host), username=None))[0]
        except HTTPException as refusal:
            return refusal.detail

    async def visit():
        first = [await joined("203.0.113.5") for _ in range(3)]
        other = await joined("203.0.113.6")
        own = [await joined("127.0.0.1") for _ in range(4)]
        for line in page._queue.event_queue_per_concurrency_id.values():
            line.queue.clear()  # all done
        later = []
        for _ in range(5):
            later.append(await joined("203.0.113.5"))
            for line in page._queue.event_queue_per_concurrency_id.values():
                line.queue.clear()
        return first, other, own, later

    first, other, own, later = finished(visit())
    assert first[:2] == [True, True] and "wait in line" in first[2]
    assert other is True and own == [True] * 4
    assert later[:3] == [True] * 3 and "Wait 1 s" in later[3]


def test_uploads_have_a_size_and_a_limit(monkeypatch):
    monkeypatch.setattr(limits, "BYTES", 2500)
    monkeypatch.setattr(limits, "REQUEST_BYTES", 2000)
    monkeypatch.setattr(limits, "BYTES_A_SECOND", 0.001)
    read = []

    async def upload(request):
        read.append(len(await request.body()))
        return PlainTextResponse("taken")

    paths = ("/gradio_api/upload", "/gradio_api/else")
    app = UploadLimit(Starlette(routes=[Route(p, upload, methods=["POST"]) for p in paths]))

    async def visit():
        transport = httpx.ASGITransport(app, client=("203.0.113.5", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:

            async def sent(content, path=paths[0]):
                answer = await client.post(path, content=content)
                return answer.status_code

            async def pieces():
                yield b"a"

            return [
                await sent(b"a" * 1500),
                await sent(b"a" * 2001),
                await sent(pieces()),
                await sent(b"a" * 1500),
                await sent(b"a" * 900),
                await sent(b"a" * 9000, paths[1]),
            ]

    assert finished(visit()) == [200, 413, 411, 429, 200, 200]
    assert read == [1500, 900, 9000]
