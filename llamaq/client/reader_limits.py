"""How long a reader goes on: to the end of its caller's timeout, and through an outage of Redis."""

import math
from collections.abc import Callable
from typing import SupportsFloat

import redis

from llamaq.store.clock import Clock
from llamaq.store.connections.retries import is_final
from llamaq.store.log_follower import OUTAGE_SECONDS
from llamaq.vocabulary.errors import InvalidRequest

UNENDED = "the job has not ended yet"
"""The message of a timeout."""
GRACE_SECONDS = 0.4
"""Beyond the timeout, for the reading that finds a job which has ended just in time."""


class ReaderLimits:
    """The limits of one reader. All of them are times of the clock, so that no retry makes them longer."""

    def __init__(self, clock: Clock, call_seconds: float, timeout: float | None = None) -> None:
        """Begin.

        Args:
            clock: gives the time.
            call_seconds: for one call of Redis.
            timeout: seconds until the caller wants an answer; None for no limit.

        Raises:
            InvalidRequest: the timeout is no number.
        """
        self._clock = clock
        self._call_seconds = call_seconds
        self._answered_at = clock.monotonic()
        self._ends_at = math.inf if timeout is None else self._answered_at + _parse_timeout(timeout)

    def note_answer(self) -> None:
        """Note that Redis has answered: an outage that was is over."""
        self._answered_at = self._clock.monotonic()

    def call_seconds(self) -> float:
        """For the next call of Redis."""
        now = self._clock.monotonic()
        return max(min(self._call_seconds, self._ends_at + GRACE_SECONDS - now, self._outage_ends_at() - now), 0.001)

    def wait_seconds(self, wanted: float) -> float:
        """For the next published entry.

        Raises:
            TimeoutError: the timeout is over.
        """
        left = self._ends_at - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError(UNENDED)
        return min(wanted, left)

    def check_retry(self, error: Exception) -> None:
        """Check whether another connection is to be tried after an error.

        Raises:
            TimeoutError: the timeout is over.
            redis.RedisError: the error, where the outage lasts for too long, or another try does not mend it.
        """
        now = self._clock.monotonic()
        if now >= self._ends_at:
            raise TimeoutError(f"{UNENDED}, and Redis does not answer") from None
        if is_final(error):
            raise error
        if now >= self._outage_ends_at():
            raise redis.TimeoutError(f"none for {OUTAGE_SECONDS:.0f} s: {error}") from error

    def _outage_ends_at(self) -> float:
        return self._answered_at + OUTAGE_SECONDS


def start_countdown(timeout: float | None, clock: Clock) -> Callable[[], float | None]:
    """Start a timeout; the function that is returned gives the seconds that are left, None where there is no timeout.

    Raises:
        InvalidRequest: the timeout is no number.
    """
    ends_at = None if timeout is None else clock.monotonic() + _parse_timeout(timeout)
    return lambda: None if ends_at is None else max(ends_at - clock.monotonic(), 0.0)


def _parse_timeout(timeout: object) -> float:
    # Each comparison with NaN is false, so it would be no limit at all.
    try:
        seconds = float(timeout) if isinstance(timeout, SupportsFloat) else math.nan
    except Exception:  # noqa: BLE001 - a number too large, or whatever else one of another type raises
        seconds = math.nan
    if math.isnan(seconds):
        raise InvalidRequest.of("timeout", "give a number of seconds, or None for no limit")
    return seconds
