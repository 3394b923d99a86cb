"""What a visitor saves through the page is marked, and the page can tell; and what they agree to."""

import io
import json
import shutil
import subprocess
from pathlib import Path

import c2pa
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from stylexfer.marks import Source
from stylexfer.ui import texts
from stylexfer.verify import WORDS, Verdict, verify
from tests.media.clips import run
from tests.web.conftest import DRIVER, PATIENCE, PORTRAIT
from tests.web.visit import address, agree, message, open_tab, press, upload

pytestmark = pytest.mark.web


@pytest.fixture(scope="session")
def strange(tmp_path_factory) -> Path:
    """A portrait that is none of the examples."""
    path = tmp_path_factory.mktemp("strange") / "portrait.jpg"
    Image.open(PORTRAIT).convert("RGB").save(path, quality=90)
    return path


@pytest.fixture
def newcomer(app, browser):
    """A page on which nothing was agreed to yet."""
    context = browser.new_context(viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(app.url)
    page.get_by_role("tab", name="Picture").wait_for()
    yield page
    context.close()


def _quick(page: Page) -> None:
    """The first result is the last: nothing is learned of the portrait."""
    page.get_by_label(texts.FAITHFUL).locator("visible=true").first.uncheck()


def _saved(page: Page, place: str, folder: Path) -> Path:
    with page.expect_download() as download:
        page.locator(place).get_by_label("Download").first.click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def _check_by_others(path: Path, source: Source) -> None:
    """By c2pa's own library, and by exiftool where it is installed."""
    with open(path, "rb") as file, c2pa.Reader(file) as reader:
        assert reader.get_validation_state() == "Valid"
        manifest = reader.get_active_manifest()
    generator = manifest["claim_generator_info"][0]
    assert (generator["name"], generator["pack"]) == ("stylexfer", "default")
    (actions,) = (a["data"]["actions"] for a in manifest["assertions"] if "actions" in a["label"])
    assert actions[0]["digitalSourceType"] == source.url
    assert "thumbnail" not in json.dumps(manifest)
    if shutil.which("exiftool"):
        command = ["exiftool", "-j", "-XMP-iptcExt:DigitalSourceType", str(path)]
        told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        assert told[0]["DigitalSourceType"] == source.url
    else:
        print("exiftool is not installed: XMP was read by our own reader alone")
    report = verify(path)
    assert report.verdict == Verdict.MADE and report.source_type == source.value
    assert report.watermark.marked


@pytest.mark.parametrize(("name", "ending"), [("PNG", "png"), ("JPEG", "jpg"), ("WebP", "webp")])
def test_saved_pictures_are_marked(page, tmp_path, name, ending):
    _quick(page)
    page.get_by_role("button", name=texts.USE).click()
    page.get_by_label(name, exact=True).check()
    page.get_by_role("button", name="Mona Lisa, by Collins").click()
    address(page, "#picture-result img")
    path = _saved(page, "#picture-result", tmp_path)
    assert path.suffix == f".{ending}"
    _check_by_others(path, Source.GENERATED)
    pasted = _saved(page, "#picture-pasted", tmp_path)
    assert pasted.suffix == (".jpg" if ending == "png" else f".{ending}")
    _check_by_others(pasted, Source.COMPOSITE)


def test_saved_clips_are_marked_and_checked_in_the_page(page, clips, tmp_path):
    open_tab(page, texts.CLIP_TAB)
    _quick(page)
    upload(page, texts.PORTRAIT, PORTRAIT)
    upload(page, texts.DRIVING_CLIP, clips["sound"])
    press(page, texts.ANIMATE)
    address(page, "#video-result video")
    made = _saved(page, "#video-result", tmp_path)
    assert made.suffix == ".mp4"
    _check_by_others(made, Source.GENERATED)

    edited, again = tmp_path / "edited.mp4", tmp_path / "again.mp4"
    data = bytearray(made.read_bytes())
    data[data.index(b"mdat") + 3000] ^= 1
    edited.write_bytes(data)
    run("-i", str(made), "-c:v", "libx264", "-crf", "28", str(again))
    open_tab(page, texts.CHECK_TAB)
    for path, verdict in (
        (made, Verdict.MADE),
        (edited, Verdict.EDITED),
        (again, Verdict.REENCODED),
        (clips["sound"], Verdict.UNKNOWN),
        (DRIVER, Verdict.UNKNOWN),
    ):
        page.locator("#check input[type=file]").set_input_files(path)
        expect(page.locator("#verdict")).to_contain_text(WORDS[verdict], timeout=PATIENCE)
        page.locator("#check").get_by_label("Clear").or_(
            page.locator("#check").get_by_label("Remove")
        ).first.click()
        expect(page.locator("#verdict")).to_contain_text(texts.CHECK_HINT, timeout=PATIENCE)
    page.locator("#check input[type=file]").set_input_files(clips["truncated"])
    assert "damaged" in message(page, "damaged")


def test_the_label_can_be_left_out(page, tmp_path):
    files = {}
    _quick(page)
    page.get_by_role("button", name=texts.USE).click()
    for shown in (True, False):
        page.get_by_label(texts.LABEL).set_checked(shown)
        page.get_by_role("button", name="Mona Lisa, by Collins").click()
        before = page.locator("#picture-result img")
        if files:
            expect(before).not_to_have_attribute("src", files["src"], timeout=PATIENCE)
        files["src"] = address(page, "#picture-result img")
        files[shown] = _saved(page, "#picture-result", tmp_path / str(shown)).read_bytes()
    with_label, without = (Image.open(io.BytesIO(files[shown])).convert("L") for shown in (1, 0))
    corner = (0.6 * with_label.width, 0.9 * with_label.height, *with_label.size)
    brightest = [
        picture.crop(tuple(map(int, corner))).getextrema()[1] for picture in (with_label, without)
    ]
    assert brightest[0] > 220 > brightest[1]


def test_a_face_is_used_only_when_its_sender_agreed(newcomer, strange):
    page = newcomer
    _quick(page)
    page.get_by_role("button", name="Mona Lisa, by Collins").click()  # an example needs no tick
    first = address(page, "#picture-result img")
    upload(page, texts.PORTRAIT, strange)
    press(page, texts.TRANSFER)
    assert texts.NOT_AGREED in message(page, "tick the box")
    assert address(page, "#picture-result img") == first
    agree(page)
    press(page, texts.TRANSFER)
    expect(page.locator("#picture-result img")).not_to_have_attribute(
        "src", first, timeout=PATIENCE
    )

    page.reload()
    expect(page.locator("#agree input")).to_be_checked(timeout=PATIENCE)
    upload(page, texts.PORTRAIT, strange)
    upload(page, texts.DRIVER, DRIVER)
    press(page, texts.TRANSFER)
    address(page, "#picture-result img")
