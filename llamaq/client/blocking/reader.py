# Generated from ../aio/reader.py by `python3 run.py generate`: change that file instead.
"""Reads the log of a job over one subscription, and connects again after a lost connection. Drives `LogFollower`.

redis-py subscribes again by itself after a lost connection, and `LogFollower` then reads what was missed. Where that
fails, the reader begins again at its cursor.
"""

from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

import redis

from llamaq.client.blocking import io
from llamaq.client.log import PAUSE_SECONDS, log_entries, poll_call, published_entry, read_snapshot
from llamaq.store.clock import Clock
from llamaq.store.connection import run, translated
from llamaq.store.keys import Keys
from llamaq.store.log_follower import (
    OUTAGE_SECONDS,
    PAGE,
    CheckRecord,
    LogFollower,
    PollStatus,
    ReadLastEntry,
    ReadLog,
    Receive,
    Steps,
)
from llamaq.store.redis_client import Client, PubSub
from llamaq.vocabulary.events import Event


class Reader:
    """Reads the logs of jobs."""

    def __init__(self, client: Callable[[], Client], url: str, keys: Keys, clock: Clock) -> None:
        self._client = client
        self._url = url
        self._keys = keys
        self._clock = clock

    def events(self, job_id: str, after: str | None, *, fresh: bool) -> Generator[Event, None, None]:
        """Every event behind the cursor, up to the terminal one. Raises as `Job.events`."""
        follower = LogFollower(job_id, after, fresh=fresh)
        return self._run(job_id, follower, follower.events)

    def end(self, job_id: str, timeout: float | None) -> Event:
        """The terminal event.

        Raises:
            TimeoutError: it has not come within `timeout` seconds.
        """
        follower = LogFollower(job_id)
        limit = None if timeout is None else self._clock.monotonic() + timeout
        with io.limited(timeout), closing(self._run(job_id, follower, follower.end, limit)) as stream:
            return next(stream)

    def _run(
        self, job_id: str, follower: LogFollower, begin: Callable[[], Steps], limit: float | None = None
    ) -> Generator[Event, None, None]:
        silent_since: float | None = None
        with translated(self._url):
            while not follower.ended:
                answers = follower.answers
                try:
                    with self._client().pubsub() as pubsub:
                        pubsub.subscribe(self._keys.events(job_id))
                        pubsub.get_message(timeout=None)
                        with closing(self._drive(job_id, begin(), pubsub, limit)) as stream:
                            for event in stream:
                                yield event
                except (redis.ConnectionError, redis.TimeoutError):
                    now = self._clock.monotonic()
                    if limit is not None and now >= limit:
                        raise TimeoutError("the job has not ended yet, and Redis does not answer") from None
                    silent_since = now if silent_since is None or follower.answers > answers else silent_since
                    if now - silent_since > OUTAGE_SECONDS:
                        raise
                    io.pause(self._clock, PAUSE_SECONDS)

    def _drive(self, job_id: str, steps: Steps, pubsub: PubSub, limit: float | None) -> Generator[Event, None, None]:
        log = self._keys.events(job_id)
        client = self._client()
        reply: Any = None
        while True:
            try:
                step = steps.send(reply)
            except StopIteration:
                return
            match step:
                case ReadLog(cursor):
                    reply = log_entries(client.xrange(log, f"({cursor}", "+", count=PAGE))
                case ReadLastEntry():
                    reply = log_entries(client.xrevrange(log, count=1))
                case CheckRecord():
                    reply = client.exists(self._keys.record(job_id))
                case Receive(seconds):
                    reply = published_entry(pubsub.get_message(timeout=self._left(seconds, limit)))
                case PollStatus():
                    reply = read_snapshot(run(client, poll_call(self._keys, job_id)), self._clock.time())
                case event:
                    reply = None
                    yield event

    def _left(self, seconds: float, limit: float | None) -> float:
        """How long to wait for an entry: so many seconds, but not beyond the limit."""
        if limit is None:
            return seconds
        left = limit - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError("the job has not ended yet")
        return min(seconds, left)
