"""Connections of redis-py to the master that Sentinels name: each is given up when its server is no longer that.

A server that was frozen goes on as a master when another has replaced it, until the Sentinels make it a replica, up to
ten seconds later. What it writes then is lost. So the Sentinels are asked before an answer counts that comes after a
silence, as that of a frozen server does, and once a second. With `min-replicas-to-write` such a server refuses writes,
with another error than a replica.
"""

from typing import Any

import redis
import redis.asyncio.sentinel
from redis.sentinel import SentinelManagedConnection, SentinelManagedSSLConnection

from llamaq.store.clock import SYSTEM
from llamaq.store.connections.aio_sockets import Resolved
from llamaq.store.connections.sentinel_answers import NoSentinel
from llamaq.store.connections.sockets import Bounded

SILENT_SECONDS = 0.1
LOOK_SECONDS = 1.0
_REPLACED = "the master was replaced before it answered"


class _Heard:
    """When the server was heard last, and the Sentinels were asked last."""

    _heard_at = _asked_at = 0.0

    def _is_doubtful(self) -> bool:
        """Whether to ask the Sentinels. If so, they are counted as asked now."""
        before, self._heard_at = self._heard_at, SYSTEM.monotonic()
        doubtful = self._heard_at - before > SILENT_SECONDS or self._heard_at - self._asked_at > LOOK_SECONDS
        if doubtful:
            self._asked_at = self._heard_at
        return doubtful


def _no_replicas_error(error: redis.ResponseError) -> redis.ConnectionError:
    """The error of a master without its replicas: the next try asks the Sentinels. Any other error is raised."""
    if "good replicas to write" not in str(error):  # hiredis leaves the code NOREPLICAS out
        raise error
    return redis.ConnectionError(f"the master refuses writes: {error} (min-replicas-to-write)")


class MasterConnection(_Heard, SentinelManagedConnection):
    """Over TCP."""

    def connect_to(self, address: tuple[str, int]) -> None:
        """Connect to the master, which the Sentinels have just named."""
        self._is_doubtful()
        super().connect_to(address)  # type: ignore[no-untyped-call]  # redis-py's has no types

    def read_response(self, *given: Any, **more: Any) -> Any:
        """The next reply, of a server that is still the master.

        Raises:
            redis.ConnectionError: it is not, or it refuses writes.
        """
        try:
            reply = super().read_response(*given, **more)
        except redis.ResponseError as error:
            given_up = _no_replicas_error(error)
            self.disconnect()  # type: ignore[no-untyped-call]  # as above
            raise given_up from error
        if self._is_doubtful() and not self._is_master():
            self.disconnect()  # type: ignore[no-untyped-call]  # as above
            raise redis.ConnectionError(_REPLACED)
        return reply

    def _is_master(self) -> bool:
        try:
            return bool(self.connection_pool.get_master_address() == (self.host, self.port))
        except NoSentinel:
            return True  # nobody can tell


class TlsMasterConnection(MasterConnection, SentinelManagedSSLConnection):
    """Over TLS."""


class BoundedMasterConnection(Bounded, MasterConnection):
    """Over TCP, with the limits of time."""


class BoundedTlsMasterConnection(Bounded, TlsMasterConnection):
    """Over TLS, with the limits of time."""


class AsyncMasterConnection(_Heard, Resolved, redis.asyncio.sentinel.SentinelManagedConnection):
    """Over TCP, for asyncio."""

    async def connect_to(self, address: tuple[str, int]) -> None:
        """As `MasterConnection.connect_to`."""
        self._is_doubtful()
        await super().connect_to(address)  # type: ignore[no-untyped-call]  # as above

    async def read_response(self, *given: Any, **more: Any) -> Any:
        """As `MasterConnection.read_response`."""
        try:
            reply = await super().read_response(*given, **more)
        except redis.ResponseError as error:
            given_up = _no_replicas_error(error)
            await self.disconnect()
            raise given_up from error
        if self._is_doubtful() and not await self._is_master():
            await self.disconnect()
            raise redis.ConnectionError(_REPLACED)
        return reply

    async def _is_master(self) -> bool:
        try:
            return bool(await self.connection_pool.get_master_address() == (self.host, self.port))
        except NoSentinel:
            return True


class AsyncTlsMasterConnection(AsyncMasterConnection, redis.asyncio.sentinel.SentinelManagedSSLConnection):
    """Over TLS, for asyncio."""
