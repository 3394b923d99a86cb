"""The picture tab: which face, steps and the way back, many at once."""

import zipfile
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from stylexfer.marks import Source
from stylexfer.marks.xmp import read_source_type
from stylexfer.ui import texts
from tests.web.conftest import DRIVER, OTHER_DRIVER, PAINTING, PATIENCE, PORTRAIT
from tests.web.visit import address, changed, fetch, message, press, upload

pytestmark = pytest.mark.web


@pytest.fixture(scope="session")
def two(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("two") / "two.jpg"
    picture = Image.new("RGB", (992, 600))
    for k, face in enumerate((PORTRAIT, OTHER_DRIVER)):
        picture.paste(Image.open(face).convert("RGB").resize((480, 600)), (512 * k, 0))
    picture.save(path, quality=92)
    return path


def test_one_of_several_faces_is_chosen_by_keyboard(page, two):
    look = page.locator("#portrait-look")
    expect(look).to_contain_text(texts.PORTRAIT_HINT)
    upload(page, texts.DRIVER, DRIVER)
    expect(page.locator("#driver-look")).to_contain_text(texts.FACE_FOUND, timeout=PATIENCE)
    upload(page, texts.PORTRAIT, two)
    expect(look).to_contain_text(texts.FACES_FOUND.format(count=2), timeout=PATIENCE)
    press(page, texts.TRANSFER)
    message(page, "choose which one to use")

    before = None
    for number in (1, 2):
        face = look.get_by_role("button", name=texts.FACE_NUMBER.format(number=number))
        face.focus()
        page.keyboard.press("Enter")
        expect(face).to_have_attribute("aria-pressed", "true", timeout=PATIENCE)
        expect(face).to_be_focused()
        press(page, texts.TRANSFER)
        result = "#picture-result img"
        before = changed(page, result, before) if before else address(page, result)


def test_steps_go_on_from_the_result_and_back(page, tmp_path):
    upload(page, texts.PORTRAIT, PORTRAIT)
    upload(page, texts.DRIVER, DRIVER)
    press(page, texts.TRANSFER)
    first = address(page, "#picture-result img")
    portrait = page.locator("#picture [data-testid=image] img").first
    original = portrait.get_attribute("src")
    steps = page.locator("#steps .gallery-item")
    for number in (1, 2):
        press(page, texts.USE_RESULT)
        expect(steps).to_have_count(number + 1, timeout=PATIENCE)
        expect(page.locator("#portrait-look")).to_contain_text("result of yours")
        upload(page, texts.DRIVER, OTHER_DRIVER)
        press(page, texts.TRANSFER)
        first = changed(page, "#picture-result img", first)
    step = portrait.get_attribute("src")
    assert read_source_type(fetch(step, tmp_path / "step.jpg")) == Source.COMPOSITE
    press(page, texts.UNDO)
    expect(portrait).not_to_have_attribute("src", step, timeout=PATIENCE)
    press(page, texts.BACK_TO_ORIGINAL)
    expect(portrait).to_have_attribute("src", original, timeout=PATIENCE)
    expect(steps).to_have_count(3)
    upload(page, texts.PORTRAIT, PAINTING)
    expect(page.locator("#steps")).to_be_hidden(timeout=PATIENCE)


def test_many_at_once(page, tmp_path):
    page.get_by_role("button", name=texts.MANY).click()
    page.get_by_role("button", name=texts.MANY_EXAMPLE).click()
    expect(page.locator("#many")).to_contain_text("128", timeout=PATIENCE)  # the files' sizes
    press(page, texts.MAKE_ALL)
    sheet = address(page, "#many-grid img")
    expect(page.locator("#many-account")).to_contain_text("9 of 9 results", timeout=PATIENCE)
    assert read_source_type(fetch(sheet, tmp_path / "sheet.jpg")) == Source.COMPOSITE
    link = page.locator("#many-zip a").first.get_attribute("href")
    with zipfile.ZipFile(fetch(link, tmp_path / "all.zip")) as archive:
        names = archive.namelist()
        archive.extract(names[0], tmp_path)
    assert names[0] == "01-01_grace_hopper_by_collins_astronaut.png" and len(names) == 11
    assert read_source_type(tmp_path / names[0]) == Source.GENERATED


def test_what_is_sent_after_an_example_is_opened_by_us_too(page, tmp_path):
    """Gradio would open it before any handler, and say nothing that helps."""
    page.get_by_role("button", name="Mona Lisa, by Collins").click()
    address(page, "#picture-result img")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    upload(page, texts.PORTRAIT, broken)
    expect(page.locator("#portrait-look")).to_contain_text("is not a picture", timeout=PATIENCE)
    press(page, texts.TRANSFER)
    message(page, "Portrait: This file is not a picture")
