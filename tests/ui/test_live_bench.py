import pytest

from stylexfer.transfer import FaceTransfer
from stylexfer.ui.live_bench import live_bench, summary
from tests.tiny import tiny_pack


def test_figures_of_two_visitors():
    """One gets 10 pictures a second, the other 20; what came while they warmed up is left out."""
    slow = [0.1 * k for k in range(41)]
    quick = [0.05 * k for k in range(81)]
    late = [[1000.0] * 20 + [50.0] * 21, [1000.0] * 40 + [100.0] * 40 + [400.0]]
    assert summary([slow, quick], late, warm_up=2.0) == {
        "live_fps": pytest.approx(15, abs=0.1),
        "live_latency_ms": 100.0,
        "live_latency_p95_ms": 100.0,
    }


def test_nothing_came():
    assert set(summary([[], [1.0]], [[], [5.0]]).values()) == {0.0}


def test_it_runs():
    figures = live_bench(FaceTransfer(tiny_pack(), device="cpu"), seconds=1, visitors=2)
    assert set(figures) == {"live_fps", "live_latency_ms", "live_latency_p95_ms"}


def test_a_fault_is_not_taken_for_slowness(monkeypatch):
    model = FaceTransfer(tiny_pack(), device="cpu")

    def broken(crops):
        raise RuntimeError("out of order")

    monkeypatch.setattr(model, "motion_codes", broken)
    monkeypatch.setattr(model, "decode", broken)
    with pytest.raises(RuntimeError, match="out of order"):
        live_bench(model, seconds=20)
