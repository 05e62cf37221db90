"""Ends the program with exit code 130 at a Ctrl-C while it still imports. This module imports nothing slow itself."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130


@contextmanager
def interruptible() -> Iterator[None]:
    """A block of imports that Ctrl-C ends. It exits at once: an exception could be swallowed by an imported module."""
    # Ignored, as in a background job of a shell's script, it stays ignored.
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
