"""Files and requests that mean no good, at a running app: through the tabs and through the API."""

import http.client
import json
import re
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from stylexfer.ui import texts
from tests.web import hostile
from tests.web.serve import ROOT, App, running_app

PATIENCE = 120.0  # seconds for one answer, with the machine busy
TOGETHER = 3


class Caller:
    """Speaks the app's own protocol, so that nothing a polite client would mend is mended."""

    def __init__(self, app: App, address: str = ""):
        headers = {"x-forwarded-for": address} if address else {}
        self.http = httpx.Client(base_url=app.url, timeout=PATIENCE, headers=headers)
        config = self.http.get("/config").json()
        self.functions = {function["api_name"]: function for function in config["dependencies"]}
        self.components = {component["id"]: component for component in config["components"]}
        self.session = secrets.token_hex(8)

    def settings(self, name: str) -> list:
        """What the page would send before anything is chosen; what can be left out is."""
        parts = [self.components[part] for part in self.functions[name]["inputs"]]
        values = [part["props"].get("value") for part in parts]
        return [False if value is True else value for value in values]

    def upload(self, name: str, content: bytes) -> dict:
        answer = self.http.post("/gradio_api/upload", files={"files": (name, content)})
        path = answer.json()[0]
        return {"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}

    def join(self, name: str, data: list) -> httpx.Response:
        body = {"fn_index": self.functions[name]["id"], "data": data, "session_hash": self.session}
        return self.http.post(
            "/gradio_api/queue/join",
            content=json.dumps(body),  # NaN as well
            headers={"content-type": "application/json"},
        )

    def call(self, name: str, data: list) -> tuple[bool, str]:
        """(Whether it worked, what was said); one call at a time on a session."""
        answer = self.join(name, data)
        if answer.status_code != 200:
            return False, answer.text
        query = {"session_hash": self.session}
        with self.http.stream("GET", "/gradio_api/queue/data", params=query) as events:
            for line in events.iter_lines():
                event = json.loads(line.removeprefix("data:")) if line else {}
                if event.get("msg") == "process_completed":
                    output = event["output"]
                    said = output.get("error") or json.dumps(output.get("data"))
                    return event["success"], str(said)
        raise AssertionError("the app hung up")

    def agree(self) -> None:
        """Tick the box of the page, for this session."""
        assert self.call("choose", [True, True, "PNG", None])[0]


def by_api_picture(caller: Caller, sent: dict, good: dict) -> tuple[bool, str]:
    return caller.call("transfer_picture", [sent, good, True, 1, 1, "face", "png", True])


def by_page_picture(caller: Caller, sent: dict, good: dict) -> tuple[bool, str]:
    return caller.call("transfer_image", [good, sent, *caller.settings("transfer_image")[2:]])


def by_api_clip(caller: Caller, sent: dict, good: dict) -> tuple[bool, str]:
    settings = [True, 1, 1, "face", False, False, 0.5, False, 0, 0, True]
    return caller.call("transfer_clip", [good, sent, *settings])


def by_page_clip(caller: Caller, sent: dict, good: dict) -> tuple[bool, str]:
    return caller.call("transfer_video", [good, sent, *caller.settings("transfer_video")[2:]])


def by_check(caller: Caller, sent: dict, good: dict) -> tuple[bool, str]:
    """Whether a file can be opened is not the question here: only that nothing breaks."""
    return caller.call("check_file", [sent])


@pytest.fixture(scope="module")
def uploads(tmp_path_factory) -> dict[str, list[hostile.Case]]:
    folder = tmp_path_factory.mktemp("hostile")
    return {"pictures": hostile.pictures(folder), "clips": hostile.clips(folder)}


@pytest.mark.parametrize(
    ("kind", "use"),
    [
        ("pictures", by_api_picture),
        ("pictures", by_page_picture),
        ("clips", by_api_clip),
        ("clips", by_page_clip),
        ("pictures", by_check),
        ("clips", by_check),
    ],
)
def test_hostile_uploads(app, uploads, kind: str, use: Callable):
    cases = uploads[kind]
    if use not in (by_api_picture, by_api_clip):  # a name passes the same way everywhere
        cases = [case for case in cases if case[0] not in hostile.NAMES]
    face = hostile.FACE.read_bytes()
    began = len(app.log.read_text())

    def complaint(case: hostile.Case) -> str | None:
        name, path, words = case
        caller = Caller(app)
        caller.agree()
        worked, said = use(
            caller, caller.upload(name, path.read_bytes()), caller.upload("face.png", face)
        )
        expected = worked if not words else re.search(words, said)
        known = expected or (worked and words.endswith("|")) or use is by_check
        clean = texts.UNEXPECTED not in said and not re.search("Traceback|/tmp|root:|<scr", said)
        return None if known and (worked or clean) else f"{name}: {words!r} was expected: {said}"

    with ThreadPoolExecutor(TOGETHER) as pool:
        complaints = [said for said in pool.map(complaint, cases) if said]
    assert not complaints, "\n".join(complaints)
    assert len(cases) >= 35
    log = app.log.read_text()[began:]
    assert "Traceback" not in log and "handler failed" not in log, log[-3000:]


def forged(good: dict, rest: list) -> dict[str, tuple[str, list]]:
    """Calls that no client of Gradio's would make; each has to be refused."""
    meta = {"_type": "gradio.FileData"}
    secret = str(ROOT / "app.py")
    elsewhere = {
        "system": {"path": "/etc/passwd", "meta": meta},
        "no_meta": {"path": "/etc/passwd"},
        "own_code": {"path": secret, "meta": meta},
        "up": {"path": good["path"] + "/../../../../../../../../etc/passwd", "meta": meta},
        "file_address": {"path": "file:///etc/passwd", "meta": meta},
        "this_machine": {"path": "http://127.0.0.1:1/a.png", "meta": meta},
        "cloud": {"path": "http://169.254.169.254/latest/meta-data/", "meta": meta},
        "by_url": {"path": secret, "url": "http://127.0.0.1:1/a.png", "meta": meta},
        "in_line": {"url": "data:image/png;base64,AAAA", "path": None, "meta": meta},
        "stream": {"path": secret, "is_stream": True, "meta": meta},
        "text": "/etc/passwd",
        "number": 7,
        "list": [good, good],
        "nothing": None,
    }
    calls = {}
    for name, file in elsewhere.items():
        calls[f"picture {name}"] = "transfer_picture", [file, good, True, 1, 1, "face", "png", True]
        calls[f"tab {name}"] = "transfer_image", [good, file, 1, 1, *rest]
        calls[f"identify {name}"] = "identify", [file, True]
        calls[f"batch {name}"] = "batch", [[file], [good], True, 1, 1, "face", "png", True]
    settings = {
        "not_a_number": (1, float("nan")), "endless": (1, float("inf")), "large": (1, 1e9),
        "negative": (1, -1), "word": (1, "much"), "layout": (3, "/etc/passwd"),
        "format": (4, "../../evil.py"), "consent": (0, "true"), "no_consent": (0, None),
    }  # fmt: skip
    for name, (place, value) in settings.items():
        given = [True, 1, 1, "face", "png", True]
        given[place] = value
        calls[f"setting {name}"] = "transfer_picture", [good, good, *given]
    calls["too few"] = "transfer_picture", [good]
    calls["too many files"] = "batch", [[good] * 5000, [good], True, 1, 1, "face", "png", True]
    calls["no list"] = "batch", [good, good, True, 1, 1, "face", "png", True]
    for seed in (-1, 2**40, "seven", 1.5e300, None):
        calls[f"seed {seed}"] = "random_person", [seed, 0.7, True]
    return calls


@pytest.fixture
def lone_app(tmp_path):
    """One whose log no other test reads: Gradio itself logs what it thinks of forged calls."""
    with running_app(tmp_path) as app:
        yield app


def test_forged_requests(lone_app):
    caller = Caller(lone_app)
    caller.agree()
    good = caller.upload("face.png", hostile.FACE.read_bytes())
    complaints = []
    for name, (function, data) in forged(good, caller.settings("transfer_image")[4:]).items():
        worked, said = caller.call(function, data)
        if worked or re.search("root:|import argparse|Traceback", said):
            complaints.append(f"{name}: {said[:300]}")
    assert not complaints, "\n".join(complaints)
    assert by_api_picture(caller, good, good)[0]  # and the app goes on


def test_what_has_to_go_through_the_line(app):
    client = httpx.Client(base_url=app.url, timeout=PATIENCE)
    for route in ("run", "api"):
        answer = client.post(f"/gradio_api/{route}/random_person", json={"data": [1, 0.7, True]})
        assert answer.status_code == 404, answer.text
    for path in ("app.py", "/etc/passwd", "../app.py", str(ROOT / "README.md")):
        assert client.get(f"/gradio_api/file={path}").status_code in (403, 404)


def test_one_address_cannot_take_everything(app):
    """Behind a proxy on this machine, whose header names the visitor."""
    many = Caller(app, "203.0.113.5")
    said = [many.join("list_options", []).status_code for _ in range(80)]
    assert said[0] == 200 and said[-1] == 429
    refusal = many.join("list_options", [])
    assert "at once from one place" in refusal.text or "wait in line" in refusal.text
    assert Caller(app, "203.0.113.6").call("list_options", [])[0]
    assert Caller(app).call("list_options", [])[0]
    large = http.client.HTTPConnection(app.url.removeprefix("http://"), timeout=PATIENCE)
    large.putrequest("POST", "/gradio_api/upload")
    large.putheader("Content-Length", str(2**30))
    large.endheaders()
    assert large.getresponse().status == 413  # before a byte of it was sent
    large.close()
