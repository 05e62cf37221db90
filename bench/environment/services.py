"""Starts the services of a measure: a Redis, a scripted host, and the workers."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celery import Celery

from bench.environment.polling import wait_until
from bench.environment.workers import PEERS, WorkerProcess, start_llamaq_worker, start_naive_worker, start_peer_worker
from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from embedded.scripted.script import MODELS
from llamaq import JobQueue

MODEL = MODELS[0].name


@dataclass(frozen=True, slots=True)
class Services:
    """The running processes, which share the same cores."""

    redis: EmbeddedRedis
    host: ScriptedOllama
    workers: dict[str, WorkerProcess]

    def worker_of(self, path: str) -> WorkerProcess | None:
        """The worker of a path; the direct path has none."""
        return self.workers.get(path.partition("-")[0])


@contextmanager
def start_services(slots: int, pythons: Mapping[str, Path] | None = None) -> Iterator[Services]:
    """Start the services, and stop them at the end of the block.

    Args:
        slots: of the host.
        pythons: of the other task queues whose workers are to run too.
    """
    with (
        ExitStack() as stack,
        EmbeddedRedis.start() as redis,
        ScriptedOllama.start(slots=slots) as host,
        start_llamaq_worker(redis.url, host.url, slots) as ours,
        start_naive_worker(redis.url, host.url, slots) as theirs,
    ):
        with JobQueue(redis.url) as queue:
            wait_until(lambda: bool(queue.models()), "a report of llamaq's worker", check=ours.check)
        app = make_producer(redis.url)
        wait_until(lambda: bool(app.control.ping(timeout=0.2)), "an answer of the naive worker", check=theirs.check)
        app.close()
        workers = {"llamaq": ours, "naive": theirs}
        for name, python in (pythons or {}).items():
            if name in PEERS:
                workers[name] = stack.enter_context(start_peer_worker(name, python, redis.url, host.url, slots))
        yield Services(redis, host, workers)


def make_producer(redis_url: str) -> Any:
    """Make the tutorial's Celery application for a producer: a new one, since an application keeps its first Redis."""
    return Celery("naive", broker=redis_url, backend=redis_url, set_as_current=False)
