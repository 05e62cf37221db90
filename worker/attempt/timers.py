"""One thread that does things later: the deadline of an attempt, or a word about why no text comes yet."""

import heapq
import itertools
import threading
from collections.abc import Callable

from llamaq.store.clock import Clock


class Alarm:
    """A call that is due at some time, unless cancelled before."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Forget it; harmless once it has gone off."""
        self.call = None


class Timers:
    """Alarms for all attempts of a worker. The calls must be quick and must not raise."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._alarms: list[tuple[float, int, Alarm]] = []
        self._number = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="llamaq-watch", daemon=True)
        self._thread.start()

    def after(self, seconds: float, call: Callable[[], None]) -> Alarm:
        """Make the call once, so many seconds from now, on the watch's thread."""
        alarm = Alarm(call)
        with self._changed:
            heapq.heappush(self._alarms, (self._clock.monotonic() + seconds, next(self._number), alarm))
            self._changed.notify()
        return alarm

    def close(self) -> None:
        """Forget all alarms and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while (alarm := self._next()) is not None:
            if (call := alarm.call) is not None:
                call()

    def _next(self) -> Alarm | None:
        with self._changed:
            while not self._closed:
                left = self._alarms[0][0] - self._clock.monotonic() if self._alarms else None
                if left is not None and left <= 0:
                    return heapq.heappop(self._alarms)[2]
                self._changed.wait(left)
        return None
