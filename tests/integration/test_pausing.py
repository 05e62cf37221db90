"""A host that an operator drains: what runs ends, nothing begins, and its worker says so."""

from llamaq.vocabulary.events import Delta
from tests.conftest import MODEL, StartWorker
from tests.service import Service, read_until, wait_until

DRAINS = "an operator drains the host"


def test_a_drained_host_ends_what_runs_and_begins_nothing(own_service: Service, start_worker: StartWorker) -> None:
    """Also with another worker in place of the first; with `resume` the jobs that waited run."""
    worker = start_worker(slots=1, probe_seconds=0.2)
    gate = own_service.hold(tokens=["a", "b"], hold_after=1)
    job = own_service.queue.generate(MODEL, "runs")
    read_until(job, Delta)
    (host,) = own_service.queue.hosts()
    status = job.status()
    assert (status.tokens, status.worker) == (1, own_service.queue.workers()[0].name)
    assert status.last_token_at is not None

    own_service.queue.drain(host=host.host)
    waits = own_service.queue.generate(MODEL, "waits")
    wait_until(lambda: DRAINS in worker.log())
    own_service.ollama.release(gate)

    assert (job.result(30).text, job.result(30).attempts) == ("ab", 1)
    assert job.status().tokens == 2
    wait_until(lambda: own_service.slots_held() == 0)
    worker.close()
    other = start_worker(slots=1, probe_seconds=0.2)
    wait_until(lambda: DRAINS in other.log())
    assert (waits.status().state, own_service.slots_held()) == ("queued", 0)
    own_service.ollama.clear()
    own_service.queue.resume(host=host.host)
    assert waits.result(30).attempts == 1
    wait_until(lambda: "the host gets jobs again" in other.log())
