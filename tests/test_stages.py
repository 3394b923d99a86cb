"""`ahead`: order, bounds, errors, and that nothing is left behind."""

import contextvars
import gc
import threading

import pytest

from stylexfer.stages import ahead

WAIT = 20.0  # seconds, after which something hangs


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "ahead"]


class Source:
    """Counts up; knows what was taken of it, in which thread, and whether it was closed."""

    def __init__(self, count: int = 10**9, fail_at: int | None = None):
        self.taken = 0
        self.closed_in = None
        self.many = threading.Event()
        self._count, self._fail_at = count, fail_at

    def items(self):
        try:
            for k in range(self._count):
                if k == self._fail_at:
                    raise LookupError(k)
                self.taken += 1
                self.thread = threading.current_thread()
                if self.taken >= 4:
                    self.many.set()
                yield k
        finally:
            self.closed_in = threading.current_thread()


@pytest.fixture(autouse=True)
def nothing_left():
    yield
    gc.collect()
    assert not workers()


@pytest.mark.parametrize("depth", [1, 3, 100])
def test_the_same_items_in_the_same_order(depth):
    assert list(ahead(range(50), depth)) == list(range(50))
    assert list(ahead([], depth)) == []
    assert list(ahead(ahead(ahead(iter("abc"), depth), depth), depth)) == list("abc")


def test_nothing_happens_before_the_first_is_asked_for():
    source = Source()
    items = ahead(source.items(), 2)
    assert (source.taken, workers()) == (0, [])
    items.close()
    assert source.taken == 0


def test_it_works_ahead_in_another_thread_and_no_further_than_asked():
    source = Source()
    items = ahead(source.items(), 3)
    assert next(items) == 0
    assert source.many.wait(WAIT)  # while nobody asks
    assert source.thread is not threading.current_thread()
    for k in range(1, 30):
        assert next(items) == k
        assert source.taken <= k + 1 + 3
    items.close()


def test_an_error_comes_after_the_items_before_it():
    source = Source(fail_at=3)
    items = ahead(ahead(source.items(), 2), 2)
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(LookupError):
        next(items)
    with pytest.raises(StopIteration):
        next(items)
    assert source.closed_in is source.thread


def test_an_error_of_the_reader_ends_all_stages():
    source = Source()
    with pytest.raises(ZeroDivisionError):
        for item in ahead(ahead(source.items(), 2), 2):
            1 / (5 - item)
    assert source.closed_in is source.thread


@pytest.mark.parametrize("read", [1, 7])
def test_closing_closes_the_source_in_its_thread(read):
    source = Source()
    items = ahead(ahead(source.items(), 4), 4)
    for _ in range(read):
        next(items)
    items.close()
    assert source.closed_in is source.thread
    assert not workers()
    items.close()


def test_dropping_it_is_enough():
    source = Source()
    items = ahead(source.items(), 2)
    next(items)
    del items
    gc.collect()
    assert source.closed_in is source.thread


def test_an_error_while_it_is_closed_does_not_hang():
    def stubborn():
        try:
            yield from range(100)
        finally:
            raise LookupError

    items = ahead(stubborn(), 2)
    next(items)
    items.close()
    assert not workers()


def test_the_readers_context_comes_along():
    visitor = contextvars.ContextVar("visitor")
    visitor.set("Ada")
    assert list(ahead((visitor.get() for _ in range(2)), 1)) == ["Ada", "Ada"]
