"""Host jobs of a host: assigned beside its models' jobs, one of each kind at a time, and never in a model's slot."""

from typing import Any

import pytest

from embedded.scripted.fleet import MODEL, Fleet
from llamaq import InvalidRequest, Job, ModelStatus, UnknownModel
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Completed, Error


def _placed(fleet: Fleet) -> list[tuple[str, str, str]]:
    return [(message.job_id, message.kind, message.host) for message in fleet.take_messages()]


def _complete(store: Any, job: ClaimedJob) -> None:
    store.complete(job, Completed({"pulled": "m:1", "model": "m:1", "host": job.host, "attempts": 1}))


def test_a_pull_needs_no_slot_and_takes_none(fleet: Fleet) -> None:
    """On a host whose one slot is taken it is assigned at once; while it runs, the next job gets the slot."""
    store = fleet.add_host(slots=1)
    busy = fleet.submit()
    pull = fleet.queue.pull("Acme/New")

    assert _placed(fleet) == [(busy.id, "generate", "alpha"), (pull.id, "pull", "alpha")]
    assert (pull.status().model, pull.status().kind) == ("acme/new:latest", "pull")
    fleet.claim(store, pull)
    ended = fleet.claim(store, busy)
    after = fleet.submit()
    store.complete(ended, Completed({"text": "x"}))
    assert _placed(fleet) == [(after.id, "generate", "alpha")]


def test_one_pull_at_a_time_on_each_host(fleet: Fleet) -> None:
    """The next waits its turn, by lane and then in order; an unload does not wait for a pull."""
    alpha = fleet.add_host("alpha")
    first, later = fleet.queue.pull("a"), fleet.queue.pull("b")
    urgent = fleet.queue.pull("c", priority="interactive")
    unload = fleet.queue.unload(MODEL, host="alpha")[0]

    assert _placed(fleet) == [(first.id, "pull", "alpha"), (unload.id, "unload", "alpha")]
    assert (urgent.status().position, later.status().position) == (0, 1)
    running = fleet.claim(alpha, first)
    _complete(alpha, running)
    assert _placed(fleet) == [(urgent.id, "pull", "alpha")]
    fleet.add_host("beta")
    assert _placed(fleet) == [(later.id, "pull", "beta")]


def test_a_named_host_gets_its_own_host_jobs_alone(fleet: Fleet) -> None:
    """It is done there or nowhere; a host that nobody speaks for is refused with the field, unless it is waited for."""
    fleet.add_host("alpha")
    fleet.add_host("beta")

    job = fleet.queue.pull("m", host="beta")

    assert _placed(fleet) == [(job.id, "pull", "beta")]
    with pytest.raises(InvalidRequest, match=r"^host: no worker speaks for a host 'gamma'"):
        fleet.queue.pull("m", host="gamma")
    waits = fleet.queue.pull("m", host="gamma", wait_for_model=True)
    assert _placed(fleet) == []
    fleet.add_host("gamma")
    assert _placed(fleet) == [(waits.id, "pull", "gamma")]


def test_without_any_host_a_host_job_waits_for_one(fleet: Fleet) -> None:
    """As every job does: the fleet may just not have started yet."""
    job = fleet.queue.pull("m")

    assert job.status().state == "queued"
    fleet.add_host()
    assert _placed(fleet) == [(job.id, "pull", "alpha")]


def test_an_unload_is_one_job_for_each_host_that_has_the_model(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the hosts; a model that nobody has is unknown."""
    offered = [ModelStatus(model="m:latest", host=host) for host in ("alpha", "beta")]
    monkeypatch.setattr(fleet.queue, "models", lambda: [*offered, ModelStatus(model="other:latest", host="gamma")])
    for host in ("alpha", "beta", "gamma"):
        fleet.add_host(host)

    jobs = fleet.queue.unload("M")

    assert sorted(_placed(fleet)) == sorted([(jobs[0].id, "unload", "alpha"), (jobs[1].id, "unload", "beta")])
    with pytest.raises(UnknownModel, match="other"):
        fleet.queue.unload("othr")


@pytest.mark.parametrize("how", ["cancelled", "failed", "given back", "lost"])
def test_however_a_host_job_ends_its_place_is_free_again(fleet: Fleet, how: str) -> None:
    """The next one is assigned; one that was lost with its worker, or given back, comes again."""
    store = fleet.add_host()
    job = fleet.queue.pull("m")
    claimed = fleet.claim(store, job)
    next_one: Job[Any] = fleet.queue.pull("n", host="alpha")
    fleet.take_messages()

    if how == "cancelled":
        job.cancel()
        store.free_slot(claimed)
    elif how == "failed":
        store.fail(claimed, Error("ollama_error", "no such model"))
    elif how == "given back":
        store.release(claimed, Error("ollama_unavailable", "away", retryable=True), 0, counts=True)
    else:
        fleet.redis.zadd(fleet.keys.leases(), {f"{job.id} alpha": 0})
        store.reap()
        fleet.redis.hset(f"{fleet.keys.prefix}:reaper", "grace", 0)
        store.reap()

    assert (next_one.id, "pull", "alpha") in _placed(fleet)
    if how in ("given back", "lost"):
        assert job.status().state == "retrying"
        _complete(store, fleet.claim(store, next_one))
        assert (job.id, "pull", "alpha") in _placed(fleet)


def test_a_host_job_on_a_host_that_is_down_waits(fleet: Fleet) -> None:
    """Its circuit is open: nothing is assigned there, host jobs neither."""
    store = fleet.add_host()
    store.report_down(1, 1, "connection refused")

    job = fleet.queue.pull("m", host="alpha")

    assert _placed(fleet) == []
    assert job.status().state == "queued"
