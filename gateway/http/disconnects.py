"""Clients that disconnect: what they read ends, and on a synchronous route their job is cancelled, as Ollama does."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from starlette.requests import Request
from starlette.types import Receive

from llamaq.client.aio.job import AsyncJob
from llamaq.vocabulary.errors import BrokerUnavailable, JobError, JobNotFound

LOG = logging.getLogger(__name__)
REASON = "the client closed the connection"
_TRIES_SECONDS = 120.0
"""For so long a cancel is tried again while Redis is away."""
_readers: set[object] = set()
"""One for each job that is read for a client who waits for it."""
_cancels: set["asyncio.Task[None]"] = set()


@asynccontextmanager
async def cancel_on_disconnect(request: Request, job: AsyncJob[Any]) -> AsyncIterator[None]:
    """Cancel the job when the client closes its connection while the block runs, or when the block does not end well.

    Use it around all that waits for the job: around `await job.result()`, and within the generator of a stream. What
    waits for the job then gets `JobCancelled`, and nobody reads the answer.
    """
    watch = asyncio.get_running_loop().create_task(_call_on_disconnect(request.receive, lambda: _start_cancel(job)))
    try:
        with cancel_on_abort(job):
            yield
    finally:
        watch.cancel()


@contextmanager
def cancel_on_abort(job: AsyncJob[Any]) -> Iterator[None]:
    """Cancel the job when the block does not end well: within `end_on_disconnect` also when the client leaves."""
    reader = object()
    _readers.add(reader)
    try:
        yield
    except JobError:  # it has ended
        raise
    except BaseException:  # nobody reads further
        _start_cancel(job)
        raise
    finally:
        _readers.discard(reader)


@asynccontextmanager
async def end_on_disconnect(receive: Receive) -> AsyncIterator[None]:
    """End the block when the client closes its connection: what it awaits is cancelled, and nothing is raised."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine runs in one
    others, left = task.cancelling(), False

    def end() -> None:
        nonlocal left
        left = True
        task.cancel()

    watch = asyncio.get_running_loop().create_task(_call_on_disconnect(receive, end))
    try:
        yield
    except asyncio.CancelledError:
        if not left or task.uncancel() > others:
            raise
    finally:
        watch.cancel()


async def wait_for_cancels(seconds: float) -> None:
    """Wait until the streams of this process have ended, and the jobs of those that were cut are cancelled.

    Called at the end of the process. What is not done after so many seconds is logged.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while _readers or _cancels:
        if loop.time() >= until:
            LOG.error("%d jobs of streams that were cut may go on", len(_readers) + len(_cancels))
            return
        await asyncio.sleep(0.02)


async def _call_on_disconnect(receive: Receive, callback: Callable[[], None]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    callback()


def _start_cancel(job: AsyncJob[Any]) -> None:
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
