"""Handles a Ctrl-C during imports: the program exits with code 130. This module imports nothing slow itself."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130


@contextmanager
def interruptible() -> Iterator[None]:
    """A block of imports in which Ctrl-C exits the process at once: a module could swallow an exception."""
    # A shell script starts its background jobs with SIGINT ignored. It stays ignored.
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
