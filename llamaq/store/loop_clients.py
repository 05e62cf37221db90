"""One asyncio client of Redis for each event loop: its connections belong to the loop in which they were made."""

import asyncio
import threading
from typing import Any

from llamaq.store.connection import Client, checked_url, connect_async


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
        self._clients: dict[asyncio.AbstractEventLoop, Client] = {}
        self._changing = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._here(), name)

    def _here(self) -> Client:
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            with self._changing:
                # A loop that was closed takes its connections with it: nothing can be said over them any more.
                self._clients = {other: kept for other, kept in self._clients.items() if not other.is_closed()}
                client = self._clients[loop] = connect_async(self._url)
        return client
