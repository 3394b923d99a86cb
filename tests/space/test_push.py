"""`python -m stylexfer space push`: to a Hub of our own, and the app started from what arrived."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import huggingface_hub.constants
import pytest
import yaml
from gradio_client import Client, handle_file
from huggingface_hub import snapshot_download

from stylexfer.cli import main
from stylexfer.errors import HubRefused, HubUnreachable, PackMismatch, StylexferError
from stylexfer.packs import save_pack
from stylexfer.space import push_space, space_files
from tests.hub_server import running_hub
from tests.tiny import tiny_pack
from tests.web.serve import ROOT, running_app

SPACE = "spaces/user/demo"
TOKEN = {"token": "hf_writer"}


@pytest.fixture
def hub(monkeypatch, tmp_path):
    monkeypatch.setattr("stylexfer.packs.hub._PAUSE", 0)
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    with running_hub(monkeypatch) as server:
        yield server


@pytest.fixture
def checkout(tmp_path) -> Path:
    """This checkout's names with small contents, and files that are none of the Space's."""
    root = tmp_path / "checkout"
    for name in space_files(ROOT):
        if not name.startswith(("checkpoints/default/", "examples/")):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
    save_pack(tiny_pack(), root / "checkpoints/default")
    for name in (
        "examples/thumbnail.jpg", "examples/evaluation/clips/00.mp4", "tests/test_it.py",
        "train/transfer.py", "checkpoints/mine/generator.safetensors",
        "checkpoints/default/training.safetensors", "stylexfer/__pycache__/a.pyc", ".env",
    ):  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def git(root: Path, *arguments: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "-C", root, *who, *arguments], check=True, capture_output=True)


def test_a_space_is_made_of_what_the_app_needs(hub, checkout):
    done = push_space(checkout, "user/demo", private=True, **TOKEN)
    assert SPACE in hub.private and hub.sdks[SPACE] == "gradio"
    commit, files = hub.at(SPACE, "main")
    assert commit == done.commit and len(hub.repos[SPACE]) == 2  # the Hub's own first, and ours
    assert {"app.py", "requirements.txt", "stylexfer/ui/live.js", "NOTICE"} < set(files)
    assert {"stylexfer/metrics/lids.safetensors", "checkpoints/default/pack.json"} < set(files)
    assert ".gitattributes" in files
    assert not [n for n in files if n.startswith(("tests", "train", "checkpoints/mine", ".env"))]
    assert not [n for n in files if "evaluation" in n or "__pycache__" in n or "training." in n]
    for name in set(files) - {"README.md", ".gitattributes"}:
        assert files[name] == (checkout / name).read_bytes()
    weights = {name for name in files if name.endswith(".safetensors")}
    assert len([path for path in hub.asked if path.startswith("PUT /lfs/")]) == len(weights)


def test_the_front_matter_is_what_the_hub_takes(hub, checkout):
    push_space(checkout, "user/demo", **TOKEN)
    _, front, text = hub.at(SPACE, "main")[1]["README.md"].decode().split("---\n", 2)
    front = yaml.safe_load(front)
    assert front["thumbnail"] == f"{hub.url}/{SPACE}/resolve/main/examples/thumbnail.jpg"
    assert front["sdk"] == "gradio" and front["app_file"] == "app.py"
    pinned = (ROOT / "requirements.txt").read_text()
    assert f"gradio[mcp]=={front['sdk_version']}\n" in pinned
    assert front["python_version"] in ("3.10.13", "3.12.12")  # what ZeroGPU has
    assert front["suggested_hardware"] == "cpu-basic" and front["license"] == "apache-2.0"
    assert len(front["short_description"]) <= 60 and len(front["tags"]) >= 3
    assert front["colorFrom"] in (
        colours := ["red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"]
    )
    assert front["colorTo"] in colours
    assert text == (ROOT / "README.md").read_text().split("---\n", 2)[2]


def test_an_update_deletes_what_is_gone_and_keeps_what_the_owner_added(hub, checkout):
    push_space(checkout, "user/demo", **TOKEN)
    hub.commit(SPACE, {"stylexfer/old.py": b"1", "examples/gone.png": b"1", "packages.txt": b"git"})
    (checkout / "app.py").write_text("# new\n")
    (checkout / "stylexfer/ui/live.js").unlink()
    sent = len([path for path in hub.asked if path.startswith("PUT")])
    done = push_space(checkout, "user/demo", **TOKEN)
    files = hub.at(SPACE, "main")[1]
    assert sorted(done.deleted) == ["examples/gone.png", "stylexfer/old.py", "stylexfer/ui/live.js"]
    assert not set(done.deleted) & set(files)
    assert files["packages.txt"] == b"git" and files["app.py"] == b"# new\n"
    assert len([path for path in hub.asked if path.startswith("PUT")]) == sent  # weights are there
    commits = len(hub.repos[SPACE])
    assert push_space(checkout, "user/demo", **TOKEN).commit == hub.at(SPACE, "main")[0]
    assert len(hub.repos[SPACE]) == commits  # nothing new: no commit


def test_what_is_not_committed_is_not_pushed(hub, checkout, capsys):
    git(checkout, "init", "-q")
    git(checkout, "add", "-A")
    git(checkout, "commit", "-q", "-m", "first")
    (checkout / "tests/test_it.py").write_text("not of the Space")
    push_space(checkout, "user/demo", **TOKEN)
    (checkout / "app.py").write_text("# changed\n")
    (checkout / "stylexfer/new.py").write_text("")
    with pytest.raises(StylexferError, match=r"Not committed: app\.py, stylexfer/new\.py\."):
        push_space(checkout, "user/demo", **TOKEN)
    assert hub.at(SPACE, "main")[1]["app.py"] != b"# changed\n"
    push_space(checkout, "user/demo", dirty=True, **TOKEN)
    assert hub.at(SPACE, "main")[1]["app.py"] == b"# changed\n"


@pytest.mark.parametrize(
    ("token", "refuse", "kind", "says"),
    [
        (False, None, HubRefused, "hf auth login"),
        ("wrong", None, HubRefused, "refuses your token"),
        ("hf_writer", 403, HubRefused, "may not write to user/demo"),
        ("hf_writer", 500, HubUnreachable, "answered 500"),
    ],
)
def test_who_may_not_push(hub, checkout, token, refuse, kind, says):
    hub.refuse = refuse
    with pytest.raises(kind, match=says) as problem:
        push_space(checkout, "user/demo", token=token)
    assert "\n" not in str(problem.value) and SPACE not in hub.repos


def test_a_cut_leaves_the_space_as_it_was(hub, checkout):
    first = push_space(checkout, "user/demo", **TOKEN)
    save_pack(tiny_pack(seed=1), checkout / "checkpoints/default")
    (checkout / "app.py").write_text("# second\n")
    hub.cuts["checkpoints/default/mapper.safetensors"] = 1000
    with pytest.raises(HubUnreachable, match="connection"):
        push_space(checkout, "user/demo", **TOKEN)
    assert hub.at(SPACE, "main")[0] == first.commit
    hub.cuts.clear()
    before = sum(path.startswith("PUT") for path in hub.asked)
    push_space(checkout, "user/demo", **TOKEN)
    assert sum(path.startswith("PUT") for path in hub.asked) - before == 1  # what was missing
    assert hub.at(SPACE, "main")[1]["app.py"] == b"# second\n"


def test_no_hub_at_all(hub, checkout):
    hub.shutdown()
    hub.server_close()
    with pytest.raises(HubUnreachable, match="connection to the Hub failed"):
        push_space(checkout, "user/demo", **TOKEN)


def test_hardware_is_asked_for_and_may_be_refused(hub, checkout):
    push_space(checkout, "user/demo", hardware="zero-a10g", **TOKEN)
    assert hub.hardware[SPACE] == "zero-a10g"
    hub.dear.add("a100-large")
    with pytest.raises(HubRefused, match="whole at .*did not get a100-large.*402"):
        push_space(checkout, "user/demo", hardware="a100-large", **TOKEN)


def test_what_can_be_no_space(hub, checkout):
    for name in ("demo", "user/demo/more", "user/no name"):
        with pytest.raises(HubRefused, match="user/name"):
            push_space(checkout, name, **TOKEN)
    readme = (checkout / "README.md").read_text()
    (checkout / "README.md").write_text("# no front matter\n")
    with pytest.raises(StylexferError, match="front matter"):
        push_space(checkout, "user/demo", **TOKEN)
    (checkout / "README.md").write_text(readme)
    (checkout / "checkpoints/default/mapper.safetensors").write_text("version https://git-lfs")
    with pytest.raises(PackMismatch, match=r"mapper\.safetensors"):
        push_space(checkout, "user/demo", **TOKEN)
    assert SPACE not in hub.repos


def test_the_list_is_shown_and_nothing_sent(hub, capsys):
    assert main(["space", "push", "user/demo", "--dry-run", "--dirty"]) == 0
    said = capsys.readouterr().out
    assert " app.py\n" in said and "Nothing was sent" in said
    assert not hub.asked


def test_the_space_starts_from_its_copy_alone(hub, tmp_path, monkeypatch):
    """What was pushed, fetched as a Space's machine does, in a folder far from this checkout."""
    assert main(["space", "push", "user/demo", "--dirty"]) == 0
    copy = tmp_path / "copy"
    snapshot_download("user/demo", repo_type="space", local_dir=copy)
    shutil.rmtree(copy / ".cache")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    where = "import stylexfer, sys; print(stylexfer.__file__, *sys.path, sep='\\n')"
    said = subprocess.run(
        [sys.executable, "-c", where], cwd=copy, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert said[0].startswith(str(copy)) and str(ROOT) not in said
    with running_app(tmp_path / "run", copy) as app:
        client = Client(app.url, verbose=False, download_files=tmp_path, analytics_enabled=False)
        assert client.predict(api_name="/list_options")["pack"]["name"] == "default"
        one = handle_file(copy / "examples/photos/grace_hopper.jpg")
        made = client.predict(one, one, True, api_name="/transfer_picture")
        assert Path(made).stat().st_size > 1000
    assert "Traceback" not in app.log.read_text()
    changed = {p.relative_to(copy).as_posix() for p in copy.rglob("*") if p.is_file()}
    stray = {n for n in changed if "__pycache__" not in n} - set(hub.at(SPACE, "main")[1])
    assert not stray, f"the app wrote into its own folder: {stray}"
