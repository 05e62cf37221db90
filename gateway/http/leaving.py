"""Cancels the job of a client that disconnects from a synchronous route, as Ollama does."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.requests import Request

from llamaq.client.aio.job import AsyncJob
from llamaq.vocabulary.errors import BrokerUnavailable, JobError, JobNotFound

LOG = logging.getLogger(__name__)
REASON = "the client closed the connection"
_TRIES_SECONDS = 120.0
"""For so long a cancel is tried again while Redis is away."""
_watches: set["asyncio.Task[None]"] = set()
_cancels: set["asyncio.Task[None]"] = set()


@asynccontextmanager
async def cancelled_if_left(request: Request, job: AsyncJob[Any]) -> AsyncIterator[None]:
    """Cancel the job when the client closes its connection while the block runs, or when the block does not end well.

    Use it around all that waits for the job: around `await job.result()`, and within the generator of a stream. What
    waits for the job then gets `JobCancelled`, and nobody reads the answer.
    """
    watch = asyncio.get_running_loop().create_task(_cancel_when_left(request, job))
    _watches.add(watch)
    try:
        yield
    except JobError:  # it has ended
        raise
    except BaseException:  # the stream is cut: nobody reads further
        _begin(job)
        raise
    finally:
        watch.cancel()
        _watches.discard(watch)


async def finished(seconds: float) -> None:
    """Wait until the streams of this process have ended, and the jobs of those that were cut are cancelled.

    Called at the end of the process. What is not done after so many seconds is logged.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while _watches or _cancels:
        if loop.time() >= until:
            LOG.error("%d jobs of streams that were cut may go on", len(_watches) + len(_cancels))
            return
        await asyncio.sleep(0.02)


async def _cancel_when_left(request: Request, job: AsyncJob[Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    _begin(job)


def _begin(job: AsyncJob[Any]) -> None:
    # A task of its own, because the one that notices is cancelled with its request.
    task = asyncio.get_running_loop().create_task(_cancel(job))
    _cancels.add(task)
    task.add_done_callback(_cancels.discard)


async def _cancel(job: AsyncJob[Any]) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + _TRIES_SECONDS
    while True:
        try:
            await job.cancel(REASON)
        except JobNotFound:
            return
        except BrokerUnavailable as error:
            if loop.time() >= until:
                LOG.error("the job %s of a client that left could not be cancelled: %s", job.id, error)  # noqa: TRY400 - its text says it
                return
            await asyncio.sleep(1)
        else:
            return
