"""`python app.py` in a process of its own."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stylexfer.packs import resolve_pack, save_pack
from tests.tiny import tiny_pack

ROOT = Path(__file__).resolve().parents[2]
STARTS_WITHIN = 15  # seconds, the promise of the README; tripled for a busy machine


@dataclass(frozen=True)
class App:
    url: str
    log: Path
    started_in: float
    process: int  # its id


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running_app(folder: Path, root: Path = ROOT) -> Iterator[App]:
    """The app in `root` with the default pack; in a checkout without one, with a tiny random pack.

    What it writes goes to `cache`, `tmp` and `log` in `folder`. RuntimeError if it does not start.
    """
    pack = "default"
    if resolve_pack(pack) is None:
        pack = str(folder / "pack")
        save_pack(tiny_pack(size=128), pack)
    (folder / "tmp").mkdir(parents=True)
    places = {"GRADIO_TEMP_DIR": str(folder / "cache"), "TMPDIR": str(folder / "tmp")}
    port, log = _free_port(), folder / "log"
    command = [sys.executable, "app.py", "--pack", pack, "--port", str(port)]
    began = time.monotonic()
    with log.open("w") as file:
        process = subprocess.Popen(
            command, cwd=root, env={**os.environ, **places}, stdout=file, stderr=file
        )
    try:
        url = f"http://127.0.0.1:{port}"
        while not _answers(url):
            late = time.monotonic() - began > 3 * STARTS_WITHIN
            if late or process.poll() is not None:
                raise RuntimeError(f"the app did not start; its log:\n{log.read_text()}")
            time.sleep(0.1)
        yield App(url, log, time.monotonic() - began, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def clean_app(folder: Path) -> Iterator[App]:
    """`running_app`, which must leave no temporary file behind."""
    with running_app(folder) as app:
        yield app
    left = [path.name for path in (folder / "tmp").rglob("*")]
    assert not left, f"the app left files behind: {left}"


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False
