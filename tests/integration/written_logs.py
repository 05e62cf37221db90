"""Jobs without a worker: a test writes their events itself, and readers in threads follow them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis

from embedded.redis import EmbeddedRedis
from llamaq import Job, JobQueue
from llamaq.settings.producer import Settings
from llamaq.store.keys import Keys
from tests.service import fresh_name

Transcript = list[tuple[str, str]]
STARTED = '{"v":1,"type":"started","attempt":1,"at":1.0,"host":"h","worker":"w"}'
DELTA = '{"v":1,"type":"delta","attempt":1,"at":1.0,"text":"%s"}'


class World:
    """Jobs whose events the test writes itself, and a queue whose subscription connection can be told from others."""

    def __init__(self, server: EmbeddedRedis, prefix: str, url: str | None = None, call_seconds: float = 15) -> None:
        self.name = fresh_name()
        self.prefix = prefix
        self.url = f"{url or server.url}?client_name={self.name}"
        self.queue = JobQueue(self.url, settings=Settings(keys=Keys(prefix), call_seconds=call_seconds))
        self.server: Any = redis.Redis(port=server.port, decode_responses=True)
        self.writer = JobQueue(server.url, prefix=prefix)

    def job(self) -> Job[Any]:
        """A new job, to be read over the queue."""
        return self.queue.job(self.writer.generate("m", "x", wait_for_model=True).id)

    def write(self, job_id: str, number: int) -> None:
        """So many pieces, one after the other."""
        for count in range(number):
            self.write_at_once(job_id, DELTA % count)

    def write_at_once(self, job_id: str, *events: str) -> None:
        """Events, as the scripts of a worker write them. Their readers get them together."""
        self.server.eval(
            "for _, event in ipairs(ARGV) do local id = redis.call('XADD', KEYS[1], '*', 'event', event)"
            "redis.call('PUBLISH', KEYS[1], id .. ' ' .. event) end",
            1,
            self.writer.settings.keys.events(job_id),
            *events,
        )

    def end(self, *job_ids: str) -> None:
        """The terminal event."""
        for job_id in job_ids:
            self.writer.job(job_id).cancel()

    def log(self, job_id: str) -> Transcript:
        """What stands in the log."""
        entries = self.server.xrange(self.writer.settings.keys.events(job_id))
        return [(cursor, fields["event"]) for cursor, fields in entries]

    def subscriptions(self) -> list[dict[str, Any]]:
        """The subscription connections of the queue."""
        return [one for one in self.server.client_list(_type="pubsub") if one["name"] == self.name]

    def subscribed(self, job: Job[Any]) -> bool:
        """Whether a reader of the job is subscribed."""
        return bool(self.server.pubsub_numsub(self.writer.settings.keys.events(job.id))[0][1])

    def close(self) -> None:
        """Close all connections."""
        self.queue.close()
        self.writer.close()
        self.server.close()


class Following(threading.Thread):
    """Follows a job.

    Attributes:
        got: cursor and JSON of each event.
        error: what the reader raised.
    """

    def __init__(self, job: Job[Any]) -> None:
        super().__init__(daemon=True)
        self.job = job
        self.got: Transcript = []
        self.error: Exception | None = None

    def run(self) -> None:
        """Read to the end."""
        try:
            for event in self.job.events(fresh=False):
                self.got.append((event.cursor, event.payload))
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.error = error


@contextmanager
def reading(jobs: list[Job[Any]]) -> Iterator[list["Following"]]:
    """A thread with a reader for each job; all have ended when the block has."""
    threads = [Following(job) for job in jobs]
    for thread in threads:
        thread.start()
    yield threads
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
