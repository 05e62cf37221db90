"""One asyncio client in several event loops."""

import asyncio
import threading

import pytest

from embedded.redis import EmbeddedRedis
from llamaq import AsyncJobQueue, InvalidRequest, JobQueue, StreamError


async def _submit(queue: AsyncJobQueue) -> str:
    job = await queue.generate("m", "x", wait_for_model=True)
    assert (await job.status()).state == "queued"
    async for event in job.events():
        assert event.type == "queued"
        break
    return job.id


def test_a_queue_serves_one_loop_after_the_other(redis_server: EmbeddedRedis, queue: JobQueue, prefix: str) -> None:
    """`asyncio.run` twice, as a script or a web framework's workers do, closed in between or not."""
    several = AsyncJobQueue(redis_server.url, prefix=prefix)

    ids = [asyncio.run(_submit(several)) for _ in range(3)]
    asyncio.run(several.aclose())
    ids.append(asyncio.run(_submit(several)))

    assert {status.id for status in queue.jobs()} == set(ids)


def test_a_queue_serves_loops_side_by_side(redis_server: EmbeddedRedis, queue: JobQueue, prefix: str) -> None:
    """A loop in each of several threads, all at once: none waits for what belongs to another."""
    shared = AsyncJobQueue(redis_server.url, prefix=prefix)
    together = threading.Barrier(4)
    ids: list[str] = []

    async def use() -> None:
        await _submit(shared)
        await asyncio.to_thread(together.wait, 60)
        ids.append(await _submit(shared))
        await shared.aclose()

    threads = [threading.Thread(target=asyncio.run, args=[use()]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(set(ids)) == 4
    assert {status.id for status in queue.jobs()} >= set(ids)


def test_a_closed_queue_says_so(redis_server: EmbeddedRedis, prefix: str) -> None:
    """Both clients, in place of a connection that nobody closes."""

    async def use() -> None:
        async with AsyncJobQueue(redis_server.url, prefix=prefix) as asynchronous:
            job = await asynchronous.generate("m", "x", wait_for_model=True)
        with pytest.raises(RuntimeError, match="this queue is closed"):
            await asynchronous.jobs()
        with pytest.raises(StreamError, match="closed"):
            await job.result()

    asyncio.run(use())
    with JobQueue(redis_server.url, prefix=prefix) as blocking:
        job = blocking.generate("m", "x", wait_for_model=True)
    with pytest.raises(RuntimeError, match="this queue is closed"):
        job.status()
    with pytest.raises(StreamError, match="closed"):
        job.result()


def test_a_url_that_is_none_is_refused_at_once() -> None:
    """Before there is any loop."""
    with pytest.raises(InvalidRequest):
        AsyncJobQueue("http://127.0.0.1")
