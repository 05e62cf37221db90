"""One asyncio client of Redis for each event loop: its connections belong to the loop in which they were made."""

import asyncio
import threading
from typing import Any, cast

from llamaq.store.connection import checked_url, connect_async
from llamaq.store.redis_client import AsyncClient


def client_per_loop(url: str) -> AsyncClient:
    """A client for whatever event loop uses it.

    Raises:
        InvalidRequest: the URL cannot be one of a Redis.
    """
    return cast("AsyncClient", ClientPerLoop(url))  # its attributes are those of the loop's client


class ClientPerLoop:
    """Looks like the client of the loop that asks; made at its first use there.

    So one queue serves any number of loops, one after the other (`asyncio.run` twice) or in threads side by side.
    """

    def __init__(self, url: str) -> None:
        """Make it; nothing connects.

        Raises:
            InvalidRequest: the URL cannot be one of a Redis.
        """
        self._url = checked_url(url)
        self._clients: dict[asyncio.AbstractEventLoop, AsyncClient] = {}
        self._changing = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._here(), name)

    def _here(self) -> AsyncClient:
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            with self._changing:
                # A loop that was closed takes its connections with it: nothing can be said over them any more.
                self._clients = {other: kept for other, kept in self._clients.items() if not other.is_closed()}
                client = self._clients[loop] = connect_async(self._url)
        return client
