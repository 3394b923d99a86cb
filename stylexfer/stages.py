"""Stages of a pipeline that overlap: each `ahead` puts all before it into a thread of its own."""

import contextvars
from collections.abc import Iterable, Iterator
from queue import SimpleQueue
from threading import Semaphore, Thread, current_thread
from typing import TypeVar

T = TypeVar("T")

_END = object()


class _Raised:
    """An error on its way to the reader."""

    def __init__(self, error: BaseException):
        self.error = error


class _Line:
    """What the thread and its reader share: items that wait, and room for more."""

    def __init__(self, depth: int):
        self.items = SimpleQueue()
        self.room = Semaphore(depth)
        self.left = False  # the reader is gone

    def fill(self, source: Iterator) -> None:
        end: object = _END
        try:
            while self.room.acquire() and not self.left:
                self.items.put(next(source))
        except StopIteration:
            pass
        except BaseException as error:  # noqa: BLE001  it is raised again where the items are read
            end = _Raised(error)
        finally:
            # A generator has to be closed by the thread that runs it, and before the reader goes on:
            # what it holds open (ffmpeg, a file) is free then.
            try:
                getattr(source, "close", lambda: None)()
            except BaseException as error:  # noqa: BLE001
                end = _Raised(error)
            self.items.put(end)


def ahead(items: Iterable[T], depth: int) -> Iterator[T]:
    """The same items in the same order, made in a thread, at most `depth` ahead of the reader.

    Nothing is made before the first is asked for. What `items` raises is raised here, after the
    items before it. Closing this closes `items`, in the thread, and waits for that: it takes as
    long as the item under way. Dropping it does the same.
    """
    line = _Line(depth)
    # In the reader's context: Gradio and ZeroGPU keep there whose request it is.
    run = contextvars.copy_context().run
    thread = Thread(target=run, args=(line.fill, iter(items)), name="ahead", daemon=True)
    thread.start()
    try:
        while (item := line.items.get()) is not _END:
            if isinstance(item, _Raised):
                raise item.error
            line.room.release()
            yield item
    finally:
        line.left = True
        line.room.release()
        if thread is not current_thread():  # the garbage collector may call from anywhere
            thread.join()
