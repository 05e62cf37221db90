"""Batches for asyncio: a task for each item in flight."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

from llamaq.client.aio.extraction_job import AsyncExtractionJob, typed
from llamaq.client.aio.producer import AsyncProducer
from llamaq.client.batches import BatchResult, Item, Window, ended, refused
from llamaq.vocabulary.errors import InvalidRequest, JobError, QueueFull, UnknownModel

T = TypeVar("T")


async def run(producer: AsyncProducer, window: Window) -> AsyncGenerator[BatchResult, None]:
    """Start the items, and give their results. Ending the iteration cancels nothing: started jobs go on.

    Raises:
        BrokerUnavailable: Redis did not answer.
    """
    running: dict[asyncio.Task[BatchResult], Item] = {}
    try:
        while True:
            for item in window.start():  # each is known in `running` before the source may raise
                running[asyncio.create_task(_end(producer, item))] = item
            if not running:
                return
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                for result in window.end(running.pop(task), await task):
                    yield result
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _end(producer: AsyncProducer, item: Item) -> BatchResult:
    try:
        job = await _patiently(lambda: producer.submit(item.request))
    except (InvalidRequest, UnknownModel) as error:
        return refused(item, error)
    try:
        drawn = job if item.target is None else typed(producer, job, item.target, item.request)
        if isinstance(drawn, AsyncExtractionJob):
            return ended(item, job.id, drawn.typed(await _patiently(drawn.untyped)))
        return ended(item, job.id, await job.result())
    except JobError as error:
        return ended(item, job.id, error)
    except UnknownModel as error:  # of a further job
        return refused(item, error, job.id)


async def _patiently(verb: Callable[[], Awaitable[T]]) -> T:
    """What the verb returns, as soon as the queue is not full."""
    while True:
        try:
            return await verb()
        except QueueFull as full:
            await asyncio.sleep(full.retry_after)
