"""A client that offers another protocol in its head: the answer is that of HTTP/1.1, with the body that it has sent."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from gateway.server.protocol import BoundedProtocol

OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n"
SIZED = b"POST /sized?a=%62 HTTP/1.1\r\nHost: x\r\n" + OFFER + b"Content-Length: 5\r\n\r\nhello"
CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"
CHUNKED = b"POST /chunked HTTP/1.1\r\nHost: x\r\n" + OFFER + CHUNKS
NO_BODY = b"GET /none HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
PLAIN = b"POST /plain HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
REQUESTS = SIZED + CHUNKED + NO_BODY + PLAIN
ANSWERS = ["POST /sized?a=%62 hello", "POST /chunked abcd", "GET /none ", "POST /plain hi"]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    path = f"{request.url.path}?{request.url.query}".rstrip("?")
    answer = PlainTextResponse(f"{request.method} {path} {(await request.body()).decode()}")
    await answer(scope, receive, send)


async def answers(pieces: Sequence[bytes], number: int) -> list[str]:
    """The bodies of the answers to what comes in pieces, however fast they come."""
    config = Config(app, lifespan="off", log_config=None, ws="none")
    config.load()
    state: dict[str, Any] = {"head_seconds": 60, "draining": asyncio.Event()}
    made = asyncio.Queue[BoundedProtocol]()

    class Told(BoundedProtocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            made.put_nowait(self)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Told(config, ServerState(), state), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    protocol = await made.get()
    for piece in pieces:
        protocol.data_received(piece)
    found = []
    for _ in range(number):
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        found.append((await reader.readexactly(size)).decode())
    writer.close()
    server.close()
    return found


def run(pieces: Sequence[bytes], number: int = len(ANSWERS)) -> list[str]:
    return asyncio.run(asyncio.wait_for(answers(pieces, number), 60))


@pytest.mark.parametrize("at", range(0, len(REQUESTS), 7))
def test_the_body_is_read_wherever_the_bytes_are_cut(at: int) -> None:
    """Four requests on one connection, three with an offer. Java's client makes it with every first request."""
    assert run([REQUESTS[:at], REQUESTS[at:]] if at else [REQUESTS]) == ANSWERS


def test_the_bytes_may_come_one_by_one() -> None:
    """Then the end of each head comes alone."""
    assert run([REQUESTS[n : n + 1] for n in range(len(REQUESTS))]) == ANSWERS


def test_many_offers_at_once_are_read() -> None:
    """As many as one read of the socket may bring."""
    assert run([NO_BODY * 2000], 2000) == ["GET /none "] * 2000
