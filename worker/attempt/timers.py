"""Delayed calls: the deadline of an attempt, and the progress event that says why no text comes yet."""

import heapq
import itertools
import threading
from collections.abc import Callable

from llamaq.store.clock import Clock
from worker.duties.duty import Duty


class Timer:
    """A delayed call, which can be cancelled."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Do not make the call. Has no effect once it was made."""
        self.call = None


class Timers(Duty):
    """The duty that makes the delayed calls of all attempts. A call must be quick, because it delays the others."""

    name = "timers"
    stops_at = "drain"
    retry_seconds = 0.2
    longest_retry_seconds = 0.2

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._due: list[tuple[float, int, Timer]] = []
        self._number = itertools.count()
        self._changed = threading.Condition()

    def after(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Make the call once, `seconds` from now, in the duty's thread."""
        timer = Timer(call)
        with self._changed:
            heapq.heappush(self._due, (self._clock.monotonic() + seconds, next(self._number), timer))
            self._changed.notify()
        return timer

    def round(self) -> float:
        """Wait for the next timer, and make its call."""
        timer = self._next()
        if timer is not None and (call := timer.call) is not None:
            call()
        return 0

    def stop(self) -> None:
        """Make no more calls."""
        super().stop()
        with self._changed:
            self._changed.notify()

    def _next(self) -> Timer | None:
        with self._changed:
            while not self.stopping.is_set():
                left = self._due[0][0] - self._clock.monotonic() if self._due else None
                if left is not None and left <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(left)
        return None
