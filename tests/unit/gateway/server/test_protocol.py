"""A client's connection: when the head of an answer can be written without waiting."""

import asyncio
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from gateway.http.asgi_extensions import body_of
from gateway.server.protocol import BoundedProtocol

MUCH = b"x" * 32_000_000
"""More than the system takes for a client that does not read."""
PATIENCE_SECONDS = 60
REQUESTS = b"POST /much HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}GET /little HTTP/1.1\r\nHost: x\r\n\r\n"


def test_a_head_is_not_written_while_the_client_does_not_read_the_answer_before_it() -> None:
    """Nor a second time. Both requests come at once, and the client reads nothing until the second one is served."""

    async def run() -> list[bool]:
        noted, unread = list[bool](), asyncio.Event()

        async def app(scope: Scope, _receive: Receive, send: Send) -> None:
            body = body_of(scope)
            assert body is not None
            noted.append(body.may_begin())
            if scope["path"] == "/little":
                unread.set()
            answer = MUCH if scope["path"] == "/much" else b""
            head = [(b"content-length", b"%d" % len(answer))]
            await send({"type": "http.response.start", "status": 200, "headers": head})
            noted.append(body.may_begin())
            await send({"type": "http.response.body", "body": answer})

        config = Config(app, lifespan="off", log_config=None)
        config.load()
        state: dict[str, Any] = {"head_seconds": PATIENCE_SECONDS, "draining": asyncio.Event()}
        server = await asyncio.get_running_loop().create_server(
            lambda: BoundedProtocol(config, ServerState(), state), "127.0.0.1", 0
        )
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(REQUESTS)
        await unread.wait()
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(len(MUCH))
        await reader.readuntil(b"\r\n\r\n")
        writer.close()
        server.close()
        return noted

    assert asyncio.run(asyncio.wait_for(run(), PATIENCE_SECONDS)) == [True, False, False, False]
