"""The app on ZeroGPU, as far as that can be had without one: a stand-in for the package `spaces`.

The real one lends a GPU to a function in another process. The stand-in runs it in this one, but
carries arguments and results across as the real one does, and writes down what was asked for.
"""

import json
import tempfile
from fractions import Fraction

import numpy as np
import pytest
from gradio_client import Client, handle_file

from stylexfer.media import open_picture, probe, read_frames, write_video
from tests.web.serve import ROOT, running_app

STAND_IN = """
import functools, inspect, json, os, pickle, sys

assert "torch" not in sys.modules, "spaces has to be imported before torch"


def crossed(value):
    return pickle.loads(pickle.dumps(value))


def GPU(duration):
    def lent(task):
        def asked(arguments):
            seconds = duration(*arguments) if callable(duration) else duration
            with open(os.environ["ASKED_FOR"], "a") as log:
                log.write(json.dumps([task.__name__, seconds]) + "\\n")
            return crossed(arguments)

        if inspect.isgeneratorfunction(task):
            @functools.wraps(task)
            def run(*arguments):
                for value in task(*asked(arguments)):
                    yield crossed(value)
        else:
            @functools.wraps(task)
            def run(*arguments):
                return crossed(task(*asked(arguments)))
        return run

    return lent
"""


@pytest.fixture
def zero_gpu(tmp_path, monkeypatch):
    (tmp_path / "stand_in").mkdir()
    (tmp_path / "stand_in/spaces.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "stand_in"))
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setenv("ASKED_FOR", str(tmp_path / "asked_for"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / "asked_for"


def test_little_time_is_asked_for_and_everything_crosses(zero_gpu, tmp_path):
    face = open_picture(ROOT / "examples/photos/collins_astronaut.png")
    clip = tmp_path / "clip.mp4"
    whole = ROOT / "examples/clips/clip_a.mp4"
    frames = read_frames(whole, probe(whole).part(0, 2))
    write_video(clip, frames, Fraction(25))
    one = handle_file(ROOT / "examples/photos/collins_astronaut.png")
    with running_app(tmp_path / "run") as app:
        client = Client(app.url, verbose=False, download_files=tmp_path, analytics_enabled=False)
        made = client.predict(one, one, True, api_name="/transfer_picture")
        assert not np.array_equal(open_picture(made), face)
        client.predict(7, api_name="/random_person")
        path, _ = client.predict(one, handle_file(clip), True, api_name="/transfer_clip")
        assert probe(path).frames == 50
        intro = json.dumps(client.config["components"])
        assert "Live needs a machine of its own" in intro and "live-stage" not in intro
    asked = [json.loads(line) for line in zero_gpu.read_text().splitlines()]
    names = {name for name, _ in asked}
    assert names == {"identify", "random_identity", "_drive_picture", "_drive_chunks"}
    for name, seconds in asked:  # an anonymous visitor has 120 s a day
        assert 0 < seconds <= (13 if name == "_drive_chunks" else 10), (name, seconds)
    assert "Traceback" not in app.log.read_text()
