"""How late this machine is: what a test of a limit of time adds to the limit, so that it judges the code alone."""

import threading
import time
from typing import Self

_TICK_SECONDS = 0.02


class Lateness:
    """Measures in a thread, for as long as the block lasts, how much longer short sleeps take than they should.

    Attributes:
        seconds: the sum; about the time for which this process wanted a processor, or a lock of Python's, and had none.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._measure)

    def _measure(self) -> None:
        before = time.monotonic()
        while not self._ended.wait(_TICK_SECONDS):
            now = time.monotonic()
            self.seconds += now - before - _TICK_SECONDS
            before = now

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
