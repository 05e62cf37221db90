"""A world of files and batches."""

from collections.abc import Iterator

import pytest

from embedded.redis import EmbeddedRedis
from tests.unit.store.batches.batch_world import World


@pytest.fixture
def world(redis_server: EmbeddedRedis, prefix: str) -> Iterator[World]:
    world = World(redis_server.url, prefix)
    yield world
    world.close()
