"""A write to a lost connection of asyncio raises what is tried again, in each kind of event loop."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
import uvloop

from llamaq.store.connections.aio_sockets import AsyncPlain, AsyncUnix


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_a_write_after_the_server_left(
    new_loop: Callable[[], asyncio.AbstractEventLoop], family: socket.AddressFamily, tmp_path: Path
) -> None:
    """`uvloop` raises `RuntimeError` itself, which would not be tried again."""

    async def write() -> None:
        with socket.socket(family) as listening:
            listening.bind(str(tmp_path / "s") if family == socket.AF_UNIX else ("127.0.0.1", 0))
            listening.listen()
            address = listening.getsockname()
            connection: AsyncPlain | AsyncUnix
            if family == socket.AF_UNIX:
                connection = AsyncUnix(path=address, protocol=2, driver_info=None)
            else:
                connection = AsyncPlain(host=address[0], port=address[1], protocol=2, driver_info=None)
            await connection.connect()  # type: ignore[no-untyped-call]  # redis-py's has no types
            server, _ = listening.accept()
            server.close()
            writer = connection._writer
            assert writer is not None
            writer.transport.abort()  # as the loop does when the connection is reset
            await asyncio.sleep(0)
            with pytest.raises(redis.ConnectionError):
                await connection.send_command("PING", check_health=False)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(write())
