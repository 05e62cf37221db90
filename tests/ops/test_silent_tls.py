"""A queue whose Redis has gone silent behind TLS is closed at once: there is no wait for an answer to the farewell."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from llamaq import AsyncJobQueue, JobQueue, StreamError
from ops.topology.redis_server import LockedRedis
from tests.faults.lateness import Lateness
from tests.faults.proxy import OutageProxy

SOON_SECONDS = 3.0
pytestmark = pytest.mark.xdist_group("topology")


@pytest.fixture
def proxy(locked_redis: LockedRedis) -> Iterator[OutageProxy]:
    """Stands between the queue and Redis."""
    with OutageProxy(locked_redis.port) as proxy:
        yield proxy


def _url(locked_redis: LockedRedis, proxy: OutageProxy) -> str:
    return locked_redis.url("auditor").replace(f":{locked_redis.port}/", f":{proxy.port}/")


def test_asyncio(locked_redis: LockedRedis, proxy: OutageProxy) -> None:
    """With a reader that waits, whose error is typed; and the loop ends."""

    async def close() -> float:
        queue = AsyncJobQueue(_url(locked_redis, proxy))
        job = await queue.generate("m", "x", wait_for_model=True)
        reading = asyncio.create_task(job.result())
        async for _ in job.events():
            break
        proxy.set("silent")
        began = time.monotonic()
        await queue.aclose()
        with pytest.raises(StreamError):
            await reading
        return time.monotonic() - began

    with Lateness() as late:
        seconds = asyncio.run(close())
    assert seconds < SOON_SECONDS + late.seconds


def test_threads(locked_redis: LockedRedis, proxy: OutageProxy) -> None:
    """The same with the blocking queue."""
    queue = JobQueue(_url(locked_redis, proxy))
    queue.generate("m", "x", wait_for_model=True)
    proxy.set("silent")
    began = time.monotonic()
    with Lateness() as late:
        queue.close()
    assert time.monotonic() - began < SOON_SECONDS + late.seconds
