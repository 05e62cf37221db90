"""`run.py worker exporter`: the metrics of the fleet with Redis alone, whoever else is there or not."""

import signal
import socket
import sys
from collections.abc import Iterator

import pytest

from tests.conftest import MODEL, StartWorker
from tests.integration.scraping import PORT, port_of, scrape
from tests.service import Service, wait_until
from tests.worker_process import WorkerProcess

NOWHERE = "http://127.0.0.1:1"
COMMAND = [sys.executable, "-m", "worker", "exporter"]


def served(exporter: WorkerProcess) -> WorkerProcess:
    """One that serves."""
    wait_until(lambda: bool(PORT.search(exporter.log())) or exporter.process.poll() is not None)
    return exporter


@pytest.fixture
def exporter(own_service: Service) -> Iterator[WorkerProcess]:
    """One of its own, on a free port."""
    with WorkerProcess(own_service.url, NOWHERE, COMMAND, prefix=own_service.prefix, metrics_port=0) as exporter:
        yield served(exporter.start())


def test_jobs_are_counted_before_any_worker_was_there(
    own_service: Service, exporter: WorkerProcess, start_worker: StartWorker
) -> None:
    """By every way in: a fleet that is scaled to zero has to be woken by them. Once a worker came, none is left."""
    assert scrape(port_of(exporter)).figure("llamaq_backlog_jobs") == 0
    job = own_service.queue.generate(MODEL, "x", wait_for_model=True)
    request = f'{{"model": "{MODEL}", "prompt": "x", "wait_for_model": true}}'
    own_service.redis.xadd(own_service.keys.inbox(), {"id": "by-inbox", "kind": "generate", "request": request})

    seen = scrape(port_of(exporter))

    assert seen.figure("llamaq_backlog_jobs") == 2
    assert seen.figure("llamaq_queue_depth", model=MODEL, lane="normal") == seen.figure("llamaq_inbox_entries") == 1
    assert not seen.shapes.keys() & {"llamaq_worker_pulse_age_seconds", "process_open_fds"}
    start_worker()
    for job_id in (job.id, "by-inbox"):
        assert own_service.queue.job(job_id).result(60).text
    wait_until(lambda: scrape(port_of(exporter)).figure("llamaq_backlog_jobs") == 0)


def test_jobs_are_counted_after_the_last_worker_has_gone(
    own_service: Service, exporter: WorkerProcess, start_worker: StartWorker
) -> None:
    """The models of its host stay known, so a submit is taken, and shows."""
    worker = start_worker()
    own_service.queue.generate(MODEL, "x").result(60)
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0

    job = own_service.queue.generate(MODEL, "x")

    assert scrape(port_of(exporter)).figure("llamaq_backlog_jobs") == 1
    start_worker()
    assert job.result(60).text


def test_running_jobs_keep_the_fleet_up(
    own_service: Service, exporter: WorkerProcess, start_worker: StartWorker
) -> None:
    """A job that runs counts until its end, also where none is queued behind it."""
    start_worker()
    gate = own_service.hold()
    job = own_service.queue.generate(MODEL, "x")
    own_service.wait_held(gate)

    seen = scrape(port_of(exporter))

    assert (seen.figure("llamaq_queue_depth"), seen.figure("llamaq_assigned_jobs")) == (0, 1)
    assert seen.figure("llamaq_backlog_jobs") == 1
    own_service.ollama.release(gate)
    job.result(60)
    wait_until(lambda: scrape(port_of(exporter)).figure("llamaq_backlog_jobs") == 0)


def test_it_starts_and_serves_while_redis_is_away() -> None:
    """It says so, and goes on; SIGTERM ends it in order."""
    with WorkerProcess("redis://127.0.0.1:1/0", NOWHERE, COMMAND, metrics_port=0) as exporter:
        served(exporter.start())

        seen = scrape(port_of(exporter))

        assert seen.figure("llamaq_redis_up") == 0
        assert set(seen.shapes) == {"llamaq_redis_up", "llamaq_certificate_days"}
        exporter.signal(signal.SIGTERM)
        assert exporter.wait() == 0
        assert "Traceback" not in exporter.log()


def test_it_is_reached_from_this_machine_alone(exporter: WorkerProcess) -> None:
    """Unless LLAMAQ_METRICS_HOST says otherwise, as for a worker."""
    assert '"address": "127.0.0.1"' in exporter.log()


def test_a_port_that_is_taken_ends_it_with_one_line() -> None:
    """The code is 2, and the variable is named."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with WorkerProcess("redis://127.0.0.1:1/0", NOWHERE, COMMAND, metrics_port=port) as exporter:
            code, said = exporter.start().wait(), exporter.log()

    assert code == 2
    assert len(said.splitlines()) == 1
    assert "LLAMAQ_METRICS_PORT" in said
