"""Delayed calls: the deadline of an attempt, and the progress event that says why no text comes yet."""

import heapq
import itertools
import threading
from collections.abc import Callable

from llamaq.store.clock import Clock
from worker.duties.duty import Duty

IDLE_SECONDS = 1.0
"""The longest wait of a round: a round has to end, so that the timers are known to be well."""
LEAST_SWEPT = 128


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
        self._swept_at = LEAST_SWEPT
        self._changed = threading.Condition()
        self._wakes_at = float("inf")

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Make the call once, `seconds` from now, in the duty's thread."""
        timer = Timer(call)
        with self._changed:
            self._sweep()
            due_at = self._clock.monotonic() + seconds
            heapq.heappush(self._due, (due_at, next(self._number), timer))
            if due_at < self._wakes_at:  # an attempt begins two timers, and each wake-up delays it
                self._changed.notify()
        return timer

    def run_round(self) -> float:
        """Make the call of the next timer, or wait until it may be due."""
        timer = self._next_timer()
        if timer is not None and (call := timer.call) is not None:
            call()
        return 0

    def stop(self) -> None:
        """Make no more calls."""
        super().stop()
        with self._changed:
            self._changed.notify()

    def _sweep(self) -> None:
        """Drop cancelled timers once there are as many as others: most are cancelled long before they are due."""
        if len(self._due) < self._swept_at:
            return
        self._due = [entry for entry in self._due if entry[2].call is not None]
        heapq.heapify(self._due)
        self._swept_at = max(LEAST_SWEPT, 2 * len(self._due))

    def _next_timer(self) -> Timer | None:
        with self._changed:
            if self.stopping.is_set():
                return None
            now = self._clock.monotonic()
            while self._due and self._due[0][2].call is None:  # nobody has to wake for them
                heapq.heappop(self._due)
            self._wakes_at = min(now + IDLE_SECONDS, self._due[0][0] if self._due else float("inf"))
            if self._wakes_at <= now:
                return heapq.heappop(self._due)[2]
            self._changed.wait(self._wakes_at - now)
        return None
