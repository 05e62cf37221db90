"""Affinity with bounded patience: jobs for what is in memory go first, but nobody waits long for a swap."""

from typing import Any

import pytest

from embedded.scripted.fleet import PATIENCE, Fleet, make_error, make_outcome
from llamaq import Job
from llamaq.store.worker.job_store import JobStore

A, B, C = "a:latest", "b:latest", "c:latest"
ALL = (A, B, C)


def let_wait(fleet: Fleet, seconds: float, *jobs: Job[Any], host: str = "alpha") -> None:
    """Let jobs have waited for so long already, and what is in memory have been there for so long."""
    for job in jobs:
        fleet.redis.zincrby(fleet.keys.jobs(), -seconds, job.id)
    key = f"{fleet.keys.host(host)}:loaded"
    for model, entry in fleet.redis.hgetall(key).items():
        since, runner = entry.split(" ", 1)
        if float(since):
            fleet.redis.hset(key, model, f"{float(since) - seconds} {runner}")


def run_jobs(fleet: Fleet, store: JobStore, number: int) -> list[str]:
    """Run so many jobs to their end one by one; their ids in the order in which they got the slot."""
    order = []
    for _ in range(number):
        (job_id,) = fleet.slots()
        order.append(job_id)
        store.complete(fleet.claim(store, fleet.queue.job(job_id)), make_outcome())
    return order


def count_swaps(fleet: Fleet, host: str = "alpha") -> int:
    """Count the loads that the scheduler has asked the host for."""
    return int(fleet.redis.hget(fleet.keys.host(host), "swaps") or 0)


def test_each_model_is_loaded_once_for_all_who_wait_for_it(fleet: Fleet) -> None:
    """A B A A C A B C with one model at a time: all of A, all of B, all of C, in three loads."""
    store = fleet.add_host(models=ALL)
    jobs = [(name, fleet.submit(name)) for name in "ABAACABC"]

    order = run_jobs(fleet, store, len(jobs))

    names = {job.id: name for name, job in jobs}
    assert "".join(names[job_id] for job_id in order) == "AAAABBCC"
    assert order[:4] == [job.id for name, job in jobs if name == "A"]
    assert count_swaps(fleet) == 3


def test_who_has_waited_long_enough_stops_the_stream(fleet: Fleet) -> None:
    """Within the maximum wait, jobs for the model in memory go on; past it none is assigned before the swap."""
    store = fleet.add_host(models=ALL, patience=15)
    stream = [fleet.submit("a") for _ in range(4)]
    other = fleet.submit("b")

    let_wait(fleet, 10, other)
    assert run_jobs(fleet, store, 2) == [stream[0].id, stream[1].id]
    assert list(fleet.slots()) == [stream[2].id]
    let_wait(fleet, 16, other)
    store.complete(fleet.claim(store, stream[2]), make_outcome())

    assert list(fleet.slots()) == [other.id]
    assert fleet.waiting_jobs(A) == [stream[3].id]


def test_the_host_drains_before_it_swaps(fleet: Fleet) -> None:
    """With several slots, those that get free stay empty until the last job of the old model has ended."""
    store = fleet.add_host(models=ALL, slots=3)
    running = [fleet.submit("a") for _ in range(3)]
    store.complete(fleet.claim(store, running[0]), make_outcome())
    refill, behind, other = fleet.submit("a"), fleet.submit("a"), fleet.submit("b")
    let_wait(fleet, 20, other)

    for job in (running[1], running[2]):
        store.complete(fleet.claim(store, job), make_outcome())
        assert fleet.waiting_jobs(A) == [behind.id]
        assert fleet.waiting_jobs(B) == [other.id]
    store.complete(fleet.claim(store, refill), make_outcome())

    assert list(fleet.slots()) == [other.id]


def test_a_swap_is_given_its_time_as_well(fleet: Fleet) -> None:
    """What was just loaded is not swapped out again at once, however long the others have waited."""
    store = fleet.add_host(models=ALL)
    jobs = [fleet.submit(name) for name in "aabb"]
    let_wait(fleet, 100, *jobs)
    store.complete(fleet.claim(store, jobs[0]), make_outcome())
    let_wait(fleet, 100, *jobs)
    store.complete(fleet.claim(store, jobs[1]), make_outcome())
    again = [fleet.submit("a") for _ in range(2)]
    let_wait(fleet, 100, *again, *jobs[2:])

    assert run_jobs(fleet, store, 4) == [jobs[2].id, jobs[3].id, *(job.id for job in again)]


@pytest.mark.parametrize("options", [{"num_ctx": 8192}, {"num_gpu": 0}, {"use_mmap": False}])
def test_other_runner_options_are_another_residence(fleet: Fleet, options: dict[str, Any]) -> None:
    """A job whose options would reload the model waits like one for another; a sampling option does not matter."""
    store = fleet.add_host(models=ALL, slots=2, max_models=2)
    first = fleet.submit("a")
    reload = fleet.submit("a", options=options)
    alike = fleet.submit("a", options={"temperature": 0.5, "num_predict": 5})

    assert set(fleet.slots()) == {first.id, alike.id}
    for job in (first, alike):
        store.complete(fleet.claim(store, job), make_outcome())

    assert list(fleet.slots()) == [reload.id]
    assert count_swaps(fleet) == 2


def test_one_load_at_a_time(fleet: Fleet) -> None:
    """While a model loads no other is assigned beside it, though there is room; the model's own jobs are."""
    store = fleet.add_host(models=ALL, slots=2, max_models=3)
    first, other, same, third = (fleet.submit(name) for name in "abac")
    assert set(fleet.slots()) == {first.id, same.id}

    store.report(2, 3, "{}", ALL, loaded=[A], **PATIENCE)
    assert set(fleet.slots()) == {first.id, same.id, other.id}
    store.complete(fleet.claim(store, other), make_outcome())

    assert third.id in fleet.slots()


def test_a_load_that_failed_makes_room_for_the_next(fleet: Fleet) -> None:
    """A job that is given back, lost or cancelled while its model loads does not keep the host waiting."""
    store = fleet.add_host(models=ALL)
    failing, other = fleet.submit("a"), fleet.submit("b")
    store.release(fleet.claim(store, failing), make_error(), 600, counts=True)

    assert list(fleet.slots()) == [other.id]
    assert store.report(1, 1, "{}", ALL, **PATIENCE).loading is True
    store.complete(fleet.claim(store, other), make_outcome())
    assert store.report(1, 1, "{}", ALL, loaded=[B], **PATIENCE).loading is False


def test_the_report_corrects_what_is_known(fleet: Fleet) -> None:
    """What `/api/ps` shows is in memory, what it no longer shows is not, except where a job runs on it just now."""
    store = fleet.add_host(models=ALL, loaded=[B])
    blocked = fleet.submit("c")
    on_a, on_b = fleet.submit("a"), fleet.submit("b")
    store.complete(fleet.claim(store, blocked), make_outcome())
    store.report(1, 1, "{}", ALL, loaded=[], **PATIENCE)

    assert fleet.redis.hkeys(f"{fleet.keys.host('alpha')}:loaded") == [A]
    assert run_jobs(fleet, store, 2) == [on_a.id, on_b.id]


def test_a_job_goes_where_its_model_is_in_memory_then_where_most_is_free(fleet: Fleet) -> None:
    """Of three hosts with the model the warm one is first; a full one is passed by; equals take turns."""
    fleet.add_host("cold", slots=2)
    fleet.add_host("warm", slots=2, loaded=["smollm2:135m"])
    fleet.add_host("other", slots=2)

    jobs = [fleet.submit() for _ in range(6)]

    hosts = [fleet.record(job.id)["host"] for job in jobs]
    assert hosts[:2] == ["warm", "warm"]
    assert sorted(hosts[2:]) == ["cold", "cold", "other", "other"]


def test_equal_hosts_take_turns(fleet: Fleet) -> None:
    """Single jobs, one after another, do not all go to the same one of two idle hosts."""
    stores = {name: fleet.add_host(name, loaded=["smollm2:135m"]) for name in ("alpha", "beta")}
    hosts = []
    for _ in range(4):
        job = fleet.submit()
        hosts.append(fleet.record(job.id)["host"])
        store = stores[hosts[-1]]
        store.complete(fleet.claim(store, job), make_outcome())

    assert hosts == [hosts[0], hosts[1]] * 2
    assert hosts[0] != hosts[1]


def test_patience_zero_keeps_to_the_turn(fleet: Fleet) -> None:
    """LLAMAQ_AFFINITY_PATIENCE=0 swaps whenever it is another model's turn."""
    store = fleet.add_host(models=ALL, patience=0)
    jobs = [fleet.submit(name) for name in "aabb"]
    order = run_jobs(fleet, store, 4)
    assert order[0] == jobs[0].id
    assert order[1] == jobs[2].id
