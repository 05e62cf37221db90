"""Reads a subscription connection of redis-py without its task: messages are handed on as their bytes come.

redis-py wakes a task for what was read. Its coroutines take longer than what is done with a message.
"""

from collections.abc import Callable, Iterable
from typing import Any

from llamaq.client.subscriptions import arrived
from llamaq.store.connections.master_connections import AsyncMasterConnection


def take_as_read(connection: Any, take: Callable[[Iterable[list[Any]]], None]) -> None:
    """Let `take` have all further replies, where hiredis parses them. It does not wait.

    `read_response` of the connection then ends with the connection, or raises the error of `take`. That of a master
    also asks the Sentinels, so nothing is changed there.
    """
    parser, stream = connection._parser, connection._reader  # noqa: SLF001 - redis-py has no other way
    feed = getattr(getattr(parser, "_reader", None), "feed", None)  # hiredis alone has it
    if feed is None or isinstance(connection, AsyncMasterConnection):
        return

    def taken(data: bytes) -> None:
        try:
            feed(data)
            take(arrived(connection))
        except Exception as error:  # noqa: BLE001 - `read_response` raises it
            stream.set_exception(error)

    stream.feed_data = taken
    held = bytes(stream._buffer)  # noqa: SLF001 - what was read before
    stream._buffer.clear()  # noqa: SLF001 - as above
    stream._maybe_resume_transport()  # noqa: SLF001 - as above
    taken(held)
