"""A job store of its own for each test, in the Redis that all share."""

from collections.abc import Iterator

import pytest

from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import Fleet


@pytest.fixture
def fleet(redis_server: EmbeddedRedis, prefix: str) -> Iterator[Fleet]:
    """A producer, and workers that are nothing but calls of the store."""
    stage = Fleet(redis_server.url, prefix)
    yield stage
    stage.close()
