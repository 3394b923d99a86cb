import ipaddress
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import gradio as gr
import pytest

from stylexfer.ui import remote, texts
from stylexfer.ui.remote import take_addresses
from tests.agents import finished


class _Elsewhere(BaseHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012

    def do_GET(self):
        self.asked.append(self.path)
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/").replace("_", "/"))
            self.end_headers()
            return
        self.send_response(404 if self.path == "/gone" else 200)
        self.end_headers()  # no length: it has to be counted
        self.wfile.write(b"a" * (5000 if self.path == "/large.png" else 500))

    def log_message(self, *_):
        pass


@pytest.fixture
def elsewhere():
    _Elsewhere.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Elsewhere)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def took(where: str, limit: int = 1000) -> str:
    component = take_addresses(gr.File(), limit)
    return finished(component.async_move_resource_to_block_cache(where))


@pytest.fixture
def public(monkeypatch):
    """This machine passes for a public one."""

    class Address(ipaddress.IPv4Address):
        is_global = True

    monkeypatch.setattr(remote.ipaddress, "ip_address", lambda text: Address(text))


def test_a_public_file_is_fetched_and_kept_for_an_hour(elsewhere, public, cache):
    component = take_addresses(gr.File(), 1000)
    move = component.async_move_resource_to_block_cache
    path = Path(finished(move(f"{elsewhere}/a%20b/c.png?x=1")))
    assert path.read_bytes() == b"a" * 500 and path.suffix == ".png" and cache in path.parents
    assert component.temp_files == {str(path)}  # which Gradio deletes
    assert took(f"{elsewhere}/to/_c.png")


@pytest.mark.parametrize("way", ["/large.png", "/to/_large.png"])
def test_a_large_file_is_not(elsewhere, public, cache, way):
    with pytest.raises(gr.Error, match="more than 0 MB"):
        took(elsewhere + way)
    assert not list(cache.rglob("*"))


@pytest.mark.parametrize("way", ["/gone", "/to/" + "file:__etc_passwd", "/to/_to__to_"])
def test_what_cannot_be_had(elsewhere, public, cache, way):
    with pytest.raises(gr.Error) as refusal:
        took(elsewhere + way)
    assert refusal.value.message == texts.ADDRESS_REFUSED and not refusal.value.print_exception
    assert not list(cache.rglob("*"))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "0x7f.1",
     "169.254.169.254", "10.1.2.3", "192.168.1.1", "100.64.0.1", "[fd00::1]", "[2002:7f00:1::]",
     "nobody.invalid", "user@127.0.0.1", ""],
)  # fmt: skip
def test_neither_this_machine_nor_its_neighbours(elsewhere, host):
    port = elsewhere.rpartition(":")[2]
    with pytest.raises(gr.Error) as refusal:
        took(f"http://{host}:{port}/secret.png")
    assert refusal.value.message == texts.ADDRESS_REFUSED
    assert not _Elsewhere.asked


def test_what_was_uploaded_here_need_not_be_fetched(cache, tmp_path):
    (cache / "abc").mkdir(parents=True)
    (cache / "abc/my face.png").write_bytes(b"face")
    (tmp_path / "secret").write_bytes(b"secret")
    address = "http://127.0.0.1:7860/gradio_api/file="
    assert took(f"{address}{cache}/abc/my%20face.png") == f"{cache}/abc/my face.png"
    for path in ("/etc/passwd", f"{cache}/../secret", f"{cache}/abc/%2e%2e/%2e%2e/secret"):
        with pytest.raises(gr.Error):
            took(address + path)
