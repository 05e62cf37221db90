# Generated from ../aio/connection.py by `python3 run.py generate`: change that file instead.
"""A queue's way to Redis, shared by its jobs and conversations."""

from llamaq.client.blocking import io
from llamaq.client.blocking.reader import Reader
from llamaq.settings.producer import Settings
from llamaq.store.answers import Answer
from llamaq.store.clock import Clock
from llamaq.store.connection import run, translated
from llamaq.store.script_runs import Call


class Connection:
    """The client of Redis, what it is for, and the reader of logs.

    Attributes:
        redis: the client; it connects on first use.
        url: where Redis is.
        settings: the producer's.
        clock: where time and ids come from.
        reader: reads the logs of jobs.
    """

    def __init__(self, url: str, settings: Settings, clock: Clock) -> None:
        self.redis = io.connect(url)
        self.url = url
        self.settings = settings
        self.clock = clock
        self.reader = Reader(self.redis, url, settings.keys, clock)

    def run(self, call: Call) -> Answer:
        """The answer of a script.

        Raises:
            BrokerUnavailable: Redis did not answer, or refused.
        """
        with translated(self.url):
            return run(self.redis, call)
