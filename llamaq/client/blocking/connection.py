# Generated from ../aio/connection.py by `python3 run.py generate`: change that file instead.
"""A queue's connection to Redis, which its jobs and conversations share."""

from llamaq.client.blocking import io
from llamaq.client.blocking.reader import Reader
from llamaq.settings.producer import Settings
from llamaq.store.answers import Answer
from llamaq.store.clock import Clock
from llamaq.store.connection import run, translated
from llamaq.store.redis_client import Client
from llamaq.store.script_runs import Call


class Connection:
    """Connects to Redis on first use.

    Attributes:
        url: of Redis.
        settings: the producer's.
        clock: gives times and ids.
        reader: reads the logs of jobs.
    """

    def __init__(self, url: str, settings: Settings, clock: Clock) -> None:
        self._client = io.client_source(url)
        self.url = url
        self.settings = settings
        self.clock = clock
        self.reader = Reader(self._client, url, settings.keys, clock)

    @property
    def redis(self) -> Client:
        """The client of Redis."""
        return self._client()

    def run(self, call: Call) -> Answer:
        """The answer of a script.

        Raises:
            BrokerUnavailable: Redis did not answer, or refused.
        """
        with translated(self.url):
            return run(self.redis, call)
