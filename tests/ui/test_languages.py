"""Every sentence of the page is there in every language, and no other."""

import re

import pytest

from stylexfer.ui import texts
from stylexfer.ui.languages import LANGUAGES, language_script, lines, phrases, translations
from tests.ui.said import blanked, errors_said, texts_said


def _fields(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)", text))


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    """All that has letters, by what it is without the names of its fields."""
    found = [text for text in texts_said() + errors_said() if re.search("[A-Za-z]", text)]
    return {blanked(text): text for text in found}


def test_every_text_is_translated(said):
    have = {blanked(text) for text in translations()}
    missing = [text for key, text in said.items() if key not in have]
    assert not missing, f"to be added to translations.json: {missing}"


def test_nothing_is_translated_that_nobody_says(said):
    stale = [text for text in translations() if blanked(text) not in said]
    assert not stale, f"to be taken out of translations.json: {stale}"


def test_translations_are_whole():
    for english, others in translations().items():
        assert list(others) == [code for code in LANGUAGES if code != "en"], english
        for other in others.values():
            assert other.strip() and _fields(other) == _fields(english), (english, other)
            assert len(lines(other)) == len(lines(english)), (english, other)
            assert other.count("**") == english.count("**"), (english, other)
            assert other.count("`") == english.count("`"), (english, other)


def test_errors_are_found_in_the_source():
    """What `errors_said` gathers is what the library says."""
    found = set(errors_said())
    assert "The video file is empty. Send it again." in found
    assert (
        "The picture has {} MB, and the limit is {} MB. Save it smaller and send it again." in found
    )
    assert any(text.startswith("The video is damaged") for text in found)  # a constant


def test_markdown_is_told_to_the_browser_line_by_line():
    czech = phrases()["cs"]
    intro, *rest = lines(texts.INTRO)
    assert intro in czech and rest[0] in czech and texts.INTRO not in czech
    assert "</script>" not in language_script()[:-9]
