"""A producer and workers on one job store, without Celery and Ollama. Tests and benchmarks use it."""

import json
import threading
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypedDict

from llamaq import Job, JobQueue
from llamaq.settings.producer import Settings
from llamaq.store.answers import Answer
from llamaq.store.arguments import Arguments
from llamaq.store.clock import SYSTEM
from llamaq.store.connections.clients import connect
from llamaq.store.keys import Keys
from llamaq.store.script_drivers import run, unwrap
from llamaq.store.script_runs import Call
from llamaq.store.worker.attempt_logs import AttemptLogs
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.flushes import Flush, NumberedEvent, Place, Written
from llamaq.store.worker.job_store import JobStore
from llamaq.store.worker.outcome import Completed, Error
from llamaq.vocabulary.requests import dump_json, parse
from llamaq.vocabulary.wire import dump_members

MODEL = "smollm2:135m"
LEASE_SECONDS = 15.0
_KEPT_SECONDS = Settings().result_ttl
LOST = Error("internal", "the worker was lost", retryable=True)
EXHAUSTED = Error("attempts_exhausted", "every worker was lost")
ORPHANED = Error("model_not_found", "no host has the model")
ORPHAN_SECONDS = 600.0
ENDINGS = ("completed", "failed", "cancelled", "expired")


class Patience(TypedDict):
    """Seconds, as `JobStore.report` takes them."""

    affinity_patience: float
    lane_patience: float


PATIENCE = Patience(affinity_patience=15, lane_patience=60)


class Message(NamedTuple):
    """The content of Celery's message for an assigned job."""

    job_id: str
    kind: str
    host: str


class Fleet:
    """One prefix of Redis, with access to its keys.

    Attributes:
        queue: a producer.
        redis: a client that reads text.
    """

    def __init__(self, url: str, prefix: str, **settings: Any) -> None:
        self.url = url
        self.keys = Keys(prefix)
        self.queue = JobQueue(url, settings=Settings(keys=self.keys, **settings))
        self.redis: Any = connect(url)
        self._logs = AttemptLogs(self.redis, self.keys, LEASE_SECONDS, SYSTEM)
        self._writing = threading.Lock()
        self._written: dict[str, tuple[int, Place | None]] = {}
        """By the fences of attempts, the number of the last event, and the place for the next one."""

    def close(self) -> None:
        """Close the connections."""
        self.queue.close()
        self.redis.close()

    def open_store(self, host: str = "alpha", name: str = "w1", result_ttl: int = _KEPT_SECONDS) -> JobStore:
        """Open a worker's store."""
        return JobStore(
            self.redis,
            self.keys,
            host=host,
            worker=name,
            lease_seconds=LEASE_SECONDS,
            conversation_ttl=1000,
            result_ttl=result_ttl,
            lost=LOST,
            exhausted=EXHAUSTED,
            orphaned=ORPHANED,
            orphan_seconds=ORPHAN_SECONDS,
        )

    def add_host(
        self,
        name: str = "alpha",
        *,
        slots: int = 1,
        max_models: int = 1,
        models: Iterable[str] = (MODEL,),
        loaded: Sequence[str] = (),
        patience: float = PATIENCE["affinity_patience"],
        lane_patience: float = PATIENCE["lane_patience"],
        **told: Any,
    ) -> JobStore:
        """Add a host: a worker that has reported it."""
        store = self.open_store(name)
        status = json.dumps({"version": "0", "models": []})
        store.report(
            slots,
            max_models,
            status,
            list(models),
            loaded=loaded,
            affinity_patience=patience,
            lane_patience=lane_patience,
            **told,
        )
        return store

    def take_messages(self, *hosts: str) -> list[Message]:
        """Take Celery's messages off the queues of these hosts, or of all: host by host, the oldest first."""
        found: list[Message] = []
        for host in hosts or sorted(self.redis.zrange(self.keys.hosts(), 0, -1)):
            while text := self.redis.rpop(self.keys.host_queue(host)):
                headers = json.loads(text)["headers"]
                found.append(Message(headers["id"], headers["task"].removeprefix("llamaq."), host))
        return found

    def submit(self, model: str = MODEL, prompt: str = "x", **fields: Any) -> Job[Any]:
        """Submit a job of kind generate."""
        return self.queue.generate(model, prompt, wait_for_model=True, **fields)

    def claim(self, store: JobStore, job: Job[Any]) -> ClaimedJob:
        """Claim a job that must be claimable."""
        claimed = store.claim(job.id)
        assert claimed is not None, f"{self.record(job.id)} cannot be claimed"
        return claimed

    def start_job(self, store: JobStore, **fields: Any) -> tuple[Job[Any], ClaimedJob]:
        """Start a job: submit and claim it."""
        job = self.submit(**fields)
        return job, self.claim(store, job)

    def append(self, claimed: ClaimedJob, number: int, **words: Any) -> str:
        """Append one event of an attempt, as the event writer sends it: the word of `append.lua`.

        The first one renews the lease. Those behind it go without a script, unless one is sent again.

        Raises:
            ResponseError: it was not written.
        """
        last, place = self._written.get(claimed.fence, (0, None))
        event = (number, "delta", dump_members(**words))
        word, place = self._flush(claimed, event, pieces=number, place=place if number == last + 1 else None)
        self._written[claimed.fence] = number, place
        return unwrap(word)

    def renew(self, claimed: ClaimedJob) -> str:
        """Renew a lease, as the event writer does it."""
        return unwrap(self._flush(claimed).word)

    def _flush(
        self, claimed: ClaimedJob, *events: NumberedEvent, pieces: int = 0, place: Place | None = None
    ) -> Written:
        lease = f"{claimed.id} {claimed.host}"
        with self._writing:
            (written,) = self._logs.write([Flush(claimed, lease, place is None, events, pieces, place)])
        return written

    def run(self, arguments: Arguments, keys: Sequence[str] = ()) -> Answer:
        """Run any script; returns its answer."""
        return run(self.redis, Call(self.keys.prefix, arguments, keys))

    def expire_lease(self, job_id: str, host: str = "alpha") -> None:
        """Make the lease of a slot expire now."""
        assert self.redis.zadd(self.keys.leases(), {f"{job_id} {host}": 1}, xx=True, ch=True) == 1, "no lease"

    def make_retry_due(self, job_id: str) -> None:
        """Make a retry due now."""
        assert self.redis.zadd(f"{self.keys.prefix}:delayed", {job_id: 1}, xx=True, ch=True) == 1, "not delayed"

    def make_host_due(self, host: str) -> None:
        """Make the reaper look at a host in its next round, as at the end of a circuit's pause."""
        assert self.redis.zadd(f"{self.keys.prefix}:offers_due", {host: 1}, xx=True, ch=True) == 1, "no pause"

    def forget_forecasts(self) -> None:
        """Make the next estimate look at the running jobs."""
        for key in self.redis.scan_iter(f"{self.keys.prefix}:forecast:*"):
            self.redis.delete(key)

    def expire_start_within(self, job_id: str) -> None:
        """Make `start_within` run out now."""
        assert self.redis.zadd(f"{self.keys.prefix}:start_by", {job_id: 1}, xx=True, ch=True) == 1, "no start_within"
        self.redis.hset(self.keys.record(job_id), "start_by", 1)

    def expire_kept(self) -> None:
        """Let the lifetimes of ended jobs be over; their records are not deleted."""
        expiring = f"{self.keys.prefix}:expiring"
        for job_id in self.redis.zrange(expiring, 0, -1):
            self.redis.zadd(expiring, {job_id: 1})

    def silence_host(self, host: str) -> None:
        """Make a host's last report old."""
        self.redis.zadd(self.keys.hosts(), {host: 1}, xx=True)

    def end_reaper_leadership(self) -> None:
        """End the reaper's leadership, and the grace time after a silence."""
        seconds, _ = self.redis.time()
        self.redis.hset(f"{self.keys.prefix}:reaper", mapping={"last": seconds, "grace": 0, "until": 0})

    def record(self, job_id: str) -> dict[str, str]:
        """The job's record."""
        found: dict[str, str] = self.redis.hgetall(self.keys.record(job_id))
        return found

    def log(self, job_id: str) -> list[dict[str, Any]]:
        """The job's events."""
        return [json.loads(entry["event"]) for _, entry in self.redis.xrange(self.keys.events(job_id))]

    def types(self, job_id: str) -> list[str]:
        """The types of the job's events."""
        return [event["type"] for event in self.log(job_id)]

    def slots(self, host: str = "alpha") -> dict[str, str]:
        """The jobs that hold the host's slots, with their models."""
        held: dict[str, str] = self.redis.hgetall(self.keys.slots(host))
        return held

    def leases(self) -> list[str]:
        """The leases, as `<job id> <host>`."""
        found: list[str] = self.redis.zrange(self.keys.leases(), 0, -1)
        return found

    def waiting_jobs(self, model: str = MODEL, lane: str = "normal") -> list[str]:
        """The jobs of one queue, in order."""
        found: list[str] = self.redis.zrange(f"{self.keys.prefix}:waiting:{lane}:{model}", 0, -1)
        return found

    def key_names(self) -> set[str]:
        """Every key under the prefix, without the prefix."""
        return {key.removeprefix(self.keys.prefix) for key in self.redis.scan_iter(f"{self.keys.prefix}*", count=1000)}


def make_outcome(text: str = "hello") -> Completed:
    """Make a generate job's outcome."""
    return Completed({"text": text, "model": MODEL, "host": "alpha", "attempts": 1})


def make_error(code: str = "ollama_error") -> Error:
    """Make a retryable error."""
    return Error(code, "it broke", retryable=True)


def make_request_json(**fields: Any) -> str:
    """Make a generate request as the store keeps it."""
    return dump_json(parse({"kind": "generate", "model": MODEL, "prompt": "x", **fields}))
