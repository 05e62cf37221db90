"""Retries of what an attempt reads from Redis: an outage of Redis costs time, not an attempt."""

from collections.abc import Callable
from typing import TypeVar

import redis

from llamaq.store.clock import Clock
from tasks.attempt.stoppable import Attempt, AttemptStopped

AGAIN_SECONDS = 0.2
T = TypeVar("T")


def retry(read: Callable[[], T], attempt: Attempt, clock: Clock) -> T:
    """Read, again and again while Redis does not answer.

    Raises:
        AttemptStopped: the attempt was ended meanwhile, by its deadline or a drain.
    """
    while True:
        try:
            return read()
        except (redis.ConnectionError, redis.TimeoutError, OSError):
            if attempt.stopped is not None:
                raise AttemptStopped(attempt.stopped) from None
            clock.sleep(AGAIN_SECONDS)
