"""The count of a key's requests holds for a minute, whatever happens to it in Redis."""

import asyncio
from typing import Any

import pytest

from embedded.redis import EmbeddedRedis
from gateway.access.rate_limit import MINUTE, count_request
from llamaq.client.aio.connection import AsyncConnection
from llamaq.settings.producer import Settings
from llamaq.store.clock import SYSTEM
from llamaq.store.connections.clients import connect
from llamaq.store.keys import Keys


@pytest.mark.parametrize("damage", ["a list", "x", "", "nan", "no expiry", "a clock that was set back"])
def test_a_damaged_count_begins_anew(redis_server: EmbeddedRedis, prefix: str, damage: str) -> None:
    """No holder of a key is refused for longer than a minute."""
    redis: Any = connect(redis_server.url)
    key = f"{prefix}:gateway:rate:olga"
    match damage:
        case "a list":
            redis.rpush(key, "x")
        case "no expiry":
            redis.set(key, 2)
        case "a clock that was set back":
            redis.set(key, 2, ex=MINUTE + 3600)
        case text:
            redis.set(key, text)
    kept = damage in ("no expiry", "a clock that was set back")

    async def case() -> list[float | None]:
        connection = AsyncConnection(redis_server.url, Settings(keys=Keys(prefix)), SYSTEM)
        waits = [await count_request(connection, "olga", 2) for _ in range(3)]
        await connection.aclose()
        return waits

    waits = asyncio.run(case())
    assert [wait is not None for wait in waits] == ([True] * 3 if kept else [False, False, True])
    assert all(wait <= MINUTE for wait in waits if wait is not None)
    assert 0 < redis.ttl(key) <= MINUTE
    redis.close()
