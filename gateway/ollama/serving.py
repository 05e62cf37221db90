"""Runs what a request asks for as a job, and answers with its lines or its whole body."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.access.caller import Caller
from gateway.http.disconnects import cancel_on_disconnect
from gateway.http.streamed_response import DirectWriter, StreamedResponse, encode_events
from gateway.ollama import rendering
from gateway.ollama.errors import JSON_UTF8, ErrorAnswer, error_answer
from gateway.ollama.parsed_request import ParsedRequest
from gateway.queue_access import JOB_HEADER, read_pieces, submit
from llamaq import EmbeddingResult, Event
from llamaq.client.aio.job import AsyncJob
from llamaq.client.job_events import read_outcome
from llamaq.store.clock import SYSTEM
from llamaq.vocabulary.errors import JobFailed, LlamaqError
from llamaq.vocabulary.events import Completed, Piece, Retrying, Started

LOG = logging.getLogger(__name__)
NDJSON = "application/x-ndjson"
UNBUFFERED = {"X-Accel-Buffering": "no"}
"""The header by which nginx passes each line on at once."""
MOST_NUMBERS = 20_000
"""The most numbers of vectors that are written in the event loop, and not in a thread: each takes 0.3 µs."""
_VOID = "the attempt whose text was sent so far has ended; send the request again"


class Stopwatch:
    """A stopwatch for the time that a caller has waited."""

    def __init__(self) -> None:
        self._began = SYSTEM.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the request came."""
        return SYSTEM.monotonic() - self._began


async def answer_request(request: Request, caller: Caller, parsed: ParsedRequest, waited: Stopwatch) -> Response:
    """Answer a request in whatever form it asks for.

    Raises:
        Exception: any error that `errors.error_answer` takes.
    """
    job = await submit(request, caller, parsed.job)
    headers = {JOB_HEADER: job.id}
    if parsed.stream:
        return await _stream_answer(request, job, parsed, waited, headers)
    async with cancel_on_disconnect(request, job):
        result = await job.result()
    if isinstance(result, EmbeddingResult) and len(result.embeddings) * len(result.embeddings[0]) > MOST_NUMBERS:
        body = await asyncio.to_thread(rendering.render_body, parsed, result, waited.seconds)
    else:
        body = rendering.render_body(parsed, result, waited.seconds)
    return Response(body, 200, headers, JSON_UTF8)


async def _stream_answer(
    request: Request, job: AsyncJob[Any], parsed: ParsedRequest, waited: Stopwatch, headers: Mapping[str, str]
) -> Response:
    """Answer with a stream. Its headers wait for the first line, so that an error before it has its own status."""
    lines = _Lines(job, parsed, waited)
    stream = lines.read()
    response = StreamedResponse(stream, {**headers, **UNBUFFERED}, NDJSON, job=job, direct_writer=lines.direct_writer)
    lines.direct_writer.allow_opening(response, request, lines.render_text)
    async with cancel_on_disconnect(request, job):
        response.first = await anext(stream)
    return response


class _Lines:
    """The lines of one answer.

    Text that was sent cannot be taken back. So a later attempt goes on only where nothing was sent; else the stream
    ends with an error.
    """

    def __init__(self, job: AsyncJob[Any], parsed: ParsedRequest, waited: Stopwatch) -> None:
        self._job = job
        self._parsed = parsed
        self._waited = waited
        self._has_sent = False
        self.render_text = rendering.text_line_renderer(parsed)
        self.direct_writer = DirectWriter(self.render_text)

    @property
    def _sent(self) -> bool:
        return self._has_sent or self.direct_writer.opened_by is not None

    async def read(self) -> AsyncGenerator[list[bytes], None]:
        """Read the lines; those that are there at the same time in one list.

        Raises:
            LlamaqError: the job failed before the first line; afterwards it is a line.
        """
        try:
            async with aclosing(
                encode_events(read_pieces(self._job, take_piece=self.direct_writer.take), self._encode)
            ) as chunks:
                async for ready in chunks:
                    yield ready
        except _Void as void:
            yield [_encode_line(ErrorAnswer(500, str(void)).to_line())]
            await self._job.cancel("the client has text of an attempt that is void")
        except LlamaqError as error:
            if not self._sent:
                raise
            LOG.info("the stream of job %s ended with an error: %s", self._job.id, error)
            yield [_encode_line(error_answer(error, self._parsed).to_line())]

    def _encode(self, event: Event | Piece) -> Iterable[bytes]:
        if isinstance(event, Piece) and (text := event.text_alone):
            self._has_sent = True
            # Where its line is written already, the empty one wakes the task of the request.
            return (b"" if event.cursor == self.direct_writer.opened_by else self.render_text(text),)
        return self._encode_lines(event)

    def _encode_lines(self, event: Event | Piece) -> Iterator[bytes]:
        for line in self._render_lines(event):
            self._has_sent = True
            yield _encode_line(line)

    def _render_lines(self, event: Event | Piece) -> Iterable[str]:
        match event:
            case Piece():
                return rendering.render_piece(self._parsed, event)
            case Completed(result=result):
                return (rendering.render_last_line(self._parsed, result, self._waited.seconds),)
            case Retrying(error=error) if self._sent:
                raise _Void(error_answer(JobFailed(self._job.id, error), self._parsed).message)
            case Started(attempt=attempt) if self._sent and attempt > 1:
                raise _Void(_VOID)
        if event.terminal:
            read_outcome(self._job.id, event)
        return ()


def _encode_line(text: str) -> bytes:
    return text.encode() + b"\n"


class _Void(Exception):
    """The lines that were sent are void. The text of the exception is the last line's error."""
