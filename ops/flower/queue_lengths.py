"""The lengths of Celery's queues, for Flower's page of the broker.

Flower's own reader ignores the database with Sentinels, the user of a Unix socket, and the options of TLS in the URL.
"""

from typing import Any

import flower.views
from kombu.transport.redis import Channel

from llamaq.store.connections.clients import connect_async
from llamaq.store.script_drivers import unwrap

LIMIT_SECONDS = 5.0


def install(redis_url: str) -> None:
    """Let Flower read them from this Redis."""

    class Broker:
        """What Flower makes for each request of the page."""

        def __init__(self, *_: Any, **_options: Any) -> None:
            self._client = connect_async(redis_url, limit_seconds=LIMIT_SECONDS)

        async def queues(self, names: list[str]) -> list[dict[str, Any]]:
            """Name and length of each queue.

            Raises:
                RedisError: a length cannot be read; Flower logs it, and shows none.
            """
            try:
                return [{"name": name, "messages": await self._length(name)} for name in names]
            finally:
                await self._client.aclose()

        async def _length(self, name: str) -> int:
            lists = [name, *(f"{name}{Channel.sep}{step}" for step in Channel.priority_steps if step)]
            lengths: list[Any] = await self._client.execute_all([("LLEN", key) for key in lists])
            return sum(unwrap(length) for length in lengths)

    flower.views.Broker = Broker
