"""The circuit of a host in the store: what opens it, who tries, and what closes it."""

from typing import Any

import pytest

from embedded.scripted.fleet import MODEL, PATIENCE, Fleet, make_error, make_outcome
from llamaq import Job
from llamaq.store.worker.host_state import HostState
from llamaq.store.worker.job_store import JobStore
from llamaq.store.worker.outcome import Blame


def read_circuit(fleet: Fleet, host: str = "alpha") -> str:
    """Read it as the producers do."""
    return next(status.circuit for status in fleet.queue.hosts() if status.host == host)


def fail(fleet: Fleet, store: JobStore, blame: Blame = "host", job: Job[Any] | None = None) -> Job[Any]:
    """Fail a job at its host, so that it waits for its delay."""
    job = job or fleet.submit()
    store.release(fleet.claim(store, job), make_error("ollama_unavailable"), 60, counts=False, blame=blame)
    return job


def end_rest(fleet: Fleet, host: str = "alpha") -> None:
    """Let the rest of an opened circuit be over."""
    assert fleet.redis.hset(fleet.keys.host(host), "retry_at", 1) == 0, "it does not rest"
    fleet.make_host_due(host)


def test_three_faults_in_a_row_open_it(fleet: Fleet) -> None:
    """Nothing more is assigned, what waited for its delay waits in the queue, and the reason stands in the status."""
    store = fleet.add_host(slots=4)
    for _ in range(2):
        fail(fleet, store)
    assert read_circuit(fleet) == "closed"

    last = fail(fleet, store)

    assert read_circuit(fleet) == "open"
    assert fleet.queue.hosts()[0].last_error == "it broke"
    assert fleet.waiting_jobs() == [last.id]
    fleet.submit()
    assert fleet.slots() == {}


def test_a_completed_job_starts_the_count_anew(fleet: Fleet) -> None:
    """Faults count in a row."""
    store = fleet.add_host(slots=4)
    for _ in range(3):
        fail(fleet, store)
        fail(fleet, store)
        store.complete(fleet.start_job(store)[1], make_outcome())

    assert read_circuit(fleet) == "closed"


def test_one_job_alone_opens_nothing_where_it_may_be_the_cause(fleet: Fleet) -> None:
    """A job whose runner dies each time counts once; three such jobs count."""
    store = fleet.add_host(slots=4)
    job = fleet.submit()
    for _ in range(5):
        fail(fleet, store, "doubt", job)
        fleet.make_retry_due(job.id)
        fleet.end_reaper_leadership()
        store.reap()
    assert read_circuit(fleet) == "closed"

    fail(fleet, store, "doubt")
    fail(fleet, store, "doubt")

    assert read_circuit(fleet) == "open"


def test_one_tries_when_the_rest_is_over(fleet: Fleet) -> None:
    """One job is assigned, another not before it has ended; when it fails the host rests again, longer."""
    store = fleet.add_host(slots=4)
    for _ in range(3):
        fail(fleet, store)
    jobs = [fleet.submit() for _ in range(3)]
    end_rest(fleet)
    fleet.end_reaper_leadership()
    store.reap()

    (trial,) = fleet.slots()
    assert read_circuit(fleet) == "half_open"
    fleet.submit()
    assert list(fleet.slots()) == [trial]

    fail(fleet, store, job=fleet.queue.job(trial))
    assert read_circuit(fleet) == "open"
    assert fleet.redis.hget(fleet.keys.host("alpha"), "trips") == "2"
    end_rest(fleet)
    fleet.end_reaper_leadership()
    store.reap()
    (trial,) = fleet.slots()
    store.complete(fleet.claim(store, fleet.queue.job(trial)), make_outcome())

    assert read_circuit(fleet) == "closed"
    assert len(fleet.slots()) == 4
    assert jobs


def test_a_trial_that_says_nothing_of_the_host_is_followed_by_another(fleet: Fleet) -> None:
    """It is cancelled, or fails by its own fault: the next one tries."""
    store = fleet.add_host(slots=4)
    for _ in range(3):
        fail(fleet, store)
    for _ in range(3):
        fleet.submit()
    end_rest(fleet)
    fleet.end_reaper_leadership()
    store.reap()
    for _ in range(2):
        (trial,) = fleet.slots()
        store.fail(fleet.claim(store, fleet.queue.job(trial)), make_error("invalid_request"))

        assert read_circuit(fleet) == "half_open"
        assert len(fleet.slots()) == 1
        assert list(fleet.slots()) != [trial]


def test_the_first_words_close_it(fleet: Fleet) -> None:
    """The worker that hears them says so, and all that fits is assigned."""
    store = fleet.add_host(slots=2)
    for _ in range(3):
        fail(fleet, store)
    for _ in range(3):
        fleet.submit()
    end_rest(fleet)
    seen = report(store)
    assert (seen.circuit, len(fleet.slots())) == ("half_open", 1)
    assert seen.trials == {*fleet.slots()}

    (trial,) = seen.trials
    fleet.claim(store, fleet.queue.job(trial))
    proven = store.report_answer(trial)

    assert (read_circuit(fleet), proven.circuit, len(fleet.slots())) == ("closed", "closed", 2)


def test_a_silent_host_is_open_until_it_answers(fleet: Fleet) -> None:
    """What was assigned and not claimed waits again; the host stays known; with the first good probe one job tries."""
    store = fleet.add_host(slots=2)
    assigned = [fleet.submit() for _ in range(2)]

    assert store.report_down(2, 1, "nobody there").wanted is True

    assert (read_circuit(fleet), fleet.slots()) == ("open", {})
    assert fleet.queue.hosts()[0].last_error == "nobody there"
    fleet.end_reaper_leadership()
    store.reap()
    assert fleet.slots() == {}
    assert fleet.waiting_jobs() == [job.id for job in assigned]
    report(store)
    assert (read_circuit(fleet), len(fleet.slots())) == ("half_open", 1)


def test_a_probe_does_not_end_a_rest_that_jobs_asked_for(fleet: Fleet) -> None:
    """A host that answers probes and fails jobs is not tried at each probe."""
    store = fleet.add_host(slots=2)
    for _ in range(3):
        fail(fleet, store)

    seen = report(store)

    assert (read_circuit(fleet), seen.circuit) == ("open", "open")


def test_one_worker_that_does_not_reach_its_host_opens_nothing(fleet: Fleet) -> None:
    """Another one does: the host is well."""
    first, second = fleet.open_store(name="w1"), fleet.open_store(name="w2")
    for store in (first, second):
        report(store)

    first.report_down(2, 1, "cut off")

    assert read_circuit(fleet) == "closed"
    second.report_down(2, 1, "cut off")
    assert read_circuit(fleet) == "open"


def test_a_job_goes_to_another_host_at_once(fleet: Fleet) -> None:
    """It does not wait for its delay where another host has a slot; where none has, it does."""
    store = fleet.add_host("alpha")
    job = fleet.submit()
    fleet.add_host("beta")
    fail(fleet, store, job=job)
    assert list(fleet.slots("beta")) == [job.id]
    assert fleet.slots("alpha") == {}

    other = fleet.submit()
    assert list(fleet.slots("alpha")) == [other.id]
    fail(fleet, store, job=other)

    assert (fleet.slots("alpha"), fleet.waiting_jobs()) == ({}, [])
    fleet.make_retry_due(other.id)


def test_a_host_is_waited_for_as_long_as_a_worker_speaks_for_it(fleet: Fleet) -> None:
    """Its models are not unknown, though it offers none of them any longer."""
    store = fleet.add_host()
    fleet.add_host("beta", models=["other:latest"])
    store.report_down(1, 1, "gone")
    fleet.redis.hset(fleet.keys.host("alpha"), "seen_at", 1)

    assert {model.host for model in fleet.queue.models()} <= {"beta"}
    assert "alpha" in {host.host for host in fleet.queue.hosts()}
    assert fleet.queue.generate(MODEL, "x").status().state == "queued"


def test_a_host_that_never_answered_makes_nothing_unknown(fleet: Fleet) -> None:
    """Who knows what it has: jobs wait, and its worker is told so."""
    store = fleet.open_store()
    assert store.report_down(1, 1, "refused").wanted is False

    fleet.queue.generate(MODEL, "x")

    assert store.report_down(1, 1, "refused").wanted is True
    (status,) = fleet.queue.hosts()
    assert (status.host, status.circuit, status.seen_at, status.models) == ("alpha", "open", None, ())


@pytest.mark.parametrize("leaves", [True, False])
def test_a_host_that_is_gone_disappears(fleet: Fleet, *, leaves: bool) -> None:
    """At once when its worker says good-bye; else after three probes."""
    store = fleet.add_host()
    assert fleet.queue.hosts()

    if leaves:
        store.leave()
    else:
        fleet.silence_host("alpha")

    assert (fleet.queue.hosts(), fleet.queue.models()) == ([], [])


def report(store: JobStore, slots: int = 2) -> HostState:
    """A probe that succeeds."""
    return store.report(slots, 1, '{"models":[]}', [MODEL], **PATIENCE)
