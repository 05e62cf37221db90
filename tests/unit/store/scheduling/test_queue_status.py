"""waiting.lua: what waits, by model and lane, and why."""

from embedded.scripted.fleet import MODEL, Fleet, make_outcome
from llamaq.vocabulary.wait_reason import Why

OTHER = "other:latest"


def test_each_queue_is_told_with_its_size_its_age_and_its_reason(fleet: Fleet) -> None:
    """In the order of the lanes; the oldest is the first that came, and the estimate is that of a new job."""
    store = fleet.add_host()
    done, claimed = fleet.start_job(store)
    store.complete(claimed, make_outcome())
    fleet.redis.hset(f"{fleet.keys.prefix}:service", MODEL, "10 10")
    fleet.start_job(store)
    oldest = fleet.submit(priority="batch")
    for lane in ("batch", "interactive"):
        fleet.submit(priority=lane)
    fleet.redis.zincrby(f"{fleet.keys.prefix}:ages:batch:{MODEL}", -50, oldest.id)
    fleet.submit(OTHER)
    fleet.queue.pull("x", host="gone", wait_for_model=True)
    fleet.forget_forecasts()

    rows = fleet.queue.waiting()

    assert [(row.model, row.lane, row.waiting, row.why) for row in rows] == [
        (":pull@gone", "normal", 1, Why.of("no_model")),
        (OTHER, "normal", 1, Why.of("no_model")),
        (MODEL, "interactive", 1, Why.of("busy")),
        (MODEL, "batch", 2, Why.of("busy")),
    ]
    *_, first, last = rows
    assert last.oldest_seconds is not None
    assert 50 <= last.oldest_seconds < 60
    assert first.eta_seconds is not None
    assert last.eta_seconds is not None
    assert abs(last.eta_seconds - first.eta_seconds - 20) < 0.01, "two more jobs are ahead"
    assert done.status().state == "completed"


def test_jobs_that_wait_for_their_time_have_a_line_of_their_own(fleet: Fleet) -> None:
    """With the first of their times; it goes with the last of them."""
    later, sooner = fleet.submit(start_after=7200), fleet.submit(start_after=3600)

    (row,) = fleet.queue.waiting()

    start = sooner.status().start_after
    assert (row.model, row.lane, row.waiting, row.next_start) == (MODEL, None, 2, start)
    assert row.why == Why.of("not_before", start)
    later.cancel()
    sooner.cancel()
    assert fleet.queue.waiting() == []
    assert ":scheduled" not in fleet.key_names()


def test_pauses_are_the_reason(fleet: Fleet) -> None:
    """Of the host, or of the model."""
    fleet.add_host(models=[MODEL, OTHER])
    fleet.queue.pause(model=OTHER)
    fleet.submit(OTHER)
    assert [row.why.word for row in fleet.queue.waiting()] == ["model_paused"]
    fleet.queue.pause(host="alpha")
    fleet.submit()
    assert [row.why.word for row in fleet.queue.waiting()] == ["model_paused", "host_paused"]


def test_each_tenant_is_told_with_what_it_has_waiting(fleet: Fleet) -> None:
    """In queues and for their time."""
    for tenant, start in (("b", None), ("a", None), ("b", 60)):
        fleet.submit(tenant=tenant, start_after=start)
    assert fleet.queue.waiting_by_tenant() == {"a": 1, "b": 2}
