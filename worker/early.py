"""Ctrl-C while the program still imports: it ends quietly, with 130. Imports nothing that is slow itself."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130


@contextmanager
def interruptible() -> Iterator[None]:
    """For the imports. Nothing is to be put in order yet, and an exception could be lost in one of them."""
    # Ignored, as in a background job of a shell's script, it stays ignored.
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
