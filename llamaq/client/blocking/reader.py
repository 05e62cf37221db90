"""The blocking driver of `following`: one subscription, kept alive over lost connections."""

from collections.abc import Generator, Iterator
from typing import Any

import redis

from llamaq.store import scripts
from llamaq.store.clock import Clock
from llamaq.store.connection import Call, Client, run, translated
from llamaq.store.following import (
    OUTAGE_SECONDS,
    PAGE,
    RESUBSCRIBED,
    Exists,
    Following,
    Listen,
    Look,
    Read,
    ReadLast,
    Standing,
    Want,
)
from llamaq.store.keys import Keys
from llamaq.vocabulary.events import Event

PAUSE_SECONDS = 0.25


class Reader:
    """Reads the logs of jobs."""

    def __init__(self, client: Client, url: str, keys: Keys, clock: Clock) -> None:
        self._client = client
        self._url = url
        self._keys = keys
        self._clock = clock

    def events(self, job_id: str, after: str | None, *, fresh: bool) -> Generator[Event, None, None]:
        """Every event behind the cursor, up to the terminal one. Raises as `Job.events`."""
        following = Following(job_id, after, fresh=fresh)
        return self._run(job_id, following, following.events, None)

    def end(self, job_id: str, timeout: float | None) -> Event:
        """The terminal event.

        Raises:
            TimeoutError: the job had not ended after `timeout` seconds.
        """
        following = Following(job_id)
        limit = None if timeout is None else self._clock.monotonic() + timeout
        return next(self._run(job_id, following, following.end, limit))

    def _run(
        self, job_id: str, following: Following, machine: Any, limit: float | None
    ) -> Generator[Event, None, None]:
        silent_since: float | None = None
        with translated(self._url):
            while not following.ended:
                answers = following.answers
                try:
                    with self._client.pubsub() as pubsub:
                        pubsub.subscribe(self._keys.events(job_id))
                        pubsub.get_message(timeout=None)
                        yield from self._drive(job_id, machine(), pubsub, limit)
                except (redis.ConnectionError, redis.TimeoutError):
                    now = self._clock.monotonic()
                    if limit is not None and now >= limit:
                        raise TimeoutError("the job has not ended yet, and Redis does not answer") from None
                    silent_since = now if silent_since is None or following.answers > answers else silent_since
                    if now - silent_since > OUTAGE_SECONDS:
                        raise
                    self._clock.sleep(PAUSE_SECONDS)

    def _drive(
        self, job_id: str, machine: Generator[Want | Event, Any, None], pubsub: Any, limit: float | None
    ) -> Iterator[Event]:
        answer: Any = None
        while True:
            try:
                want = machine.send(answer)
            except StopIteration:
                return
            match want:
                case Read(cursor):
                    answer = entries(self._client.xrange(self._keys.events(job_id), f"({cursor}", "+", count=PAGE))
                case ReadLast():
                    answer = entries(self._client.xrevrange(self._keys.events(job_id), count=1))
                case Exists():
                    answer = self._client.exists(self._keys.record(job_id))
                case Listen(seconds):
                    answer = self._listen(pubsub, seconds, limit)
                case Look():
                    answer = standing(run(self._client, look(self._keys, job_id)), self._clock.time())
                case event:
                    answer = None
                    yield event

    def _listen(self, pubsub: Any, seconds: float, limit: float | None) -> tuple[str, str] | None:
        if limit is not None:
            left = limit - self._clock.monotonic()
            if left <= 0:
                raise TimeoutError("the job has not ended yet")
            seconds = min(seconds, left)
        message = pubsub.get_message(timeout=seconds)
        return heard(message)


def heard(message: dict[str, Any] | None) -> tuple[str, str] | None:
    """A message of pub/sub as an entry: `<cursor> <json>`."""
    if message is None:
        return None
    if message["type"] != "message":
        return RESUBSCRIBED
    cursor, _, payload = message["data"].partition(" ")
    return cursor, payload


def entries(answer: Any) -> list[tuple[str, str]]:
    """The answer of XRANGE as entries."""
    return [(cursor, fields["event"]) for cursor, fields in answer]


def look(keys: Keys, job_id: str) -> Call:
    """The question where a job stands."""
    return Call(scripts.load("status"), [keys.prefix, job_id, "state"])


def standing(answer: list[Any], now: float) -> Standing | None:
    """Its answer; None when there is no such job."""
    if not answer:
        return None
    position, eta, (state,) = answer
    return Standing(state, None if position == "" else int(position), float(eta) if eta else None, now)
