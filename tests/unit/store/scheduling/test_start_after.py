"""start_after: a job that waits for its time gets no slot, stands in no queue, and counts all the same."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from embedded.scripted.fleet import MODEL, Fleet, make_outcome
from llamaq import InvalidRequest, Job, QueueFull
from llamaq.store.worker.job_store import JobStore
from llamaq.vocabulary.wait_reason import Why

HOUR = 3600.0


def _due(fleet: Fleet, store: JobStore, *jobs: Job[Any]) -> None:
    """Their time comes, in this order, and the reaper looks."""
    for number, job in enumerate(jobs):
        fleet.redis.zadd(f"{fleet.keys.prefix}:delayed", {job.id: 1 + number}, xx=True)
    fleet.end_reaper_leadership()
    assert store.reap() is not None


def _chat(fleet: Fleet, **fields: Any) -> Job[Any]:
    return fleet.queue.chat(MODEL, conversation="c", message="x", wait_for_model=True, **fields)


def test_before_its_time_it_gets_no_slot_and_has_no_position(fleet: Fleet) -> None:
    """With a free host too; its status says when, and its readers get a `queued` event without a position."""
    store = fleet.add_host()
    job = fleet.submit(start_after=HOUR)

    status = job.status()
    assert (status.state, status.position, status.eta_seconds) == ("queued", None, None)
    assert status.start_after is not None
    assert timedelta(minutes=59) < status.start_after - status.submitted_at < timedelta(minutes=61)
    assert status.why == Why.of("not_before", status.start_after)
    assert status.why.sentence == f"It is not to start before {status.start_after.astimezone():%Y-%m-%d %H:%M:%S}."
    assert fleet.queue.jobs()[0] == status
    (queued,) = fleet.log(job.id)
    assert (queued["position"], queued["eta_seconds"]) == (None, None)
    fleet.end_reaper_leadership()
    assert store.reap() is not None
    assert (fleet.take_messages(), fleet.waiting_jobs()) == ([], [])
    following = fleet.submit()
    assert [message.job_id for message in fleet.take_messages()] == [following.id], "it holds up no other"


def test_when_its_time_comes_it_is_assigned(fleet: Fleet) -> None:
    """By the next round of the reaper; where no slot is free it waits in its queue, at a position."""
    store = fleet.add_host()
    first, second = fleet.submit(start_after=HOUR), fleet.submit(start_after=HOUR)

    _due(fleet, store, first, second)

    assert [message.job_id for message in fleet.take_messages()] == [first.id]
    assert (second.status().position, second.status().why) == (0, Why.of("loading"))
    store.complete(fleet.claim(store, first), make_outcome())
    assert [message.job_id for message in fleet.take_messages()] == [second.id]


def test_a_time_is_as_good_as_seconds(fleet: Fleet) -> None:
    """As a datetime, as text or in Unix seconds; one that has passed lets the job start at once."""
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
    for given in (start, start.isoformat(), start.timestamp()):
        assert fleet.submit(start_after=given).status().start_after == start

    past = fleet.submit(start_after=start - timedelta(days=1))
    assert (past.status().position, past.status().start_after) == (0, None)


@pytest.mark.parametrize("given", [0, -1, True, 3e6, 5e9, "soon", "2026-11-28T14:05", datetime(2026, 11, 28)])  # noqa: DTZ001
def test_what_is_no_start_is_refused(fleet: Fleet, given: Any) -> None:
    """More than 30 days, a time without a zone, and what is neither."""
    with pytest.raises(InvalidRequest) as refused:
        fleet.submit(start_after=given)
    assert [problem.field for problem in refused.value.problems] == ["start_after"]


def test_start_within_counts_from_then(fleet: Fleet) -> None:
    """Else no job could wait longer for its time than for its start."""
    job = fleet.submit(start_after=HOUR, start_within=60)

    record, starts = fleet.record(job.id), fleet.redis.zscore(f"{fleet.keys.prefix}:start_by", job.id)
    assert float(record["start_by"]) - float(record["not_before"]) == pytest.approx(60, abs=0.01)
    assert float(record["not_before"]) - float(record["submitted_at"]) == pytest.approx(HOUR, abs=0.01)
    assert starts == pytest.approx(float(record["start_by"]), abs=0.01)


def test_it_counts_towards_the_limits(redis_server: Any, prefix: str) -> None:
    """Of the model and of the tenant; with its cancel its place is free, and with its start it is not counted twice."""
    fleet = Fleet(redis_server.url, prefix, max_queued=2, max_queued_per_tenant=1)
    first, second = fleet.submit(start_after=HOUR, tenant="a"), fleet.submit(start_after=HOUR, tenant="b")
    with pytest.raises(QueueFull, match=r"\(Settings.max_queued\)"):
        fleet.submit(tenant="c")
    first.cancel()
    with pytest.raises(QueueFull, match=r"\(Settings.max_queued_per_tenant,"):
        fleet.submit(tenant="b")
    _due(fleet, fleet.open_store(), second)
    assert fleet.redis.hgetall(f"{prefix}:queued") == {"b": "1"}
    fleet.submit(tenant="a")
    with pytest.raises(QueueFull, match=r"\(Settings.max_queued\)"):
        fleet.submit(tenant="c")
    fleet.close()


@pytest.mark.parametrize("end", ["cancel", "delete", "expire"])
def test_nothing_is_left_of_one_that_ends_before(fleet: Fleet, end: str) -> None:
    """No place, no count, and nothing that would start it later."""
    job = fleet.submit(start_after=HOUR, start_within=HOUR)
    if end == "cancel":
        job.cancel()
    elif end == "delete":
        fleet.queue.delete(job.id)
    else:
        fleet.expire_start_within(job.id)
        fleet.end_reaper_leadership()
        assert fleet.open_store().reap() is not None
    left = {":scheduled", ":delayed", ":queued", ":tenant_of", ":start_by", ":lane", ":tenants"}
    assert not [name for name in fleet.key_names() if name.startswith(tuple(left))]


def test_those_whose_time_has_come_take_turns_with_the_others(fleet: Fleet) -> None:
    """A tenant cannot gain turns by handing jobs in ahead of time."""
    store = fleet.add_host()
    ahead = [fleet.submit(start_after=HOUR, tenant="early") for _ in range(3)]
    for _ in range(3):
        store.complete(fleet.start_job(store, tenant="other")[1], make_outcome())
    fleet.start_job(store, tenant="other")
    waiting = [fleet.submit(tenant="other") for _ in range(3)]

    _due(fleet, store, *ahead)

    owners = [fleet.record(job_id)["tenant"] for job_id in fleet.waiting_jobs()]
    assert sorted(fleet.waiting_jobs()) == sorted(job.id for job in (*ahead, *waiting))
    assert owners[:3] != ["early"] * 3
    assert [job_id for job_id in fleet.waiting_jobs() if fleet.record(job_id)["tenant"] == "early"] == [
        job.id for job in ahead
    ]


def test_a_turn_keeps_its_place_in_its_conversation(fleet: Fleet) -> None:
    """The turns behind it wait for it; and one whose turn comes before its time waits on."""
    store = fleet.add_host(slots=3)
    first, second = _chat(fleet, start_after=HOUR), _chat(fleet)
    third = _chat(fleet, start_after=HOUR)
    assert [job.status().why for job in (first, second)] == [
        *(Why.of("not_before", first.status().start_after), Why.of("conversation"))
    ]
    assert (second.status().position, third.status().position) == (1, None)

    _due(fleet, store, first)
    store.complete(fleet.claim(store, first), make_outcome())
    store.complete(fleet.claim(store, second), make_outcome())

    assert third.status().why == Why.of("not_before", third.status().start_after)
    assert store.claim(third.id) is None
    _due(fleet, store, third)
    fleet.claim(store, third)


def test_redis_clock_that_is_set_back_does_not_make_it_wait_for_longer(fleet: Fleet) -> None:
    """Seconds are seconds; a time stays the time that it is."""
    relative = fleet.submit(start_after=60)
    absolute = fleet.submit(start_after=datetime.now(UTC) + timedelta(days=3))
    delayed = f"{fleet.keys.prefix}:delayed"
    time = fleet.redis.zscore(delayed, absolute.id)
    seconds, _ = fleet.redis.time()
    fleet.redis.zadd(delayed, {relative.id: seconds + 9 * HOUR})
    fleet.redis.hset(f"{fleet.keys.prefix}:reaper", mapping={"delays_page": 0})

    fleet.end_reaper_leadership()
    assert fleet.open_store().reap() is not None

    assert fleet.redis.zscore(delayed, relative.id) <= seconds + 61 + 60
    assert fleet.redis.zscore(delayed, absolute.id) == time


def test_one_that_is_in_no_index_any_more_waits_for_its_time_again(fleet: Fleet) -> None:
    """It is found as any job is, and does not start early."""
    job = fleet.submit(start_after=HOUR)
    fleet.redis.delete(f"{fleet.keys.prefix}:delayed", f"{fleet.keys.prefix}:scheduled:{MODEL}")

    fleet.end_reaper_leadership()
    assert fleet.add_host().reap() is not None

    assert fleet.waiting_jobs() == []
    assert fleet.slots() == {}
    assert job.status().why == Why.of("not_before", job.status().start_after)
    assert fleet.redis.zcard(f"{fleet.keys.prefix}:scheduled:{MODEL}") == 1
