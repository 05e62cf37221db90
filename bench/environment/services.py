"""Everything a measure needs around it: a Redis, a scripted host, and both workers, ready to work."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from celery import Celery

from bench.environment.workers import WorkerProcess, llamaq_worker, naive_worker
from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from embedded.scripted.script import MODELS
from llamaq import JobQueue

MODEL = MODELS[0].name
READY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Services:
    """What runs; each in a process of its own, all on the same cores."""

    redis: EmbeddedRedis
    host: ScriptedOllama
    workers: dict[str, WorkerProcess]

    def worker_of(self, path: str) -> WorkerProcess | None:
        """The worker that a path goes through; the direct one has none."""
        return self.workers.get(path.partition("-")[0])


@contextmanager
def services(slots: int) -> Iterator[Services]:
    """Start all of it, and end it."""
    with (
        EmbeddedRedis.start() as redis,
        ScriptedOllama.start(slots=slots) as host,
        llamaq_worker(redis.url, host.url, slots) as ours,
        naive_worker(redis.url, host.url, slots) as theirs,
    ):
        with JobQueue(redis.url) as queue:
            _until(lambda: bool(queue.models()), ours)
        app = producer(redis.url)
        _until(lambda: bool(app.control.ping(timeout=0.2)), theirs)
        app.close()
        yield Services(redis, host, {"llamaq": ours, "naive": theirs})


def producer(redis_url: str) -> Any:
    """The tutorial's Celery application, for a producer: a fresh one, since each keeps to the Redis it knew first."""
    return Celery("naive", broker=redis_url, backend=redis_url, set_as_current=False)


def _until(ready: Callable[[], bool], worker: WorkerProcess) -> None:
    limit = time.monotonic() + READY_SECONDS
    while not ready():
        worker.check()
        if time.monotonic() > limit:
            raise TimeoutError(f"a worker was not ready after {READY_SECONDS:.0f} s")
        time.sleep(0.05)
