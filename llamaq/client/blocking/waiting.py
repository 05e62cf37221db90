"""Waiting of a reader for an item, so that Ctrl-C is acted on; and of a hub's thread for what comes.

A signal that comes while several threads want the interpreter's lock may be forgotten until the main thread takes that
lock again. (CPython up to 3.12: another thread computes `eval_breaker` anew, and may not handle signals.) A main thread
that blocked by then for as long as nothing comes would not see it.
"""

import socket
from contextlib import suppress
from queue import Empty, SimpleQueue
from selectors import BaseSelector
from typing import TypeVar

from llamaq.store.clock import SYSTEM

T = TypeVar("T")
LOOK_SECONDS = 0.5
"""How long a signal waits at most."""


def next_item(items: SimpleQueue[T], seconds: float) -> T:
    """The next item.

    Raises:
        Empty: none has come within so many seconds.
    """
    ends_at = SYSTEM.monotonic() + seconds
    while True:
        left = max(ends_at - SYSTEM.monotonic(), 0.0)
        try:
            return items.get(timeout=min(left, LOOK_SECONDS))
        except Empty:
            if left <= LOOK_SECONDS:
                raise


def wait_for_input(selector: BaseSelector, seconds: float | None) -> bool:
    """Wait until something has come, or a reader has. Whether the connection is readable."""
    readable = False
    for key, _ in selector.select(seconds):
        if isinstance(key.fileobj, socket.socket):  # of the pair that readers write to
            with suppress(BlockingIOError):
                key.fileobj.recv(4096)
        else:
            readable = True
    return readable
