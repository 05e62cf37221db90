"""One limit of time for several calls of Redis together: each connection, send, answer, pause and retry ends with it.

A limit that is set within another one only makes it shorter. It is held in a context variable, which `BoundedSocket`
reads before each operation. An asyncio client is ended by `asyncio.timeout` too.
"""

import asyncio
import math
from contextvars import ContextVar
from types import TracebackType

import redis

from llamaq.store.clock import SYSTEM

_ends_at: ContextVar[float] = ContextVar("ends_at", default=math.inf)
LEAST_SECONDS = 0.001
"""A socket that is given 0 seconds would not block at all, and raise another error than that of its timeout."""


class limited:  # noqa: N801 - it is used as a function, like `contextlib.suppress`
    """All calls of Redis in this block end within so many seconds; a later one raises `redis.TimeoutError`.

    There must be no `yield` of a generator in the block: the limit would hold for its caller too. This is a class
    because a context manager that is made of a generator takes twice the time, and a call has three.
    """

    __slots__ = ("_seconds", "_token")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        self._token = _ends_at.set(min(_ends_at.get(), SYSTEM.monotonic() + self._seconds))

    def __exit__(self, *_: object) -> None:
        _ends_at.reset(self._token)


class limited_async:  # noqa: N801 - as above
    """As `limited`, for asyncio. A task that is begun in the block has its limit, but is not ended by it.

    A limit that ends behind the one around it needs no timer.

    Raises:
        redis.TimeoutError: the time is over.
    """

    __slots__ = ("_seconds", "_timeout", "_token")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timeout: asyncio.Timeout | None = None

    async def __aenter__(self) -> None:
        ends_at = SYSTEM.monotonic() + self._seconds
        if ends_at < _ends_at.get():
            self._timeout = asyncio.timeout(self._seconds)
            await self._timeout.__aenter__()
            self._token = _ends_at.set(ends_at)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._timeout is not None:
                _ends_at.reset(self._token)
                await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as late:
            raise timed_out(self._seconds) from late
        if isinstance(error, TimeoutError):
            raise timed_out(self._seconds) from error


def timed_out(seconds: float) -> redis.TimeoutError:
    """The error of a limit that is over."""
    return redis.TimeoutError(f"nothing within {seconds:.3g} s")


def left() -> float:
    """Seconds until the limit of this block; infinite where none is set."""
    return _ends_at.get() - SYSTEM.monotonic()


def at_most(seconds: float | None) -> float | None:
    """So many seconds (None: any number), but no more than are left."""
    bound = left()
    if bound == math.inf:
        return seconds
    bound = max(bound, LEAST_SECONDS)
    return bound if seconds is None else min(seconds, bound)
