"""A running service as its tests see it: a producer, a scripted host, and what that host was asked in this test."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self, TypeVar

import redis

from embedded.scripted.launcher import ScriptedOllama, Stats
from embedded.scripted.script import GENERATING
from llamaq import Event, Job, JobQueue
from llamaq.store.connections.clients import connect
from llamaq.store.keys import Keys
from llamaq.vocabulary.events import Delta, Retrying, Started
from tests.changed_worker import SOON, command
from tests.worker_process import WorkerProcess

MAX_WAIT_SECONDS = 60.0
E = TypeVar("E", bound=Event)


class Service:
    """One prefix in one Redis, one scripted host, and a producer. Workers are whoever serves the prefix.

    Attributes:
        queue: the producer.
        ollama: the host.
        redis: a plain client, for what is kept in Redis.
        keys: the names under the prefix.
    """

    def __init__(self, redis_url: str, prefix: str, queue: JobQueue, ollama: ScriptedOllama) -> None:
        self.url = redis_url
        self.prefix = prefix
        self.queue = queue
        self.ollama = ollama
        self.keys = Keys(prefix)
        # Typed as what it is used for: redis-py's own types unite every answer that some setting could bring.
        self.redis: Any = (
            connect(redis_url) if "sentinel" in redis_url else redis.Redis.from_url(redis_url, decode_responses=True)
        )

    def begin(self) -> None:
        """From here on only new requests count as asked."""
        self.ollama.forget_requests()

    def list_requests(self, path: str | None = None) -> list[dict[str, Any]]:
        """Bodies of the requests to models since the test began, in their order."""
        return [json.loads(entry["body"]) for entry in self._entries(self.ollama.stats(), path)]

    def wait_requests(self, number: int) -> None:
        """Wait until the host has been asked so many times."""
        self.wait(lambda stats: len(self._entries(stats)) >= number)

    def wait_held(self, gate: str, number: int = 1) -> None:
        """Wait until so many requests stop at a gate."""
        self.wait(lambda stats: stats["held"].get(gate, 0) >= number)

    def wait_hung_up(self, number: int = 1) -> None:
        """Wait until the host has seen so many of the test's requests lose their client."""
        self.wait(lambda stats: sum(entry["hung_up_at"] is not None for entry in self._entries(stats)) >= number)

    def wait(self, true: Callable[[Stats], bool]) -> None:
        """Wait until what the host saw is as it should be; a worker's own looks at the host keep it changing."""
        limit = time.monotonic() + MAX_WAIT_SECONDS

        def in_time(stats: Stats) -> bool:
            assert time.monotonic() < limit, f"it did not come about: {stats}"
            return true(stats)

        self.ollama.wait(in_time)

    def hold(self, **script: Any) -> str:
        """Script one request that stops, and give the name that `ollama.release` lets it go by."""
        gate = fresh_name()
        self.ollama.script(hold=gate, **script)
        return gate

    def log(self, job_id: str) -> list[tuple[str, str]]:
        """A job's log as it stands in Redis: cursor and JSON of every event."""
        return [(cursor, fields["event"]) for cursor, fields in self.redis.xrange(self.keys.events(job_id))]

    def expire_leases(self) -> None:
        """Let every lease run out now, and let any worker lead the reaper, as some time after the death of a worker.

        With short leases instead, the living ones would lose theirs where the machine stands still for a second.
        """
        seconds, _ = self.redis.time()
        self.redis.hset(f"{self.prefix}:reaper", mapping={"last": seconds, "grace": 0, "until": 0})
        held = self.redis.zrange(self.keys.leases(), 0, -1)
        assert self.redis.zadd(self.keys.leases(), dict.fromkeys(held, 1), xx=True, ch=True) > 0, "no lease"

    def slots_held(self) -> int:
        """Slots that are held, over all hosts."""
        return int(self.redis.zcard(self.keys.leases()))

    @contextmanager
    def apart(self) -> Iterator[Self]:
        """Keep a test apart from others with the same service.

        A job that a test leaves, as one that is tried again, would take what the next test scripts.
        """
        self.begin()
        try:
            yield self
        finally:
            self._tidy()

    def _tidy(self) -> None:
        """End what still runs, and wait until the host and its slots are free."""
        self.ollama.clear()
        for status in self.queue.jobs(limit=200):
            if not status.ended:
                self.queue.job(status.id).cancel()
        self.wait(lambda stats: all(entry["ended_at"] is not None for entry in self._entries(stats)))
        wait_until(lambda: self.slots_held() == 0)

    def close(self) -> None:
        """Close the connection."""
        self.redis.close()

    def _entries(self, stats: Stats, path: str | None = None) -> list[dict[str, Any]]:
        wanted = GENERATING if path is None else (path,)
        return [entry for entry in stats["requests"] if entry["path"] in wanted]


def fresh_name() -> str:
    """A name that no other test has used."""
    return uuid.uuid4().hex


def read_until(job: Job[Any], kind: type[E], number: int = 1) -> list[Event]:
    """A job's events up to the so-manieth of a kind."""
    seen: list[Event] = []
    for event in job.events():
        seen.append(event)
        number -= isinstance(event, kind)
        if number == 0:
            return seen
    raise AssertionError(f"the job ended without {kind.__name__}: {seen}")


def last_text(events: list[Event]) -> str:
    """The text that the deltas of the last attempt join to."""
    last = max((event.attempt for event in events if isinstance(event, Started)), default=0)
    return "".join(event.text or "" for event in events if isinstance(event, Delta) and event.attempt == last)


def kinds(events: list[Event]) -> list[str]:
    """The types of a log's events, one for each run of deltas."""
    names = [event.type for event in events if not event.fresh]
    return [name for index, name in enumerate(names) if name != "delta" or names[index - 1] != "delta"]


def list_retry_codes(events: list[Event]) -> list[str]:
    """The error codes of the attempts that were given back."""
    return [event.error.code for event in events if isinstance(event, Retrying)]


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for what nothing announces."""
    limit = time.monotonic() + MAX_WAIT_SECONDS
    while not true():
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(0.01)


@contextmanager
def start_service(redis_url: str, slots: int, **settings: Any) -> Iterator[Service]:
    """A scripted host and a worker with so many slots. Tests that share it have it `apart`.

    The worker is quick to try again, to see a changed model, and to notice a cancel whose message was lost with a
    killed connection; `settings` are further ones of it.
    """
    quick: dict[str, Any] = {"probe_seconds": 0.5, "lease_seconds": 6, **settings}
    prefix = f"test-{fresh_name()[:12]}"
    with (
        JobQueue(redis_url, prefix=prefix) as queue,
        ScriptedOllama.start(slots=slots) as ollama,
        WorkerProcess(redis_url, ollama.url, command(SOON), prefix=prefix, slots=slots, **quick) as worker,
    ):
        worker.start().ready(queue)
        service = Service(redis_url, prefix, queue, ollama)
        yield service
        service.close()
