"""A job that a host fails at goes to another one: such a host has free slots, and would use up all tries."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from embedded.scripted.fleet import MODEL, Fleet, make_error, make_outcome
from llamaq import Job
from llamaq.store.worker.job_store import JobStore
from llamaq.store.worker.outcome import Blame
from tests.unit.store.begun import Begun
from tests.unit.store.scheduling.test_refusals import make_due, reap


def fail(fleet: Fleet, store: JobStore, job: Job[Any], *, counts: bool = True, blame: Blame = "") -> None:
    """Fail by a 500, or otherwise; the job waits for its retry."""
    store.release(fleet.claim(store, job), make_error(), 60, counts=counts, blame=blame)


def find_host(fleet: Fleet, job: Job[Any]) -> str:
    """Find the host where a job has a slot, or ''."""
    return next((host for host in ("alpha", "beta") if job.id in fleet.slots(host)), "")


@pytest.fixture
def alpha(fleet: Fleet) -> JobStore:
    """A host with two slots."""
    return fleet.add_host(slots=2, loaded=[MODEL])


@pytest.fixture
def beta(fleet: Fleet, alpha: JobStore) -> JobStore:
    """A host with one slot, which a job holds until `free_slot`. No slot of `alpha` is in use."""
    store = fleet.add_host("beta", loaded=[MODEL])
    held = [fleet.submit() for _ in range(3)]
    for job in held:
        if find_host(fleet, job) == "alpha":
            alpha.complete(fleet.claim(alpha, job), make_outcome())
    return store


def free_slot(fleet: Fleet, beta: JobStore) -> None:
    """End the job that holds the slot of beta."""
    (job_id,) = fleet.slots("beta")
    beta.complete(fleet.claim(beta, fleet.queue.job(job_id)), make_outcome())


@pytest.fixture
def bad(fleet: Fleet, alpha: JobStore, beta: JobStore) -> Job[Any]:
    """A job that has failed on alpha, and waits again."""
    job = fleet.submit()
    fail(fleet, alpha, job)
    make_due(fleet, alpha, job)
    return job


def test_a_job_waits_for_another_host_than_the_one_that_failed_at_it(
    fleet: Fleet, alpha: JobStore, beta: JobStore, bad: Job[Any]
) -> None:
    """It holds up none behind it, and is the first there."""
    good = [fleet.submit() for _ in range(3)]

    assert [find_host(fleet, job) for job in (bad, *good)] == ["", "alpha", "alpha", ""]
    begun = alpha.direct = Begun()
    alpha.complete(fleet.claim(alpha, good[0]), make_outcome())
    assert [job.id for job in begun.jobs] == [good[2].id]
    free_slot(fleet, beta)
    assert find_host(fleet, bad) == "beta"


@pytest.mark.parametrize(
    ("counts", "blame", "kept"), [(True, "", True), (False, "", False), (True, "doubt", False), (True, "fault", False)]
)
def test_what_speaks_against_the_host_or_is_no_try_keeps_no_job_away(
    fleet: Fleet, alpha: JobStore, beta: JobStore, counts: bool, blame: Blame, kept: bool
) -> None:
    """The circuits look after the former, and a job whose worker stops has not failed."""
    job = fleet.submit()
    fail(fleet, alpha, job, counts=counts, blame=blame)
    make_due(fleet, alpha, job)

    assert find_host(fleet, job) == ("" if kept else "alpha")


def test_a_host_without_another_gets_the_job_again(fleet: Fleet, alpha: JobStore) -> None:
    """All its tries are there."""
    job = fleet.submit()
    fail(fleet, alpha, job)
    make_due(fleet, alpha, job)

    assert find_host(fleet, job) == "alpha"


def _open_model(fleet: Fleet, host: str) -> None:
    entry = {"faults": 3, "trips": 1, "retry_at": time.time() + 60, "refused_at": time.time()}
    fleet.redis.hset(fleet.keys.refusals(host), MODEL, json.dumps(entry))


GOES: dict[str, Callable[[Fleet, JobStore], Any]] = {
    "paused": lambda fleet, _: fleet.queue.pause(host="beta"),
    "drained": lambda fleet, _: fleet.queue.drain(host="beta"),
    "its worker left": lambda _, beta: beta.leave(),
    "silent": lambda fleet, _: fleet.silence_host("beta"),
    "its circuit is open": lambda _, beta: beta.report_down(1, 1, "it does not answer"),
    "the circuit of its model is open": lambda fleet, _: _open_model(fleet, "beta"),
    "its model is deleted": lambda fleet, _: fleet.add_host("beta", models=["other:latest"]),
}


@pytest.mark.parametrize("how", GOES)
def test_a_job_whose_last_other_host_goes_may_run_anywhere(
    fleet: Fleet, alpha: JobStore, beta: JobStore, bad: Job[Any], how: str
) -> None:
    """Nothing waits for ever."""
    GOES[how](fleet, beta)
    reap(fleet, alpha)

    assert find_host(fleet, bad) == "alpha"


def test_a_job_that_failed_everywhere_runs_anywhere_and_then_elsewhere_again(
    fleet: Fleet, alpha: JobStore, beta: JobStore, bad: Job[Any]
) -> None:
    """Where it failed twice it is kept away again."""
    stores = {"alpha": alpha, "beta": beta}
    free_slot(fleet, beta)
    fail(fleet, beta, bad)
    make_due(fleet, alpha, bad)
    twice = find_host(fleet, bad)
    fail(fleet, stores.pop(twice), bad)
    (other,) = stores
    fleet.queue.pause(host=twice)
    running = [fleet.submit() for _ in range(2)]
    fleet.queue.resume(host=twice)
    make_due(fleet, alpha, bad)

    assert find_host(fleet, running[0]) == other
    assert find_host(fleet, bad) == ""


def test_a_job_that_no_worker_of_the_other_host_claims_may_run_anywhere(
    fleet: Fleet, alpha: JobStore, beta: JobStore, bad: Job[Any]
) -> None:
    """That worker takes no messages, and would get it again and again."""
    free_slot(fleet, beta)
    fleet.expire_lease(bad.id, "beta")
    reap(fleet, alpha)

    assert find_host(fleet, bad)
    assert "failed_on" not in fleet.record(bad.id)


@pytest.mark.parametrize("options", [{}, {"num_ctx": 2048}], ids=["loaded", "needs a load"])
def test_many_bad_jobs_in_front_hold_up_no_good_one(
    fleet: Fleet, alpha: JobStore, beta: JobStore, options: dict[str, Any]
) -> None:
    """More than are looked at. Nor do good jobs that overtake them move the virtual time past those behind."""
    many = [fleet.submit(options=options) for _ in range(25)]
    for _ in many:
        job_id = next(iter(fleet.slots("alpha")))
        fail(fleet, alpha, fleet.queue.job(job_id))
    for job in many:
        fleet.make_retry_due(job.id)
    reap(fleet, alpha)
    assert fleet.slots("alpha") == {}
    fleet.queue.pause(host="alpha")
    good = [fleet.submit() for _ in range(25)]
    fleet.queue.resume(host="alpha")

    assert set(fleet.slots("alpha")) <= {job.id for job in good}
    assert len(fleet.slots("alpha")) == 2
    newcomer = fleet.submit(tenant="new")
    assert fleet.waiting_jobs().index(newcomer.id) <= 25


def test_a_job_that_is_kept_away_is_no_trial(fleet: Fleet, alpha: JobStore, beta: JobStore, bad: Job[Any]) -> None:
    """Of a half-open circuit: the next one is."""
    fleet.redis.hset(fleet.keys.host("alpha"), mapping={"circuit": "half_open"})
    good = [fleet.submit() for _ in range(2)]

    assert [find_host(fleet, job) for job in (bad, *good)] == ["", "alpha", ""]
