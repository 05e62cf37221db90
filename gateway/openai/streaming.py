"""A stream of chunks: `data:` frames up to `[DONE]`, and comments while it waits."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.http.errors import failure_of, openai_body
from gateway.http.leaving import cancelled_if_left
from gateway.http.sse import EventStream, Waiting, comment, frame
from gateway.openai.asked import Chunks
from llamaq.client.aio.job import AsyncJob
from llamaq.client.log import outcome
from llamaq.vocabulary.errors import LlamaqError, StreamRestarted
from llamaq.vocabulary.events import Completed, Delta, Event, Queued, Started
from llamaq.vocabulary.wire import dumps

PATIENCE_SECONDS = 2.0
"""So long the status waits for the first piece, so that an early failure has a status of its own."""
Events = AsyncGenerator[Event, None]


async def streamed(request: Request, job: AsyncJob[Any], chunks: Chunks, headers: dict[str, str]) -> Response:
    """The stream of a job. It begins with the first piece, when the job has others ahead, or after some patience.

    Raises:
        JobError: the job ended without a piece before the stream began.
        StreamError: its events cannot be read.
    """
    first = _First(job)
    async with cancelled_if_left(request, job):
        await first.wait()
    frames = _frames(request, job, first, chunks)
    # Without a charset, as OpenAI and Ollama have it.
    return EventStream(frames, first.waiting, headers={"Content-Type": "text/event-stream", **headers})


class _First:
    """What is read of a job before its stream begins.

    Attributes:
        waiting: what the stream's comments say.
        event: the event with which the stream begins; None where patience ran out before.
    """

    def __init__(self, job: AsyncJob[Any]) -> None:
        self.waiting = Waiting()
        self.event: Event | None = None
        self._job = job
        self._events = job.events()
        self._cursor: str | None = None

    async def wait(self) -> None:
        """Read up to the first piece, or as far as there is patience."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                async for event in self._events:
                    self._cursor = event.cursor
                    self.waiting.see(event)
                    if isinstance(event, Delta) or (isinstance(event, Queued) and event.position):
                        self.event = event
                        return
                    if event.terminal:
                        outcome(self._job.id, event)
                        self.event = event
                        return
        except TimeoutError:  # which has ended the reading
            self._events = self._job.events(self._cursor)
        except BaseException:
            await self._events.aclose()
            raise

    async def rest(self) -> AsyncIterator[Event]:
        """The event with which the stream begins, and those behind it."""
        async with aclosing(self._events) as events:
            if self.event is not None:
                yield self.event
            async for event in events:
                yield event


async def _frames(request: Request, job: AsyncJob[Any], first: _First, chunks: Chunks) -> AsyncIterator[bytes]:
    if not isinstance(first.event, Delta | Completed):
        yield comment(first.waiting.text)
    try:
        async with cancelled_if_left(request, job):
            async for each in _written(job, first, chunks):
                yield each
    except LlamaqError as error:  # the status is sent already
        yield frame(dumps(openai_body(failure_of(error))))


async def _written(job: AsyncJob[Any], first: _First, chunks: Chunks) -> AsyncIterator[bytes]:
    """The frames of the chunks, and the comments.

    Raises:
        StreamRestarted: a new attempt voids pieces that were sent.
        JobError: the job ended without a result, or with another than was promised.
    """
    opened = False
    async for event in first.rest():
        if isinstance(event, Started) and event.attempt > 1 and opened:
            raise StreamRestarted(event.attempt, event.cursor)
        if isinstance(event, Delta):
            found = chunks.piece(event)
        elif isinstance(event, Completed):
            found = chunks.closing(event.result)
        elif event.terminal:
            outcome(job.id, event)
            return
        else:
            if said := first.waiting.see(event):
                yield said
            continue
        frames = [frame(each) for each in (found if opened else (*chunks.opening(), *found))]
        if isinstance(event, Completed):
            frames.append(frame("[DONE]"))
        if frames:
            yield b"".join(frames)  # one write for what is ready together
        opened = True
