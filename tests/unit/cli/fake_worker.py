"""A real Redis, and the worker's half of a job played by the test itself through the worker's own job store."""

import json
import threading
from typing import Any
from uuid import uuid4

from redis import Redis

from embedded.scripted.fleet import EXHAUSTED, LOST, ORPHAN_SECONDS, ORPHANED, PATIENCE
from llamaq import JobQueue
from llamaq.settings.producer import Settings
from llamaq.store.connections.clients import connect
from llamaq.store.keys import Keys
from llamaq.store.script_drivers import run, unwrap
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.flushes import Flush, build_calls, read_outcomes
from llamaq.store.worker.job_store import JobStore
from llamaq.store.worker.outcome import Completed, Error
from llamaq.vocabulary.wire import dump_members, dumps

HOST = "h1"
MODEL = "m:latest"
WAIT_SECONDS = 60
REPORT_SECONDS = 3.0
LEASE_SECONDS = 600
RESULT = {"model": MODEL, "host": HOST, "done_reason": "stop"}


class FakeWorker:
    """One prefix of a Redis, with a host that offers `MODEL` and stays reported until `close`."""

    def __init__(self, url: str, *, slots: int = 9, **model: Any) -> None:
        self.url = url
        self.prefix = f"t{uuid4().hex[:12]}"
        self.keys = Keys(self.prefix)
        self.queue = JobQueue(url, settings=Settings(keys=self.keys))
        self.redis = connect(url)
        # redis-py gives up on a blocking command after a few seconds, unless told otherwise.
        self._queues: Any = Redis.from_url(url, decode_responses=True, socket_timeout=None)
        self.store = self.another(HOST)
        self._slots = slots
        self._status = dumps({"version": "0.32.15", "models": [{"model": MODEL, **model}]})
        self._closed = threading.Event()
        self._report()
        self._reporter = threading.Thread(target=self._keep_reporting, daemon=True)
        self._reporter.start()

    def another(self, host: str) -> JobStore:
        """The job store of a worker on that host."""
        return JobStore(
            self.redis,
            self.keys,
            host=host,
            worker="w1",
            lease_seconds=LEASE_SECONDS,
            conversation_ttl=100,
            result_ttl=100,
            lost=LOST,
            exhausted=EXHAUSTED,
            orphaned=ORPHANED,
            orphan_seconds=ORPHAN_SECONDS,
        )

    def close(self) -> None:
        self._closed.set()
        self._reporter.join()
        self.queue.close()
        self.redis.close()
        self._queues.close()

    def take(self) -> "Attempt":
        """Wait for a message, and claim its job."""
        message = self._queues.brpop([self.keys.host_queue(HOST)], timeout=WAIT_SECONDS)
        assert message is not None, "no job was submitted"
        return self.claim(json.loads(message[1])["headers"]["id"])

    def claim(self, job_id: str) -> "Attempt":
        job = self.store.claim(job_id)
        assert job is not None, f"{job_id} cannot be claimed"
        return Attempt(self, job)

    def request(self, job_id: str) -> dict[str, Any]:
        """The request as it is kept: only what was set."""
        fields: dict[str, Any] = json.loads(self.redis.hget(self.keys.record(job_id), "request") or "{}")
        return fields

    def log(self, job_id: str) -> list[tuple[str, str]]:
        """The job's log as it stands: (cursor, JSON)."""
        return [(cursor, fields["event"]) for cursor, fields in self.redis.xrange(self.keys.events(job_id), "-", "+")]

    def _keep_reporting(self) -> None:
        while not self._closed.wait(REPORT_SECONDS):
            self._report()

    def _report(self) -> None:
        self.store.report(self._slots, 1, self._status, [MODEL], **PATIENCE)


class Attempt:
    """A running attempt at a job."""

    def __init__(self, fake_worker: FakeWorker, job: ClaimedJob) -> None:
        self.job_id = job.id
        self.job = job
        self._fake_worker = fake_worker
        self._flush = 0

    def event(self, kind: str, **fields: Any) -> str:
        """Append an event, as a flush of its own; the answer is the script's."""
        self._flush += 1
        flush = Flush(
            self.job, f"{self.job_id} {HOST}", renews=True, events=[(self._flush, kind, dump_members(**fields))]
        )
        (call,) = build_calls(self._fake_worker.keys, LEASE_SECONDS, [flush])
        ((word, _),) = read_outcomes([run(self._fake_worker.redis, call)], [flush])
        return unwrap(word)

    def say(self, *pieces: str) -> None:
        for piece in pieces:
            assert self.event("delta", text=piece) == "OK"

    def complete(self, **result: Any) -> None:
        self._fake_worker.store.complete(self.job, Completed(RESULT | {"attempts": self.job.attempt} | result))

    def complete_turn(self, message: dict[str, Any], turn: list[dict[str, Any]]) -> None:
        result = RESULT | {"attempts": self.job.attempt, "message": message}
        self._fake_worker.store.complete(self.job, Completed(result, tuple(turn)))

    def fail(self, code: str, message: str, *, retryable: bool = False, **details: Any) -> None:
        self._fake_worker.store.fail(self.job, Error(code, message, retryable, details))

    def give_back(self, code: str, message: str, **details: str) -> "Attempt":
        """Release it for another try, and claim that."""
        error = Error(code, message, retryable=True, details=details)
        self._fake_worker.store.release(self.job, error, 0, counts=True)
        return self._fake_worker.take()
