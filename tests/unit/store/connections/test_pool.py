"""The pool of a blocking client."""

from collections.abc import Iterator
from typing import Any

import pytest

from embedded.redis import EmbeddedRedis
from llamaq.store.clock import SYSTEM
from llamaq.store.connections.clients import connect
from llamaq.store.connections.sockets import IDLE_SECONDS, Pool


@pytest.fixture
def pool(redis_server: EmbeddedRedis) -> Iterator[Any]:
    """Of a client."""
    with connect(redis_server.url) as client:
        redis_py: Any = client
        yield redis_py.connection_pool


def test_connections_that_a_busy_moment_has_left_are_closed(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but those that are still used; one that was closed connects again when it is needed."""
    now = SYSTEM.monotonic()
    monkeypatch.setattr(SYSTEM.__class__, "monotonic", lambda _: now)
    assert isinstance(pool, Pool)
    busy = [pool.get_connection() for _ in range(3)]
    for connection in busy:
        pool.release(connection)

    for _ in range(3):
        now += IDLE_SECONDS * 0.7
        pool.release(pool.get_connection())

    assert [connection._sock is None for connection in busy] == [True, True, False]
    assert all(pool.get_connection()._sock for _ in range(3))
