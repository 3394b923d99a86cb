import numpy as np
import pytest
from PIL import Image

from stylexfer.errors import StylexferError, UnreadableMedia
from stylexfer.marks import certificate
from stylexfer.marks.detector import Found
from stylexfer.marks.manifest import Manifest
from stylexfer.transfer import FaceTransfer
from stylexfer.ui import Engine, build_page, texts
from stylexfer.ui.examples import FOLDER, clip_rows, picture_rows
from stylexfer.ui.session import Visitor
from stylexfer.ui.terms import agreed, allowed
from stylexfer.ui.verify_tab import _shown
from stylexfer.verify import Report, Verdict
from tests.tiny import tiny_pack


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.png"
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(path)
    return str(path)


def test_only_who_agreed_may_send_faces(own):
    with pytest.raises(StylexferError) as refused:
        allowed(Visitor(), own)
    assert str(refused.value) == texts.NOT_AGREED
    assert allowed(Visitor(agreed=True), own) == own
    with pytest.raises(UnreadableMedia):
        allowed(Visitor(agreed=True), None)
    with pytest.raises(StylexferError):
        agreed(Visitor())
    agreed(Visitor(agreed=True))


def test_examples_are_for_everybody(tmp_path):
    for path in {path for row in picture_rows() + clip_rows() for path in row}:
        assert allowed(Visitor(), path) == path
    copy = tmp_path / "copy.bin"  # as Gradio's cache has it
    copy.write_bytes((FOLDER / "photos/grace_hopper.jpg").read_bytes())
    assert allowed(Visitor(), str(copy)) == str(copy)
    copy.write_bytes(copy.read_bytes() + b"\x00")
    with pytest.raises(StylexferError):
        allowed(Visitor(), str(copy))


def test_nobody_agrees_by_arriving():
    visitor = Visitor()
    assert (visitor.agreed, visitor.label, visitor.ending) == (False, True, ".png")
    assert visitor.start("video").label


def test_a_certificate_that_cannot_be_used_is_told_at_the_start(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setenv(certificate.KEY, "-----BEGIN nothing")
    certificate.credentials.cache_clear()
    with pytest.raises(StylexferError, match="one is missing"):
        build_page(Engine(FaceTransfer(tiny_pack(), device="cpu")))
    certificate.credentials.cache_clear()


def test_names_from_a_file_are_no_html():
    name = "<script>alert(1)</script>"
    manifest = Manifest(True, False, False, name, False, name, name, name, ())
    shown = _shown(Report(Verdict.SIGNED, manifest, name, Found(1.0, 1.0)))
    assert "<script" not in shown and "&lt;script" in shown
