"""A stream of chunks: `data:` frames up to `[DONE]`, and comments while it waits."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.http.disconnects import cancel_on_abort, cancel_on_disconnect
from gateway.http.errors import failure_of, openai_body
from gateway.http.sse import EventStream, Waiting, encode_comment, encode_frame
from gateway.http.streamed_response import DirectWriter, encode_events
from gateway.openai.answer_form import Chunks
from gateway.queue_access import read_pieces
from llamaq import Event
from llamaq.client.aio.job import AsyncJob
from llamaq.client.job_events import read_outcome
from llamaq.vocabulary.errors import LlamaqError, StreamRestarted
from llamaq.vocabulary.events import Completed, Piece, Queued, Started
from llamaq.vocabulary.wire import dumps

PATIENCE_SECONDS = 2.0
"""So long the status waits for the first piece, so that an early failure has a status of its own."""


async def stream_answer(request: Request, job: AsyncJob[Any], chunks: Chunks, headers: dict[str, str]) -> Response:
    """Stream a job's answer. It begins with the first piece, when the job has others ahead, or after some patience.

    Raises:
        JobError: the job ended without a piece before the stream began.
        StreamError: its events cannot be read.
    """
    waiting = Waiting()
    frames = _Frames(job, waiting, chunks)
    direct_writer = DirectWriter(frames.encode_text)
    first = _First(job, waiting, direct_writer)
    # Without a charset, as OpenAI and Ollama have it.
    headers = {"Content-Type": "text/event-stream", **headers}
    response = EventStream(_encode_stream(job, first, frames), waiting, headers=headers, direct_writer=direct_writer)
    direct_writer.allow_opening(response, request, frames.encode_first_text)
    async with cancel_on_disconnect(request, job):
        await first.wait()
    frames.opened_by = direct_writer.opened_by
    return response


class _First:
    """What is read of a job before its stream begins.

    Attributes:
        waiting: what the stream's comments say.
        event: the event with which the stream begins; None where patience ran out before.
    """

    def __init__(self, job: AsyncJob[Any], waiting: Waiting, direct_writer: DirectWriter) -> None:
        self.waiting = waiting
        self.event: Event | Piece | None = None
        self._job = job
        self._direct_writer = direct_writer
        self._events = read_pieces(job, fresh=True, take_piece=direct_writer.take)
        self._ready: list[Event | Piece] = []
        self._cursor: str | None = None
        self._error: LlamaqError | None = None

    async def wait(self) -> None:
        """Read up to the first piece, or as far as there is patience."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                async for ready in self._events:
                    for number, event in enumerate(ready):
                        if self._take(event):
                            self._ready = ready[number:]
                            return
        except TimeoutError:  # which has ended the reading
            self._events = read_pieces(self._job, self._cursor, fresh=True, take_piece=self._direct_writer.take)
        except LlamaqError as error:
            await self._events.aclose()
            if self._direct_writer.opened_by is None:
                raise
            self._error = error
        except BaseException:
            await self._events.aclose()
            raise

    def _take(self, event: Event | Piece) -> bool:
        self._cursor = event.cursor
        self.waiting.update(event)
        if event.terminal:
            read_outcome(self._job.id, event)
        if event.terminal or isinstance(event, Piece) or (isinstance(event, Queued) and event.position):
            self.event = event
        return self.event is not None

    async def read_rest(self) -> AsyncGenerator[list[Event | Piece], None]:
        """Read the event with which the stream begins, and those behind it; in one list those that come together."""
        if self._error:
            raise self._error
        async with aclosing(self._events) as events:
            if self._ready:
                yield self._ready
            async for ready in events:
                yield ready


async def _encode_stream(job: AsyncJob[Any], first: _First, frames: "_Frames") -> AsyncGenerator[list[bytes], None]:
    if not isinstance(first.event, Piece | Completed):
        yield [encode_comment(first.waiting.text)]
    try:
        with cancel_on_abort(job):
            async with aclosing(encode_events(first.read_rest(), frames.encode)) as parts:
                async for part in parts:
                    yield part
    except LlamaqError as error:  # the status is sent already
        yield [encode_frame(dumps(openai_body(failure_of(error))))]


class _Frames:
    """Writes the frames of the chunks, and the comments.

    Attributes:
        opened_by: the cursor of a first piece that was written with the head.
    """

    def __init__(self, job: AsyncJob[Any], waiting: Waiting, chunks: Chunks) -> None:
        self._job = job
        self._waiting = waiting
        self._chunks = chunks
        self._opened = False
        self.opened_by: str | None = None

    def encode(self, event: Event | Piece) -> Iterator[bytes]:
        """Encode an event as frames.

        Raises:
            StreamRestarted: a new attempt voids pieces that were sent.
            JobError: the job ended without a result, or with another than was promised.
        """
        if isinstance(event, Piece):
            if event.cursor == self.opened_by:
                return
            yield from map(encode_frame, self._add_opening(self._chunks.render_piece(event)))
        elif isinstance(event, Completed):
            yield from map(encode_frame, self._add_opening(self._chunks.render_closing(event.result)))
            yield encode_frame("[DONE]")
        elif isinstance(event, Started) and event.attempt > 1 and self._opened:
            raise StreamRestarted(event.attempt, event.cursor)
        elif event.terminal:
            read_outcome(self._job.id, event)
        elif comment := self._waiting.update(event):
            yield comment

    def encode_text(self, text: str) -> bytes | None:
        """Encode a piece that is text alone as a frame; None where `encode` must do it."""
        chunk = self._chunks.render_text(text) if self._opened else None
        return None if chunk is None else encode_frame(chunk)

    def encode_first_text(self, text: str) -> bytes | None:
        """Encode a first piece that is text alone as frames; None where `encode` must do it."""
        chunk = self._chunks.render_text(text)
        return None if chunk is None else b"".join(map(encode_frame, self._add_opening([chunk])))

    def _add_opening(self, chunks: Sequence[str]) -> Sequence[str]:
        if self._opened:
            return chunks
        self._opened = True
        return [*self._chunks.render_opening(), *chunks]
