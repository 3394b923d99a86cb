import copy

from stylexfer.ui.session import _AT_MOST, _CAPACITY, Visitor, content_key


def test_remembers_the_latest():
    visitor, made = Visitor(), []

    def make(key):
        return visitor.remember((key,), lambda: made.append(key) or key)

    make("first")
    for k in range(_CAPACITY - 1):
        make(k)
    make("first")  # used again, so it is not the oldest
    make("one more")
    make("first")
    assert made.count("first") == 1
    make(0)
    assert made.count(0) == 2


def test_visitors_share_nothing():
    default = Visitor()
    one, other = copy.deepcopy(default), copy.deepcopy(default)  # as Gradio does per session
    one.remember(("a",), lambda: 1)
    assert other.remember(("a",), lambda: 2) == 2


def test_stop_reaches_the_latest_run_of_its_tab():
    visitor = Visitor()
    before, other = visitor.start("video"), visitor.start("random")
    after = visitor.start("video")
    visitor.stop("video")
    assert (before.stopped, other.stopped, after.stopped) == (False, False, True)


def test_stop_reaches_a_run_that_waits_in_line():
    visitor = Visitor()
    visitor.stop("video")  # nothing runs or waits
    visitor.ask("video")
    run = visitor.start("video")
    assert not run.stopped
    del run  # it is over
    visitor.ask("video")
    visitor.stop("video")
    assert visitor.start("video").stopped
    visitor.ask("video")
    assert not visitor.start("video").stopped


def test_key_is_the_content(tmp_path):
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (content_key("identity", str(tmp_path / name)) for name in "abc")
    assert a == b != c
    assert content_key("driver", str(tmp_path / "a")) != a


def test_few_tuned_people_are_kept_and_the_others_stay():
    visitor, most = Visitor(), _AT_MOST["tuned"]
    visitor.remember(("identity", "a"), lambda: "a")
    for k in range(most + 1):
        visitor.remember(("tuned", k), lambda: "large")
    kept = [visitor.recall(("tuned", k)) for k in range(most + 1)]
    assert kept == [None] + ["large"] * most
    assert visitor.recall(("identity", "a")) == "a"
