"""The one place where an error becomes a message in the page."""

import inspect
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from html import escape

import gradio as gr

from stylexfer.errors import StylexferError
from stylexfer.ui import texts

log = logging.getLogger(__name__)

_SECONDS = 20  # a message has to be read, and says what to change


@contextmanager
def explained(what: str = "") -> Iterator[None]:
    """Turn what goes wrong inside into a message: that of a `StylexferError` as it is, after
    `what` it is about; for any other exception a general one (the reason goes to the log)."""
    try:
        yield
    except gr.Error:  # explained further in
        raise
    except StylexferError as error:
        # Messages quote names of files, and the page shows them as HTML.
        message = escape(f"{what}: {error}" if what else str(error), quote=False)
        raise gr.Error(message, _SECONDS, print_exception=False) from error
    except Exception as error:
        log.exception("a handler failed")
        raise gr.Error(texts.UNEXPECTED, _SECONDS, print_exception=False) from error


def _check_numbers(values: tuple) -> None:
    """JSON has no NaN, but Python reads it, and no slider's bounds keep it out."""
    if any(isinstance(value, float) and not math.isfinite(value) for value in values):
        raise StylexferError(texts.NOT_A_NUMBER)


def guarded(handler: Callable) -> Callable:
    """A handler of the page, function or generator, that raises nothing but `gr.Error`."""
    if inspect.isgeneratorfunction(handler):

        @wraps(handler)
        def run(*args, **kwargs):
            with explained():
                _check_numbers(args)
                yield from handler(*args, **kwargs)
    else:

        @wraps(handler)
        def run(*args, **kwargs):
            with explained():
                _check_numbers(args)
                return handler(*args, **kwargs)

    return run
