"""The time limit of a TLS handshake: a Redis without TLS takes it for a command, waits for the rest, and never answers.

So a handshake that does not end has a part of the time of a try, and then the server is asked in plain text.
"""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
import redis.asyncio

from llamaq.store.connections.aio_sockets import Resolved
from llamaq.store.connections.deadline import cap_seconds, seconds_left, time_limit, time_limit_async

HANDSHAKE_SECONDS = 2.5
"""For connecting and the handshake."""
PART = 0.6
"""Of the time that is left, where that is less."""
ASK_SECONDS = 1.0
PLAIN = "it answers in plain text"
"""The text of `NoTls`. Where redis-py raises another error in its place, the text is kept."""
_PING = b"PING\r\n"


class NoTls(redis.ConnectionError):
    """The server speaks plain text. redis-py's asyncio raises it as a ConnectionError with the same text."""


def _handshake_seconds() -> float:
    return min(HANDSHAKE_SECONDS, seconds_left() * PART)


def _require_tls(answer: bytes) -> None:
    if answer[:1] in {b"+", b"-"}:
        raise NoTls(PLAIN)


@contextmanager
def limit_handshake(host: str, port: int) -> Iterator[None]:
    """Limit the time of connecting with TLS.

    Raises:
        NoTls: it did not end, and the server answers in plain text.
    """
    try:
        with time_limit(_handshake_seconds()):
            yield
    except (TimeoutError, redis.TimeoutError):
        _require_tls(_ask_plain(host, port))
        raise


def _ask_plain(host: str, port: int) -> bytes:
    try:
        with socket.create_connection((host, port), cap_seconds(ASK_SECONDS)) as plain:
            plain.sendall(_PING)
            return plain.recv(1)
    except OSError:
        return b""


class AsyncTls(Resolved, redis.asyncio.SSLConnection):
    """A connection of asyncio over TLS, with that limit."""

    async def _connect(self) -> None:
        try:
            async with time_limit_async(_handshake_seconds()):
                await super()._connect()
        except redis.TimeoutError:
            _require_tls(await self._ask_plain())
            raise

    async def _ask_plain(self) -> bytes:
        writer: Any = None
        try:
            async with asyncio.timeout(ASK_SECONDS):
                reader, writer = await asyncio.open_connection(self.host, self.port)
                writer.write(_PING)
                return await reader.read(1)
        except (OSError, TimeoutError):
            return b""
        finally:
            if writer is not None:
                writer.close()
