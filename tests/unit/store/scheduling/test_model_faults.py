"""A host that fails at one model: its other models, and the jobs that wait, are spared."""

import json
from dataclasses import replace

from api_client import ServerBusy
from embedded.scripted.fleet import MODEL, Fleet
from llamaq.store.worker.outcome import Error
from llamaq.store.worker.worker_scripts import Gauges
from tasks.attempt import failures
from tasks.attempt.failures import FREE_ATTEMPTS
from tests.unit.store.scheduling.test_refusals import (
    CLOUD,
    LOCAL,
    add_reporting_host,
    end_pause,
    read_circuits,
    read_wait,
    reap,
)
from worker.attempt import execute


def test_jobs_that_end_by_a_fault_stop_their_model_as_refusals_do(fleet: Fleet) -> None:
    """The host has a free slot after each, and would end all that waits."""
    store = add_reporting_host(fleet, CLOUD, LOCAL)
    for number in range(3):
        ended = fleet.claim(store, fleet.submit(CLOUD))
        assert store.fail(ended, Error("ollama_error", f"401, {number}"), 0, "fault") == "ok"

    waits, runs = fleet.submit("cloud"), fleet.submit("local")

    assert list(fleet.slots()) == [runs.id]
    assert fleet.waiting_jobs(CLOUD) == [waits.id]
    assert (read_circuits(fleet, CLOUD), read_circuits(fleet, LOCAL)) == (("closed", "open"), ("closed", "closed"))
    cloud = next(model for model in fleet.queue.models() if model.model == CLOUD)
    assert cloud.last_error == "401, 2"


def test_retry_after_counts_also_in_the_last_try_of_a_job(fleet: Fleet) -> None:
    """The job that opens the circuit has no try left, and ends; its host is left alone for as long as it asked for."""
    store = add_reporting_host(fleet, MODEL)
    for job in [fleet.submit() for _ in range(3)]:
        last = replace(fleet.claim(store, job), attempt=FREE_ATTEMPTS + 1, tries=3, max_attempts=3)
        refusal = failures.outcome_of_error(ServerBusy("busy", status=429, retry_after_seconds=60), last)
        assert execute.settle(last, failures.limit_tries(refusal, last), store, 0.0, 0.0) == "ok"
        assert job.status().state == "failed"

    assert 50 < read_wait(fleet) <= 61


def test_a_fault_is_no_refusal(fleet: Fleet) -> None:
    """The attempt ran: its time counts towards the deadline. Another host with a free slot takes the job at once."""
    store = add_reporting_host(fleet, MODEL)
    job = fleet.submit()
    claimed = fleet.claim(store, job)
    other = fleet.add_host("beta", models=[MODEL])

    store.release(claimed, Error("ollama_error", "500"), 60, counts=True, blame="fault", ran_seconds=7)

    record = fleet.record(job.id)
    assert (record["host"], record["running"]) == ("beta", "7")
    assert not {"refused_at", "refusal"} & record.keys()
    assert fleet.claim(other, job).attempt == 2


def test_a_model_that_failed_hours_ago_is_as_if_it_had_not(fleet: Fleet) -> None:
    """Also where the host's other models work on: without a job of it nothing would close its circuit."""
    store = add_reporting_host(fleet, CLOUD, LOCAL)
    for model in (CLOUD, LOCAL) * 3:
        store.fail(fleet.claim(store, fleet.submit(model)), Error("ollama_error", "401"), 0, "fault")
    assert (read_circuits(fleet, CLOUD), read_circuits(fleet, LOCAL)) == (("closed", "open"), ("closed", "open"))
    end_pause(fleet, CLOUD)
    _failed_before(fleet, CLOUD, 2 * 3600 + 1)
    reap(fleet, store)

    assert (read_circuits(fleet, CLOUD), read_circuits(fleet, LOCAL)) == (("closed", "closed"), ("closed", "open"))
    (host,) = fleet.run(Gauges()).rows("hosts")
    assert host.text("refused") == f"open {LOCAL}"
    jobs = [fleet.submit(CLOUD) for _ in range(2)]
    assert set(fleet.slots()) == {job.id for job in jobs}


def test_host_jobs_open_no_circuit(fleet: Fleet) -> None:
    """A misspelt name fails a pull. Nothing waits for such a circuit, and an alert would tell of it for hours."""
    store = add_reporting_host(fleet, MODEL)
    for number in range(4):
        pull = fleet.claim(store, fleet.queue.pull(f"m{number}"))
        assert store.fail(pull, Error("ollama_error", "no such model"), 0, "fault") == "ok"
    load = fleet.claim(store, fleet.queue.load(MODEL)[0])
    store.release(load, Error("ollama_error", "500"), 0, counts=True, blame="fault")

    assert not fleet.redis.exists(fleet.keys.refusals("alpha"))


def _failed_before(fleet: Fleet, model: str, seconds: float) -> None:
    """Let the last failure of a model have been so long ago."""
    key = fleet.keys.refusals("alpha")
    entry = json.loads(fleet.redis.hget(key, model))
    fleet.redis.hset(key, model, json.dumps(entry | {"refused_at": entry["refused_at"] - seconds}))
