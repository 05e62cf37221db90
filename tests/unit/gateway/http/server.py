"""A server that notes what it writes, and answers for it."""

import asyncio
from collections.abc import AsyncGenerator, Callable, MutableMapping
from typing import Any

from gateway.http.asgi_extensions import JoiningTransport, offer_joined_writes
from gateway.http.streamed_response import StreamedResponse

Message = MutableMapping[str, Any]


class Transport:
    """Notes each write."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed = False
        self.written = asyncio.Event()

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        self.written.set()

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


class Server:
    """Writes as uvicorn does: each message at once."""

    def __init__(self) -> None:
        self.transport = Transport()
        self.scope: Message = {}
        self.left = asyncio.Event()
        self.blocked: asyncio.Event | None = None
        self._joining = JoiningTransport(self.transport)
        offer_joined_writes(self.scope, self._joining)

    async def send(self, message: Message) -> None:
        if self.blocked and message["type"] != "http.response.start":
            await self.blocked.wait()
        self._joining.write(message.get("body", b"head ") if message.get("more_body", True) else b"end")

    async def receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}


class Job:
    """A job that notes its cancel."""

    def __init__(self) -> None:
        self.cancelled = 0

    async def cancel(self, _reason: str) -> bool:
        self.cancelled += 1
        return True


async def chunks_of(
    lists: list[list[bytes]], then: Callable[[], Any] = lambda: None
) -> AsyncGenerator[list[bytes], None]:
    """These lists, and then an error."""
    for ready in lists:
        yield ready
    await asyncio.sleep(0)
    if (error := then()) is not None:
        raise error


async def serve(server: Server, answer: StreamedResponse) -> None:
    """Let the server send an answer."""
    await answer(server.scope, server.receive, server.send)
