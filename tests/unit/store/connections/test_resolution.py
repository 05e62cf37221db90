"""The resolution of Redis' name ends with the limit of the call, as all else of it does."""

import asyncio
import socket
import threading
from contextlib import aclosing
from typing import Any

import pytest
import redis

from embedded.redis import EmbeddedRedis
from llamaq.store.connections.clients import connect, connect_async


def test_a_resolver_that_hangs_does_not_hold_up_a_call(
    redis_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call ends while the resolver still hangs; once that answers, the next call works."""
    released, resolve = threading.Event(), socket.getaddrinfo

    def hanging(host: str, *rest: Any, **more: Any) -> Any:
        released.wait(60)
        return resolve("127.0.0.1", *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    url = redis_server.url.replace("127.0.0.1", "redis.example")
    with connect(url, limit_seconds=0.3) as client:
        with pytest.raises(redis.TimeoutError):
            client.ping()
        assert not released.is_set()
        released.set()
    with connect(url) as client:
        assert client.ping()


def test_nor_one_of_asyncio_nor_the_end_of_its_loop(
    redis_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`asyncio.run` returns while the resolver still hangs."""
    released, resolve = threading.Event(), socket.getaddrinfo

    def hanging(host: str, *rest: Any, **more: Any) -> Any:
        if host == "redis.example" and not more.get("flags"):
            released.wait(60)
        return resolve("127.0.0.1", *rest, **more)

    def numeric(host: str, *rest: Any, **more: Any) -> Any:
        if host == "redis.example" and more.get("flags"):
            raise socket.gaierror(socket.EAI_NONAME, "no number")
        return hanging(host, *rest, **more)

    async def ping(limit_seconds: float) -> bool:
        async with aclosing(connect_async(url, limit_seconds=limit_seconds)) as client:
            return bool(await client.execute_all([["PING"]]))

    monkeypatch.setattr(socket, "getaddrinfo", numeric)
    url = redis_server.url.replace("127.0.0.1", "redis.example")
    with pytest.raises(redis.TimeoutError):
        asyncio.run(ping(0.3))
    assert not released.is_set()
    released.set()
    assert asyncio.run(ping(15))


def test_each_address_of_a_name_is_tried(redis_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens on the first, as where `localhost` is ::1 too."""
    resolve = socket.getaddrinfo

    def two(host: str, *rest: Any, **more: Any) -> Any:
        if host != "redis.example":
            return resolve(host, *rest, **more)
        if more.get("flags"):
            raise socket.gaierror(socket.EAI_NONAME, "no number")
        return [*resolve("127.0.0.2", *rest, **more), *resolve("127.0.0.1", *rest, **more)]

    async def ping() -> bool:
        async with aclosing(connect_async(redis_server.url.replace("127.0.0.1", "redis.example"))) as client:
            return bool(await client.execute_all([["PING"]]))

    monkeypatch.setattr(socket, "getaddrinfo", two)
    assert asyncio.run(ping())


def test_what_fails_in_connecting_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that there is not, with the resolver's words."""

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with (
        connect("redis://redis.example:1/0", retry=False) as client,
        pytest.raises(redis.ConnectionError, match="not known"),
    ):
        client.ping()


def test_so_it_is_in_asyncio(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same words."""

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    async def ping() -> None:
        async with aclosing(connect_async("redis://redis.example:1/0", limit_seconds=1)) as client:
            await client.execute_all([["PING"]])

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(redis.ConnectionError, match="not known"):
        asyncio.run(ping())
