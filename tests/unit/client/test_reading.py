"""What comes over a subscription connection is handed on as it is read."""

import asyncio
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import hiredis
import pytest

from llamaq.client.subscriptions import read_buffered
from llamaq.store.connections.aio_client import call_on_data
from llamaq.store.connections.master_connections import AsyncMasterConnection

SAID = b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n"


def connection(stream: asyncio.StreamReader, parser: object | None = None) -> Any:
    """One of redis-py, of whose parser hiredis is the reader."""
    parser = parser or SimpleNamespace(_reader=hiredis.Reader(encoding="utf-8", notEnoughData=...))
    return SimpleNamespace(_parser=parser, _reader=stream)


def reads(one: Any, take: Callable[[Iterable[Any]], None]) -> None:
    """Let it have the replies."""
    call_on_data(one, lambda: take(read_buffered(one)))


def test_messages_are_taken_when_their_bytes_come() -> None:
    """Also those that had come before, and those in several reads; no task needs to run."""

    async def run() -> None:
        stream, take_data = asyncio.StreamReader(), list[Any]()
        stream.feed_data(SAID + SAID[:5])
        reads(connection(stream), take_data.extend)
        assert len(take_data) == 1
        stream.feed_data(SAID[5:] + SAID)
        assert [list(each) for each in take_data] == [["message", "c", "hi"]] * 3
        stream.feed_eof()
        assert await stream.read(1) == b""

    asyncio.run(run())


@pytest.mark.parametrize("data", [SAID, b"no reply\r\n"], ids=["of its taker", "of the parser"])
def test_an_error_is_raised_where_the_connection_is_read(data: bytes) -> None:
    """So the connection is given up."""

    def take(replies: Iterable[Any]) -> None:
        for _ in replies:
            raise ValueError("wrong")

    async def run() -> None:
        stream = asyncio.StreamReader()
        reads(connection(stream), take)
        reading = asyncio.ensure_future(stream.read(1))
        await asyncio.sleep(0)
        stream.feed_data(data)
        with pytest.raises((ValueError, hiredis.ProtocolError)):
            await asyncio.wait_for(reading, 60)

    asyncio.run(run())


@pytest.mark.parametrize("kind", ["without hiredis", "of Sentinels"])
def test_other_connections_are_read_as_before(kind: str) -> None:
    """redis-py's own parser reads the stream, and a master's connection asks the Sentinels at each reply."""

    async def run() -> None:
        stream, take_data = asyncio.StreamReader(), list[Any]()
        one = connection(stream, SimpleNamespace() if kind == "without hiredis" else None)
        if kind == "of Sentinels":
            held = one
            one = object.__new__(AsyncMasterConnection)
            one._parser, one._reader = held._parser, held._reader
        reads(one, take_data.extend)
        stream.feed_data(SAID)
        assert await asyncio.wait_for(stream.read(100), 60) == SAID
        assert take_data == []

    asyncio.run(run())
