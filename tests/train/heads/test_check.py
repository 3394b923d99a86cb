"""Labels agree with pixels, and the figures of `check` are what they are called."""

import subprocess
from itertools import pairwise

import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image

from train.heads import check, preview, speech
from train.heads.check import Findings, Sample, equal_error_rate, report, table
from train.heads.expressions import EXPRESSIONS, vector
from train.heads.params import State
from train.heads.stage import Stage

YAWS = (-30, 0, 15)


@pytest.fixture(scope="module")
def fixed_set():
    """Six people, three angles each, in changing expressions."""
    stage = Stage(size=256)
    names = ("neutral", "smile", "surprise")
    frames, rows = [], []
    for identity in range(6):
        shot = stage.shot(identity, 0)
        for k, yaw in enumerate(YAWS):
            coeffs = vector(stage.actions, EXPRESSIONS[names[(identity + k) % 3]])
            frame = stage.frame(shot, State(pose=(yaw, 0.0, 0.0), coeffs=coeffs))
            frames.append((frame.image, np.asarray(frame.landmarks, np.float64)))
            rows.append((identity, identity, yaw))
    identity, clip, yaw = (np.array(column) for column in zip(*rows, strict=True))
    return Sample(identity, clip, yaw, np.stack([t for _, t in frames])), frames


def test_labels_agree_with_pixels(fixed_set):
    """dlib sees the faces, and its inner 51 landmarks are where the labels say.

    The median over frames: on an odd one dlib takes an open mouth for the beard below it.
    """
    sample, frames = fixed_set
    findings = check.judge(iter(frames))
    off = 100 * (findings.points - sample.truth) / check.eye_distance(sample.truth, sample.yaw)
    assert np.median(np.linalg.norm(off[:, 17:], axis=2).mean(axis=1)) < 4
    for group in ("brows", "nose", "eyes", "mouth"):  # none lies to one side of the picture
        assert np.abs(np.median(off[:, check.GROUPS[group]], axis=(0, 1))).max() < 2.5, group
    figures = report(sample, findings)
    assert figures["frames"]["overall"] == 18
    assert figures["detected"]["overall"] >= 0.95
    distance = figures["distance"]
    assert distance["same clip"]["mean"] + 0.15 < distance["different"]["mean"]
    assert "inner 51" in table(figures)


def test_an_error_is_in_percent_of_the_eye_distance(fixed_set):
    """Points moved by a twentieth of the distance of the outer eye corners: 5 %."""
    sample, frames = fixed_set
    eyes = np.linalg.norm(sample.truth[:, 36] - sample.truth[:, 45], axis=1)
    shift = 0.05 * np.median(eyes[np.abs(sample.yaw) < 10])
    n = len(frames)
    found = np.ones((n, 2), bool)
    found[0] = False
    embedding = np.random.default_rng(0).normal(size=(n, 128))
    figures = report(sample, Findings(found, sample.truth + (shift, 0), embedding))
    assert figures["landmark error"]["all 68"]["overall"]["mean"] == pytest.approx(5, abs=1e-3)
    assert figures["detected"]["overall"] == pytest.approx(1 - 1 / n, abs=1e-3)
    assert figures["detected"]["30-35"] == pytest.approx(5 / 6, abs=1e-3)


def test_equal_error_rate():
    assert equal_error_rate(np.array([0.1, 0.2]), np.array([0.8, 0.9])) == 0
    assert equal_error_rate(np.array([0.8, 0.9]), np.array([0.1, 0.2])) == pytest.approx(1)
    rng = np.random.default_rng(0)
    rate = equal_error_rate(rng.normal(0, 1, 20_000), rng.normal(2, 1, 20_000))
    assert rate == pytest.approx(0.1587, abs=0.01)  # the normal tail beyond one deviation
    assert equal_error_rate(np.array([]), np.array([1.0])) is None


def test_a_sheet_has_a_picture_for_each_state(tmp_path):
    path = tmp_path / "sheets" / "yaw.png"
    preview.sheet(path, "yaw", people=1, size=64)
    sheet = np.asarray(Image.open(path)).astype(int)
    assert sheet.shape == (64, 5 * 64, 3)
    pictures = np.split(sheet, 5, axis=1)
    assert all(np.abs(a - b).mean() > 2 for a, b in pairwise(pictures))


@pytest.fixture
def voice(monkeypatch):
    """A second of tone in place of espeak-ng, which a machine may lack."""
    tone = (8000 * np.sin(np.arange(22_050) * 0.06)).astype(np.int16)
    said = speech.Speech(tone, 22_050, [(0.0, "m"), (0.3, "aI"), (0.8, "_:")])
    monkeypatch.setattr(speech, "speak", lambda *_, **__: said)


def test_a_clip_has_frames_and_sound(tmp_path, voice):
    path = tmp_path / "clip.mp4"
    speech.clip(path, "my", seconds=1.4, size=64)
    command = [get_ffmpeg_exe(), "-i", str(path)]
    told = subprocess.run(command, check=False, capture_output=True, text=True)
    assert "Video: h264" in told.stderr and "64x64" in told.stderr and "25 fps" in told.stderr
    assert "Audio: aac" in told.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["clip.mp4"]
    with pytest.raises(speech.StylexferError, match="give --seconds 2"):
        speech.clip(tmp_path / "short.mp4", "my", seconds=1.0, size=64)
