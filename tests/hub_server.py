"""A Hub of our own on localhost: enough of huggingface.co's protocol to download and to publish.

Downloads: revisions, ETags, ranges. Uploads: create a repository, pre-upload, LFS, commit. And its
bad days: cut connections, damaged files, overload, refused tokens.
"""

import base64
import contextlib
import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import huggingface_hub.constants
import pytest

LARGE = (".safetensors", ".pt", ".pkl", ".pth")  # kept by LFS, as in a fresh repository
KINDS = {"model": "", "space": "spaces/", "dataset": "datasets/"}


def folder_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}


class Hub(ThreadingHTTPServer):
    """Repositories by name (`user/pack`, `spaces/user/demo`); each a list of commits.

    writer: the one token that may write. asked: method and path of every request, in order.
    ranges: the Range headers that came. cuts[name] = n: the next n transfers of that file, either
    way, break half way; damage[name] likewise sends other bytes. overloads: the next n requests get
    status 503. refuse: status for whoever writes (401, 403).
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), HubRequest)
        self.repos: dict[str, list[tuple[str, dict[str, bytes]]]] = {}
        self.objects: dict[str, bytes] = {}  # LFS
        self.names: dict[str, str] = {}  # of the objects
        self.writer = "hf_writer"
        self.asked: list[str] = []
        self.ranges: list[str] = []
        self.cuts: Counter = Counter()
        self.damage: Counter = Counter()
        self.overloads = 0
        self.refuse: int | None = None
        self.sdks: dict[str, str] = {}  # of Spaces
        self.hardware: dict[str, str] = {}  # that Spaces were given
        self.dear: set[str] = set()  # hardware that needs a means of payment
        self.private: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def commit(self, repo: str, files: Mapping[str, bytes], deleted: Iterable[str] = ()) -> str:
        """Files that are added or changed; the new commit."""
        commits = self.repos.setdefault(repo, [])
        content = {**(commits[-1][1] if commits else {}), **files}
        content = {name: data for name, data in content.items() if name not in set(deleted)}
        facts = [f"{n} {hashlib.sha256(c).hexdigest()}" for n, c in sorted(content.items())]
        oid = hashlib.sha1("\n".join([str(len(commits)), repo, *facts]).encode()).hexdigest()
        commits.append((oid, content))
        return oid

    def at(self, repo: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        commits = self.repos.get(repo, [])
        if revision == "main":
            return commits[-1] if commits else None
        return next((commit for commit in commits if commit[0] == revision), None)

    def handle_error(self, request, client_address) -> None:
        """A client that hangs up is none of our business."""


def _oid(content: bytes, large: bool) -> str:
    """By which a client tells that it has the same file."""
    if large:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class HubRequest(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _begin(self) -> str | None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(f"{self.command} {path}")
        if self.server.overloads:
            self.server.overloads -= 1
            self._read()
            self._send(503)
            return None
        return path.lstrip("/")

    def do_GET(self) -> None:
        path = self._begin()
        if path is None:
            return
        if found := re.fullmatch(r"(.+/.+?)/resolve/([^/]+)/(.+)", path):
            self._file(*found.groups())
        elif found := re.fullmatch(r"api/(model|space|dataset)s/([^/]+/[^/]+)/tree/(.+)", path):
            self._tree(KINDS[found[1]] + found[2], found[3])
        elif found := re.fullmatch(r"api/(model|space|dataset)s/(.+)", path):
            self._about(KINDS[found[1]], found[2])
        else:
            self._send(404)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        path, body = self._begin(), self._read()
        if path is None:
            return
        if path == "api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        if status := self._refused():
            return self._send(status)
        if path == "api/repos/create":
            return self._create(json.loads(body))
        if found := re.fullmatch(r"api/(spaces/.+)/hardware", path):
            return self._give_hardware(found[1], json.loads(body)["flavor"])
        if found := re.fullmatch(r"(.+)\.git/info/lfs/objects/batch", path):
            return self._batch(json.loads(body))
        found = re.fullmatch(r"api/(model|space|dataset)s/(.+)/(preupload|commit)/([^/]+)", path)
        if not found or KINDS[found[1]] + found[2] not in self.server.repos:
            return self._send(404, {"X-Error-Code": "RepoNotFound"})
        if found[3] == "preupload":
            return self._modes(KINDS[found[1]] + found[2], json.loads(body))
        return self._commit(KINDS[found[1]] + found[2], body)

    def do_PUT(self) -> None:
        path = self._begin()
        if path is None:
            return
        oid = path.removeprefix("lfs/")
        name = self.server.names.get(oid, "")
        if self.server.cuts[name] > 0:
            self.server.cuts[name] -= 1
            self.rfile.read(1)
            self.close_connection = True
            self.connection.close()
            return
        body = self._read()
        if hashlib.sha256(body).hexdigest() != oid:
            self._send(400)
            return
        self.server.objects[oid] = body
        self._send(200)

    # downloads

    def _file(self, repo: str, revision: str, name: str) -> None:
        if repo in self.server.private and not self._writes():
            return self._send(401, {"X-Error-Code": "RepoNotFound"})
        if repo not in self.server.repos:
            return self._send(404, {"X-Error-Code": "RepoNotFound"})
        commit = self.server.at(repo, revision)
        if commit is None:
            return self._send(404, {"X-Error-Code": "RevisionNotFound"})
        if name not in commit[1]:
            return self._send(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit[0]})
        content = commit[1][name]
        digest = hashlib.sha256(content).hexdigest()
        headers = {"ETag": f'"{digest}"', "X-Repo-Commit": commit[0], "Accept-Ranges": "bytes"}
        if self.command == "GET" and self.server.damage[name] > 0:
            self.server.damage[name] -= 1
            content = content[:-1] + bytes([content[-1] ^ 1])
        start, status, total = 0, 200, len(content)
        if asked := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            self.server.ranges.append(self.headers["Range"])
            start, status = int(asked[1]), 206
            headers["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
        cut = self.command == "GET" and self.server.cuts[name] > 0
        if cut:
            self.server.cuts[name] -= 1
        self._send(status, headers, content[start:], cut)

    def _about(self, prefix: str, rest: str) -> None:
        repo, _, revision = rest.partition("/revision/")
        commit = self.server.at(prefix + repo, revision or "main")
        if commit is None:
            return self._send(404, {"X-Error-Code": "RepoNotFound"})
        siblings = [{"rfilename": name} for name in commit[1]]
        return self._json({"id": repo, "sha": commit[0], "siblings": siblings})

    def _tree(self, repo: str, revision: str) -> None:
        commit = self.server.at(repo, revision)
        if commit is None:
            return self._send(404, {"X-Error-Code": "RepoNotFound"})
        facts = {name: (_oid(data, False), len(data)) for name, data in commit[1].items()}
        return self._json(
            [{"type": "file", "path": n, "oid": o, "size": s} for n, (o, s) in facts.items()]
        )

    # uploads

    def _writes(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {self.server.writer}"

    def _refused(self) -> int | None:
        return self.server.refuse or (None if self._writes() else 401)

    def _create(self, wanted: dict) -> None:
        repo = KINDS[wanted.get("type", "model")] + f"{wanted['organization']}/{wanted['name']}"
        status = 409 if repo in self.server.repos else 200
        self.server.repos.setdefault(repo, [])
        if status == 200 and wanted.get("type") == "space":
            self.server.sdks[repo] = wanted["sdk"]
            self.server.commit(repo, {".gitattributes": b"*.safetensors lfs", "README.md": b"new"})
        if wanted.get("visibility") == "private":
            self.server.private.add(repo)
        self._json({"url": f"{self.server.url}/{repo}", "name": repo, "id": repo}, status)

    def _give_hardware(self, repo: str, flavor: str) -> None:
        if repo not in self.server.repos:
            return self._send(404, {"X-Error-Code": "RepoNotFound"})
        if flavor in self.server.dear:
            return self._send(402)
        self.server.hardware[repo] = flavor
        hardware = {"current": None, "requested": flavor}
        return self._json({"stage": "BUILDING", "hardware": hardware, "gcTimeout": None})

    def _modes(self, repo: str, wanted: dict) -> None:
        there = self.server.at(repo, "main")
        held = there[1] if there else {}
        files = []
        for file in wanted["files"]:
            large = file["path"].endswith(LARGE)
            mode = "lfs" if large else "regular"
            files.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False})
            if file["path"] in held:
                files[-1]["oid"] = _oid(held[file["path"]], large)
            if large:  # objects come under their sha256 alone: tell them apart by size
                self.server.names[f"{file['size']}"] = file["path"]
        self._json({"files": files})

    def _batch(self, wanted: dict) -> None:
        answers = []
        for item in wanted["objects"]:
            answer = {"oid": item["oid"], "size": item["size"]}
            if item["oid"] not in self.server.objects:
                self.server.names[item["oid"]] = self.server.names.get(str(item["size"]), "")
                answer["actions"] = {"upload": {"href": f"{self.server.url}/lfs/{item['oid']}"}}
            answers.append(answer)
        self._json({"transfer": "basic", "objects": answers})

    def _commit(self, repo: str, body: bytes) -> None:
        files, deleted = {}, []
        for line in body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "header" and "parentCommit" in value:
                if value["parentCommit"] != self.server.at(repo, "main")[0]:
                    return self._send(412)
            elif item["key"] == "deletedFile":
                deleted.append(value["path"])
            elif item["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                if value["oid"] not in self.server.objects:
                    return self._send(400)
                files[value["path"]] = self.server.objects[value["oid"]]
        oid = self.server.commit(repo, files, deleted)
        return self._json({"commitUrl": f"{self.server.url}/{repo}/commit/{oid}", "commitOid": oid})

    # both

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _json(self, answer: dict, status: int = 200) -> None:
        self._send(status, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    def _send(
        self,
        status: int,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        cut: bool = False,
    ) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self.close_connection = True

    def log_message(self, *_) -> None:
        pass


@contextlib.contextmanager
def running_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub that huggingface_hub takes for the real one, in this process."""
    hub = Hub()
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # another protocol
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1024)  # so that small files come in parts
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.split("/{repo_id}")[1]
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}" + template)
    monkeypatch.setattr(huggingface_hub.hf_api.api, "endpoint", hub.url)
    thread = threading.Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()
