"""What an attempt reads from Redis, it reads over an outage."""

import pytest
import redis

from llamaq.store.clock import Clock
from tasks.attempt.stoppable import Attempt, AttemptStopped
from worker.attempt.read_retry import retry


class Outage(Clock):
    """A Redis that is away for as long as somebody sleeps so many times; and the clock that counts it."""

    def __init__(self, naps: int) -> None:
        self.naps = naps

    def sleep(self, seconds: float) -> None:
        self.naps -= 1

    def read(self) -> str:
        if self.naps > 0:
            raise redis.ConnectionError("refused")
        return "history"


def test_it_waits_for_redis() -> None:
    """The attempt goes on when Redis is back, as if nothing had been."""
    outage = Outage(naps=300)

    assert retry(outage.read, Attempt("j"), outage) == "history"
    assert outage.naps == 0


def test_it_does_not_retry_its_attempt() -> None:
    """A deadline or a drain ends the wait."""
    attempt = Attempt("j")
    attempt.stop("draining")

    with pytest.raises(AttemptStopped, match="draining"):
        retry(Outage(naps=3).read, attempt, Outage(naps=3))


def test_what_redis_refuses_is_no_outage() -> None:
    """A wrong type or a missing right does not go away by waiting."""

    def refused() -> str:
        raise redis.ResponseError("WRONGTYPE")

    with pytest.raises(redis.ResponseError):
        retry(refused, Attempt("j"), Outage(naps=3))
