"""The languages of the page. All of it is written in English, `texts.py` and the library's errors;
`translations.json` has the same in the others, and `language.js` exchanges them in the browser.

What goes over the API is English.
"""

import json
import re
from functools import cache
from pathlib import Path

LANGUAGES = {
    "en": "English",
    "cs": "Čeština",
    "de": "Deutsch",
    "es": "Español",
    "fr": "Français",
    "zh": "简体中文",
}
_FOLDER = Path(__file__).parent
_HEADING, _ITEM = re.compile(r"^#+ "), re.compile(r"^- ")  # of Markdown, before a line


@cache
def translations() -> dict[str, dict[str, str]]:
    """{English text: {language: the same}}, with {fields} as in the English."""
    return json.loads((_FOLDER / "translations.json").read_text("utf-8"))


def lines(text: str) -> list[str]:
    """What Markdown shows as headings, items and paragraphs of their own."""
    parts = [_HEADING.sub("", line, count=1) for line in text.split("\n") if line]
    return [_ITEM.sub("", part, count=1) for part in parts] if len(parts) > 1 else parts


def phrases() -> dict[str, dict[str, str]]:
    """{language: {English line: the same}}, for the browser."""
    return {
        language: {
            line: other
            for english, others in translations().items()
            for line, other in zip(lines(english), lines(others[language]), strict=True)
        }
        for language in LANGUAGES
        if language != "en"
    }


def script(name: str, **constants: object) -> str:
    """A script of this folder as an element of the page's head, after the constants that it reads
    from `window`."""
    told = "".join(
        f"window.{key} = {json.dumps(value, ensure_ascii=False)};\n".replace("<", "\\u003c")
        for key, value in constants.items()
    )
    return f"<script>\n{told}{(_FOLDER / name).read_text('utf-8')}</script>"


def language_script() -> str:
    """For the page's head."""
    return script("language.js", stylexferPhrases={"names": LANGUAGES, "phrases": phrases()})
