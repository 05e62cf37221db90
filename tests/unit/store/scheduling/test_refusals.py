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


def refused(fleet: Fleet, store: JobStore, job: Job[Any], wait: float = 0, delay: float = 60) -> bool:
    """The host refuses a job that is assigned to it. Returns whether that counts as a try."""
    claimed = fleet.claim(store, job)
    store.release(
        claimed, BUSY, delay, counts=claimed.refusal_counts, blame="model", wait_seconds=wait
    )  # fmt: skip
    return claimed.refusal_counts


def comes_back(fleet: Fleet, store: JobStore, job: Job[Any]) -> None:
    """The pause of a refused job is over, and the reaper has seen it."""
    fleet.make_retry_due(job.id)
    reaped(fleet, store)


def reaped(fleet: Fleet, store: JobStore) -> None:
    """A round of the reaper, which nobody else leads."""
    fleet.end_reaper_leadership()
    assert store.reap()


def circuit(fleet: Fleet, model: str = MODEL) -> tuple[str, str]:
    """Of the host, and of a model there, as producers see them."""
    (host,) = fleet.queue.hosts()
    return host.circuit, next(status.circuit for status in host.models if status.model == model)


def reporting(fleet: Fleet, *models: str, slots: int = 4) -> JobStore:
    """A host with these models, in its status too."""
    store = fleet.open_store()
    status = json.dumps({"version": "0", "models": [{"model": model, "host": "alpha"} for model in models]})
    store.report(slots, len(models), status, models, loaded=models, **PATIENCE)
    return store


def opened(fleet: Fleet, store: JobStore, model: str = MODEL, wait: float = 0) -> list[Job[Any]]:
    """Three jobs whose refusals open the circuit of their model."""
    jobs = [fleet.submit(model) for _ in range(3)]
    for job in jobs:
        refused(fleet, store, job, wait)
    return jobs


def waits_for(fleet: Fleet) -> float:
    """Seconds until the circuit of the model is half open."""
    entry = json.loads(fleet.redis.hget(fleet.keys.refusals("alpha"), MODEL))
    return float(entry["retry_at"]) - float(fleet.redis.time()[0])


def pause_over(fleet: Fleet, model: str = MODEL) -> None:
    """Let the pause of a model's circuit be over."""
    key = fleet.keys.refusals("alpha")
    fleet.redis.hset(key, model, json.dumps(json.loads(fleet.redis.hget(key, model)) | {"retry_at": 1}))
    fleet.make_host_due("alpha")


def test_one_job_alone_opens_nothing(fleet: Fleet) -> None:
    """However often it is refused, the others of its model run beside it."""
    store = reporting(fleet, MODEL)
    job = fleet.submit()
    for _ in range(6):
        assert not refused(fleet, store, job)
        comes_back(fleet, store, job)

    assert circuit(fleet) == ("closed", "closed")
    good = fleet.submit()
    assert good.id in fleet.slots()


def test_refusals_of_several_jobs_stop_their_model_alone(fleet: Fleet) -> None:
    """A quota of one model holds up nobody else on the host, which shows it of the model, with the reason."""
    store = reporting(fleet, CLOUD, LOCAL)
    opened(fleet, store, CLOUD)

    waits, runs = fleet.submit("cloud"), fleet.submit("local")

    assert list(fleet.slots()) == [runs.id]
    assert fleet.waiting_jobs(CLOUD) == [waits.id]
    assert circuit(fleet, CLOUD) == ("closed", "open")
    assert circuit(fleet, LOCAL) == ("closed", "closed")
    cloud = next(model for model in fleet.queue.models() if model.model == CLOUD)
    assert cloud.last_error == BUSY.message


def test_retry_after_is_the_least_pause_of_the_model(fleet: Fleet) -> None:
    """A model whose host asks for a minute is not tried before it."""
    store = reporting(fleet, MODEL)
    opened(fleet, store, wait=60)

    assert 50 < waits_for(fleet) <= 61


def test_the_trial_is_another_job_than_the_last_one(fleet: Fleet) -> None:
    """A job that is always refused is not tried twice in a row: the next trial is a job that was refused less often."""
    store = reporting(fleet, MODEL)
    bad = opened(fleet, store)
    good = fleet.submit()
    for job in bad:
        fleet.make_retry_due(job.id)
    reaped(fleet, store)
    assert fleet.waiting_jobs() == [job.id for job in [*bad, good]]
    pause_over(fleet)
    reaped(fleet, store)

    assert list(fleet.slots()) == [good.id]
    assert circuit(fleet) == ("closed", "half_open")
    claimed = fleet.claim(store, good)
    state = store.report(4, 1, '{"models":[]}', [MODEL], loaded=[MODEL], **PATIENCE)
    assert (state.is_recovering, {*state.trials}) == (True, {good.id})
    store.report_answer(good.id)
    assert len(fleet.slots()) == 4
    assert store.complete(claimed, make_outcome()) == "ok"


def test_a_trial_that_is_refused_is_followed_by_another(fleet: Fleet) -> None:
    """Of two jobs that are refused alike each is the trial in its turn; alone in the queue, a job is it again."""
    store = reporting(fleet, MODEL)
    first, second, third = opened(fleet, store)
    third.cancel()
    trials = []
    for job in (first, second):
        fleet.make_retry_due(job.id)
    for _ in range(4):
        pause_over(fleet)
        reaped(fleet, store)
        (trial,) = fleet.slots()
        trials.append(trial)
        refused(fleet, store, fleet.queue.job(trial))
        fleet.make_retry_due(trial)
        reaped(fleet, store)

    assert trials == [first.id, second.id] * 2
    fleet.redis.hset(fleet.keys.record(first.id), "blamed", 100)
    pause_over(fleet)
    reaped(fleet, store)
    assert list(fleet.slots()) == [first.id], "the last trial waits, though it failed less often"
    refused(fleet, store, first)
    first.cancel()
    pause_over(fleet)
    reaped(fleet, store)
    assert list(fleet.slots()) == [second.id]


def test_a_refusal_that_others_do_not_meet_is_a_try(fleet: Fleet) -> None:
    """While nobody knows better it is free; once another job of the model was answered since, each one counts."""
    store = reporting(fleet, MODEL)
    bad = fleet.submit()
    assert not refused(fleet, store, bad)
    store.complete(fleet.start_job(store)[1], make_outcome())

    counted = []
    for _ in range(3):
        comes_back(fleet, store, bad)
        counted.append(refused(fleet, store, bad))

    assert counted == [True, True, True]
    assert fleet.record(bad.id)["tries"] == "3"
    comes_back(fleet, store, bad)
    assert not refused_after_another(fleet, store, bad)


def refused_after_another(fleet: Fleet, store: JobStore, job: Job[Any]) -> bool:
    """Another job is refused first."""
    claimed = fleet.claim(store, job)
    store.release(claimed, BUSY, 60, counts=False, blame="model")
    refused(fleet, store, fleet.submit())
    comes_back(fleet, store, job)
    return refused(fleet, store, job)


def test_a_success_that_began_before_the_refusal_proves_nothing(fleet: Fleet) -> None:
    """The host may have become busy since."""
    store = reporting(fleet, MODEL)
    _, early = fleet.start_job(store)
    bad = fleet.submit()
    refused(fleet, store, bad)
    store.complete(early, make_outcome())
    comes_back(fleet, store, bad)

    assert not refused(fleet, store, bad)


def test_a_job_that_was_refused_for_longer_than_its_deadline_ends_with_its_cause(fleet: Fleet) -> None:
    """The error is the host's, also while the job waits for its Retry-After; a refused attempt is no running time."""
    store = reporting(fleet, MODEL)
    job = fleet.submit(deadline=5)
    refused(fleet, store, job, wait=3600, delay=3600)
    assert fleet.record(job.id)["running"] == "0"
    reaped(fleet, store)
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
    store = reporting(fleet, MODEL)
    job = fleet.submit(deadline=5)
    refused(fleet, store, job)
    comes_back(fleet, store, job)
    assert list(fleet.slots()) == [job.id]
    fleet.redis.zadd(f"{fleet.keys.prefix}:refused", {job.id: 1}, xx=True)
    reaped(fleet, store)

    assert fleet.slots() == {}
    assert job.status().state == "failed"
    running = fleet.submit(deadline=5)
    refused(fleet, store, running)
    comes_back(fleet, store, running)
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
    store = reporting(fleet, MODEL)
    refused(fleet, store, fleet.submit())
    key = fleet.keys.refusals("alpha")
    assert 0 < fleet.redis.ttl(key) <= 7200

    store.report(4, 1, '{"models":[]}', [LOCAL], **PATIENCE)

    assert not fleet.redis.exists(key)


def test_two_jobs_that_are_always_refused_end_with_their_cause(fleet: Fleet) -> None:
    """Also where no good one is between them to prove it: after the free attempts each refusal is a try."""
    store = reporting(fleet, MODEL)
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
            pause_over(fleet)
        reaped(fleet, store)

    assert ended == dict.fromkeys([job.id for job in jobs], FREE_ATTEMPTS + 3)
    assert {job.status().error.message for job in jobs} == {BUSY.message}  # type: ignore[union-attr]  # they failed
