"""Batches for asyncio: a task for each item in flight."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

from llamaq.client.aio.extraction_job import AsyncExtractionJob, bind_type
from llamaq.client.aio.producer import AsyncProducer
from llamaq.client.batches import BatchResult, Item, Window, make_refused_result, make_result
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
                running[asyncio.create_task(_run_item(producer, item))] = item
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


async def _run_item(producer: AsyncProducer, item: Item) -> BatchResult:
    try:
        job = await _retry_when_full(lambda: producer.submit(item.request))
    except (InvalidRequest, UnknownModel) as error:
        return make_refused_result(item, error)
    try:
        extraction = job if item.target is None else bind_type(producer, job, item.target, item.request)
        if isinstance(extraction, AsyncExtractionJob):
            return make_result(item, job.id, extraction.check_type(await _retry_when_full(extraction.unchecked_result)))
        return make_result(item, job.id, await job.result())
    except JobError as error:
        return make_result(item, job.id, error)
    except UnknownModel as error:  # of a further job
        return make_refused_result(item, error, job.id)


async def _retry_when_full(verb: Callable[[], Awaitable[T]]) -> T:
    """What the verb returns, as soon as the queue is not full."""
    while True:
        try:
            return await verb()
        except QueueFull as full:
            await asyncio.sleep(full.retry_after)
