"""`pack build | show | verify | pull | push` as people type them."""

import io

import huggingface_hub.constants
import pytest

from stylexfer.cli import main
from stylexfer.packs import save_pack, verify_pack
from tests.hub_server import folder_files, running_hub
from tests.packs.test_build import originals  # noqa: F401  a fixture
from tests.tiny import tiny_pack


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """One command in tmp_path, in this process: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def call(command: str) -> tuple[int, str, str]:
        code = main(command.split())
        return code, *capfd.readouterr()

    return call


@pytest.fixture
def hub(monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    with running_hub(monkeypatch) as server:
        yield server


def test_build_show_verify(run, originals, tmp_path):  # noqa: F811
    build = f"pack build ffhq --restyle {originals['restyle']} --transfer {originals['transfer']}"
    code, terms, stderr = run(f"{build} --out made")
    assert code == 2  # nobody has accepted the terms
    assert "--accept-terms" in stderr
    assert "research or evaluation purposes only" in terms
    assert not (tmp_path / "made").exists()
    code, stdout, _ = run(f"{build} --out made --dtype fp32 --accept-terms")
    assert code == 0
    assert "does transfer, psp" in stdout
    code, stdout, _ = run("pack show made")
    assert code == 0
    assert "transfer, psp" in stdout
    assert "UNKNOWN" in stdout
    assert run("pack verify made")[0] == 0
    (tmp_path / "made" / "mapper.safetensors").write_bytes(b"")
    assert run("pack verify made")[0] == 2
    code, _, stderr = run(f"{build} --out made --accept-terms")
    assert (code, stderr.count("\n")) == (2, 1)
    assert "not empty" in stderr


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("\n", 2), ("no\n", 2)])
def test_terms_are_asked_for(run, originals, monkeypatch, answer, code):  # noqa: F811
    terminal = io.StringIO(answer)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)
    assert run(f"pack build ffhq --restyle {originals['restyle']} --out made")[0] == code


def test_what_a_pack_can_be_built_of(run):
    code, stdout, _ = run("pack show ffhq")
    assert code == 0
    assert "drive.google.com" in stdout
    assert "confidence A" in stdout
    code, _, stderr = run("pack verify ffhq")
    assert code == 2
    assert "pack build ffhq" in stderr
    code, _, stderr = run("pack build ffhq --out made")
    assert code == 2
    assert "--restyle is needed" in stderr
    code, _, stderr = run("random --pack ffhq --seed 1 -o x.png")
    assert code == 2
    assert "pack build ffhq" in stderr


def test_publish_once_use_everywhere(run, hub, tmp_path, monkeypatch):
    """The README's way: push, pin what it prints, and every duplicate works."""
    save_pack(tiny_pack(), tmp_path / "made")
    code, stdout, _ = run("pack push user/mine --pack made")
    assert code == 0
    pinned = stdout.split("STYLEXFER_PACK=")[1].strip()
    assert pinned == f"user/mine@{hub.at('user/mine', 'main')[0]}"
    hub.commit("user/mine", {"mapper.safetensors": b"changed later"})
    monkeypatch.setenv("STYLEXFER_PACK", pinned)
    assert run("random --seed 1 -o one.png")[0] == 0
    code, stdout, _ = run(f"pack pull {pinned} --out copy")
    assert (code, stdout.split()) == (0, ["copy"])
    verify_pack(tmp_path / "copy")
    code, stdout, _ = run(f"pack pull {pinned}")
    assert (code, pinned in stdout) == (0, True)
    assert run(f"pack show {pinned}")[0] == run(f"pack verify {pinned}")[0] == 0
    assert run("pack pull user/mine")[0] == 2  # main is broken now


def test_errors_are_one_line(run, hub, tmp_path, monkeypatch):
    save_pack(tiny_pack(), tmp_path / "made")
    hub.commit("user/pack", folder_files(tmp_path / "made"))
    for command, message in (
        ("pack pull nobody/nothing", "nobody/nothing"),
        ("pack pull user/pack --revision v3", "no revision"),
        ("pack push user/new --pack absent", "absent"),
        ("pack show absent/pack", "absent/pack"),
    ):
        code, _, stderr = run(command)
        assert (code, stderr.count("\n")) == (2, 1), stderr
        assert message in stderr
    monkeypatch.setenv("HF_TOKEN", "wrong")
    code, _, stderr = run("pack push user/new --pack made")
    assert (code, stderr.count("\n")) == (2, 1), stderr
    assert "hf auth login" in stderr
