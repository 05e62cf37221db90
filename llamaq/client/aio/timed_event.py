"""An event of asyncio that one task waits for, with a timeout."""

import asyncio


class TimedEvent:
    """As `asyncio.Event`, for one task; a wait clears it.

    It has one timer for all its waits: a stream waits once for each piece, and nearly none of these waits times out.
    """

    def __init__(self) -> None:
        self._waiter: asyncio.Future[None] | None = None
        self._is_set = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._seconds: float | None = None
        self._ends_at: float | None = None

    def set(self) -> None:
        """Wake the task; where it does not wait, its next wait ends at once."""
        self._is_set = True
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def clear(self) -> None:
        """Forget that it was set."""
        self._is_set = False

    async def wait(self, seconds: float | None) -> None:
        """Wait until it is set, at most so many seconds."""
        if self._is_set:
            self._is_set = False
            return
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        self._seconds = seconds
        self._ends_at = None if seconds is None else loop.time() + max(seconds, 0.0)
        if self._ends_at is not None and (self._timer is None or self._timer_at > self._ends_at):
            self._set_timer(loop, self._ends_at)
        try:
            await self._waiter
        finally:
            self._waiter, self._is_set, self._ends_at = None, False, None

    def restart_wait(self) -> None:
        """Give the wait under way its whole time again."""
        if self._ends_at is not None and self._seconds is not None:
            self._ends_at = asyncio.get_running_loop().time() + self._seconds

    def close(self) -> None:
        """Stop the timer: nothing waits any more."""
        if self._timer:
            self._timer.cancel()
        self._timer = None

    def _set_timer(self, loop: asyncio.AbstractEventLoop, at: float) -> None:
        self.close()
        self._timer, self._timer_at = loop.call_at(at, self._on_timer, loop), at

    def _on_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if self._ends_at is None:
            return
        if self._timer_at >= self._ends_at:
            self.set()
        else:  # it was set for an earlier wait
            self._set_timer(loop, self._ends_at)
