"""What queue.workers() tells of the worker processes, and queue.running() of what they run."""

from datetime import UTC, datetime

from embedded.scripted.fleet import MODEL, PATIENCE, Fleet, make_outcome
from llamaq import __version__


def test_each_worker_is_listed_with_what_it_runs(fleet: Fleet) -> None:
    """By host and name; a slot counts for the worker that has claimed its job."""
    second = fleet.open_store("beta", "w2")
    fleet.add_host("beta", slots=3, machine="m1")
    fleet.add_host("alpha", models=["other:latest"])
    second.report(3, 1, "{}", [MODEL], **PATIENCE)
    fleet.claim(second, fleet.submit())
    fleet.claim(second, fleet.submit())
    fleet.submit()

    seconds, _ = fleet.redis.time()
    alpha, first, other = fleet.queue.workers()
    assert [(each.host, each.name, each.slots_used) for each in (alpha, first, other)] == [
        *(("alpha", "w1", 0), ("beta", "w1", 0), ("beta", "w2", 2)),
    ]
    assert {each.state for each in (alpha, first, other)} == {"running"}
    assert {each.version for each in (alpha, first, other)} == {__version__}
    assert other.since is not None
    assert other.seen_at is not None
    assert abs((other.seen_at - datetime.fromtimestamp(seconds, UTC)).total_seconds()) <= 2
    assert abs((other.since - other.seen_at).total_seconds()) < 60


def test_pauses_and_drains_are_told(fleet: Fleet) -> None:
    """Of the host, while what runs goes on; a worker of a host that does not answer is listed too."""
    store = fleet.add_host()
    fleet.open_store("down").report_down(1, 1, "no answer")
    _, claimed = fleet.start_job(store)
    fleet.queue.pause(host="alpha")
    assert [(each.host, each.state) for each in fleet.queue.workers()] == [("alpha", "paused"), ("down", "running")]

    fleet.queue.drain(host="alpha")
    assert [(each.state, each.slots_used) for each in fleet.queue.workers()][:1] == [("draining", 1)]
    store.complete(claimed, make_outcome())
    assert [(each.state, each.slots_used) for each in fleet.queue.workers()][:1] == [("draining", 0)]


def test_a_worker_that_stops_drains_until_it_has_ended(fleet: Fleet) -> None:
    """It no longer counts for the size of its host, nor as one of its workers."""
    store = fleet.add_host(slots=2)
    fleet.start_job(store)
    store.leave(60)

    (worker,) = fleet.queue.workers()
    assert (worker.state, worker.slots_used, worker.version, worker.seen_at) == ("draining", 1, __version__, None)
    assert fleet.redis.ttl(f"{fleet.keys.host('alpha')}:leaving") <= 60
    store.leave()
    assert fleet.queue.workers() == []


def test_a_worker_without_a_sign_is_not_listed(fleet: Fleet) -> None:
    """Three probes long; one of an older llamaq tells less."""
    fleet.add_host()
    sizes = f"{fleet.keys.host('alpha')}:sizes"
    seconds, _ = fleet.redis.time()
    fleet.redis.hset(sizes, mapping={"dead": f"{seconds - 16} 1 1 ", "old": f"{seconds} 1 1 machine"})

    workers = fleet.queue.workers()

    assert [(each.name, each.version, each.since is None) for each in workers] == [
        *(("old", None, True), ("w1", __version__, False)),
    ]
    assert fleet.add_host().report(1, 1, "{}", [MODEL], **PATIENCE).sizes == ""


def test_what_runs_is_listed_with_its_worker(fleet: Fleet) -> None:
    """In the order in which it began, host jobs too; not what waits, is assigned, has ended or was deleted."""
    store = fleet.add_host(slots=4)
    deleted, _ = fleet.start_job(store)
    fleet.queue.delete(deleted.id)
    cancelled, _ = fleet.start_job(store)
    cancelled.cancel()
    runs, claimed = fleet.start_job(store, tenant="shop")
    fleet.append(claimed, 1, text="x")
    pull = fleet.queue.pull("m")
    fleet.claim(store, pull)
    fleet.submit()
    fleet.submit()

    listed = fleet.queue.running()

    assert [job.id for job in listed] == [runs.id, pull.id]
    first = listed[0]
    assert (first.tenant, first.host, first.worker, first.attempt) == ("shop", "alpha", "w1", 1)
    assert first.last_token_at is not None
