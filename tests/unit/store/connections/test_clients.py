"""Commands that are sent together: a reply for each, whatever became of the others."""

import asyncio
from importlib import metadata
from typing import Any

import pytest
import redis
from redis.exceptions import ResponseError

from embedded.redis import EmbeddedRedis
from llamaq.store.connections.clients import connect, connect_async
from llamaq.store.connections.sockets import BoundedSocket

LATE = ("BLPOP", "nothing-comes-here", 0.2)


class Interrupted(Exception):
    """As it may be raised anywhere, by a signal."""


def _interrupt(_: object) -> object:
    raise Interrupted


def test_an_error_is_the_reply_of_its_own_command(redis_server: EmbeddedRedis) -> None:
    """The replies behind it are read too, and belong to their commands."""
    with connect(redis_server.url) as client:
        first, second, third = client.execute_all([["ECHO", "a"], ["NO-COMMAND"], ["ECHO", "c"]])

        assert (first, type(second), third) == ("a", ResponseError, "c")
        assert client.execute_all([["ECHO", "later"]]) == ["later"]


def test_a_connection_does_not_read_the_metadata_of_the_package(
    redis_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """redis-py reads and parses it for each connection, which takes longer than to connect."""
    with connect(redis_server.url) as client:
        client.ping()
        monkeypatch.setattr(metadata, "version", _interrupt)
        monkeypatch.setattr(metadata, "distribution", _interrupt)
        client.connection_pool.disconnect()  # type: ignore[attr-defined]  # of redis-py
        first = client.send([["PING"]])
        assert client.execute_all([["ECHO", "a"]]) == ["a"]
        client.give_back(first, lost=True)


def test_a_connection_with_unread_replies_is_not_used_again(redis_server: EmbeddedRedis) -> None:
    """Its late reply would be taken for that of the next command."""
    with connect(redis_server.url) as client:
        client.response_callbacks["ECHO"] = _interrupt  # type: ignore[attr-defined]  # of redis-py
        with pytest.raises(Interrupted):
            client.execute_all([["ECHO", "a"], LATE])

        assert client.execute_all([["GET", "unset"], ["TYPE", "unset"]]) == [None, "none"]


def test_a_connection_is_not_used_again_either_after_one_command_alone(
    redis_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal's handler may raise (Ctrl-C, a time limit of Celery) between the command and its reply."""
    with connect(redis_server.url) as client:
        client.ping()
        with monkeypatch.context() as patched:
            patched.setattr(redis.Redis, "parse_response", lambda *_: _interrupt(None))
            with pytest.raises(Interrupted):
                client.execute_command(*map(str, LATE))

        assert client.execute_command("ECHO", "b") == "b"


def test_a_connection_that_is_reset_is_a_lost_one(redis_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it waits for a reply: the system's error becomes one after which a call is tried again."""
    resets = [ConnectionResetError(104, "Connection reset by peer")]

    def receive(plain: Any, *arguments: Any) -> Any:
        if resets:
            raise resets.pop()
        return received(plain, *arguments)

    received = BoundedSocket.recv_into
    with connect(redis_server.url) as client:
        assert client.execute_all([["ECHO", "a"]]) == ["a"]
        monkeypatch.setattr(BoundedSocket, "recv_into", receive)

        assert client.execute_all([["ECHO", "b"]]) == ["b"]

    assert not resets


def test_an_awaited_connection_with_unread_replies_is_not_used_again(redis_server: EmbeddedRedis) -> None:
    """The same for asyncio, where errors are replies too."""

    async def both() -> tuple[list[object], list[object]]:
        client = connect_async(redis_server.url)
        try:
            mixed = await client.execute_all([["ECHO", "a"], ["NO-COMMAND"], ["ECHO", "c"]])
            client.response_callbacks["ECHO"] = _interrupt  # type: ignore[attr-defined]  # of redis-py
            with pytest.raises(Interrupted):
                await client.execute_all([["ECHO", "a"], LATE])
            return mixed, await client.execute_all([["GET", "unset"], ["TYPE", "unset"]])
        finally:
            await client.aclose()

    (first, second, third), later = asyncio.run(both())

    assert (first, type(second), third) == ("a", ResponseError, "c")
    assert later == [None, "none"]


def test_an_awaited_connection_that_is_reset_is_a_lost_one(
    redis_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for asyncio."""
    resets = [ConnectionResetError(104, "Connection reset by peer")]

    async def read(stream: asyncio.StreamReader, size: int = -1) -> bytes:
        if resets:
            raise resets.pop()
        return await reading(stream, size)

    async def both() -> list[object]:
        client = connect_async(redis_server.url)
        try:
            assert await client.execute_all([["ECHO", "a"]]) == ["a"]
            monkeypatch.setattr(asyncio.StreamReader, "read", read)
            return await client.execute_all([["ECHO", "b"]])
        finally:
            await client.aclose()

    reading = asyncio.StreamReader.read
    assert asyncio.run(both()) == ["b"]
    assert not resets


def test_without_commands_nothing_is_sent() -> None:
    """In releases of Python 3.12 to 3.14 asyncio keeps an empty write, and closes the connection no more."""
    nobody = "redis://127.0.0.1:1/0"

    async def awaited() -> list[Any]:
        return await connect_async(nobody).execute_all([])

    with connect(nobody) as client:
        assert client.execute_all([]) == asyncio.run(awaited()) == []
