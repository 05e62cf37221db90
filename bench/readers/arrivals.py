"""Collects the arrival times of tokens. Each token's text is the time at which it was sent: 19 digits, nanoseconds."""

import time
from typing import NamedTuple

from embedded.scripted.pacing import STAMP_DIGITS

NANOSECONDS_PER_MILLISECOND = 1e6


class First(NamedTuple):
    """The times of one request, nanoseconds since the epoch.

    Attributes:
        asked: before anything was done.
        submitted: when the producer had its call behind it.
        sent: when the host sent the first token.
        received: when the consumer had it.
    """

    asked: int
    submitted: int
    sent: int
    received: int


class Arrivals:
    """Collects what many threads receive.

    Attributes:
        latencies: milliseconds from each token's sending to now.
        last: when the last one came, nanoseconds since the epoch.
    """

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.last = 0

    def take(self, text: str) -> None:
        """Note a piece of an answer, of one or more tokens."""
        self.last = now = time.time_ns()
        for at in range(0, len(text), STAMP_DIGITS):
            self.latencies.append((now - int(text[at : at + STAMP_DIGITS])) / NANOSECONDS_PER_MILLISECOND)


def first_stamp(text: str) -> int:
    """The time at which a piece's first token was sent."""
    return int(text[:STAMP_DIGITS])
