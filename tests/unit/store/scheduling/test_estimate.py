"""The estimate of a wait: from the service times, the slots of the live hosts, and how far their jobs are."""

import time

import pytest

from embedded.scripted.fleet import MODEL, PATIENCE, Fleet, make_error, make_outcome

OTHER = "other:latest"


def know(fleet: Fleet, **seconds: float) -> None:
    """Let service times have been measured."""
    for model, value in seconds.items():
        fleet.redis.hset(f"{fleet.keys.prefix}:service", f"{model}:latest", value)


def test_it_counts_what_is_left_of_the_running_jobs(fleet: Fleet) -> None:
    """Two slots of 10 s, 9 and 4 s over: the next starts in 1 s, then 6, then 11 and 16."""
    fleet.add_host(models=["a:latest"], slots=2)
    know(fleet, a=10)
    for over in (9, 4):
        running = fleet.submit("a")
        fleet.redis.hset(fleet.keys.record(running.id), "assigned_at", time.time() - over)

    jobs = [fleet.submit("a") for _ in range(4)]

    fleet.forget_forecasts()
    assert [job.status().eta_seconds for job in jobs] == pytest.approx([1, 6, 11, 16], abs=0.8)
    assert [job.status().position for job in jobs] == [0, 1, 2, 3]


def test_a_job_that_takes_longer_than_others_is_not_expected_to_end_now(fleet: Fleet) -> None:
    """A job of 10 s that has run for 25 s: it may well run for another 15 s, and the wait is not 0 all the while."""
    fleet.add_host(models=["a:latest"])
    know(fleet, a=10)
    running = fleet.submit("a")
    fleet.redis.hset(fleet.keys.record(running.id), "assigned_at", time.time() - 25)

    jobs = [fleet.submit("a") for _ in range(2)]

    fleet.forget_forecasts()
    assert [job.status().eta_seconds for job in jobs] == pytest.approx([15, 25], abs=0.8)


def test_it_counts_the_slots_of_every_live_host(fleet: Fleet) -> None:
    """A second host with the model halves the wait; once it is silent it no longer counts."""
    for name in ("alpha", "beta"):
        fleet.add_host(name, models=["a:latest"])
    know(fleet, a=10)
    jobs = [fleet.submit("a") for _ in range(6)]

    assert jobs[-1].status().eta_seconds == pytest.approx(20, abs=0.8)
    fleet.silence_host("beta")
    fleet.redis.delete(f"{fleet.keys.prefix}:forecast:a:latest")
    assert jobs[-1].status().eta_seconds == pytest.approx(40, abs=0.8)


def test_a_host_that_runs_another_model_is_free_when_that_has_ended(fleet: Fleet) -> None:
    """With one model at a time, the wait is for what runs there."""
    fleet.add_host(models=["a:latest", "b:latest"], slots=2)
    know(fleet, a=30, b=10)
    for _ in range(2):
        fleet.submit("a")

    job = fleet.submit("b")

    assert job.status().eta_seconds == pytest.approx(30, abs=0.8)


def test_nothing_is_said_that_is_not_known(fleet: Fleet) -> None:
    """No host: no estimate. A free slot: at once. Nothing measured: no estimate."""
    waits = fleet.submit()
    assert waits.status().eta_seconds is None
    waits.cancel()
    fleet.add_host()
    assert fleet.log(fleet.submit().id)[0]["eta_seconds"] == 0
    assert fleet.log(fleet.submit().id)[0]["eta_seconds"] is None


def test_failures_and_loads_are_not_measured(fleet: Fleet) -> None:
    """What fails fast, or waited for a load, does not make the estimate wrong for the others."""
    store = fleet.add_host(loaded=[MODEL])
    first = fleet.submit()
    store.complete(fleet.claim(store, first), make_outcome())
    measured = fleet.redis.hget(f"{fleet.keys.prefix}:service", MODEL)
    store.fail(fleet.claim(store, fleet.submit()), make_error())
    store.report(1, 1, "{}", [MODEL], loaded=[], **PATIENCE)
    store.complete(fleet.claim(store, fleet.submit()), make_outcome())

    assert fleet.redis.hget(f"{fleet.keys.prefix}:service", MODEL) == measured


def test_it_follows_a_change_of_the_jobs_length_within_three_jobs(fleet: Fleet) -> None:
    """After jobs of 0.1 s, three of 20 s: the next estimate is within 25 %."""
    store = fleet.add_host(models=["a:latest"], loaded=["a:latest"])
    fleet.redis.hset(f"{fleet.keys.host('alpha')}:loaded", "a:latest", "1 ")  # long ago
    for seconds in (0.1, 0.1, 20, 20, 20):
        claimed = fleet.claim(store, fleet.submit("a"))
        fleet.redis.hset(fleet.keys.record(claimed.id), "assigned_at", time.time() - seconds)
        store.complete(claimed, make_outcome())
    fleet.submit("a")

    jobs = [fleet.submit("a") for _ in range(4)]

    assert jobs[-1].status().eta_seconds == pytest.approx(80, rel=0.25)


def test_readers_that_look_do_not_make_redis_read_the_running_jobs_again(fleet: Fleet) -> None:
    """A forecast is computed once for all who ask within a moment; it goes on with time, and has a lifetime."""
    fleet.add_host(models=["a:latest"], slots=100)
    know(fleet, a=1000)
    waiting = [fleet.submit("a") for _ in range(201)][-1]
    key = f"{fleet.keys.prefix}:forecast:a:latest"
    fleet.redis.delete(key)

    assert waiting.status().eta_seconds == pytest.approx(2000, abs=50)

    assert 0 < fleet.redis.ttl(key) <= 2
    seconds, micros = fleet.redis.time()
    fleet.redis.set(key, f"{seconds + micros / 1e6} 100 0 7.0")
    assert waiting.status().eta_seconds == pytest.approx(1007, abs=0.3)
