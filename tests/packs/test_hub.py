"""`from_pretrained`, `save_pretrained`, pull and push, and a Hub of our own on localhost."""

import json
import time
from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file

from stylexfer.baseline import load_model
from stylexfer.errors import HubRefused, PackMismatch, PackNotFound
from stylexfer.packs import save_pack, verify_pack
from stylexfer.packs.hub import fetch, pull, push
from stylexfer.transfer import FaceTransfer
from tests.hub_server import folder_files, running_hub
from tests.tiny import tiny_pack

TOKEN = {"token": "hf_writer"}


@pytest.fixture
def folder(tmp_path) -> Path:
    save_pack(tiny_pack(), tmp_path / "local")
    return tmp_path / "local"


@pytest.fixture
def hub(monkeypatch, tmp_path, folder):
    """Holds the tiny pack as user/pack, beside a file that no pack has."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with running_hub(monkeypatch) as server:
        server.commit("user/pack", folder_files(folder) | {"evil.py": b"raise SystemExit"})
        yield server


def load(name: str = "user/pack", **options) -> FaceTransfer:
    return FaceTransfer.from_pretrained(name, dtype=torch.float32, **options)


def same(a: FaceTransfer, b: FaceTransfer) -> bool:
    people = [model.random_identity(3) for model in (a, b)]
    return np.array_equal(people[0].inversion, people[1].inversion)


def cached(hub, name: str) -> Path:
    (path,) = Path(huggingface_hub.constants.HF_HUB_CACHE).glob(f"*/snapshots/*/{name}")
    return path


def test_save_and_load(tmp_path, caplog):
    first = FaceTransfer(tiny_pack(), device="cpu", dtype=torch.float32)
    first.save_pretrained(tmp_path / "one")
    second = load(tmp_path / "one", device="cpu")
    second.save_pretrained(tmp_path / "two")
    third = load(tmp_path / "two")
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


def test_push_to_hub_uploads_the_pack(hub):
    model = FaceTransfer(tiny_pack(), device="cpu", dtype=torch.float32)
    model.push_to_hub("user/other", **TOKEN)
    sent = hub.at("user/other", "main")[1]
    assert {"pack.json", "README.md", "generator.safetensors", "mapper.safetensors"} <= set(sent)
    assert same(load("user/other"), load("user/pack"))


@pytest.mark.parametrize(
    "name", ["nobody/nothing", "/no/such/folder", "no such name", "../up/../it"]
)
def test_no_pack_and_no_network(name, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    start = time.perf_counter()
    with pytest.raises(PackNotFound, match="Check the name"):
        FaceTransfer.from_pretrained(name, cache_dir=tmp_path)
    assert time.perf_counter() - start < 2


def test_no_network_and_no_cache_says_what_to_do(hub):
    hub.server_close()
    with pytest.raises(PackNotFound, match=r"pack pull user/pack --out DIR"):
        load(local_files_only=True)


def test_download_and_again_without_a_network(hub, folder):
    ours = load(folder)
    assert same(ours, load())
    assert any("mapper.safetensors" in path for path in hub.asked)
    assert not any("evil" in path for path in hub.asked)
    hub.asked.clear()
    load(local_files_only=True)
    assert not hub.asked
    hub.shutdown()
    hub.server_close()  # nobody told it that there is no network
    assert same(ours, load())


def test_a_revision_is_pinned(hub, folder):
    old = hub.at("user/pack", "main")[0]
    save_pack(tiny_pack(seed=1), folder)
    new = hub.commit("user/pack", folder_files(folder))
    assert not same(load(f"user/pack@{old}"), load())
    assert same(load(f"user/pack@{old}"), load(revision=old))
    assert same(load(f"user/pack@{new}"), load(folder))
    with pytest.raises(PackNotFound, match="no revision 'v9'"):
        load("user/pack@v9")


def test_all_files_are_of_one_commit(hub, folder, monkeypatch):
    """A push between two downloads must not mix two packs."""
    save_pack(tiny_pack(seed=1), folder)
    other = folder_files(folder)
    old = hub.at("user/pack", "main")[0]

    class Watch(list):
        def append(self, path: str) -> None:
            if "generator" in path:
                hub.commit("user/pack", other)

    monkeypatch.setattr(hub, "asked", Watch())
    assert fetch("user/pack").name == old


def test_only_what_a_method_needs_is_fetched(hub):
    assert load_model("user/pack", "psp", dtype=torch.float32).method == "psp"
    assert not any("mapper" in path for path in hub.asked)
    fetch("user/pack")
    assert any("mapper" in path for path in hub.asked)


def test_unknown_id(hub):
    with pytest.raises(PackNotFound, match="someone/else"):
        load("someone/else")
    hub.commit("user/empty", {"README.md": b""})
    with pytest.raises(PackNotFound, match=r"holds no pack\.json"):
        load("user/empty")


def test_a_cut_download_goes_on_where_it_was(hub, folder):
    hub.cuts["generator.safetensors"] = 2
    assert same(load(), load(folder))
    size = (folder / "generator.safetensors").stat().st_size
    starts = [int(asked[6:-1]) for asked in hub.ranges]
    assert len(starts) == 2
    assert size // 2 - 1024 <= starts[0] < starts[1] < size


def test_a_download_that_never_ends_leaves_no_half_file_in_use(hub, folder, monkeypatch):
    monkeypatch.setattr("stylexfer.packs.hub.ATTEMPTS", 1)
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 2**24)  # no progress
    hub.cuts["generator.safetensors"] = 1000
    with pytest.raises(PackNotFound, match="run this again"):
        load()
    with pytest.raises(PackNotFound):  # nor is what came used later on
        load(local_files_only=True)
    hub.cuts.clear()
    assert same(load(), load(folder))


def test_an_overloaded_hub_is_asked_again(hub, folder, monkeypatch):
    monkeypatch.setattr("stylexfer.packs.hub._PAUSE", 0)
    hub.overloads = 1
    assert same(load(), load(folder))


def test_a_damaged_download_is_fetched_again(hub, folder):
    hub.damage["mapper.safetensors"] = 1
    assert same(load(), load(folder))
    gets = [path for path in hub.asked if path.startswith("GET") and "mapper" in path]
    assert len(gets) == 2


def test_a_damaged_cache_is_mended(hub, folder):
    load()
    path = cached(hub, "mapper.safetensors").resolve()
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(PackMismatch, match="damaged"):
        load(local_files_only=True)
    assert same(load(), load(folder))


def test_a_pack_that_was_changed_on_the_hub_is_refused(hub, folder):
    content = bytearray((folder / "mapper.safetensors").read_bytes())
    content[-1] ^= 1
    hub.commit("user/pack", {"mapper.safetensors": bytes(content)})
    with pytest.raises(PackMismatch, match=r"mapper\.safetensors"):
        load()


def test_a_manifest_cannot_name_files_elsewhere(hub, folder):
    manifest = json.loads((folder / "pack.json").read_text())
    manifest["files"]["../../x.safetensors"] = manifest["files"]["mapper.safetensors"]
    hub.commit("user/pack", {"pack.json": json.dumps(manifest).encode()})
    with pytest.raises(PackMismatch, match="no file of a pack"):
        load()


def test_pull_to_a_folder(hub, folder, tmp_path):
    hub.commit("user/pack", {"LICENSE.txt": b"terms"})
    out = pull("user/pack", None, tmp_path / "out")
    verify_pack(out)
    assert (out / "LICENSE.txt").read_text() == "terms"
    assert not list(out.glob("*.tmp"))
    assert not (out / "evil.py").exists()
    assert same(load(out), load(folder))


def test_push_and_pull(hub, folder):
    commit = push(folder, "user/new", **TOKEN)
    files = hub.at("user/new", commit)[1]
    assert set(files) == {path.name for path in folder.iterdir()} | {"README.md"}
    assert same(load(f"user/new@{commit}"), load(folder))
    card = ModelCard(files["README.md"].decode())
    assert card.data.library_name == "stylexfer"
    assert "Apache-2.0" in card.content
    again = push(folder, "user/new", **TOKEN)  # the same again sends no large file
    assert sum(path.startswith("PUT") for path in hub.asked) == len(list(folder.glob("*.saf*")))
    assert hub.at("user/new", again)[1] == files


def test_a_private_push(hub, folder):
    push(folder, "user/mine", private=True, **TOKEN)
    with pytest.raises(PackNotFound, match="log in"):
        load("user/mine")
    assert load("user/mine", **TOKEN)


def test_a_push_that_is_cut_goes_on(hub, folder, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    hub.cuts["generator.safetensors"] = 2
    push(folder, "user/new", **TOKEN)
    assert same(load("user/new"), load(folder))


def test_a_push_that_fails_publishes_nothing(hub, folder, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    hub.cuts["generator.safetensors"] = 1000
    with pytest.raises(HubRefused, match="connection"):
        push(folder, "user/new", **TOKEN)
    assert hub.at("user/new", "main") is None
    hub.cuts.clear()
    before = sum(path.startswith("PUT") for path in hub.asked)
    push(folder, "user/new", **TOKEN)  # only what is missing is sent
    assert sum(path.startswith("PUT") for path in hub.asked) - before == 1


@pytest.mark.parametrize(
    ("token", "refuse", "message"),
    [("", None, "hf auth login"), ("wrong", None, "refuses your token"), (None, 403, "write")],
)
def test_who_may_not_push(hub, folder, token, refuse, message):
    hub.refuse = refuse
    with pytest.raises(HubRefused, match=message):
        push(folder, "user/new", token=token or (False if token == "" else "hf_writer"))
    assert "user/new" not in hub.repos


def test_what_is_not_pushed(hub, folder):
    with pytest.raises(HubRefused, match="user/name"):
        push(folder, "no name at all", **TOKEN)
    manifest = json.loads((folder / "pack.json").read_text())
    licensed = manifest | {"licence": "Nvidia Source Code License-NC"}
    (folder / "pack.json").write_text(json.dumps(licensed))
    with pytest.raises(PackMismatch, match="full text"):
        push(folder, "user/new", **TOKEN)
    (folder / "LICENSE.txt").write_text("the text")
    assert hub.at("user/new", push(folder, "user/new", **TOKEN))[1]["LICENSE.txt"] == b"the text"
    state = load_file(folder / "mapper.safetensors")
    (folder / "mapper.safetensors").write_bytes(b"?" * len(state))
    with pytest.raises(PackMismatch, match=r"mapper\.safetensors"):
        push(folder, "user/new", **TOKEN)
