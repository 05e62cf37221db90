"""The pool of a client for asyncio."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import redis.asyncio

from embedded.redis import EmbeddedRedis
from llamaq.store.connections.aio_client import AsyncPool
from llamaq.store.connections.clients import connect, connect_async

Check = Callable[[Any], Awaitable[None]]


@asynccontextmanager
async def _pool(url: str) -> AsyncIterator[Any]:
    client: Any = connect_async(url)
    try:
        assert isinstance(client.connection_pool, AsyncPool)
        yield client.connection_pool
    finally:
        await client.aclose()


def _run(url: str, check: Check) -> None:
    async def main() -> None:
        async with _pool(url) as pool:
            await check(pool)

    asyncio.run(main())


def test_an_idle_connection_is_taken_at_once(redis_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without redis-py's way, and it is given back so too."""

    async def check(pool: Any) -> None:
        connection = await pool.get_connection()
        await pool.release(connection)
        with monkeypatch.context() as without:
            for name in ("get_connection", "release"):
                without.setattr(redis.asyncio.ConnectionPool, name, None)

            assert await pool.get_connection() is connection
            assert not pool._available_connections
            await pool.release(connection)
            assert (pool._available_connections, pool._in_use_connections) == ([connection], set())

    _run(redis_server.url, check)


def test_a_connection_that_its_server_has_closed_is_not_used_again(redis_server: EmbeddedRedis) -> None:
    """The next call connects again, without a try that fails."""

    async def check(pool: Any) -> None:
        connection = await pool.get_connection()
        await connection.send_command("CLIENT", "ID")
        number = await connection.read_response()
        await pool.release(connection)
        before = connection._writer
        with connect(redis_server.url) as other:
            assert other.execute_command("CLIENT", "KILL", "ID", number) == 1
        await asyncio.wait_for(connection._reader.read(), 5)

        assert (await pool.get_connection())._writer is not before

    _run(redis_server.url, check)


def test_a_connection_with_unread_bytes_is_not_used_again(redis_server: EmbeddedRedis) -> None:
    """They would be taken for the reply to the next command."""

    async def check(pool: Any) -> None:
        connection = await pool.get_connection()
        before = connection._writer
        await connection.send_command("ECHO", "nobody reads it")
        await asyncio.wait_for(connection._reader._wait_for_data("test"), 5)
        await pool.release(connection)

        connection = await pool.get_connection()
        assert connection._writer is not before
        await connection.send_command("ECHO", "this one")
        assert await connection.read_response() == "this one"

    _run(redis_server.url, check)


def test_a_connection_in_use_is_closed_with_the_pool(redis_server: EmbeddedRedis) -> None:
    """Whether it was taken at once or connected, and it is given back either way."""

    async def check(pool: Any) -> None:
        for _ in range(2):
            connection = await pool.get_connection()
            await pool.disconnect()
            assert not connection.is_connected
            await pool.release(connection)
            await pool.release(await pool.get_connection())  # connects
        assert len(pool._available_connections) == 1
        assert not pool._in_use_connections

    _run(redis_server.url, check)
