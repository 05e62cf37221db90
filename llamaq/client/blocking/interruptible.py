"""Waiting of a reader for an item or its turn, so that Ctrl-C is acted on; and of a hub's thread for what comes.

A signal that comes while several threads want the interpreter's lock may be forgotten until the main thread takes that
lock again. (CPython up to 3.12: another thread computes `eval_breaker` anew, and may not handle signals.) A main thread
that blocked by then for as long as nothing comes would not see it.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from selectors import BaseSelector
from typing import TypeVar

from llamaq.store.clock import SYSTEM
from llamaq.store.connections.deadline import timeout_error

T = TypeVar("T")
LOOK_SECONDS = 0.5
"""How long a signal waits at most."""


def next_item(items: SimpleQueue[T], seconds: float) -> T:
    """The next item.

    Raises:
        Empty: none has come within so many seconds.
    """
    if seconds > LOOK_SECONDS:
        ends_at = SYSTEM.monotonic() + seconds
        while (seconds := ends_at - SYSTEM.monotonic()) > LOOK_SECONDS:
            try:
                return items.get(timeout=LOOK_SECONDS)
            except Empty:
                continue
    return items.get(timeout=max(seconds, 0.0))


class Turns:
    """So many threads have one at a time.

    It is no semaphore: that stays locked where a signal's handler raises (Ctrl-C) as a thread takes it.
    """

    def __init__(self, number: int) -> None:
        self._free: SimpleQueue[None] = SimpleQueue()
        for _ in range(number):
            self._free.put(None)

    @contextmanager
    def take(self, seconds: float) -> Iterator[None]:
        """Take a turn, for this block.

        Raises:
            redis.TimeoutError: none is free within so many seconds.
        """
        try:
            next_item(self._free, seconds)
        except Empty:
            raise timeout_error(seconds) from None
        try:
            yield
        finally:
            self._free.put(None)


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
