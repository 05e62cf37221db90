"""Connections of redis-py for asyncio that end with their client, whatever a resolver or a frozen server does.

A lost connection is a `redis.ConnectionError` in every event loop. A write to it raises `RuntimeError` under uvloop,
and `AttributeError` under asyncio in early releases of Python 3.12 and 3.13.

asyncio resolves names in the threads of the loop's default executor. `asyncio.run` waits for them at its end, and there
are six of them on two cores. So a resolver that hangs would hold up the program.
"""

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Any

import redis.asyncio

SHUTDOWN_SECONDS = 0.5
"""For the answer to the `close_notify` of TLS, which a frozen server does not send."""


class Written:
    """What all of these connections have in common: a write to one that was lost raises what redis-py tries again."""

    async def send_packed_command(self, *given: Any, **more: Any) -> None:
        """Send a command.

        Raises:
            redis.ConnectionError: the connection is lost.
            redis.TimeoutError: the server does not read.
        """
        try:
            await super().send_packed_command(*given, **more)  # type: ignore[misc]  # of the connection that this is mixed with
        except (RuntimeError, AttributeError) as error:
            raise redis.ConnectionError(f"the connection was lost: {error}") from error


class Resolved(Written):
    """What those over TCP have in common: the host's name is resolved in a thread of its own."""

    host: str
    _address = ""

    def _connection_arguments(self) -> dict[str, Any]:
        given: dict[str, Any] = super()._connection_arguments()  # type: ignore[misc]  # of the connection that this is mixed with
        if "ssl" in given:
            given |= {"server_hostname": self.host, "ssl_shutdown_timeout": SHUTDOWN_SECONDS}
        return given | {"host": self._address}

    async def _connect(self) -> None:
        addresses = await _resolve(self.host)
        for number, self._address in enumerate(addresses, 1):
            try:
                await super()._connect()  # type: ignore[misc]  # as above
                break
            except OSError:
                if number == len(addresses):
                    raise


class AsyncPlain(Resolved, redis.asyncio.Connection):
    """Over TCP."""


class AsyncUnix(Written, redis.asyncio.UnixDomainSocketConnection):
    """Over a Unix socket."""


async def _resolve(host: str) -> list[str]:
    """Resolve the addresses of a host.

    Raises:
        OSError: it has none.
    """
    with suppress(OSError):
        return _addresses(host, socket.AI_NUMERICHOST)
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def set_answer(found: list[str] | Exception) -> None:
        if answer.done():
            return  # it was cancelled
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def resolve() -> None:
        found: list[str] | Exception
        try:
            found = _addresses(host)
        except Exception as error:  # noqa: BLE001 - the task that waits raises it
            found = error
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(set_answer, found)

    threading.Thread(target=resolve, name="llamaq-resolve", daemon=True).start()
    return await answer


def _addresses(host: str, flags: int = 0) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=flags)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
