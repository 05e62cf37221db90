"""A job store of its own for each test, in the Redis that all share."""

from collections.abc import Iterator

import pytest

from tests.unit.tasks.fleet import Fleet
from worker.embedded.redis import EmbeddedRedis


@pytest.fixture
def fleet(redis_server: EmbeddedRedis, prefix: str) -> Iterator[Fleet]:
    stage = Fleet(redis_server.url, prefix)
    yield stage
    stage.close()
