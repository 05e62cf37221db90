"""Clients of Redis with one limit for each call, and what is tried again within it.

redis-py repeats connecting, sending and health checks each for itself, one within the other. Here it repeats nothing,
and a call is repeated as a whole: every script may be sent twice. A try has a third of the limit, so that a connection
that has gone silent is given up in time for a new one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import redis
import redis.asyncio
from redis.exceptions import ResponseError

from llamaq.store.clock import SYSTEM
from llamaq.store.connections import master_connections as masters
from llamaq.store.connections.address import Address, parse_url
from llamaq.store.connections.aio_client import AsyncBoundedRedis, AsyncPool
from llamaq.store.connections.aio_sockets import AsyncPlain, AsyncUnix
from llamaq.store.connections.confirmation import Confirmation
from llamaq.store.connections.connection_options import async_options, blocking_options
from llamaq.store.connections.deadline import time_limit
from llamaq.store.connections.packing import pack_commands
from llamaq.store.connections.retries import Retrying, require_master
from llamaq.store.connections.sentinel import AsyncMasterPool, MasterPool
from llamaq.store.connections.sockets import PlainConnection, Pool, TlsConnection, UnixConnection
from llamaq.store.connections.tls_handshake import AsyncTls
from llamaq.store.redis_client import AsyncClient, BinaryClient, Client
from llamaq.store.script_runs import Command, Reply

T = TypeVar("T")
DEFAULT_LIMIT_SECONDS = 15.0
"""The limit of a call where nothing else is said."""
DEFAULT_MOST = 1000
_AS_TEXT: Mapping[str, Any] = {"decode_responses": True, "encoding_errors": "replace"}
"""What something else has written need not be UTF-8: an error in the middle of a reply would end its connection."""


class BoundedRedis(redis.Redis):
    """redis-py's client, with the limit and the tries of this module."""

    def __init__(self, *, retrying: Retrying, confirmation: Confirmation | None, **options: Any) -> None:
        super().__init__(**options)
        self._retrying = retrying
        self._confirmation = confirmation
        self.limit_seconds, self.try_seconds = retrying.limit_seconds, retrying.try_seconds
        self.sends_ahead = confirmation is None  # else each call has commands behind it

    def close(self) -> None:
        """Close the connections. Calls that wait for an answer fail."""
        self._retrying.closed = True
        super().close()

    def execute_command(self, *command: Any, **options: Any) -> Any:
        """The reply. Called by every method of the client."""
        return self._retry(lambda: self._execute(*command, **options))

    def execute_all(self, commands: Sequence[Command]) -> list[Reply]:
        """The replies to commands that are sent together; an error of one is its reply."""
        return self._retry(lambda: self._execute_all(commands)) if commands else []

    def _execute(self, *command: Any, **options: Any) -> Any:
        return super().execute_command(*command, **options)  # type: ignore[no-untyped-call]  # redis-py's has no types

    def _send_command_parse_response(self, conn: Any, *command: Any, **options: Any) -> Any:
        # redis-py's step of `execute_command`. Unlike `_exchange`, it gives a connection back with its reply unread.
        try:
            return super()._send_command_parse_response(conn, *command, **options)  # type: ignore[no-untyped-call]  # as above
        except ResponseError:
            raise
        except BaseException:
            conn.disconnect()
            raise

    def _execute_all(self, commands: Sequence[Command]) -> list[Reply]:
        confirmation = self._confirmation
        if confirmation and confirmation.is_unknown():
            confirmation.note_replication(self._execute("INFO", "replication"))
        confirming = confirmation.commands() if confirmation else ()
        replies = require_master(self._exchange([*commands, *confirming]))
        if confirmation and confirming:
            confirmation.check(replies[-1])
        return replies[: len(commands)]

    def _exchange(self, commands: Sequence[Command]) -> list[Reply]:
        # Not by a pipeline, nor by `execute_command`: each would cost twice the sending and the parsing.
        connection = self.send(commands)
        replies: list[Reply] | None = None
        try:
            replies = self.receive(connection, commands)
        finally:  # none also where a signal's handler has raised (Ctrl-C): the next call would get the late replies
            self.give_back(connection, lost=replies is None)
        return replies

    def send(self, commands: Sequence[Command], connection: Any = None) -> Any:
        """Send commands, over a connection that others are under way on, or else one of the pool, which is returned."""
        pool: Any = self.connection_pool  # redis-py's methods of it have no types
        connection = connection or pool.get_connection()
        try:
            connection.send_packed_command(pack_commands(connection, commands))
        except BaseException:
            self.give_back(connection, lost=True)
            raise
        return connection

    def receive(self, connection: Any, commands: Sequence[Command]) -> list[Reply]:
        """The replies to the first commands that were sent and have none; an error of one is its reply."""
        replies: list[Reply] = []
        # A master's also asks the Sentinels. The method of any other connection takes several times as long.
        source = connection if isinstance(connection, masters.MasterConnection) else connection._parser  # noqa: SLF001
        callbacks: Any = self.response_callbacks
        try:
            for command in commands:
                try:
                    reply = source.read_response()
                except ResponseError as error:
                    reply = error
                as_is = isinstance(command, bytes) or isinstance(reply, ResponseError) or command[0] not in callbacks
                replies.append(reply if as_is else callbacks[command[0]](reply))
        except OSError as error:
            raise redis.ConnectionError(f"the connection was lost: {error}") from error
        finally:
            if len(replies) < len(commands):
                connection.disconnect()
        return replies

    def give_back(self, connection: Any, *, lost: bool = False) -> None:
        """Give a connection back to the pool; one that is lost, or on which replies are missing, is closed."""
        if lost:
            connection.disconnect()
        self.connection_pool.release(connection)

    def _retry(self, once: Callable[[], T]) -> T:
        tries = 0
        with time_limit(self._retrying.limit_seconds):
            while True:
                tries += 1
                try:
                    with time_limit(self._retrying.try_seconds):
                        return once()
                except redis.RedisError as error:
                    pause = self._retrying.next_pause(tries, error)
                    # The idle connections lead to where this one led: to a server that was restarted, or demoted.
                    self.connection_pool.disconnect(inuse_connections=False)
                    SYSTEM.sleep(pause)


_ASYNC_CLASSES = {"redis": AsyncPlain, "rediss": AsyncTls, "unix": AsyncUnix}


def connect(
    url: str,
    *,
    limit_seconds: float = DEFAULT_LIMIT_SECONDS,
    retry: bool = True,
    most: int = DEFAULT_MOST,
    confirmed_on: str = "",
) -> Client:
    """A pooled client. It connects on first use, and again after a lost connection.

    Args:
        url: of Redis.
        limit_seconds: the time of each call, with all its tries.
        retry: whether a call is tried again.
        most: connections at a time.
        confirmed_on: a channel of nobody. With Sentinels, a call of `execute_all` then counts when a replica has it
            (`confirmation`).

    Raises:
        InvalidRequest: the URL is none of Redis.
    """
    client = _connect_blocking(url, limit_seconds, most, retry=retry, decode_responses=True, confirmed_on=confirmed_on)
    return cast("Client", client)


def connect_binary(url: str, *, limit_seconds: float = DEFAULT_LIMIT_SECONDS) -> BinaryClient:
    """A client as of `connect` that reads bytes."""
    return cast("BinaryClient", _connect_blocking(url, limit_seconds, DEFAULT_MOST, retry=True, decode_responses=False))


def connect_async(
    url: str, *, limit_seconds: float = DEFAULT_LIMIT_SECONDS, most: int = DEFAULT_MOST, confirmed_on: str = ""
) -> AsyncClient:
    """A client as of `connect` for asyncio."""
    target = parse_url(url)
    retrying = Retrying(limit_seconds, retry=True, failover=bool(target.master))
    given = {**async_options(target), **_AS_TEXT, "max_connections": most}
    pool: redis.asyncio.ConnectionPool
    if target.master:
        pool = AsyncMasterPool(target, retrying.try_seconds, **given)
    else:
        pool = AsyncPool(connection_class=_ASYNC_CLASSES[target.scheme], **given)
    confirmation = _make_confirmation(target, confirmed_on, retrying)
    client = AsyncBoundedRedis(connection_pool=pool, retrying=retrying, confirmation=confirmation)
    client.auto_close_connection_pool = True
    return cast("AsyncClient", client)


def _connect_blocking(
    url: str, limit_seconds: float, most: int, *, retry: bool, decode_responses: bool, confirmed_on: str = ""
) -> BoundedRedis:
    target = parse_url(url)
    retrying = Retrying(limit_seconds, retry=retry, failover=bool(target.master))
    given = {
        **blocking_options(target, retrying.try_seconds),
        "connection_class": _connection_class(target),
        **(_AS_TEXT if decode_responses else {}),
        "max_connections": most,
    }
    pool = MasterPool(target, retrying.try_seconds, **given) if target.master else Pool(**given)
    confirmation = _make_confirmation(target, confirmed_on, retrying)
    client = BoundedRedis(connection_pool=pool, retrying=retrying, confirmation=confirmation)
    client.auto_close_connection_pool = True
    return client


def _make_confirmation(target: Address, channel: str, retrying: Retrying) -> Confirmation | None:
    return Confirmation(channel, retrying.try_seconds) if target.master and channel else None


def _connection_class(target: Address) -> type[redis.connection.AbstractConnection]:
    if target.master:
        return masters.BoundedTlsMasterConnection if target.tls else masters.BoundedMasterConnection
    if target.path:
        return UnixConnection
    return TlsConnection if target.tls else PlainConnection
