"""Reads the log of a job over the subscription of its hub. Drives `LogFollower`.

After a lost connection it subscribes again, and begins at its cursor.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, cast

import redis

from llamaq.client.aio import io
from llamaq.client.aio.hub import AsyncHub, TaskInbox
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
from llamaq.store.redis_client import AsyncClient, Entries
from llamaq.store.redis_errors import translate_errors
from llamaq.store.script_drivers import run_async, unwrap
from llamaq.vocabulary.events import Event, Piece, parse_piece


class AsyncReader:
    """Reads the logs of jobs."""

    def __init__(
        self,
        client: Callable[[], AsyncClient],
        hub: Callable[[], AsyncHub],
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

    async def events(self, job_id: str, after: str | None, *, fresh: bool) -> AsyncGenerator[Event, None]:
        """Every event behind the cursor, up to the terminal one. Raises as `AsyncJob.events`."""
        follower = LogFollower(job_id, after, fresh=fresh, confirmed=self._confirmed)
        limits = ReaderLimits(self._clock, self._call_seconds)
        async with aclosing(self._run(job_id, follower, follower.events, limits)) as stream:
            async for ready in stream:
                for event in ready:
                    yield event

    def pieces(
        self, job_id: str, after: str | None, *, fresh: bool, take_piece: TakePiece | None = None
    ) -> AsyncGenerator[list[Event | Piece], None]:
        """As `events`, but with a `Piece` for each `delta`, and those that are there at the same time in one list.

        In asyncio, `take_piece` may take pieces as they come while the reader waits.
        """
        follower = LogFollower(
            job_id, after, fresh=fresh, confirmed=self._confirmed, parse=parse_piece, take_piece=take_piece
        )
        return self._run(job_id, follower, follower.events, ReaderLimits(self._clock, self._call_seconds))

    async def end(self, job_id: str, timeout: float | None) -> Event:  # noqa: ASYNC109 - a verb of the queue has it
        """The terminal event.

        Raises:
            TimeoutError: it has not come within `timeout` seconds.
        """
        follower = LogFollower(job_id, confirmed=self._confirmed)
        limits = ReaderLimits(self._clock, self._call_seconds, timeout)
        async with aclosing(self._run(job_id, follower, follower.end, limits, ends_only=True)) as stream:
            end: Event = (await anext(stream))[0]
            return end

    async def _run(
        self,
        job_id: str,
        follower: LogFollower,
        begin: Callable[[], Steps],
        limits: ReaderLimits,
        *,
        ends_only: bool = False,
    ) -> AsyncGenerator[list[Any], None]:
        log = self._keys.events(job_id)
        with translate_errors(self._url, self._names):
            while not follower.ended:
                hub = self._hub()
                try:
                    async with (
                        hub.subscribe(log, limits.call_seconds(), ends_only=ends_only) as inbox,
                        aclosing(self._drive(job_id, follower, begin(), hub, inbox, limits)) as stream,
                    ):
                        async for ready in stream:
                            yield ready
                except (redis.ConnectionError, redis.TimeoutError) as error:
                    limits.check_retry(error)
                    await io.pause(self._clock, PAUSE_SECONDS)
                except SubscriptionLost:
                    hub.suspect()

    async def _drive(
        self, job_id: str, follower: LogFollower, steps: Steps, hub: AsyncHub, inbox: TaskInbox, limits: ReaderLimits
    ) -> AsyncGenerator[list[Any], None]:
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
                    reply = await io.receive(inbox, limits.wait_seconds(seconds), take)
                    # Most events are live pieces, one at a time. For each, the way through the steps would take longer.
                    while reply and not holds and not inbox.has_entry and (event := follower.read_live(reply)):
                        yield [event]
                        reply = await io.receive(inbox, limits.wait_seconds(seconds), take)
                case question:
                    async with io.time_limit(limits.call_seconds()), hub.take_turn():
                        reply = await self._ask(job_id, question)
                    limits.note_answer()

    async def _is_kept(self, client: AsyncClient, record: str) -> bool:
        state = await client.hget(record, "state")
        if state is None:
            # A demoted master may lack a new job. It refuses this write, which changes nothing. Another is asked then.
            await client.hdel(record, "-")
            state = await client.hget(record, "state")
        return state not in (None, "deleted")  # the record of a job that is deleted while it runs stays until its end

    async def _ask(self, job_id: str, step: Question) -> Any:
        client, log = self._client(), self._keys.events(job_id)
        match step:
            case ReadLog(cursor):
                return read_entries(await client.xrange(log, f"({cursor}", "+", count=PAGE))
            case ReadEntry(cursor):
                return read_entries(await client.xrange(log, cursor, cursor, count=1))
            case ReadConfirmed(cursor):
                commands = [self._keys.master_proof(), ("XRANGE", log, cursor, cursor)]
                _, found = [unwrap(reply) for reply in await client.execute_all(commands)]
                return read_entries(cast("Entries", found))
            case ReadLastEntry():
                return read_entries(await client.xrevrange(log, count=1))
            case CheckRecord():
                return await self._is_kept(client, self._keys.record(job_id))
            case PollStatus():
                return read_snapshot(await run_async(client, poll_call(self._keys, job_id)), self._clock.time())
