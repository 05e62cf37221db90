"""The pool of a blocking client."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from embedded.redis import EmbeddedRedis
from llamaq.store.clock import SYSTEM
from llamaq.store.connections.clients import connect
from llamaq.store.connections.deadline import time_limit
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


def test_a_connection_that_its_server_has_closed_is_not_used_again(pool: Any, redis_server: EmbeddedRedis) -> None:
    """The next call connects again, without a try that fails."""
    with connect(redis_server.url) as other:
        connection = pool.get_connection()
        connection.send_command("CLIENT", "ID")
        number = connection.read_response()
        pool.release(connection)
        before = connection._sock
        assert pool.get_connection() is connection
        pool.release(connection)

        assert other.execute_command("CLIENT", "KILL", "ID", number) == 1
        before._poll.poll(5000)
        assert pool.get_connection()._sock is not before


def test_a_connection_in_use_is_closed_with_the_pool(pool: Any) -> None:
    """Whether it was taken at once or connected, and it is given back either way."""
    for _ in range(2):
        connection = pool.get_connection()
        pool.disconnect()
        assert connection._sock is None
        pool.release(connection)
        pool.release(pool.get_connection())  # connects
    assert len(pool._available_connections) == 1
    assert not pool._in_use_connections


def test_an_operation_sets_no_timeout_that_the_socket_has(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A timeout is shorter than what is left of the call by an eighth of a second at most; a short one is exact."""
    socket = pool.get_connection()._sock
    now = SYSTEM.monotonic()
    monkeypatch.setattr(SYSTEM.__class__, "monotonic", lambda _: now)
    with time_limit(3.3):
        socket._set_timeout()
        assert socket.gettimeout() == 3.25
        now += 0.04
        with monkeypatch.context() as without:
            without.setattr(socket, "_plain", SimpleNamespace(gettimeout=lambda: 3.25))  # to set one is an error
            socket._set_timeout()
        now += 0.02
        socket._set_timeout()
        assert socket.gettimeout() == 3.125
    with time_limit(0.3):
        socket._set_timeout()
        assert socket.gettimeout() == pytest.approx(0.3)
