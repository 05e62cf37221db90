"""An answer whose bytes are sent as they come."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, nullcontext
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.http.joined_writes import OpenBody, joined, later_send, open_body
from gateway.http.leaving import cancelled_if_cut, until_left
from llamaq import Event
from llamaq.client.aio.job import AsyncJob
from llamaq.vocabulary.events import Piece


class Last(list[bytes]):
    """Chunks behind which no others are expected. They are held, to be sent in one write with the end."""


async def written(
    events: AsyncGenerator[list[Event | Piece], None], of: Callable[[Event | Piece], Iterable[bytes]]
) -> AsyncGenerator[list[bytes], None]:
    """What is written of events, with those of one list together. An error is raised behind what was before it."""
    async with aclosing(events):
        async for ready in events:
            parts: list[bytes] = []
            try:
                for event in ready:
                    parts += of(event)
            except Exception:
                if parts:
                    yield parts
                raise
            if parts:
                yield Last(parts) if ready[-1].terminal else parts


class Straight:
    """Writes live pieces of text to the client as they come, without waking the task of the request.

    It takes none before the task has sent what came before it, and none while the client does not keep up: the task
    sends those. So the order stays, and a slow client costs itself alone.

    Attributes:
        sent_at: when it has written last, by the clock of the loop.
    """

    def __init__(self, chunk: Callable[[str], bytes | None]) -> None:
        """Make it. `chunk` is that of a text; None where the task must make it. It does not raise."""
        self.sent_at = 0.0
        self._chunk = chunk
        self._body: OpenBody | None = None

    def begin(self, scope: Scope) -> None:
        """Take pieces from now on: what came before is sent."""
        self._loop = asyncio.get_running_loop()
        self._body = open_body(scope)

    def take(self, piece: Piece) -> bool:
        """Whether it has written a piece."""
        body, text = self._body, piece.text_alone
        if not text or body is None or not body.is_writable() or (chunk := self._chunk(text)) is None:
            return False
        body.write(chunk)
        self.sent_at = self._loop.time()
        return True


class Streamed(Response):
    """Sends chunks until they end or the client leaves.

    Starlette's `StreamingResponse` makes a group of tasks for each answer, which costs as much as several tokens.
    """

    def __init__(
        self,
        chunks: AsyncGenerator[list[bytes], None],
        headers: Mapping[str, str],
        media_type: str,
        *,
        first: Sequence[bytes] = (),
        job: AsyncJob[Any] | None = None,
        straight: Straight | None = None,
    ) -> None:
        """Make it.

        Args:
            chunks: what is sent; those of one list in one write. It is closed at the end.
            headers: of the answer.
            media_type: its `Content-Type`.
            first: chunks that are sent before those, together with the head.
            job: is cancelled where the answer does not come to its end.
            straight: writes chunks while there are none of `chunks`.
        """
        self.status_code = 200
        self.media_type = media_type
        self.background = None
        self.init_headers(headers)
        self._sent_at = 0.0
        self._chunks = chunks
        self._first = first
        self._job = job
        self._straight = straight
        self._held: list[bytes] = []

    @property
    def sent_at(self) -> float:
        """When the last chunk was sent, by the clock of the loop."""
        return max(self._sent_at, self._straight.sent_at) if self._straight else self._sent_at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. Called by Starlette."""
        async with until_left(receive):
            await self.stream(scope, send)

    async def stream(self, scope: Scope, send: Send) -> None:
        """Send the head, the chunks and the end."""
        await self.begin(scope, send)
        await self.go_on(scope, send)
        await self.end(scope, send)

    async def begin(self, scope: Scope, send: Send) -> None:
        """Send the head, and the first chunks."""
        with joined(scope):
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            for chunk in self._first:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        self._sent_at = asyncio.get_running_loop().time()

    async def go_on(self, scope: Scope, send: Send) -> None:
        """Send the chunks."""
        loop = asyncio.get_running_loop()
        async with aclosing(self._chunks) as chunks:
            with cancelled_if_cut(self._job) if self._job else nullcontext():
                if self._straight:
                    self._straight.begin(scope)
                async for ready in chunks:
                    self._held += ready
                    if not isinstance(ready, Last):
                        sent, self._held = self._held, []
                        await _send_all(scope, send, sent)
                        self._sent_at = loop.time()
                        send = later_send(scope, send)

    async def end(self, scope: Scope, send: Send, last: bytes = b"") -> None:
        """Send the end."""
        with joined(scope):
            for chunk in self._held:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": last, "more_body": False})


async def _send_all(scope: Scope, send: Send, chunks: Sequence[bytes]) -> None:
    with joined(scope) if len(chunks) > 1 else nullcontext():
        for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
