"""`from_pretrained`, `save_pretrained`, and a Hub of our own on localhost."""

import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard

from stylexfer.errors import PackMismatch, PackNotFound
from stylexfer.packs import save_pack
from stylexfer.transfer import FaceTransfer
from tests.tiny import tiny_pack

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Enough of the Hub's protocol for one model, user/pack, kept in `folder`."""

    daemon_threads = True

    def __init__(self, folder: Path):
        super().__init__(("127.0.0.1", 0), HubRequest)
        self.folder = folder
        self.cut = None  # a file whose connection breaks half way
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address) -> None:
        """A client that hangs up is none of our business."""


class HubRequest(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        path = self.path.split("?")[0]
        if path.startswith("/api/models/user/pack"):
            names = [file.name for file in self.server.folder.iterdir()]
            if "/tree/" in path:
                answer = [
                    {"type": "file", "path": name, "oid": "0", "size": self._size(name)}
                    for name in names
                ]
            else:
                siblings = [{"rfilename": name} for name in names]
                answer = {"id": "user/pack", "sha": COMMIT, "siblings": siblings}
            self._send(json.dumps(answer).encode(), {"Content-Type": "application/json"})
        elif path.startswith("/user/pack/resolve/") and self._file(path).is_file():
            content = self._file(path).read_bytes()
            headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": COMMIT}
            self._send(content, headers, cut=self._file(path).name == self.server.cut)
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    do_HEAD = do_GET

    def _file(self, path: str) -> Path:
        return self.server.folder / path.rsplit("/", 1)[1]

    def _size(self, name: str) -> int:
        return (self.server.folder / name).stat().st_size

    def _send(self, content: bytes, headers: dict[str, str], cut: bool = False) -> None:
        self.send_response(200)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content[: len(content) // 2] if cut else content)

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def hub(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    save_pack(tiny_pack(), tmp_path / "remote")
    (tmp_path / "remote" / "evil.py").write_text("raise SystemExit")
    server = Hub(tmp_path / "remote")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def same(a: FaceTransfer, b: FaceTransfer) -> bool:
    people = [model.random_identity(3) for model in (a, b)]
    return np.array_equal(people[0].inversion, people[1].inversion)


def test_save_and_load(tmp_path, caplog):
    first = FaceTransfer(tiny_pack(), device="cpu", dtype=torch.float32)
    first.save_pretrained(tmp_path / "one")
    second = FaceTransfer.from_pretrained(tmp_path / "one", device="cpu", dtype=torch.float32)
    second.save_pretrained(tmp_path / "two")
    third = FaceTransfer.from_pretrained(tmp_path / "two", dtype=torch.float32)
    assert second.pack.info == first.pack.info
    assert same(second, third)  # the first was not yet rounded to half precision
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    assert "config.json" not in caplog.text
    # nothing of the machine that saved: neither its device nor its precision
    assert json.loads((tmp_path / "one" / "config.json").read_text()) == {}
    card = ModelCard.load(tmp_path / "one" / "README.md")
    assert card.data.library_name == "stylexfer"
    assert "stylegan2" in card.data.tags


def test_push_to_hub_uploads_the_pack(monkeypatch):
    sent = {}

    class Api:
        def __init__(self, token=None):
            pass

        def create_repo(self, repo_id, **_):
            return type("Url", (), {"repo_id": repo_id})

        def upload_folder(self, folder_path, **_):
            sent.update({p.name: p.stat().st_size for p in Path(folder_path).iterdir()})

    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", Api)
    FaceTransfer(tiny_pack(), device="cpu").push_to_hub("user/pack")
    assert {"pack.json", "README.md", "generator.safetensors", "mapper.safetensors"} <= set(sent)


@pytest.mark.parametrize(
    "name", ["nobody/nothing", "/no/such/folder", "no such name", "../up/../it"]
)
def test_no_pack_and_no_network(name, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    start = time.perf_counter()
    with pytest.raises(PackNotFound, match="Check the name"):
        FaceTransfer.from_pretrained(name, cache_dir=tmp_path)
    assert time.perf_counter() - start < 2


def test_download(hub, tmp_path):
    options = {"endpoint": hub.url, "cache_dir": tmp_path / "cache", "dtype": torch.float32}
    ours = FaceTransfer.from_pretrained(hub.folder, dtype=torch.float32)
    assert same(ours, FaceTransfer.from_pretrained("user/pack", **options))
    assert any("mapper.safetensors" in path for path in hub.asked)
    assert not any("evil" in path and "resolve" in path for path in hub.asked)
    # the second time from the cache, even where there is no network
    hub.asked.clear()
    FaceTransfer.from_pretrained("user/pack", local_files_only=True, **options)
    assert not hub.asked


def test_unknown_id(hub, tmp_path):
    with pytest.raises(PackNotFound, match="someone/else"):
        FaceTransfer.from_pretrained("someone/else", endpoint=hub.url, cache_dir=tmp_path / "cache")


def test_a_cut_connection_leaves_no_half_file_in_use(hub, tmp_path):
    options = {"endpoint": hub.url, "cache_dir": tmp_path / "cache", "dtype": torch.float32}
    hub.cut = "generator.safetensors"
    with pytest.raises((PackNotFound, PackMismatch)):
        FaceTransfer.from_pretrained("user/pack", **options)
    with pytest.raises((PackNotFound, PackMismatch)):  # nor is what came used later on
        FaceTransfer.from_pretrained("user/pack", local_files_only=True, **options)
    hub.cut = None
    ours = FaceTransfer.from_pretrained(hub.folder, dtype=torch.float32)
    assert same(ours, FaceTransfer.from_pretrained("user/pack", **options))


def test_a_pack_that_was_changed_on_the_hub_is_refused(hub, tmp_path):
    path = hub.folder / "mapper.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(PackMismatch, match=r"mapper\.safetensors"):
        FaceTransfer.from_pretrained("user/pack", endpoint=hub.url, cache_dir=tmp_path / "cache")
