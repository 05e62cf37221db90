"""Refusals (503, 429) concern one model on one host: whom they hold up, what they cost a job, and how it ends."""

import json
from typing import Any

from embedded.scripted.fleet import MODEL, PATIENCE, Fleet, make_outcome
from llamaq import Job
from llamaq.store.worker.job_store import JobStore
from llamaq.store.worker.outcome import Error, Failed, Retry
from tasks.attempt import failures
from tasks.attempt.failures import FREE_ATTEMPTS
from worker.attempt import execute

BUSY = Error("ollama_unavailable", "server busy, please try again", retryable=True, details={"status": 503})
CLOUD, LOCAL = "cloud:latest", "local:latest"


def refuse(fleet: Fleet, store: JobStore, job: Job[Any], wait: float = 0, delay: float = 60) -> bool:
    """Let the host refuse a job that is assigned to it. Returns whether that counts as a try."""
    claimed = fleet.claim(store, job)
    store.release(claimed, BUSY, delay, counts=claimed.refusal_counts, blame="model", wait_seconds=wait)  # fmt: skip
    return claimed.refusal_counts


def make_due(fleet: Fleet, store: JobStore, job: Job[Any]) -> None:
    """Let the pause of a refused job be over, and the reaper see it."""
    fleet.make_retry_due(job.id)
    reap(fleet, store)


def reap(fleet: Fleet, store: JobStore) -> None:
    """Run a round of the reaper, which nobody else leads."""
    fleet.end_reaper_leadership()
    assert store.reap()


def read_circuits(fleet: Fleet, model: str = MODEL) -> tuple[str, str]:
    """Read those of the host, and of a model there, as producers see them."""
    (host,) = fleet.queue.hosts()
    return host.circuit, next(status.circuit for status in host.models if status.model == model)


def add_reporting_host(fleet: Fleet, *models: str, slots: int = 4) -> JobStore:
    """Add a host with these models, in its status too."""
    store = fleet.open_store()
    status = json.dumps({"version": "0", "models": [{"model": model, "host": "alpha"} for model in models]})
    store.report(slots, len(models), status, models, loaded=models, **PATIENCE)
    return store


def open_circuit(fleet: Fleet, store: JobStore, model: str = MODEL, wait: float = 0) -> list[Job[Any]]:
    """Open the circuit of a model by three refused jobs."""
    jobs = [fleet.submit(model) for _ in range(3)]
    for job in jobs:
        refuse(fleet, store, job, wait)
    return jobs


def read_wait(fleet: Fleet) -> float:
    """Read the seconds until the circuit of the model is half open."""
    entry = json.loads(fleet.redis.hget(fleet.keys.refusals("alpha"), MODEL))
    return float(entry["retry_at"]) - float(fleet.redis.time()[0])


def end_pause(fleet: Fleet, model: str = MODEL) -> None:
    """Let the pause of a model's circuit be over."""
    key = fleet.keys.refusals("alpha")
    fleet.redis.hset(key, model, json.dumps(json.loads(fleet.redis.hget(key, model)) | {"retry_at": 1}))
    fleet.make_host_due("alpha")


def test_one_job_alone_opens_nothing(fleet: Fleet) -> None:
    """However often it is refused, the others of its model run beside it."""
    store = add_reporting_host(fleet, MODEL)
    job = fleet.submit()
    for _ in range(6):
        assert not refuse(fleet, store, job)
        make_due(fleet, store, job)

    assert read_circuits(fleet) == ("closed", "closed")
    good = fleet.submit()
    assert good.id in fleet.slots()


def test_refusals_of_several_jobs_stop_their_model_alone(fleet: Fleet) -> None:
    """A quota of one model holds up nobody else on the host, which shows it of the model, with the reason."""
    store = add_reporting_host(fleet, CLOUD, LOCAL)
    open_circuit(fleet, store, CLOUD)

    waits, runs = fleet.submit("cloud"), fleet.submit("local")

    assert list(fleet.slots()) == [runs.id]
    assert fleet.waiting_jobs(CLOUD) == [waits.id]
    assert read_circuits(fleet, CLOUD) == ("closed", "open")
    assert read_circuits(fleet, LOCAL) == ("closed", "closed")
    cloud = next(model for model in fleet.queue.models() if model.model == CLOUD)
    assert cloud.last_error == BUSY.message


def test_retry_after_is_the_least_pause_of_the_model(fleet: Fleet) -> None:
    """A model whose host asks for a minute is not tried before it."""
    store = add_reporting_host(fleet, MODEL)
    open_circuit(fleet, store, wait=60)

    assert 50 < read_wait(fleet) <= 61


def test_the_trial_is_another_job_than_the_last_one(fleet: Fleet) -> None:
    """A job that is always refused is not tried twice in a row: the next trial is a job that was refused less often."""
    store = add_reporting_host(fleet, MODEL)
    bad = open_circuit(fleet, store)
    good = fleet.submit()
    for job in bad:
        fleet.make_retry_due(job.id)
    reap(fleet, store)
    assert fleet.waiting_jobs() == [job.id for job in [*bad, good]]
    end_pause(fleet)
    reap(fleet, store)

    assert list(fleet.slots()) == [good.id]
    assert read_circuits(fleet) == ("closed", "half_open")
    claimed = fleet.claim(store, good)
    state = store.report(4, 1, '{"models":[]}', [MODEL], loaded=[MODEL], **PATIENCE)
    assert (state.is_recovering, {*state.trials}) == (True, {good.id})
    store.report_answer(good.id)
    assert len(fleet.slots()) == 4
    assert store.complete(claimed, make_outcome()) == "ok"


def test_a_trial_that_is_refused_is_followed_by_another(fleet: Fleet) -> None:
    """Of two jobs that are refused alike each is the trial in its turn; alone in the queue, a job is it again."""
    store = add_reporting_host(fleet, MODEL)
    first, second, third = open_circuit(fleet, store)
    third.cancel()
    trials = []
    for job in (first, second):
        fleet.make_retry_due(job.id)
    for _ in range(4):
        end_pause(fleet)
        reap(fleet, store)
        (trial,) = fleet.slots()
        trials.append(trial)
        refuse(fleet, store, fleet.queue.job(trial))
        fleet.make_retry_due(trial)
        reap(fleet, store)

    assert trials == [first.id, second.id] * 2
    fleet.redis.hset(fleet.keys.record(first.id), "blamed", 100)
    end_pause(fleet)
    reap(fleet, store)
    assert list(fleet.slots()) == [first.id], "the last trial waits, though it failed less often"
    refuse(fleet, store, first)
    first.cancel()
    end_pause(fleet)
    reap(fleet, store)
    assert list(fleet.slots()) == [second.id]


def test_a_refusal_that_others_do_not_meet_is_a_try(fleet: Fleet) -> None:
    """While nobody knows better it is free; once another job of the model was answered since, each one counts."""
    store = add_reporting_host(fleet, MODEL)
    bad = fleet.submit()
    assert not refuse(fleet, store, bad)
    store.complete(fleet.start_job(store)[1], make_outcome())

    counted = []
    for _ in range(3):
        make_due(fleet, store, bad)
        counted.append(refuse(fleet, store, bad))

    assert counted == [True, True, True]
    assert fleet.record(bad.id)["tries"] == "3"
    make_due(fleet, store, bad)
    assert not refuse_after_another(fleet, store, bad)


def refuse_after_another(fleet: Fleet, store: JobStore, job: Job[Any]) -> bool:
    """Another job is refused first."""
    claimed = fleet.claim(store, job)
    store.release(claimed, BUSY, 60, counts=False, blame="model")
    refuse(fleet, store, fleet.submit())
    make_due(fleet, store, job)
    return refuse(fleet, store, job)


def test_a_success_that_began_before_the_refusal_proves_nothing(fleet: Fleet) -> None:
    """The host may have become busy since."""
    store = add_reporting_host(fleet, MODEL)
    _, early = fleet.start_job(store)
    bad = fleet.submit()
    refuse(fleet, store, bad)
    store.complete(early, make_outcome())
    make_due(fleet, store, bad)

    assert not refuse(fleet, store, bad)


def test_a_job_that_was_refused_for_longer_than_its_deadline_ends_with_its_cause(fleet: Fleet) -> None:
    """The error is the host's, also while the job waits for its Retry-After; a refused attempt is no running time."""
    store = add_reporting_host(fleet, MODEL)
    job = fleet.submit(deadline=5)
    refuse(fleet, store, job, wait=3600, delay=3600)
    assert fleet.record(job.id)["running"] == "0"
    reap(fleet, store)
    assert job.status().state == "retrying"
    assert fleet.redis.zadd(f"{fleet.keys.prefix}:refused", {job.id: 1}, xx=True, ch=True) == 1

    fleet.end_reaper_leadership()
    done = store.reap()

    assert done is not None
    assert done.refused == 1
    status = job.status()
    assert status.state == "failed"
    assert status.error is not None
    assert (status.error.code, status.error.message, status.error.status) == ("ollama_unavailable", BUSY.message, 503)
    assert fleet.types(job.id)[-1] == "failed"
    assert not {":refused", ":delayed"} & fleet.key_names()


def test_a_job_that_got_a_slot_when_its_time_was_over_frees_it(fleet: Fleet) -> None:
    """A running job is left alone; one that is assigned and not claimed ends."""
    store = add_reporting_host(fleet, MODEL)
    job = fleet.submit(deadline=5)
    refuse(fleet, store, job)
    make_due(fleet, store, job)
    assert list(fleet.slots()) == [job.id]
    fleet.redis.zadd(f"{fleet.keys.prefix}:refused", {job.id: 1}, xx=True)
    reap(fleet, store)

    assert fleet.slots() == {}
    assert job.status().state == "failed"
    running = fleet.submit(deadline=5)
    refuse(fleet, store, running)
    make_due(fleet, store, running)
    fleet.claim(store, running)
    assert f"{fleet.keys.prefix}:refused" not in fleet.redis.keys(f"{fleet.keys.prefix}*")


def test_a_refused_job_is_tried_once_on_each_other_host(fleet: Fleet) -> None:
    """At once where another host has a slot; but two hosts that refuse it do not pass it on without a pause."""
    alpha, beta = fleet.add_host("alpha"), fleet.add_host("beta")
    stores = {"alpha": alpha, "beta": beta}
    job = fleet.submit()
    hosts = []
    for _ in range(2):
        hosts.append(fleet.record(job.id)["host"])
        claimed = fleet.claim(stores[hosts[-1]], job)
        stores[hosts[-1]].release(claimed, BUSY, 60, counts=False, blame="model")

    assert sorted(hosts) == ["alpha", "beta"]
    assert (fleet.slots("alpha"), fleet.slots("beta")) == ({}, {})
    fleet.make_retry_due(job.id)


def test_what_is_kept_of_refusals_has_a_lifetime(fleet: Fleet) -> None:
    """It goes with the model, with the host, or by itself."""
    store = add_reporting_host(fleet, MODEL)
    refuse(fleet, store, fleet.submit())
    key = fleet.keys.refusals("alpha")
    assert 0 < fleet.redis.ttl(key) <= 7200

    store.report(4, 1, '{"models":[]}', [LOCAL], **PATIENCE)

    assert not fleet.redis.exists(key)


def test_two_jobs_that_are_always_refused_end_with_their_cause(fleet: Fleet) -> None:
    """Also where no good one is between them to prove it: after the free attempts each refusal is a try."""
    store = add_reporting_host(fleet, MODEL)
    jobs = [fleet.submit(deadline=900) for _ in range(2)]
    ended: dict[str, int] = {}
    for _ in range(2 * (FREE_ATTEMPTS + 4)):
        for job_id in fleet.slots():
            claimed = store.claim(job_id)
            if claimed is None:  # the refusal before it has opened the circuit
                continue
            refusal = Retry(BUSY, "model", "alone")
            outcome = failures.limit_tries(refusal, claimed)
            if isinstance(outcome, Failed):
                ended[job_id] = claimed.attempt
            assert execute.settle(claimed, outcome, store, 0.0, 0.0) == "ok"
        for job in jobs:
            if job.id not in ended:
                fleet.redis.zadd(f"{fleet.keys.prefix}:delayed", {job.id: 1}, xx=True)
        if fleet.redis.exists(f"{fleet.keys.prefix}:offers_due"):
            end_pause(fleet)
        reap(fleet, store)

    assert ended == dict.fromkeys([job.id for job in jobs], FREE_ATTEMPTS + 3)
    assert {job.status().error.message for job in jobs} == {BUSY.message}  # type: ignore[union-attr]  # they failed
