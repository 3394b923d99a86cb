import gradio as gr
import pytest

from stylexfer.errors import NoFaceFound
from stylexfer.ui import texts
from stylexfer.ui.guard import explained, guarded


def _fails(error: Exception):
    raise error


def test_known_error_keeps_its_words_escaped():
    with pytest.raises(gr.Error) as seen:
        guarded(_fails)(NoFaceFound("no face in <script>.jpg"))
    assert seen.value.message == "no face in &lt;script&gt;.jpg"
    assert not seen.value.print_exception


def test_what_it_is_about_is_said_once():
    with pytest.raises(gr.Error) as seen, explained("Outer"), explained("Driver"):
        _fails(NoFaceFound("none"))
    assert seen.value.message == "Driver: none"


def test_unknown_error_is_logged_and_not_shown(caplog):
    with pytest.raises(gr.Error) as seen:
        guarded(_fails)(ZeroDivisionError("secret path"))
    assert seen.value.message == texts.UNEXPECTED
    assert "secret path" in caplog.text


def test_generators_stay_generators():
    def handler(n):
        yield from range(n)
        raise NoFaceFound("end")

    running = guarded(handler)(2)
    assert [next(running), next(running)] == [0, 1]
    with pytest.raises(gr.Error, match="end"):
        next(running)
    closed = guarded(handler)(2)
    next(closed)
    closed.close()  # a visitor leaves: not an error


def test_what_is_no_number_is_refused():
    for value in (float("nan"), float("inf")):
        with pytest.raises(gr.Error, match="no number"):
            guarded(lambda *_: None)("face.png", value)
