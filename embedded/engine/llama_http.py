"""An HTTP client of the llama-server that xllamacpp runs inside this process, on a loopback port.

xllamacpp also has callbacks. But only a closed connection stops a request at any moment, also during its prompt, and
without callbacks its threads never wait for Python's lock.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from embedded.engine.interface import EngineError, Json
from embedded.engine.lines import encode

_HEAD_LIMIT = 1 << 16


class LlamaServerGone(Exception):
    """The connection to llama-server was refused or cut."""


@dataclass(frozen=True)
class Address:
    """The port of llama-server, and the key that keeps other local users out."""

    port: int
    key: str


async def ask(address: Address, path: str, body: Json) -> Json:
    """One request with one JSON answer.

    Raises:
        EngineError: It answered with an error, whose JSON text is the message, as Ollama passes it on.
        LlamaServerGone: The connection broke.
    """
    async with _open_exchange(address, path, body) as (status, chunks):
        text = b"".join([chunk async for chunk in chunks]).decode()
    if status != 200:
        raise EngineError(status, text)
    answer: Json = json.loads(text)
    return answer


async def stream(address: Address, path: str, body: Json) -> AsyncGenerator[Json, None]:
    """One request whose answer is server-sent events. Closing the iterator stops the generation.

    Raises:
        EngineError: It answered with an error, at the start or in the middle.
        LlamaServerGone: The connection broke.
    """
    async with _open_exchange(address, path, body) as (status, chunks):
        if status != 200:
            raise EngineError(status, b"".join([chunk async for chunk in chunks]).decode())
        async for event in _parse_events(chunks):
            if "error" in event:
                raise EngineError(500, encode(event).decode())
            yield event


@asynccontextmanager
async def _open_exchange(address: Address, path: str, body: Json) -> AsyncIterator[tuple[int, AsyncIterator[bytes]]]:
    payload = encode(body)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {address.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\nConnection: close\r\n\r\n"
    )
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", address.port, limit=_HEAD_LIMIT)
        try:
            writer.write(head.encode() + payload)
            status, headers = await _read_head(reader)
            chunked = headers.get("transfer-encoding") == "chunked"
            yield status, _read_chunks(reader) if chunked else _read_rest(reader)
        finally:
            writer.transport.abort()
    except (OSError, EOFError) as error:
        raise LlamaServerGone from error


async def _read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.split(":", 1) for line in lines if line)
    return int(first.split()[1]), {name.lower(): value.strip().lower() for name, value in pairs}


async def _read_rest(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    yield await reader.read()


async def _read_chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int(await reader.readuntil(b"\r\n"), 16):
        yield (await reader.readexactly(size + 2))[:-2]


async def _parse_events(chunks: AsyncIterator[bytes]) -> AsyncIterator[Json]:
    """Parse the JSON of each `data:` line; other lines are pings."""
    kept = b""
    async for chunk in chunks:
        *lines, kept = (kept + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield json.loads(line[5:])
