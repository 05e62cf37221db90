"""A queue's connection to Redis, which its jobs and conversations share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType

from redis.exceptions import RedisError

from llamaq.client.aio import io
from llamaq.client.aio.hub import AsyncHub
from llamaq.client.aio.reader import AsyncReader
from llamaq.client.subscriptions import closed_error
from llamaq.settings.producer import Settings
from llamaq.store.answers import Answer
from llamaq.store.clock import Clock
from llamaq.store.connections.address import normalise_url
from llamaq.store.redis_client import AsyncClient
from llamaq.store.redis_errors import translate_errors, translate_parse_errors
from llamaq.store.script_drivers import run_async
from llamaq.store.script_runs import Call
from llamaq.vocabulary.errors import BrokerUnavailable


class Verb:
    """The context manager of `AsyncConnection.verb`. One made of a generator takes longer, and each request has one."""

    __slots__ = ("_connection", "_limit")

    def __init__(self, connection: "AsyncConnection") -> None:
        self._connection = connection
        self._limit = io.time_limit(connection.settings.call_seconds)

    async def __aenter__(self) -> AsyncClient:
        client = self._connection.redis
        await self._limit.__aenter__()
        return client

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with translate_errors(self._connection.url, self._connection.settings.redis_names):
            await self._limit.__aexit__(kind, error, trace)
            if isinstance(error, RedisError) and self._connection.closed:
                raise BrokerUnavailable("the queue was closed during the call") from error
            if error is not None:
                raise error


class AsyncConnection:
    """Connects to Redis on first use.

    Attributes:
        url: of Redis.
        settings: the producer's.
        clock: gives times and ids.
        reader: reads the logs of jobs.
    """

    def __init__(self, url: str, settings: Settings, clock: Clock) -> None:
        self.url = normalise_url(url)
        self._client = io.client_source(self.url, settings)
        self.settings = settings
        self.clock = clock
        self._hubs = io.hub_source(self._client, settings)
        self.reader = AsyncReader(self._client, self._hub, self.url, settings, clock)

    @property
    def closed(self) -> bool:
        """Whether `aclose` was called."""
        return self._hubs.closed

    @property
    def redis(self) -> AsyncClient:
        """The client of Redis.

        Raises:
            RuntimeError: the queue was closed.
        """
        if self.closed:
            raise RuntimeError("this queue is closed: make another, or do its work before it is closed")
        return self._client()

    def _hub(self) -> AsyncHub:
        if self.closed:
            raise closed_error()
        return self._hubs.current()

    async def aclose(self) -> None:
        """Close the connections. Readers raise `StreamError` then."""
        try:
            await self._hubs.aclose()
        finally:  # it may be cancelled
            await self._client().aclose()

    def verb(self) -> Verb:
        """The client, for all that one verb asks of Redis: together it has the time of one call.

        Raises:
            BrokerUnavailable: Redis did not answer, or refused.
        """
        return Verb(self)

    @asynccontextmanager
    async def query(self) -> AsyncIterator[AsyncClient]:
        """As `verb`, for commands that read alone: a demoted master would answer them, with what it has left.

        Raises:
            BrokerUnavailable: Redis did not answer, or refused, or something else has written over what it keeps.
        """
        async with self.verb() as redis:
            await redis.execute_all([self.settings.keys.master_proof()])
            with translate_parse_errors(self.url):
                yield redis

    async def run(self, call: Call) -> Answer:
        """The answer of a script.

        Raises:
            BrokerUnavailable: Redis did not answer, or refused.
        """
        async with self.verb() as redis:
            return await run_async(redis, call)
