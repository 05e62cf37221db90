"""One host with one model at a time and a worker on it, for tests of whose turn it is."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from embedded.scripted.launcher import ScriptedOllama
from embedded.scripted.script import ScriptedModel
from llamaq import Job, JobQueue
from tests.service import Service, fresh_name
from tests.worker_process import WorkerProcess


@contextmanager
def one_model_service(
    redis_url: str, *, slots: int = 1, models: Sequence[ScriptedModel] = (), **settings: object
) -> Iterator[Service]:
    """A service whose worker has these settings; the host would take any number of requests at once."""
    prefix = f"test-{fresh_name()[:12]}"
    given = {"prefix": prefix, "slots": slots, "probe_seconds": 0.5, **settings}
    with (
        JobQueue(redis_url, prefix=prefix) as queue,
        ScriptedOllama.start(slots=64, max_models=1, models=models) as ollama,
        WorkerProcess(redis_url, ollama.url, None, **given) as worker,
    ):
        worker.start().ready(queue)
        service = Service(redis_url, prefix, queue, ollama)
        yield service
        service.close()


def ran_seconds(job: Job[Any]) -> float:
    """From the last start to the end of a job that has ended."""
    record = job.status()
    assert record.started_at is not None, record
    assert record.finished_at is not None, record
    return (record.finished_at - record.started_at).total_seconds()


def waited_seconds(job: Job[Any]) -> float:
    """From the submit to the first start of a job that has started."""
    record = job.status()
    assert record.started_at is not None, record
    return (record.started_at - record.submitted_at).total_seconds()
