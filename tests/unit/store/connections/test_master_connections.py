"""A server that refuses writes because it has lost its replicas is left: the Sentinels are asked for another."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from embedded.redis import EmbeddedRedis
from llamaq.store.connections.clients import connect, connect_async
from llamaq.store.connections.sentinel import AsyncSentinels, Sentinels

URL = "redis+sentinel://a/m/0"
WRITES: list[tuple[str | int, ...]] = [("SET", "k", "v"), ("EVAL", "return redis.call('set', 'k', 'v')", 0)]


def _blocking(command: tuple[str | int, ...]) -> Any:
    with connect(URL) as client:
        return client.execute_command(*command)


def _together(command: tuple[str | int, ...]) -> Any:
    with connect(URL) as client:
        return client.execute_all([command])[0]


def _by_asyncio(command: tuple[str | int, ...]) -> Any:
    async def write() -> Any:
        client = connect_async(URL)
        try:
            return await client.execute_command(*command)
        finally:
            await client.aclose()

    return asyncio.run(write())


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """How often the Sentinels were asked for the master, which has a replica again from the second time on."""
    questions: list[str] = []
    with EmbeddedRedis.start(options=("--min-replicas-to-write", "1")) as server, connect(server.url) as admin:

        def discover(_: Any, name: str) -> tuple[str, int]:
            questions.append(name)
            if len(questions) > 1:
                admin.execute_command("CONFIG SET", "min-replicas-to-write", 0)
            return "127.0.0.1", server.port

        async def discover_async(_: Any, name: str) -> tuple[str, int]:
            return discover(_, name)

        monkeypatch.setattr(Sentinels, "discover_master", discover)
        monkeypatch.setattr(AsyncSentinels, "discover_master", discover_async)
        yield questions


@pytest.mark.parametrize("command", WRITES, ids=lambda command: command[0])
@pytest.mark.parametrize("write", [_blocking, _together, _by_asyncio])
def test_a_master_without_its_replicas_is_left(
    asked: list[str], write: Callable[[Any], Any], command: tuple[str | int, ...]
) -> None:
    """Also where a script is what it refuses."""
    assert write(command) in (True, "OK")
    assert len(asked) > 1
