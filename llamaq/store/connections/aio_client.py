"""The client of `clients.BoundedRedis` and its pool, for asyncio."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import redis
import redis.asyncio
from redis.exceptions import ResponseError

from llamaq.store.connections.confirmation import Confirmation
from llamaq.store.connections.deadline import time_limit_async
from llamaq.store.connections.master_connections import AsyncMasterConnection
from llamaq.store.connections.packing import pack_commands
from llamaq.store.connections.retries import Retrying, require_master
from llamaq.store.connections.sockets import must_reconnect
from llamaq.store.script_runs import Command, Reply

T = TypeVar("T")


class AsyncBoundedRedis(redis.asyncio.Redis):
    """As `BoundedRedis`, awaited."""

    def __init__(self, *, retrying: Retrying, confirmation: Confirmation | None, **options: Any) -> None:
        super().__init__(**options)
        self._retrying = retrying
        self._confirmation = confirmation
        self.try_seconds = retrying.try_seconds
        self.sends_ahead = confirmation is None  # else each call has commands behind it

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close the connections. Calls that wait for an answer fail."""
        self._retrying.closed = True
        await super().aclose(close_connection_pool)

    async def execute_command(self, *command: Any, **options: Any) -> Any:
        """The reply. Called by every method of the client."""
        return await self._retry(lambda: self._execute(*command, **options))

    async def execute_all(self, commands: Sequence[Command]) -> list[Reply]:
        """The replies to commands that are sent together; an error of one is its reply."""
        # In releases of Python 3.12 to 3.14 an empty write stays in asyncio's buffer, so the connection is not closed.
        return await self._retry(lambda: self._execute_all(commands)) if commands else []

    async def _execute(self, *command: Any, **options: Any) -> Any:
        options.pop("keys", None)  # for redis-py's cache
        if options:  # for what makes the answer of the reply
            return await super().execute_command(*command, **options)  # type: ignore[no-untyped-call]  # redis-py's has no types
        (reply,) = await self._exchange([command])
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def _execute_all(self, commands: Sequence[Command]) -> list[Reply]:
        confirmation = self._confirmation
        if confirmation and confirmation.is_unknown():
            confirmation.note_replication(await self._execute("INFO", "replication"))
        confirming = confirmation.commands() if confirmation else ()
        replies = require_master(await self._exchange([*commands, *confirming]))
        if confirmation and confirming:
            confirmation.check(replies[-1])
        return replies[: len(commands)]

    async def _exchange(self, commands: Sequence[Command]) -> list[Reply]:
        connection = await self.send(commands)
        replies: list[Reply] | None = None
        try:
            replies = await self.receive(connection, commands)
        finally:  # as in `BoundedRedis`
            await self.give_back(connection, lost=replies is None)
        return replies

    async def send(self, commands: Sequence[Command], connection: Any = None) -> Any:
        """As `BoundedRedis.send`, awaited."""
        pool: Any = self.connection_pool
        connection = connection or await pool.get_connection()
        try:
            await connection.send_packed_command(pack_commands(connection, commands))
        except BaseException:
            await self.give_back(connection, lost=True)
            raise
        return connection

    async def receive(self, connection: Any, commands: Sequence[Command]) -> list[Reply]:
        """As `BoundedRedis.receive`, awaited."""
        replies: list[Reply] = []
        source = connection if isinstance(connection, AsyncMasterConnection) else connection._parser  # noqa: SLF001 - as there
        callbacks: Any = self.response_callbacks
        try:
            for command in commands:
                try:
                    reply = await source.read_response()
                except ResponseError as error:
                    reply = error
                as_is = isinstance(reply, ResponseError) or isinstance(command, bytes) or command[0] not in callbacks
                replies.append(reply if as_is else callbacks[command[0]](reply))
        except OSError as error:
            raise redis.ConnectionError(f"the connection was lost: {error}") from error
        finally:
            if len(replies) < len(commands):
                await connection.disconnect(nowait=True)
        return replies

    async def give_back(self, connection: Any, *, lost: bool = False) -> None:
        """As `BoundedRedis.give_back`, awaited."""
        if lost:
            await connection.disconnect(nowait=True)
        await self.connection_pool.release(connection)

    async def _retry(self, once: Callable[[], Awaitable[T]]) -> T:
        tries = 0
        async with time_limit_async(self._retrying.limit_seconds):
            while True:
                tries += 1
                try:
                    async with time_limit_async(self._retrying.try_seconds):
                        return await once()
                except redis.RedisError as error:
                    pause = self._retrying.next_pause(tries, error)
                    await self.connection_pool.disconnect(inuse_connections=False)
                    await asyncio.sleep(pause)


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


def call_on_data(connection: Any, take: Callable[[], None]) -> None:
    """Call `take` where bytes have come, which the parser of the connection has then. It does not wait.

    redis-py wakes a task for them, whose coroutines take longer than what is done with a published message. Its
    `read_response` now ends with the connection, or raises the error of `take`. That of a master also asks the
    Sentinels, so nothing is changed there.
    """
    parser, stream = connection._parser, connection._reader  # noqa: SLF001 - redis-py has no other way
    feed = getattr(getattr(parser, "_reader", None), "feed", None)  # hiredis alone has it
    if feed is None or isinstance(connection, AsyncMasterConnection):
        return

    def take_data(data: bytes) -> None:
        try:
            feed(data)
            take()
        except Exception as error:  # noqa: BLE001 - `read_response` raises it
            stream.set_exception(error)

    stream.feed_data = take_data
    held = bytes(stream._buffer)  # noqa: SLF001 - what was read before
    stream._buffer.clear()  # noqa: SLF001 - as above
    stream._maybe_resume_transport()  # noqa: SLF001 - as above
    take_data(held)


def _is_silent(connection: Any) -> bool:
    """Whether a connection is open, and nothing is to be read."""
    stream, parser = connection._reader, connection._parser  # noqa: SLF001 - no public names
    unread = getattr(getattr(parser, "_reader", None), "has_data", lambda: False)  # hiredis alone has it
    return not (stream.at_eof() or stream.exception() or stream._buffer or unread())  # noqa: SLF001
