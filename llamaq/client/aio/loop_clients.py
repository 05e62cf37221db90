"""One asyncio client of Redis for each event loop, because a connection works only in the loop that made it."""

import asyncio

from llamaq.store.connections.address import normalise_url
from llamaq.store.connections.clients import connect_async
from llamaq.store.redis_client import AsyncClient


class LoopClients:
    """The clients of any number of loops: one after the other (`asyncio.run` twice), or in threads side by side."""

    def __init__(self, url: str, limit_seconds: float, most: int, confirmed_on: str) -> None:
        """Make it; nothing connects. The arguments are those of `connect_async`.

        Raises:
            InvalidRequest: the URL cannot be one of a Redis.
        """
        self._url = normalise_url(url)
        self._limit_seconds = limit_seconds
        self._most = most
        self._confirmed_on = confirmed_on
        self._clients: dict[asyncio.AbstractEventLoop, AsyncClient] = {}

    def current(self) -> AsyncClient:
        """The client of the running loop, made at its first use there."""
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            # The connections of a closed loop cannot be used or closed any more.
            for other in [other for other in list(self._clients) if other.is_closed()]:
                self._clients.pop(other, None)
            # One step, without a lock: another thread of a forked process might have held that.
            client = self._clients.setdefault(
                loop,
                connect_async(
                    self._url,
                    limit_seconds=self._limit_seconds,
                    most=self._most,
                    confirmed_on=self._confirmed_on,
                ),
            )
        return client
