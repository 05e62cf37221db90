"""Importing the modules of a program: quickly, and Ctrl-C exits with code 130. Imports nothing slow itself."""

import gc
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

INTERRUPTED = 130


@contextmanager
def quick_imports(without: Iterable[str] = ()) -> Iterator[None]:
    """A block of imports. In it Ctrl-C exits the process at once: a module could swallow an exception.

    Until the process ends, the packages in `without` are as if they were not installed, but for those imported already.
    """
    for package in without:
        cast("dict[str, Any]", sys.modules).setdefault(package, None)  # an import of it is a ModuleNotFoundError
    with _pause_collector():
        # A shell script starts its background jobs with SIGINT ignored. It stays ignored.
        if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield
            return
        signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _pause_collector() -> Iterator[None]:
    """Keep the garbage collector away from what is imported, here and until the process ends.

    Modules make some 300,000 objects, none of them garbage. To look through them again and again took a third of the
    CPU time of a worker's start and stop.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
