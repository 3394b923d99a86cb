"""What the README shows is what works."""

import re
from pathlib import Path

from stylexfer.marks import Source
from stylexfer.marks.xmp import read_source_type

ROOT = Path(__file__).resolve().parents[1]


def test_the_snippet_runs(tmp_path, monkeypatch):
    (snippet,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    result = tmp_path / "result.png"
    monkeypatch.chdir(ROOT)
    exec(compile(snippet.replace("result.png", str(result)), "README.md", "exec"), {})  # noqa: S102
    assert read_source_type(result) == Source.GENERATED


def test_the_front_matter_names_the_pinned_gradio():
    readme = (ROOT / "README.md").read_text()
    version = re.search(r"^sdk_version: (\S+)$", readme, re.MULTILINE).group(1)
    assert f"gradio[mcp]=={version}\n" in (ROOT / "requirements.txt").read_text()
