"""A worker in the test's own process, without Celery's consumer: its duties can be reached, and broken."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from celery import Celery

from llamaq import Job, TextResult
from tests.conftest import MODEL
from worker.settings.environment import Settings
from worker.telemetry.worker_metrics import Metrics
from worker.worker import Worker

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WAIT_SECONDS = 60


class InProcess:
    """One worker, and what it counts.

    Attributes:
        config: its settings.
        worker: started by `run_in_process`.
        metrics: what it counts.
    """

    def __init__(self, redis_url: str, ollama_url: str, prefix: str) -> None:
        config = Settings(
            redis_url=redis_url,
            ollama_url=ollama_url,
            prefix=prefix,
            host="here",
            slots=2,
            webhook_secret=SECRET,
            probe_seconds=0.2,
        )
        self.config = config
        self.metrics = Metrics()
        self.worker = Worker(config, Celery(broker=redis_url, set_as_current=False), "w1", self.metrics)
        self._redis = redis.Redis.from_url(redis_url, decode_responses=True, socket_timeout=None)
        self._queue = config.producer.keys.host_queue("here")

    def run_job(self) -> str:
        """Submit a job, take its message as Celery would, and run it; returns its text."""
        request = {"kind": "generate", "model": MODEL, "prompt": "x", "wait_for_model": True}
        job: Job[TextResult] = self.worker.queue.submit(request)
        message = self._redis.brpop([self._queue], timeout=WAIT_SECONDS)
        assert message is not None, "no message came"
        outcome = self.worker.execute(json.loads(message[1])["headers"]["id"], lambda _: None)
        assert outcome == "completed"
        assert "".join(job.text(on_restart="raise")) == job.result(WAIT_SECONDS).text
        return job.result(WAIT_SECONDS).text

    def count_failures(self, duty: str) -> float | None:
        """Count how often a duty has failed, by the metric."""
        return self.metrics.registry.get_sample_value("llamaq_duty_failures_total", {"duty": duty})

    def read_failing_seconds(self, duty: str) -> float:
        """Read for how long a duty has failed, by the metric."""
        return self.metrics.registry.get_sample_value("llamaq_duty_failing_seconds", {"duty": duty}) or 0.0

    def end(self) -> None:
        """Stop it in order: all phases."""
        self.worker.quiet()
        self.worker.drain(1)
        self.worker.close()
        self._redis.close()


def list_threads() -> set[threading.Thread]:
    """List those that are ours."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("llamaq-")}


@contextmanager
def run_in_process(redis_url: str, ollama_url: str, prefix: str) -> Iterator[InProcess]:
    """Start a worker, and end it."""
    process = InProcess(redis_url, ollama_url, prefix)
    process.worker.start()
    try:
        yield process
    finally:
        process.end()
