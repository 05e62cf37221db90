"""An answer whose bytes are sent as they come."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, nullcontext
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from gateway.http.asgi_extensions import OpenBody, body_of, join_writes, server_send
from gateway.http.disconnects import cancel_on_abort, end_on_disconnect
from llamaq import Event
from llamaq.client.aio.job import AsyncJob
from llamaq.vocabulary.events import Piece


class Last(list[bytes]):
    """The last chunks of an answer. They are held back, and sent in one write with its end."""


async def encode_events(
    events: AsyncGenerator[list[Event | Piece], None], encode: Callable[[Event | Piece], Iterable[bytes]]
) -> AsyncGenerator[list[bytes], None]:
    """Encode events as chunks, a list for each list of events. What came before an error is given first."""
    async with aclosing(events):
        async for ready in events:
            parts: list[bytes] = []
            try:
                for event in ready:
                    parts += encode(event)
            except Exception:
                if parts:
                    yield parts
                raise
            if parts:
                yield Last(parts) if ready[-1].terminal else parts


class DirectWriter:
    """Writes live pieces of text to the client as they come, without waking the task of the request.

    It takes none before the task has sent what came before it, and none while the client does not keep up: the task
    sends those. So the order stays, and a slow client costs itself alone.

    It may write the first piece too, with the head of the answer. That piece still wakes the task, which goes on
    behind it.

    Attributes:
        sent_at: when it has written last, by the clock of the loop.
        opened_by: the cursor of a first piece that it has written.
    """

    def __init__(self, chunk: Callable[[str], bytes | None]) -> None:
        """Make it. `chunk` makes the chunk of a text, or None where the task has to make it. It raises nothing."""
        self.sent_at = 0.0
        self.opened_by: str | None = None
        self._chunk = chunk
        self._opening: Callable[[str], bool] | None = None
        self._body: OpenBody | None = None

    def allow_opening(
        self, response: "StreamedResponse", request: Request, chunk: Callable[[str], bytes | None]
    ) -> None:
        """Let it write the first piece, as `chunk` makes it, with the head of the response."""
        send = request._send  # noqa: SLF001 - that of the middlewares, as the response gets it
        self._opening = lambda text: response.try_open(request.scope, send, lambda: chunk(text))

    def start(self, scope: Scope) -> None:
        """Take pieces from now on: what came before is sent."""
        self._loop = asyncio.get_running_loop()
        self._opening = None  # it holds the response, which holds this
        self._body = body_of(scope)

    def take(self, piece: Piece) -> bool:
        """Write a piece if that needs no waiting. Returns whether it was written; then the task does not write it."""
        body, text = self._body, piece.text_alone
        if body is None and (opening := self._opening) is not None:
            self._opening = None
            if text and opening(text):
                self.opened_by = piece.cursor
        if not text or body is None or not body.is_writable() or (chunk := self._chunk(text)) is None:
            return False
        body.write(chunk)
        self.sent_at = self._loop.time()
        return True


class StreamedResponse(Response):
    """Sends chunks until they end or the client leaves.

    Starlette's `StreamingResponse` makes a group of tasks for each answer, which costs as much as several tokens.

    Attributes:
        first: chunks that are sent before the others.
    """

    def __init__(
        self,
        chunks: AsyncGenerator[list[bytes], None],
        headers: Mapping[str, str],
        media_type: str,
        *,
        first: Sequence[bytes] = (),
        job: AsyncJob[Any] | None = None,
        direct_writer: DirectWriter | None = None,
    ) -> None:
        """Make it.

        Args:
            chunks: what is sent; those of one list in one write. It is closed at the end.
            headers: of the answer.
            media_type: its `Content-Type`.
            first: chunks that are sent before those, together with the head.
            job: is cancelled where the answer does not come to its end.
            direct_writer: writes chunks while there are none of `chunks`.
        """
        self.status_code = 200
        self.media_type = media_type
        self.background = None
        self.init_headers(headers)
        self.first = first
        self._sent_at = 0.0
        self._chunks = chunks
        self._job = job
        self._direct_writer = direct_writer
        self._held: list[bytes] = []

    @property
    def sent_at(self) -> float:
        """When the last chunk was sent, by the clock of the loop."""
        return max(self._sent_at, self._direct_writer.sent_at) if self._direct_writer else self._sent_at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. Called by Starlette."""
        async with end_on_disconnect(receive):
            await self.stream(scope, send)

    async def stream(self, scope: Scope, send: Send) -> None:
        """Send the head, the chunks and the end."""
        await self.send_head(scope, send)
        await self.send_chunks(scope, send)
        await self.send_end(scope, send)

    async def send_head(self, scope: Scope, send: Send) -> None:
        """Send the head, and the first chunks."""
        with join_writes(scope):
            if self._direct_writer is None or self._direct_writer.opened_by is None:
                await send(self._head_message())
            for chunk in filter(None, self.first):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        self._sent_at = asyncio.get_running_loop().time()

    def try_open(self, scope: Scope, send: Send, make_chunk: Callable[[], bytes | None]) -> bool:
        """Send the head and a first chunk, which is made then, without waiting; False where that cannot be."""
        body = body_of(scope)
        if body is None or not body.may_begin() or (chunk := make_chunk()) is None:
            return False
        with join_writes(scope):
            _run_at_once(send(self._head_message()))
            _run_at_once(send({"type": "http.response.body", "body": chunk, "more_body": True}))
        return True

    def _head_message(self) -> Message:
        return {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}

    async def send_chunks(self, scope: Scope, send: Send) -> None:
        """Send the chunks."""
        loop = asyncio.get_running_loop()
        async with aclosing(self._chunks) as chunks:
            with cancel_on_abort(self._job) if self._job else nullcontext():
                if self._direct_writer:
                    self._direct_writer.start(scope)
                async for ready in chunks:
                    self._held += ready
                    if not isinstance(ready, Last):
                        sent, self._held = self._held, []
                        await _send_all(scope, send, sent)
                        self._sent_at = loop.time()
                        send = server_send(scope, send)

    async def send_end(self, scope: Scope, send: Send, last: bytes = b"") -> None:
        """Send the end."""
        with join_writes(scope):
            for chunk in self._held:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": last, "more_body": False})


async def _send_all(scope: Scope, send: Send, chunks: Sequence[bytes]) -> None:
    with join_writes(scope) if len(chunks) > 1 else nullcontext():
        for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})


def _run_at_once(sending: Awaitable[None]) -> None:
    """Run what has nothing to wait for."""
    steps = sending.__await__()
    try:
        next(steps)
    except StopIteration:
        return
    raise RuntimeError("the server waits before an answer has begun")
