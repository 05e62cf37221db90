"""Server-Sent Events: frames, comments, and a response that is never silent for so long that a proxy cuts it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

from starlette.types import Scope, Send

from gateway.http.streamed_response import DirectWriter, StreamedResponse
from llamaq import Event
from llamaq.vocabulary.events import Piece, Progress, Queued, Retrying, Started

SILENCE_SECONDS = 10.0
"""After so long without a frame a comment is sent; proxies give up after 30 to 60 s."""
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


def encode_frame(data: str, *, event: str | None = None, id: str | None = None) -> bytes:  # noqa: A002 - the field's name
    """Encode one event, with its `data`, and its `event` and `id` where it has them."""
    head = ("" if id is None else f"id: {id}\n") + ("" if event is None else f"event: {event}\n")
    if "\n" in data or "\r" in data:
        data = data.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\ndata: ")
    return f"{head}data: {data}\n\n".encode()


def encode_comment(text: str) -> bytes:
    """Encode a line that clients ignore."""
    return f": {text}\n\n".encode()


class Waiting:
    """What a stream that waits says to its reader: `: queued 3`, `: loading`.

    Attributes:
        text: what it says now.
    """

    def __init__(self) -> None:
        self.text = "waiting"

    def update(self, event: Event | Piece) -> bytes | None:
        """Note an event. Returns the comment to send now, where it has changed what the stream waits for."""
        match event:
            case Piece():
                return None
            case Queued(position=position):
                text = "queued" if position is None else f"queued {position}"
            case Started():
                text = "started"
            case Progress(stage=stage):
                text = stage
            case Retrying():
                text = "retrying"
            case _:
                return None
        changed, self.text = text != self.text, text
        return encode_comment(text) if changed else None


class EventStream(StreamedResponse):
    """An answer of Server-Sent Events. Where no frame comes for `SILENCE_SECONDS`, a comment is sent between two."""

    def __init__(
        self,
        frames: AsyncGenerator[list[bytes], None],
        waiting: Waiting | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        direct_writer: DirectWriter | None = None,
        silence_seconds: float = SILENCE_SECONDS,
        until: asyncio.Event | None = None,
        on_close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Make it of whole frames.

        Args:
            frames: each with its blank line; those of one list are sent in one write.
            waiting: what the comments say.
            headers: beside those of every stream of events.
            direct_writer: writes frames while there are none of `frames`.
            silence_seconds: after which a comment is sent.
            until: when it is set the stream ends with a comment, between two frames.
            on_close: called at the end, also where the frames were never begun.
        """
        super().__init__(frames, {**HEADERS, **(headers or {})}, "text/event-stream", direct_writer=direct_writer)
        self._waiting = waiting or Waiting()
        self._silence_seconds = silence_seconds
        self._until = until
        self._on_close = on_close

    async def stream(self, scope: Scope, send: Send) -> None:
        """Send the head, the frames with comments between them, and the end."""
        try:
            await self.send_head(scope, send)
            comments = asyncio.get_running_loop().create_task(self._send_comments(send))
            try:
                whole = await self._send_frames(scope, send)
            finally:
                comments.cancel()
            await self.send_end(scope, send, b"" if whole else encode_comment("closing; reconnect"))
        finally:
            if self._on_close:
                await self._on_close()

    async def _send_frames(self, scope: Scope, send: Send) -> bool:
        """Send the frames; False where the stream had to end before them."""
        if self._until is None:
            await self.send_chunks(scope, send)
            return True
        loop = asyncio.get_running_loop()
        sending, ending = loop.create_task(self.send_chunks(scope, send)), loop.create_task(self._until.wait())
        try:
            await asyncio.wait((sending, ending), return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
            return sending.done()
        finally:
            ending.cancel()
            await _cancel_and_wait(sending)

    async def _send_comments(self, send: Send) -> None:
        # Each `send` writes a whole frame or comment before it waits, so no comment gets into a frame.
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(max(self.sent_at + self._silence_seconds - loop.time(), 0.001))
            if loop.time() - self.sent_at >= self._silence_seconds:
                text = encode_comment(self._waiting.text)
                await send({"type": "http.response.body", "body": text, "more_body": True})
                self._sent_at = loop.time()


async def _cancel_and_wait(task: "asyncio.Task[None]") -> None:
    if not task.done():
        task.cancel()
        await asyncio.wait((task,))
