"""Bounds the pixels that a process decodes at a time, and with them its memory: about 10 bytes for each pixel."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

MOST_PIXELS = 80_000_000


class PixelBudget:
    """Threads wait for a part of it. A part that is larger than the whole is given alone."""

    def __init__(self, most: int = MOST_PIXELS) -> None:
        self._most = most
        self.reset()

    def reset(self) -> None:
        """Begin anew, as in a process that was forked: the threads that have parts of it are not there."""
        self.used = 0
        self._turn = threading.Lock()
        self._changed = threading.Condition()

    @contextmanager
    def reserve(self, pixels: int) -> Iterator[None]:
        """Wait for so many pixels, and give them back in the end."""
        # One waits at a time, so that small parts do not overtake a large one for ever.
        with self._turn, self._changed:
            self._changed.wait_for(lambda: not self.used or self.used + pixels <= self._most)
            self.used += pixels
        try:
            yield
        finally:
            with self._changed:
                self.used -= pixels
                self._changed.notify_all()


BUDGET = PixelBudget()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=BUDGET.reset)
