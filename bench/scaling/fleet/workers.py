"""A fleet of real workers that grows: each with a scripted host of its own, over one Redis."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from bench.environment.polling import wait_until
from bench.environment.services import MODEL
from bench.environment.workers import WorkerProcess
from bench.scaling.fleet.processes import Timers
from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from embedded.scripted.script import GENERATING, ScriptedModel
from llamaq import GenerateRequest, JobQueue
from llamaq.store.connections.clients import connect

MAX_WAIT_SECONDS = 300.0
SETTLE_SECONDS = 0.5
WARM_SECONDS = 0.3
REQUEST = GenerateRequest(model=MODEL, prompt="go")


class WorkerFleet:
    """Hosts and their workers.

    Attributes:
        queue: a producer.
        redis: a client that reads text.
    """

    def __init__(self, redis: EmbeddedRedis, slots: int, stack: ExitStack, settings: dict[str, object]) -> None:
        self.queue = stack.enter_context(JobQueue(redis.url))
        self.redis: Any = connect(redis.url)
        stack.callback(self.redis.close)
        self._server = redis
        self._slots = slots
        self._stack = stack
        self._settings = settings
        self._hosts: list[ScriptedOllama] = []
        self._workers: list[WorkerProcess] = []

    @property
    def slots(self) -> int:
        """The slots of all hosts."""
        return self._slots * len(self._hosts)

    def grow(self, size: int) -> None:
        """Add hosts and workers up to that many, and let each host load its model."""
        while len(self._hosts) < size:
            self._add()
        self._until(lambda: sum(bool(host.models) for host in self.queue.hosts()) == size, "a report of each worker")
        self.script(first_token_seconds=WARM_SECONDS, count=1)
        self.play(self.slots)

    def watch(self) -> Timers:
        """Start timers of the CPU time of the processes."""
        hosts, workers = [host.pid for host in self._hosts], [worker.pid for worker in self._workers]
        return Timers({"hosts": hosts, "workers": workers, "redis": [self._server.pid]})

    def script(self, **fields: Any) -> None:
        """Set the answer of every host."""
        for host in self._hosts:
            host.clear()
            host.script(**fields, times=None)

    def play(self, count: int) -> list[str]:
        """Submit jobs without readers, and wait for their ends without polling Redis; returns their ids."""
        served = self._count_served()
        jobs = self.queue.submit_many([REQUEST] * count)
        self._until(lambda: self._count_served() - served == count, "the end of all jobs")
        time.sleep(SETTLE_SECONDS)  # a job ends after its last token
        return [job.id for job in jobs]

    def count_requests(self) -> list[int]:
        """Count the requests that each host has seen."""
        return [int(host.stats(bodies=False)["arrived"]) for host in self._hosts]

    def seconds_of(self, before: list[int]) -> float:
        """The seconds from the first start to the last end of the requests after the numbers in `before`."""
        ran = [
            (entry["started_at"], entry["ended_at"])
            for host, seen in zip(self._hosts, before, strict=True)
            for entry in host.stats()["requests"]
            if entry["number"] > seen and entry["path"] in GENERATING
        ]
        return float(max(end for _, end in ran) - min(start for start, _ in ran))

    def _add(self) -> None:
        # One model: a report names each model that a host has.
        host = self._stack.enter_context(ScriptedOllama.start(slots=self._slots, models=[ScriptedModel(MODEL)]))
        settings = {"REDIS_URL": self._server.url, "OLLAMA_URL": host.url, "SLOTS": self._slots, **self._settings}
        environment = {f"LLAMAQ_{name}": value for name, value in settings.items()}
        self._hosts.append(host)
        self._workers.append(self._stack.enter_context(WorkerProcess(["worker"], environment)))

    def _count_served(self) -> int:
        return sum(sum(host.stats(bodies=False)["served_by_model"].values()) for host in self._hosts)

    def _until(self, reached: Callable[[], bool], what: str) -> None:
        wait_until(reached, what, check=self._check, seconds=MAX_WAIT_SECONDS)

    def _check(self) -> None:
        for worker in self._workers:
            worker.check()


@contextmanager
def start_worker_fleet(slots: int, **settings: object) -> Iterator[WorkerFleet]:
    """Start a Redis and a fleet without workers; the settings hold for each worker: `FLUSH_MS=200`."""
    with ExitStack() as stack:
        redis = stack.enter_context(EmbeddedRedis.start())
        yield WorkerFleet(redis, slots, stack, settings)
