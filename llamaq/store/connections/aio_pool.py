"""The pool of redis-py's connections for asyncio."""

from typing import Any

import redis.asyncio

from llamaq.store.connections.sockets import must_reconnect


class AsyncPool(redis.asyncio.ConnectionPool):
    """redis-py's pool, whose idle connections are taken and given back without its locks, metrics and listeners."""

    async def get_connection(self, *given: Any, **more: Any) -> Any:
        """A connection to use."""
        idle: Any = self._available_connections[-1] if self._available_connections else None
        if idle is None or not idle.is_connected or not _is_silent(idle):
            if idle is not None:
                await idle.disconnect(nowait=True)
            return await super().get_connection(*given, **more)  # type: ignore[no-untyped-call]  # redis-py's has no types
        self._available_connections.pop()
        self._in_use_connections.add(idle)
        idle.taken_at_once = True
        return idle

    async def release(self, connection: Any) -> None:
        """Take a connection back."""
        at_once, connection.taken_at_once = getattr(connection, "taken_at_once", False), False
        if not at_once or must_reconnect(connection):
            await super().release(connection)
            return
        self._in_use_connections.remove(connection)
        self._available_connections.append(connection)


def _is_silent(connection: Any) -> bool:
    """Whether a connection is open, and nothing is to be read."""
    stream, parser = connection._reader, connection._parser  # noqa: SLF001 - no public names
    unread = getattr(getattr(parser, "_reader", None), "has_data", lambda: False)  # hiredis alone has it
    return not (stream.at_eof() or stream.exception() or stream._buffer or unread())  # noqa: SLF001
