"""Many readers and many jobs at a time in one process: more than the 100 connections that redis-py allows by itself."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from llamaq import AsyncJobQueue, BrokerUnavailable, JobQueue
from llamaq.settings.producer import Settings
from llamaq.store.keys import Keys
from tests.conftest import MODEL
from tests.service import Service, fresh_name

READERS = 120


def test_120_readers_in_one_process(queue: JobQueue) -> None:
    """Each gets the first event while all of them read, and the last."""
    job = queue.generate("m", "x", wait_for_model=True)
    streams = [job.events(fresh=False) for _ in range(READERS)]

    with ThreadPoolExecutor(READERS) as threads:
        first = list(threads.map(lambda stream: next(stream).type, streams))
        ends = threads.map(lambda stream: [event.type for event in stream], streams)
        job.cancel()
        assert first == ["queued"] * READERS
        assert list(ends) == [["cancelled"]] * READERS


def test_120_readers_of_one_loop(queue: JobQueue) -> None:
    """The same over asyncio."""
    job_id = queue.generate("m", "x", wait_for_model=True).id

    async def read_all() -> list[list[str]]:
        async with AsyncJobQueue(queue.url, settings=queue.settings) as awaited:
            streams = [awaited.job(job_id).events(fresh=False) for _ in range(READERS)]
            await asyncio.gather(*(anext(stream) for stream in streams))
            await awaited.job(job_id).cancel()
            return await asyncio.gather(*(_types(stream) for stream in streams))

    assert asyncio.run(read_all()) == [["cancelled"]] * READERS


async def _types(stream: Any) -> list[str]:
    return [event.type async for event in stream]


def test_a_batch_of_300_with_150_on_their_way(service: Service) -> None:
    """Each has its result."""
    name = fresh_name()
    for _ in range(300):
        service.ollama.script(contains=name, tokens=["yes"])
    items = [{"kind": "generate", "model": MODEL, "prompt": f"{name} {n}"} for n in range(300)]

    results = list(service.queue.batch(items, in_flight=150))

    assert [result.error for result in results] == [None] * 300


def test_readers_need_no_connection_each(queue: JobQueue) -> None:
    """With three connections thirty readers follow their jobs at once."""
    settings = Settings(keys=Keys(queue.settings.keys.prefix), max_connections=3)
    jobs = [queue.generate("m", "x", wait_for_model=True) for _ in range(30)]
    with JobQueue(queue.url, settings=settings) as narrow, ThreadPoolExecutor(30) as threads:
        streams = [narrow.job(job.id).events(fresh=False) for job in jobs]
        assert list(threads.map(lambda stream: next(stream).type, streams)) == ["queued"] * 30


def test_a_connection_that_lacks_is_told_at_once(queue: JobQueue) -> None:
    """With the setting, and not after two minutes: the subscription has the only one, and the log cannot be read."""
    settings = Settings(keys=Keys(queue.settings.keys.prefix), max_connections=1)
    job_id = queue.generate("m", "x", wait_for_model=True).id
    with (
        JobQueue(queue.url, settings=settings) as narrow,
        pytest.raises(BrokerUnavailable, match=r"raise Settings.max_connections"),
    ):
        next(narrow.job(job_id).events(fresh=False))
