"""Every sentence that the page may say: its texts, and the errors of the library, from the source."""

import ast
import re
from pathlib import Path

from stylexfer import errors
from stylexfer.ui import texts
from stylexfer.verify import WORDS

ROOT = Path(errors.__file__).parent
_ERRORS = {name for name in dir(errors) if isinstance(getattr(errors, name), type)}
# What a run of the page gets to. (Packs and certificates are looked at before there is a page.)
_MODULES = ("faces", "media", "layouts.py", "identity_file.py", "transfer.py", "tuning.py")
_MODULES += ("learner.py", "ui")

# What Gradio says by itself, with the joints that language.js knows.
GRADIO = [
    "{label}: {said}",
    "and",
    "{count} more",
    "Drop Image Here",
    "Drop Video Here",
    "Drop File Here",
    "Drop Media Here",
    "- or -",
    "or",
    "Click to Upload",
    "Paste from Clipboard",
    "Uploading...",
    "Loading",
    "Loading...",
    "Complete",
    "Error",
    "Warning",
    "Info",
    "Success",
    "Download",
    "Fullscreen",
    "Exit fullscreen mode",
    "View in full screen",
    "Remove Image",
    "Clear",
    "Close",
    "Cancel",
    "Undo",
    "Share",
    "Edit",
    "Upload file",
    "Click to upload or drop files",
    "Drop a video file here to upload",
    "Drop an image file here to upload",
    "File upload",
    "Empty value",
    "Stop Recording",
    "More tabs",
    "Gradio footer navigation",
    "common.complete",
    "Capture from camera",
    "Paste from clipboard",
    "Click to Access Webcam",
    "Please allow access to the webcam for recording.",
    "Use via API",
    "Use via API or MCP",
    "Built with Gradio",
    "logo",
    "number input for {label}",
    "range slider for {label}",
    "Reset to default value",
    "Thumbnail {number} of {count}",
    "queue: {position}/{size} |",
    "In queue: {position} of {size}",
    "processing |",
    "{done}/{total} {unit} |",
    "{what}: {done} / {total} {unit}",
    "frames",
    "steps",
    "Value {value} is less than minimum value {least}.",
    "Value {value} is greater than maximum value {most}.",
]


def blanked(text: str) -> str:
    """The text with all its fields alike."""
    return re.sub(r"\{[^{}]*\}", "{}", text)


def _strings(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for part in value.values() for text in _strings(part)]
    if isinstance(value, list | tuple):
        return [text for part in value for text in _strings(part)]
    return [value] if isinstance(value, str) else []


def texts_said() -> list[str]:
    """The values of `texts`, what `verify` says, and what Gradio says by itself."""
    named = {name: value for name, value in vars(texts).items() if not name.startswith("_")}
    return list(dict.fromkeys([*_strings(named), *_strings(WORDS), *GRADIO]))


def _templates(node: ast.expr) -> list[str]:
    """What a message's expression may say, its fields blank."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        parts = [p.value if isinstance(p, ast.Constant) else "{}" for p in node.values]
        return ["".join(parts)]
    if isinstance(node, ast.IfExp):
        return _templates(node.body) + _templates(node.orelse)
    return []


def errors_said() -> list[str]:
    """What the library's errors say, their fields blank."""
    found: list[str] = []
    for place in _MODULES:
        paths = (ROOT / place).rglob("*.py") if (ROOT / place).is_dir() else [ROOT / place]
        for path in paths:
            tree = ast.parse(path.read_text())
            known = {
                target.id: statement.value
                for statement in tree.body
                if isinstance(statement, ast.Assign)
                for target in statement.targets
                if isinstance(target, ast.Name)
            }
            for call in ast.walk(tree):
                if isinstance(call, ast.Call) and call.args and _is_error(call.func):
                    message = call.args[0]
                    if isinstance(message, ast.Name):
                        message = known.get(message.id, message)
                    found += _templates(message)
    return list(dict.fromkeys(found))


def _is_error(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in _ERRORS or name == "LiveRefused"
