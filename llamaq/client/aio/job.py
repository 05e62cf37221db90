"""One job seen from asyncio, and the awaiting driver of `following`."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import redis
from pydantic import TypeAdapter

from llamaq.client.blocking.job import Pieces, T, outcome
from llamaq.client.blocking.reader import PAUSE_SECONDS, entries, heard, look, standing
from llamaq.extraction.partials import Partials
from llamaq.store.clock import Clock
from llamaq.store.connection import Client, run_async, translated
from llamaq.store.following import OUTAGE_SECONDS, PAGE, Exists, Following, Listen, Look, Read, ReadLast, Want
from llamaq.store.keys import Keys
from llamaq.vocabulary.events import Event
from llamaq.vocabulary.results import AnyResult
from llamaq.vocabulary.status import JobStatus

if TYPE_CHECKING:
    from llamaq.client.aio.producer import AsyncProducer

R = TypeVar("R", bound=AnyResult)


class AsyncJob(Generic[R]):
    """A handle on one job; see `Job` for what each verb means and raises.

    Attributes:
        id: the job's id, which is Celery's task id too.
    """

    def __init__(self, queue: "AsyncProducer", job_id: str) -> None:
        self._queue = queue
        self.id = job_id

    def __repr__(self) -> str:
        return f"AsyncJob({self.id!r})"

    async def events(self, after: str | None = None, *, fresh: bool = True) -> AsyncGenerator[Event, None]:
        """The job's events from the start, or behind a cursor; then live ones, up to the terminal one."""
        async with aclosing(self._queue._reader.events(self.id, after, fresh=fresh)) as stream:  # noqa: SLF001 - one component
            async for event in stream:
                yield event

    async def text(self, after: str | None = None) -> AsyncGenerator[str, None]:
        """The answer's text, piece by piece as it is generated."""
        pieces = Pieces(given=after is not None)
        async with aclosing(self._queue._reader.events(self.id, after, fresh=False)) as stream:  # noqa: SLF001 - one component
            async for event in stream:
                piece = pieces.take(self.id, event)
                if piece:
                    yield piece

    async def partials(self, target: type[T] | TypeAdapter[T]) -> AsyncGenerator[T, None]:
        """The object that an extraction draws out, each time it has grown; the last one is whole and validated."""
        partials = Partials(target)
        async with aclosing(self._queue._reader.events(self.id, None, fresh=False)) as stream:  # noqa: SLF001 - one component
            async for event in stream:
                for one in partials.take(event):
                    yield one
                if event.terminal:
                    outcome(self.id, event)

    async def result(self, timeout: float | None = None) -> R:  # noqa: ASYNC109 - the sync verb has it too
        """Wait for the end, at most `timeout` seconds."""
        return cast("R", outcome(self.id, await self._queue._reader.end(self.id, timeout)))  # noqa: SLF001 - as above

    async def status(self) -> JobStatus:
        """Where the job stands now."""
        return await self._queue._status(self.id)  # noqa: SLF001 - as above

    async def cancel(self, reason: str = "cancelled by the producer") -> bool:
        """End the job now, in whatever state it is."""
        return await self._queue._cancel(self.id, reason)  # noqa: SLF001 - as above


class AsyncReader:
    """Reads the logs of jobs."""

    def __init__(self, client: Client, url: str, keys: Keys, clock: Clock) -> None:
        self._client = client
        self._url = url
        self._keys = keys
        self._clock = clock

    def events(self, job_id: str, after: str | None, *, fresh: bool) -> AsyncGenerator[Event, None]:
        """Every event behind the cursor, up to the terminal one."""
        following = Following(job_id, after, fresh=fresh)
        return self._run(job_id, following, following.events)

    async def end(self, job_id: str, timeout: float | None) -> Event:  # noqa: ASYNC109 - as above
        """The terminal event."""
        following = Following(job_id)
        async with asyncio.timeout(timeout), aclosing(self._run(job_id, following, following.end)) as stream:
            return await anext(stream)

    async def _run(self, job_id: str, following: Following, machine: Any) -> AsyncGenerator[Event, None]:
        silent_since: float | None = None
        with translated(self._url):
            while not following.ended:
                answers = following.answers
                try:
                    async with self._client.pubsub() as pubsub:
                        await pubsub.subscribe(self._keys.events(job_id))
                        await pubsub.get_message(timeout=None)
                        async with aclosing(self._drive(job_id, machine(), pubsub)) as stream:
                            async for event in stream:
                                yield event
                except (redis.ConnectionError, redis.TimeoutError):
                    now = self._clock.monotonic()
                    silent_since = now if silent_since is None or following.answers > answers else silent_since
                    if now - silent_since > OUTAGE_SECONDS:
                        raise
                    await asyncio.sleep(PAUSE_SECONDS)

    async def _drive(
        self, job_id: str, machine: Generator[Want | Event, Any, None], pubsub: Any
    ) -> AsyncGenerator[Event, None]:
        log = self._keys.events(job_id)
        answer: Any = None
        while True:
            try:
                want = machine.send(answer)
            except StopIteration:
                return
            match want:
                case Read(cursor):
                    answer = entries(await self._client.xrange(log, f"({cursor}", "+", count=PAGE))
                case ReadLast():
                    answer = entries(await self._client.xrevrange(log, count=1))
                case Exists():
                    answer = await self._client.exists(self._keys.record(job_id))
                case Listen(seconds):
                    answer = heard(await pubsub.get_message(timeout=seconds))
                case Look():
                    answer = standing(await run_async(self._client, look(self._keys, job_id)), self._clock.time())
                case event:
                    answer = None
                    yield event
