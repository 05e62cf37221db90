"""Reads the log of a job over one subscription, and connects again after a lost connection. Drives `LogFollower`.

redis-py subscribes again by itself after a lost connection, and `LogFollower` then reads what was missed. Where that
fails, the reader begins again at its cursor.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import redis

from llamaq.client.aio import io
from llamaq.client.log import PAUSE_SECONDS, log_entries, poll_call, published_entry, read_snapshot
from llamaq.store.clock import Clock
from llamaq.store.connection import run_async, translated
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
from llamaq.store.redis_client import AsyncClient, AsyncPubSub
from llamaq.vocabulary.events import Event


class AsyncReader:
    """Reads the logs of jobs."""

    def __init__(self, client: Callable[[], AsyncClient], url: str, keys: Keys, clock: Clock) -> None:
        self._client = client
        self._url = url
        self._keys = keys
        self._clock = clock

    def events(self, job_id: str, after: str | None, *, fresh: bool) -> AsyncGenerator[Event, None]:
        """Every event behind the cursor, up to the terminal one. Raises as `AsyncJob.events`."""
        follower = LogFollower(job_id, after, fresh=fresh)
        return self._run(job_id, follower, follower.events)

    async def end(self, job_id: str, timeout: float | None) -> Event:  # noqa: ASYNC109 - a verb of the queue has it
        """The terminal event.

        Raises:
            TimeoutError: it has not come within `timeout` seconds.
        """
        follower = LogFollower(job_id)
        limit = None if timeout is None else self._clock.monotonic() + timeout
        async with io.limited(timeout), aclosing(self._run(job_id, follower, follower.end, limit)) as stream:
            return await anext(stream)

    async def _run(
        self, job_id: str, follower: LogFollower, begin: Callable[[], Steps], limit: float | None = None
    ) -> AsyncGenerator[Event, None]:
        silent_since: float | None = None
        with translated(self._url):
            while not follower.ended:
                answers = follower.answers
                try:
                    async with self._client().pubsub() as pubsub:
                        await pubsub.subscribe(self._keys.events(job_id))
                        await pubsub.get_message(timeout=None)
                        async with aclosing(self._drive(job_id, begin(), pubsub, limit)) as stream:
                            async for event in stream:
                                yield event
                except (redis.ConnectionError, redis.TimeoutError):
                    now = self._clock.monotonic()
                    if limit is not None and now >= limit:
                        raise TimeoutError("the job has not ended yet, and Redis does not answer") from None
                    silent_since = now if silent_since is None or follower.answers > answers else silent_since
                    if now - silent_since > OUTAGE_SECONDS:
                        raise
                    await io.pause(self._clock, PAUSE_SECONDS)

    async def _drive(
        self, job_id: str, steps: Steps, pubsub: AsyncPubSub, limit: float | None
    ) -> AsyncGenerator[Event, None]:
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
                    reply = log_entries(await client.xrange(log, f"({cursor}", "+", count=PAGE))
                case ReadLastEntry():
                    reply = log_entries(await client.xrevrange(log, count=1))
                case CheckRecord():
                    reply = await client.exists(self._keys.record(job_id))
                case Receive(seconds):
                    reply = published_entry(await pubsub.get_message(timeout=self._left(seconds, limit)))
                case PollStatus():
                    reply = read_snapshot(await run_async(client, poll_call(self._keys, job_id)), self._clock.time())
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
