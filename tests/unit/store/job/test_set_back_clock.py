"""The clock of Redis' machine is set back or forward: nothing waits for a time that was, and nothing is given up."""

from embedded.scripted.fleet import LEASE_SECONDS, Fleet, make_error
from llamaq.store.worker.host_state import Reaped


def test_after_a_clock_was_set_back_each_retry_waits_its_own_delay(fleet: Fleet) -> None:
    """In pages, from the latest one, whatever waits in between for long by its own right."""
    store = fleet.add_host()
    seconds, _ = fleet.redis.time()
    delays = {f"job-{number}": 3000 if number % 3 else 7 for number in range(250)}
    for job_id, delay in delays.items():
        fleet.redis.hset(fleet.keys.record(job_id), mapping={"delay": delay})
    ahead = {job_id: seconds + delay + (0 if delay == 3000 else 7200) for job_id, delay in delays.items()}
    fleet.redis.zadd(f"{fleet.keys.prefix}:delayed", ahead)
    assert store.reap() is not None
    fleet.redis.hset(f"{fleet.keys.prefix}:reaper", "last", seconds + 7200)

    for _ in range(4):
        assert store.reap() is not None

    for job_id, at in fleet.redis.zrange(f"{fleet.keys.prefix}:delayed", 0, -1, withscores=True):
        assert seconds <= at <= seconds + delays[job_id] + 60
    assert not fleet.redis.hexists(f"{fleet.keys.prefix}:reaper", "delays_page")


def test_a_clock_of_redis_that_was_set_back_delays_nothing_for_long(fleet: Fleet) -> None:
    """Leases, retries, hosts and leadership from an hour ahead count as the latest that they can be."""
    store, other = fleet.add_host(slots=2), fleet.open_store(name="w2")
    lost, _ = fleet.start_job(store)
    delayed, claimed = fleet.start_job(store)
    store.release(claimed, make_error(), 30, counts=True)
    seconds, _ = fleet.redis.time()
    ahead = seconds + 7200
    prefix = fleet.keys.prefix
    fleet.redis.zadd(f"{prefix}:leases", {f"{lost.id} alpha": ahead})
    fleet.redis.zadd(f"{prefix}:delayed", {delayed.id: ahead})
    fleet.redis.zadd(f"{prefix}:hosts", {"alpha": ahead})
    fleet.redis.hset(f"{prefix}:reaper", mapping={"worker": "w1", "until": ahead, "grace": ahead, "last": ahead})

    assert other.reap() == Reaped()

    assert fleet.redis.zscore(f"{prefix}:leases", f"{lost.id} alpha") <= seconds + LEASE_SECONDS + 60
    assert fleet.redis.zscore(f"{prefix}:delayed", delayed.id) <= seconds + 30 + 60
    assert fleet.redis.zscore(f"{prefix}:hosts", "alpha") <= seconds + 60
    fleet.expire_lease(lost.id)
    assert other.reap() == Reaped(lost=1)


def test_after_a_clock_was_set_back_each_webhook_is_due_as_before(fleet: Fleet) -> None:
    """One that is due at the end of its job, and one that is tried again, do not wait for the time that was."""
    store = fleet.add_host()
    seconds, _ = fleet.redis.time()
    webhooks = f"{fleet.keys.prefix}:webhooks"
    fleet.redis.zadd(webhooks, {"new": seconds + 3600, "again": seconds + 3660, "over": seconds - 5})
    assert store.reap() is not None
    fleet.redis.hset(f"{fleet.keys.prefix}:reaper", "last", seconds + 3600)

    for _ in range(2):
        assert store.reap() is not None

    due = dict(fleet.redis.zrange(webhooks, 0, -1, withscores=True))
    assert {name: round((at - seconds) / 5) * 5 for name, at in due.items()} == {"new": 0, "again": 60, "over": -5}


def test_a_refused_job_has_a_try_where_the_clock_was_set_forward_beyond_its_deadline(fleet: Fleet) -> None:
    """As after an outage of all workers, in which nobody tried it."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    store.release(claimed, make_error(), 30, counts=True, blame="model", wait_seconds=30)
    fleet.end_reaper_leadership()
    assert store.reap() == Reaped()
    prefix = fleet.keys.prefix
    seconds, _ = fleet.redis.time()
    for key in ("delayed", "refused"):  # as seen from an hour later
        assert fleet.redis.zincrby(f"{prefix}:{key}", -3600, job.id) < seconds
    fleet.redis.hset(f"{prefix}:reaper", mapping={"until": seconds - 3590, "last": seconds - 3600})

    assert store.reap() == Reaped(due=1)
    assert job.status().state == "retrying"
    fleet.end_reaper_leadership()
    assert store.reap() == Reaped(refused=1)
