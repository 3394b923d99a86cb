"""The endpoints as programs and agents use them: a started app, gradio_client, and an MCP client."""

import base64
import io
import json
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from stylexfer.marks import Source
from stylexfer.marks.xmp import read_source_type
from stylexfer.media import open_picture, probe
from stylexfer.packs import resolve_pack
from stylexfer.packs.pack import read_manifest
from tests.agents import with_tools
from tests.web.serve import ROOT, App, clean_app

EXAMPLES = ROOT / "examples"
PORTRAIT = EXAMPLES / "photos/grace_hopper.jpg"
PAINTING = EXAMPLES / "paintings/mona_lisa_joconde.jpg"
DRIVER = EXAMPLES / "photos/collins_astronaut.png"
CLIP = EXAMPLES / "clips/clip_c_speech.mp4"
ENDPOINTS = {
    "transfer_picture",
    "transfer_clip",
    "identify",
    "random_person",
    "batch",
    "check_file",
    "list_options",
}


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("app")
    with clean_app(folder) as app:
        yield app
    assert "Traceback" not in app.log.read_text()


@pytest.fixture(autouse=True)
def downloads(tmp_path, monkeypatch) -> None:
    """gradio_client leaves an empty folder in the temporary directory for each file it fetches."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def connect(app: App, folder: Path, **options) -> Client:
    return Client(app.url, verbose=False, download_files=folder, analytics_enabled=False, **options)


@pytest.fixture
def client(app, tmp_path) -> Client:
    return connect(app, tmp_path / "downloads")


def test_every_endpoint_is_typed_and_described(app):
    with urllib.request.urlopen(f"{app.url}/gradio_api/info") as answer:
        info = json.load(answer)
    assert not info["unnamed_endpoints"]
    assert set(info["named_endpoints"]) == {f"/{name}" for name in ENDPOINTS}
    for endpoint in info["named_endpoints"].values():
        assert endpoint["description"].endswith(".") and endpoint["returns"]
        for part in endpoint["parameters"] + endpoint["returns"]:
            assert len(part["label"]) > 10 and part["type"], part
    needed = {
        name.strip("/"): [
            p["parameter_name"] for p in e["parameters"] if not p["parameter_has_default"]
        ]
        for name, e in info["named_endpoints"].items()
    }
    assert needed["transfer_picture"] == ["portrait", "driver", "consent"]
    assert needed["batch"] == ["portraits", "drivers", "consent"]
    assert not needed["random_person"] and not needed["list_options"]


@pytest.mark.parametrize(
    ("layout", "form", "source"),
    [
        ("face", "png", Source.GENERATED),
        ("side-by-side", "webp", Source.COMPOSITE),
        ("pasted", "jpg", Source.COMPOSITE),
    ],
)
def test_picture(client, layout, form, source):
    path = client.predict(
        portrait=handle_file(PORTRAIT),
        driver=handle_file(DRIVER),
        consent=True,
        layout=layout,
        file_format=form,
        api_name="/transfer_picture",
    )
    assert Path(path).suffix == f".{form}" and read_source_type(path) == source
    height, width, _ = open_picture(path).shape
    expected = {"face": 1, "side-by-side": 3, "pasted": 512 / 600}[layout]
    assert width / height == pytest.approx(expected, abs=0.01)


def test_a_saved_identity_stands_for_its_picture(client):
    file, crop, inversion = client.predict(
        portrait=handle_file(PORTRAIT), consent=True, api_name="/identify"
    )
    assert read_source_type(inversion) == Source.GENERATED and open_picture(crop).shape[0] >= 256
    same = {"driver": handle_file(DRIVER), "consent": True, "api_name": "/transfer_picture"}
    by_file = client.predict(portrait=handle_file(file), **same)
    by_picture = client.predict(portrait=handle_file(PORTRAIT), **same)
    np.testing.assert_array_equal(open_picture(by_file), open_picture(by_picture))
    with pytest.raises(AppError, match="no picture"):
        client.predict(portrait=handle_file(file), layout="pasted", **same)


def test_a_faithful_identity_is_saved_as_such(client):
    first, *_ = client.predict(handle_file(PORTRAIT), True, api_name="/identify")
    options = {"consent": True, "faithful": True, "api_name": "/identify"}
    job = client.submit(portrait=handle_file(PORTRAIT), **options)
    second, *_ = job.result(300)
    assert Path(second).stat().st_size > 2 * Path(first).stat().st_size
    same = {"driver": handle_file(DRIVER), "consent": True, "api_name": "/transfer_picture"}
    made = [client.predict(portrait=handle_file(file), **same) for file in (first, second)]
    difference = np.abs(np.subtract(*(open_picture(path).astype(float) for path in made)))
    assert difference.mean() > 2  # what was learned is in the file, and is drawn


def test_a_file_is_checked(client):
    picture = client.predict(seed=3, api_name="/random_person")[1]
    assert client.predict(handle_file(picture), api_name="/check_file")["verdict"] == "made"
    assert client.predict(handle_file(PORTRAIT), api_name="/check_file")["verdict"] == "no mark"


def test_random_person_and_clip(client):
    file, picture = client.predict(seed=3, api_name="/random_person")
    assert read_source_type(picture) == Source.GENERATED
    job = client.submit(
        portrait=handle_file(file),
        clip=handle_file(CLIP),
        consent=True,
        start_at=1,
        end_at=2,
        api_name="/transfer_clip",
    )
    path, account = job.result(60)
    info = probe(path)
    assert info.frames == 25 and info.has_audio and read_source_type(path) == Source.GENERATED
    assert account.startswith("25 of 25 frames")


def test_batch_goes_on_past_what_fails(client, tmp_path):
    Image.new("RGB", (300, 300), "teal").save(tmp_path / "nobody.png")
    job = client.submit(
        portraits=[handle_file(p) for p in (PORTRAIT, tmp_path / "nobody.png", PAINTING)],
        drivers=[handle_file(DRIVER), handle_file(EXAMPLES / "evaluation/clips/00.mp4")],
        consent=True,
        api_name="/batch",
    )
    path, manifest = job.result(120)
    steps = [out[1]["done"] + out[1]["failed"] for out in job.outputs() if "done" in out[1]]
    assert {1, 2, 3, 4, 5, 6} <= set(steps)  # it was told as it went
    assert (manifest["done"], manifest["failed"]) == (4, 2)
    failed = [item for item in manifest["items"] if "error" in item]
    assert all("nobody.png" in item["portrait"] for item in failed)
    assert all("No face was found" in item["error"] for item in failed)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert sorted(names) == sorted(
            ["01-01.png", "01-02.mp4", "03-01.png", "03-02.mp4", "grid.jpg", "manifest.json"]
        )
        assert json.loads(archive.read("manifest.json")) == manifest
        archive.extractall(tmp_path / "made")
    for name in set(names) - {"manifest.json"}:
        expected = Source.COMPOSITE if name == "grid.jpg" else Source.GENERATED
        assert read_source_type(tmp_path / "made" / name) == expected
    clip = next(item for item in manifest["items"] if item.get("file") == "01-02.mp4")
    assert "frames" in clip["account"]


def test_batch_is_bounded(client, tmp_path):
    one = handle_file(PORTRAIT)
    cases = [
        ([one] * 17, [one], "1 to 16"),
        ([one], [], "1 to 16"),
        ([one] * 9, [one] * 8, "at most 64"),
        ([one] * 7, [handle_file(CLIP)], "may have 60 seconds"),
    ]
    for portraits, drivers, words in cases:
        with pytest.raises(AppError, match=words):
            client.predict(portraits, drivers, True, api_name="/batch")
    with pytest.raises(AppError, match="Not one result.*not a picture"):
        client.predict([handle_file(__file__)], [one], True, api_name="/batch")


@pytest.mark.parametrize("consent", [False, None])
def test_nothing_without_consent(client, consent):
    one = handle_file(PORTRAIT)
    calls = {
        "transfer_picture": [one, one],
        "transfer_clip": [one, handle_file(CLIP)],
        "identify": [one],
        "batch": [[one], [one]],
    }
    for name, files in calls.items():
        with pytest.raises(AppError, match="consent=True"):
            client.predict(*files, consent, api_name=f"/{name}")


def test_the_example_script(app, tmp_path):
    command = [sys.executable, EXAMPLES / "client.py", app.url, "--out", tmp_path / "out"]
    subprocess.run(command, check=True, timeout=120, cwd=tmp_path)
    assert read_source_type(tmp_path / "out/picture.png") == Source.COMPOSITE
    assert probe(tmp_path / "out/clip.mp4").frames == 25
    assert zipfile.is_zipfile(tmp_path / "out/batch.zip")


def uploaded(app: App, path: Path) -> str:
    """The address of a file that was sent; what an agent's upload tool does."""
    with path.open("rb") as file:
        answer = httpx.post(f"{app.url}/gradio_api/upload", files={"files": file})
    return f"{app.url}/gradio_api/file={answer.json()[0]}"


def test_agents_list_and_call_tools(app):
    portrait, driver = uploaded(app, PORTRAIT), uploaded(app, DRIVER)
    said = []

    async def progress(step, total, message):
        said.append(message)

    async def use(session):
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        one = {"portrait": portrait, "driver": driver, "consent": True}
        many = {"portraits": [portrait], "drivers": [driver], "consent": True}
        return (
            tools,
            await session.call_tool("transfer_picture", one),
            await session.call_tool("batch", many, progress_callback=progress),
            await session.call_tool("transfer_picture", one | {"consent": False}),
        )

    tools, picture, zipped, refused = with_tools(app.url, use)
    assert set(tools) == ENDPOINTS
    schema = tools["transfer_picture"].inputSchema
    assert schema["required"] == ["portrait", "driver", "consent"]
    assert all(part.get("description") for part in schema["properties"].values())
    assert not picture.isError
    image, address = picture.content
    size = read_manifest(resolve_pack("default"))["architecture"]["generator"]["size"]
    assert Image.open(io.BytesIO(base64.b64decode(image.data))).size == (size, size)
    assert address.text.startswith("Image URL: http")
    address = zipped.content[0].text
    with urllib.request.urlopen(address) as answer:
        assert "01-01.png" in zipfile.ZipFile(io.BytesIO(answer.read())).namelist()
    assert any("Result 1 of 1" in message for message in said)
    assert refused.isError and "consent=True" in refused.content[0].text
