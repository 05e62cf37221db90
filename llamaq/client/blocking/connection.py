# Generated from ../aio/connection.py by `python3 run.py generate`: change that file instead.
"""A queue's connection to Redis, which its jobs and conversations share."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from redis.exceptions import RedisError

from llamaq.client.blocking import io
from llamaq.client.blocking.hub import Hub
from llamaq.client.blocking.reader import Reader
from llamaq.client.subscriptions import closed_error
from llamaq.settings.producer import Settings
from llamaq.store.answers import Answer
from llamaq.store.clock import Clock
from llamaq.store.connections.address import normalise_url
from llamaq.store.redis_client import Client
from llamaq.store.redis_errors import translate_errors, translate_parse_errors
from llamaq.store.script_drivers import run
from llamaq.store.script_runs import Call
from llamaq.vocabulary.errors import BrokerUnavailable


class Verb:
    """The context manager of `Connection.verb`. One made of a generator takes longer, and each request has one."""

    __slots__ = ("_connection", "_limit")

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._limit = io.time_limit(connection.settings.call_seconds)

    def __enter__(self) -> Client:
        client = self._connection.redis
        self._limit.__enter__()
        return client

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with translate_errors(self._connection.url, self._connection.settings.redis_names):
            self._limit.__exit__(kind, error, trace)
            if isinstance(error, RedisError) and self._connection.closed:
                raise BrokerUnavailable("the queue was closed during the call") from error
            if error is not None:
                raise error


class Connection:
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
        self.reader = Reader(self._client, self._hub, self.url, settings, clock)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._hubs.closed

    @property
    def redis(self) -> Client:
        """The client of Redis.

        Raises:
            RuntimeError: the queue was closed.
        """
        if self.closed:
            raise RuntimeError("this queue is closed: make another, or do its work before it is closed")
        return self._client()

    def _hub(self) -> Hub:
        if self.closed:
            raise closed_error()
        return self._hubs.current()

    def close(self) -> None:
        """Close the connections. Readers raise `StreamError` then."""
        try:
            self._hubs.close()
        finally:  # it may be cancelled
            self._client().close()

    def verb(self) -> Verb:
        """The client, for all that one verb asks of Redis: together it has the time of one call.

        Raises:
            BrokerUnavailable: Redis did not answer, or refused.
        """
        return Verb(self)

    @contextmanager
    def query(self) -> Iterator[Client]:
        """As `verb`, for commands that read alone: a demoted master would answer them, with what it has left.

        Raises:
            BrokerUnavailable: Redis did not answer, or refused, or something else has written over what it keeps.
        """
        with self.verb() as redis:
            redis.execute_all([self.settings.keys.master_proof()])
            with translate_parse_errors(self.url):
                yield redis

    def run(self, call: Call) -> Answer:
        """The answer of a script.

        Raises:
            BrokerUnavailable: Redis did not answer, or refused.
        """
        with self.verb() as redis:
            return run(redis, call)
