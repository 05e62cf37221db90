"""Retries the reads of an attempt from Redis: an outage of Redis must not fail the attempt."""

from collections.abc import Callable
from typing import TypeVar

import redis

from llamaq.store.clock import Clock
from tasks.attempt.stoppable import Attempt, AttemptStopped

AGAIN_SECONDS = 0.2
T = TypeVar("T")


def retry(read: Callable[[], T], attempt: Attempt, clock: Clock) -> T:
    """Read, and try again while Redis does not answer.

    Raises:
        AttemptStopped: the attempt was stopped meanwhile.
    """
    while True:
        try:
            return read()
        except (redis.ConnectionError, redis.TimeoutError, OSError):
            if attempt.stopped is not None:
                raise AttemptStopped(attempt.stopped) from None
            clock.sleep(AGAIN_SECONDS)
