# Generated from ../aio/reader.py by `python3 run.py generate`: change that file instead.
"""Reads the log of a job over the subscription of its hub. Drives `LogFollower`.

After a lost connection it subscribes again, and begins at its cursor.
"""

from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any, cast

import redis

from llamaq.client.blocking import io
from llamaq.client.blocking.hub import Hub, ThreadInbox
from llamaq.client.job_events import PAUSE_SECONDS, join_events, poll_call, read_entries, read_snapshot
from llamaq.client.reader_limits import ReaderLimits
from llamaq.settings.producer import Settings
from llamaq.store.clock import Clock
from llamaq.store.connections.address import parse_url
from llamaq.store.log_follower import (
    PAGE,
    CheckRecord,
    LogFollower,
    PollStatus,
    Question,
    ReadConfirmed,
    ReadEntry,
    ReadLastEntry,
    ReadLog,
    Receive,
    Steps,
    SubscriptionLost,
    TakePiece,
)
from llamaq.store.redis_client import Client, Entries
from llamaq.store.redis_errors import translate_errors
from llamaq.store.script_drivers import run, unwrap
from llamaq.vocabulary.events import Event, Piece, parse_piece


class Reader:
    """Reads the logs of jobs."""

    def __init__(
        self,
        client: Callable[[], Client],
        hub: Callable[[], Hub],
        url: str,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._client = client
        self._hub = hub
        self._url = url
        self._confirmed = bool(parse_url(url).master)
        self._names = settings.redis_names
        self._keys = settings.keys
        self._call_seconds = settings.call_seconds
        self._clock = clock

    def events(self, job_id: str, after: str | None, *, fresh: bool) -> Generator[Event, None, None]:
        """Every event behind the cursor, up to the terminal one. Raises as `Job.events`."""
        follower = LogFollower(job_id, after, fresh=fresh, confirmed=self._confirmed)
        limits = ReaderLimits(self._clock, self._call_seconds)
        with closing(self._run(job_id, follower, follower.events, limits)) as stream:
            for ready in stream:
                for event in ready:
                    yield event

    def pieces(
        self, job_id: str, after: str | None, *, fresh: bool, take_piece: TakePiece | None = None
    ) -> Generator[list[Event | Piece], None, None]:
        """As `events`, but with a `Piece` for each `delta`, and those that are there at the same time in one list.

        In asyncio, `take_piece` may take pieces as they come while the reader waits.
        """
        follower = LogFollower(
            job_id, after, fresh=fresh, confirmed=self._confirmed, parse=parse_piece, take_piece=take_piece
        )
        return self._run(job_id, follower, follower.events, ReaderLimits(self._clock, self._call_seconds))

    def end(self, job_id: str, timeout: float | None) -> Event:
        """The terminal event.

        Raises:
            TimeoutError: it has not come within `timeout` seconds.
        """
        follower = LogFollower(job_id, confirmed=self._confirmed)
        limits = ReaderLimits(self._clock, self._call_seconds, timeout)
        with closing(self._run(job_id, follower, follower.end, limits, ends_only=True)) as stream:
            end: Event = (next(stream))[0]
            return end

    def _run(
        self,
        job_id: str,
        follower: LogFollower,
        begin: Callable[[], Steps],
        limits: ReaderLimits,
        *,
        ends_only: bool = False,
    ) -> Generator[list[Any], None, None]:
        log = self._keys.events(job_id)
        with translate_errors(self._url, self._names):
            while not follower.ended:
                hub = self._hub()
                try:
                    with (
                        hub.subscribe(log, limits.call_seconds(), ends_only=ends_only) as inbox,
                        closing(self._drive(job_id, follower, begin(), hub, inbox, limits)) as stream,
                    ):
                        for ready in stream:
                            yield ready
                except (redis.ConnectionError, redis.TimeoutError) as error:
                    limits.check_retry(error)
                    io.pause(self._clock, PAUSE_SECONDS)
                except SubscriptionLost:
                    hub.suspect()

    def _drive(
        self, job_id: str, follower: LogFollower, steps: Steps, hub: Hub, inbox: ThreadInbox, limits: ReaderLimits
    ) -> Generator[list[Any], None, None]:
        joint, reply = join_events(steps, lambda: inbox.has_entry), None
        while True:
            try:
                step = joint.send(reply)
            except StopIteration:
                return
            match step:
                case list():
                    reply = None
                    yield step
                case Receive(seconds, take):
                    holds = inbox.has_entry  # then `joint` may have events, which are to be given first
                    reply = io.receive(inbox, limits.wait_seconds(seconds), take)
                    # Most events are live pieces, one at a time. For each, the way through the steps would take longer.
                    while reply and not holds and not inbox.has_entry and (event := follower.read_live(reply)):
                        yield [event]
                        reply = io.receive(inbox, limits.wait_seconds(seconds), take)
                case question:
                    with io.time_limit(limits.call_seconds()), hub.take_turn():
                        reply = self._ask(job_id, question)
                    limits.note_answer()

    def _is_kept(self, client: Client, record: str) -> bool:
        state = client.hget(record, "state")
        if state is None:
            # A demoted master may lack a new job. It refuses this write, which changes nothing. Another is asked then.
            client.hdel(record, "-")
            state = client.hget(record, "state")
        return state not in (None, "deleted")  # the record of a job that is deleted while it runs stays until its end

    def _ask(self, job_id: str, step: Question) -> Any:
        client, log = self._client(), self._keys.events(job_id)
        match step:
            case ReadLog(cursor):
                return read_entries(client.xrange(log, f"({cursor}", "+", count=PAGE))
            case ReadEntry(cursor):
                return read_entries(client.xrange(log, cursor, cursor, count=1))
            case ReadConfirmed(cursor):
                commands = [self._keys.master_proof(), ("XRANGE", log, cursor, cursor)]
                _, found = [unwrap(reply) for reply in client.execute_all(commands)]
                return read_entries(cast("Entries", found))
            case ReadLastEntry():
                return read_entries(client.xrevrange(log, count=1))
            case CheckRecord():
                return self._is_kept(client, self._keys.record(job_id))
            case PollStatus():
                return read_snapshot(run(client, poll_call(self._keys, job_id)), self._clock.time())
