"""An answer whose bytes are sent as they come."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, nullcontext
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.http.joined_writes import joined, later_send
from gateway.http.leaving import cancelled_if_cut, until_left
from llamaq import Event
from llamaq.client.aio.job import AsyncJob
from llamaq.vocabulary.events import Piece


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
                yield parts


class Streamed(Response):
    """Sends chunks until they end or the client leaves.

    Starlette's `StreamingResponse` makes a group of tasks for each answer, which costs as much as several tokens.

    Attributes:
        sent_at: when the last chunk was sent, by the clock of the loop.
    """

    def __init__(
        self,
        chunks: AsyncGenerator[list[bytes], None],
        headers: Mapping[str, str],
        media_type: str,
        *,
        first: Sequence[bytes] = (),
        job: AsyncJob[Any] | None = None,
    ) -> None:
        """Make it.

        Args:
            chunks: what is sent; those of one list in one write. It is closed at the end.
            headers: of the answer.
            media_type: its `Content-Type`.
            first: chunks that are sent before those, together with the head.
            job: is cancelled where the answer does not come to its end.
        """
        self.status_code = 200
        self.media_type = media_type
        self.background = None
        self.init_headers(headers)
        self.sent_at = 0.0
        self._chunks = chunks
        self._first = first
        self._job = job

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. Called by Starlette."""
        async with until_left(receive):
            await self.stream(scope, send)

    async def stream(self, scope: Scope, send: Send) -> None:
        """Send the head, the chunks and the end."""
        await self.begin(scope, send)
        await self.go_on(scope, send)
        await self.end(send)

    async def begin(self, scope: Scope, send: Send) -> None:
        """Send the head, and the first chunks."""
        with joined(scope):
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            for chunk in self._first:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        self.sent_at = asyncio.get_running_loop().time()

    async def go_on(self, scope: Scope, send: Send) -> None:
        """Send the chunks."""
        loop = asyncio.get_running_loop()
        async with aclosing(self._chunks) as chunks:
            with cancelled_if_cut(self._job) if self._job else nullcontext():
                async for ready in chunks:
                    if len(ready) == 1:
                        await send({"type": "http.response.body", "body": ready[0], "more_body": True})
                    else:
                        with joined(scope):
                            for chunk in ready:
                                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                    self.sent_at = loop.time()
                    send = later_send(scope, send)

    async def end(self, send: Send, last: bytes = b"") -> None:
        """Send the end."""
        await send({"type": "http.response.body", "body": last, "more_body": False})
