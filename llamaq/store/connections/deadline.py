"""One limit of time for several calls of Redis together: each connection, send, answer, pause and retry ends with it.

A limit that is set within another one only makes it shorter. It is held in a context variable, which `BoundedSocket`
reads before each operation. An asyncio client is ended by `asyncio.timeout` too.

The variable refers to the limit weakly. Where a signal's handler raises (Ctrl-C) just as a block begins or ends, the
variable is not set back; the limit has gone with its block even so, and does not hold for later calls.
"""

import asyncio
import math
from collections.abc import Callable
from contextvars import ContextVar
from types import TracebackType
from weakref import ref

import redis

from llamaq.store.clock import SYSTEM

_limit: ContextVar[Callable[[], "time_limit | time_limit_async | None"]] = ContextVar("limit", default=lambda: None)
LEAST_SECONDS = 0.001
"""A socket that is given 0 seconds would not block at all, and raise another error than that of its timeout."""


class time_limit:  # noqa: N801 - it is used as a function, like `contextlib.suppress`
    """All calls of Redis in this block end within so many seconds; a later one raises `redis.TimeoutError`.

    There must be no `yield` of a generator in the block: the limit would hold for its caller too. This is a class
    because a context manager that is made of a generator takes twice the time, and a call has three.
    """

    __slots__ = ("__weakref__", "_seconds", "_token", "ends_at")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        self.ends_at = min(_ends_at(), SYSTEM.monotonic() + self._seconds)
        self._token = _limit.set(ref(self))

    def __exit__(self, *_: object) -> None:
        _limit.reset(self._token)


class time_limit_async:  # noqa: N801 - as above
    """As `time_limit`, for asyncio. A task that is begun in the block has its limit, as long as the block lasts.

    A limit that ends behind the one around it needs no timer.

    Raises:
        redis.TimeoutError: the time is over.
    """

    __slots__ = ("__weakref__", "_seconds", "_timeout", "_token", "ends_at")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timeout: asyncio.Timeout | None = None

    async def __aenter__(self) -> None:
        self.ends_at = SYSTEM.monotonic() + self._seconds
        if self.ends_at < _ends_at():
            self._timeout = asyncio.timeout(self._seconds)
            await self._timeout.__aenter__()
            self._token = _limit.set(ref(self))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._timeout is not None:
                _limit.reset(self._token)
                await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as late:
            raise timeout_error(self._seconds) from late
        if isinstance(error, TimeoutError):
            raise timeout_error(self._seconds) from error


def timeout_error(seconds: float) -> redis.TimeoutError:
    """The error of a limit that is over."""
    return redis.TimeoutError(f"nothing within {seconds:.3g} s")


def seconds_left() -> float:
    """Seconds until the limit of this block; infinite where none is set."""
    return _ends_at() - SYSTEM.monotonic()


def _ends_at() -> float:
    limit = _limit.get()()
    return math.inf if limit is None else limit.ends_at


def cap_seconds(seconds: float | None) -> float | None:
    """Cap seconds (None: any number) at those that are left."""
    bound = seconds_left()
    if bound == math.inf:
        return seconds
    bound = max(bound, LEAST_SECONDS)
    return bound if seconds is None else min(seconds, bound)
