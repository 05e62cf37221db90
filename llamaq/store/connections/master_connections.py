"""Connections of redis-py to the master that Sentinels name: each is given up when its server refuses writes.

A server that has been replaced takes commands until the Sentinels have made it a replica, up to ten seconds. With
`min-replicas-to-write` it refuses writes in that time, with another error than a replica.
"""

from typing import Any

import redis
import redis.asyncio.sentinel
from redis.sentinel import SentinelManagedConnection, SentinelManagedSSLConnection

from llamaq.store.connections.sockets import Bounded


def _given_up(error: redis.ResponseError) -> redis.ConnectionError:
    """The error after which another try asks the Sentinels again; else the error itself is raised."""
    if "good replicas to write" not in str(error):  # hiredis leaves the code NOREPLICAS out
        raise error
    return redis.ConnectionError(f"the master refuses writes: {error} (min-replicas-to-write)")


class MasterConnection(SentinelManagedConnection):
    """Over TCP."""

    def read_response(self, *given: Any, **more: Any) -> Any:
        """The next reply."""
        try:
            return super().read_response(*given, **more)
        except redis.ResponseError as error:
            given_up = _given_up(error)
            self.disconnect()  # type: ignore[no-untyped-call]  # redis-py's has no types
            raise given_up from error


class TlsMasterConnection(MasterConnection, SentinelManagedSSLConnection):
    """Over TLS."""


class BoundedMasterConnection(Bounded, MasterConnection):
    """Over TCP, with the limits of time."""


class BoundedTlsMasterConnection(Bounded, TlsMasterConnection):
    """Over TLS, with the limits of time."""


class AsyncMasterConnection(redis.asyncio.sentinel.SentinelManagedConnection):
    """Over TCP, for asyncio."""

    async def read_response(self, *given: Any, **more: Any) -> Any:
        """The next reply."""
        try:
            return await super().read_response(*given, **more)
        except redis.ResponseError as error:
            given_up = _given_up(error)
            await self.disconnect()
            raise given_up from error


class AsyncTlsMasterConnection(AsyncMasterConnection, redis.asyncio.sentinel.SentinelManagedSSLConnection):
    """Over TLS, for asyncio."""
