"""A batch whose record something else has written over ends; it takes no place of the others for ever."""

import asyncio

import pytest

from embedded.redis import EmbeddedRedis
from gateway.batches.runner import Runner
from gateway.batches.store import BatchStore
from llamaq import AsyncJobQueue
from llamaq.client.aio.connection import AsyncConnection
from llamaq.settings.producer import Settings
from llamaq.store.clock import SYSTEM
from llamaq.store.keys import Keys
from tests.unit.store.batches.batch_world import World


@pytest.mark.parametrize(
    ("field", "wrong"), [("caller", "{}"), ("caller", "[1]"), ("expires_at", "nan"), ("total", "x"), ("metadata", "x")]
)
def test_a_batch_that_cannot_be_read_fails(redis_server: EmbeddedRedis, prefix: str, field: str, wrong: str) -> None:
    """Its record says why, and expires as that of any batch that has ended."""
    world = World(redis_server.url, prefix)
    world.store("in")
    world.create("b")
    world.redis.hset(world.keys.batch("b"), field, wrong)

    async def case() -> None:
        settings = Settings(keys=Keys(prefix))
        connection = AsyncConnection(redis_server.url, settings, SYSTEM)
        async with AsyncJobQueue(redis_server.url, settings=settings) as queue:
            running = asyncio.create_task(Runner(queue, BatchStore(connection, 1000), 1).run())
            async with asyncio.timeout(20):
                while world.redis.zcard(f"{prefix}:batches"):  # noqa: ASYNC110 - the runner tells nobody
                    await asyncio.sleep(0.02)
            running.cancel()
            await asyncio.wait((running,))
        await connection.aclose()

    asyncio.run(case())
    record = world.record("b")
    assert (record["status"], record["owner"]) == ("failed", "")
    assert "record_damaged" in record["problems"]
    assert 0 < world.redis.ttl(world.keys.batch("b")) <= Settings().result_ttl
    world.close()
