"""A job store of its own for each test, in the Redis that all share."""

from collections.abc import Iterator

import pytest

from llamaq.clock import SYSTEM
from llamaq.connection import Client
from tasks.scribe import Scribe
from tests.unit.tasks.fleet import LEASE_SECONDS, Fleet
from tests.unit.tasks.writing import NEVER, Writing
from worker.embedded.redis import EmbeddedRedis


@pytest.fixture
def fleet(redis_server: EmbeddedRedis, prefix: str) -> Iterator[Fleet]:
    stage = Fleet(redis_server.url, prefix)
    yield stage
    stage.close()


@pytest.fixture
def writing(fleet: Fleet) -> Iterator[Writing]:
    """Starts scribes, by default with a flush window that never ends."""
    started: list[Scribe] = []

    def start(
        flush_seconds: float = NEVER, lease_seconds: float = LEASE_SECONDS, client: Client | None = None
    ) -> Scribe:
        scribe = Scribe(client or fleet.redis, fleet.keys, SYSTEM, flush_seconds, lease_seconds)
        started.append(scribe)
        return scribe

    yield start
    for scribe in started:
        scribe.close()
