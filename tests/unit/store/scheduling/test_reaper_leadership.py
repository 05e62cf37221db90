"""reap.lua: who leads, and what a round does that need not be whole."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from embedded.scripted.fleet import Fleet, make_error
from llamaq.store import script_runs, scripts
from llamaq.store.worker.host_state import Reaped
from llamaq.store.worker.job_store import JobStore
from llamaq.store.worker.worker_scripts import Reap


def lost(fleet: Fleet, store: JobStore) -> None:
    """A job whose worker has died."""
    job, _ = fleet.start_job(store)
    fleet.expire_lease(job.id)


def delayed(fleet: Fleet, store: JobStore) -> None:
    """A retry that is due."""
    job, claimed = fleet.start_job(store)
    store.release(claimed, make_error(), 30, counts=True)
    fleet.make_retry_due(job.id)


def late(fleet: Fleet, store: JobStore) -> None:
    """A job that nobody started in time, and no host is there."""
    store.leave()
    fleet.expire_start_within(fleet.submit(start_within=30).id)


@pytest.mark.parametrize(
    ("make", "done"),
    [
        (lost, Reaped(lost=1)),
        (delayed, Reaped(due=1)),
        (late, Reaped(expired=1)),
    ],
)
def test_a_round_is_whole_where_there_is_a_job(
    fleet: Fleet, make: Callable[[Fleet, JobStore], None], done: Reaped
) -> None:
    """Whatever the job waits for, the round does what a whole one does."""
    store = fleet.add_host()
    make(fleet, store)
    fleet.end_reaper_leadership()

    assert store.reap(whole=False) == done


def test_a_round_is_whole_where_a_job_waits(fleet: Fleet) -> None:
    """The round looks whether a host has its model."""
    store = fleet.add_host()
    fleet.submit(model="none:latest")

    assert store.reap(whole=False) == Reaped()

    assert fleet.redis.hget(f"{fleet.keys.prefix}:lane:normal:none:latest", "orphan_since")


def test_a_round_without_a_job_leads_and_does_nothing_else(fleet: Fleet) -> None:
    """Unless it has to be whole, as one of several."""
    store, leader = fleet.add_host(), f"{fleet.keys.prefix}:reaper"
    store.reap()
    fleet.redis.zadd(f"{fleet.keys.prefix}:expiring", {"gone": 1})
    fleet.redis.hset(leader, mapping={"until": 1, "last": 1})

    assert store.reap(whole=False) == Reaped()

    assert fleet.redis.zcard(f"{fleet.keys.prefix}:expiring") == 1
    assert fleet.open_store(name="w2").reap() is None
    store.reap()
    assert fleet.redis.zcard(f"{fleet.keys.prefix}:expiring") == 0


@pytest.mark.parametrize(("late", "done"), [(4.0, Reaped(lost=1)), (6.0, Reaped())])
def test_the_loss_of_the_leader_is_no_silence_of_all(fleet: Fleet, late: float, done: Reaped) -> None:
    """The next leader comes later than a round of the old one would. Meanwhile the others have renewed their leases."""
    store = fleet.add_host()
    job, _ = fleet.start_job(store)
    fleet.expire_lease(job.id)
    now = fleet.redis.time()[0]
    before = {"worker": "lost", "until": now - late + 3, "last": now - late, "grace": 0, "slow": 0}
    fleet.redis.hset(f"{fleet.keys.prefix}:reaper", mapping=before)

    assert store.reap() == done


def test_a_silence_of_the_leader_itself_is_one_of_all(fleet: Fleet) -> None:
    """It comes each second while Redis answers."""
    store = fleet.add_host()
    job, _ = fleet.start_job(store)
    store.reap()
    fleet.expire_lease(job.id)
    now = fleet.redis.time()[0]
    fleet.redis.hset(f"{fleet.keys.prefix}:reaper", mapping={"last": now - 4, "grace": 0, "slow": 0})

    assert store.reap() == Reaped()


def test_a_fleet_whose_script_knows_whole_rounds_alone_gets_one(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """As while the workers of an older version are replaced."""
    store = fleet.add_host()
    store.reap()
    script = scripts.load(Reap)
    older = replace(script, names=tuple(name for name in script.names if name != "light"))
    monkeypatch.setitem(script_runs._published, fleet.keys.prefix, {"reap": older})
    fleet.redis.zadd(f"{fleet.keys.prefix}:expiring", {"gone": 1})

    assert store.reap(whole=False) == Reaped()

    assert fleet.redis.zcard(f"{fleet.keys.prefix}:expiring") == 0
