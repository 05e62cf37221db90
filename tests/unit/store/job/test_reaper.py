"""reap.lua: whatever lost its owner goes back or ends; one worker leads."""

from embedded.scripted.fleet import Fleet, make_error, make_outcome
from llamaq.store.worker.host_state import Reaped
from llamaq.store.worker.job_store import REAPED_AT_A_TIME
from llamaq.store.worker.worker_scripts import Reap


def test_a_job_whose_worker_died_is_tried_again(fleet: Fleet) -> None:
    """A lapsed lease: the readers learn of it, the slot is free, and the job is assigned again as attempt 2."""
    store = fleet.add_host()
    job, old = fleet.start_job(store)
    fleet.append(old, 1, text="half")
    fleet.take_messages()
    fleet.expire_lease(job.id)
    fleet.end_reaper_leadership()

    assert store.reap() == Reaped(lost=1)

    assert fleet.types(job.id) == ["queued", "started", "delta", "retrying"]
    assert fleet.log(job.id)[-1]["error"]["code"] == "internal"
    assert [message.job_id for message in fleet.take_messages()] == [job.id]
    assert fleet.append(old, 2, text="late") == "FENCED"
    again = fleet.claim(store, job)
    assert (again.attempt, again.tries) == (2, 2)
    assert again.fence != old.fence
    assert fleet.append(old, 2, text="late") == "FENCED"


def test_a_lapsed_lease_is_acted_on_once(fleet: Fleet) -> None:
    """The next round finds nothing to do."""
    store = fleet.add_host()
    job, _ = fleet.start_job(store)
    fleet.expire_lease(job.id)
    fleet.end_reaper_leadership()

    rounds = [store.reap(), store.reap()]

    assert rounds == [Reaped(lost=1), Reaped()]
    assert fleet.types(job.id) == ["queued", "started", "retrying"]


def test_a_lease_that_is_kept_is_left_alone(fleet: Fleet) -> None:
    """A renewal in time is all that a living worker needs."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    fleet.expire_lease(job.id)
    assert fleet.renew(claimed) == "OK"
    fleet.end_reaper_leadership()

    assert store.reap() == Reaped()

    assert fleet.record(job.id)["state"] == "running"


def test_a_placed_job_that_nobody_claims_is_rung_for_again(fleet: Fleet) -> None:
    """Its message got lost: no attempt is used up, no event is written, and the same job is assigned once more."""
    store = fleet.add_host()
    job = fleet.submit()
    fleet.take_messages()
    fleet.expire_lease(job.id)
    fleet.end_reaper_leadership()

    assert store.reap() == Reaped(unclaimed=1)

    assert [message.job_id for message in fleet.take_messages()] == [job.id]
    assert fleet.types(job.id) == ["queued"]
    assert fleet.claim(store, job).attempt == 1


def test_a_job_that_takes_its_worker_with_it_every_time_ends(fleet: Fleet) -> None:
    """After LLAMAQ_MAX_ATTEMPTS lost workers it is not tried again: `attempts_exhausted`."""
    store = fleet.add_host()
    job = fleet.submit()
    for _ in range(3):
        fleet.claim(store, job)
        fleet.expire_lease(job.id)
        fleet.end_reaper_leadership()
        assert store.reap() == Reaped(lost=1)

    status = job.status()

    assert status.state == "failed"
    assert status.error is not None
    assert status.error.code == "attempts_exhausted"
    assert fleet.types(job.id) == ["queued", *["started", "retrying"] * 2, "started", "failed"]
    assert (fleet.slots(), fleet.leases()) == ({}, [])


def test_after_a_silence_the_living_get_one_lease_time(fleet: Fleet) -> None:
    """Redis was down, and nobody could renew: at first only what was never begun is taken up."""
    store = fleet.add_host(slots=2)
    running, claimed = fleet.start_job(store)
    assigned = fleet.submit()
    fleet.expire_lease(running.id)
    fleet.expire_lease(assigned.id)

    assert store.reap() == Reaped(unclaimed=1)

    assert fleet.record(running.id)["state"] == "running"
    assert fleet.append(claimed, 1, text="still here") == "OK"
    fleet.end_reaper_leadership()
    assert store.reap() == Reaped()


def test_the_time_of_grace_ends(fleet: Fleet) -> None:
    """A worker that does not renew within it is lost."""
    store = fleet.add_host()
    job, _ = fleet.start_job(store)
    fleet.expire_lease(job.id)
    assert store.reap() == Reaped()
    fleet.redis.hset(f"{fleet.keys.prefix}:reaper", "grace", 1)

    assert store.reap() == Reaped(lost=1)


def test_rounds_that_always_come_late_give_no_grace_for_ever(fleet: Fleet) -> None:
    """Rounds that are always too far apart extend the grace three times; the fourth takes what lapsed.

    A round in time allows it again.
    """
    store, leader = fleet.add_host(), f"{fleet.keys.prefix}:reaper"
    job, _ = fleet.start_job(store)
    fleet.expire_lease(job.id)

    def late() -> Reaped | None:
        """A round long after the one before, when the grace that it gave is over."""
        fleet.redis.hset(leader, mapping={"last": 1, "grace": 1})
        return store.reap()

    assert [late(), late(), late(), late()] == [Reaped()] * 3 + [Reaped(lost=1)]

    store.reap()
    again = fleet.claim(store, job)
    fleet.expire_lease(job.id)
    assert late() == Reaped()
    assert fleet.renew(again) == "OK"


def test_the_first_round_of_all_counts_as_no_silence(fleet: Fleet) -> None:
    """Else three outages right after the first start would use one grace more than there are."""
    fleet.add_host().reap()

    assert fleet.redis.hget(f"{fleet.keys.prefix}:reaper", "slow") == "0"


def test_a_retry_that_is_due_comes_back(fleet: Fleet) -> None:
    """And not before it is due."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    store.release(claimed, make_error(), 30, counts=True)
    fleet.take_messages()
    fleet.end_reaper_leadership()
    assert store.reap() == Reaped()
    fleet.make_retry_due(job.id)

    assert store.reap() == Reaped(due=1)

    assert [message.job_id for message in fleet.take_messages()] == [job.id]


def test_jobs_not_started_in_time_expire(fleet: Fleet) -> None:
    """Waiting or assigned, a job past `start_within` ends; an assigned one gives its slot to the next."""
    store = fleet.add_host()
    assigned, waiting, patient = fleet.submit(start_within=30), fleet.submit(start_within=30), fleet.submit()
    fleet.expire_start_within(assigned.id)
    fleet.expire_start_within(waiting.id)
    fleet.end_reaper_leadership()

    assert store.reap() == Reaped(expired=2)

    assert fleet.types(assigned.id) == fleet.types(waiting.id) == ["queued", "expired"]
    assert "start_within" in str(assigned.status().reason)
    assert list(fleet.slots()) == [patient.id]


def test_one_worker_leads_until_it_falls_silent(fleet: Fleet) -> None:
    """A second worker follows while the first leads, and takes over when it has not been heard of."""
    first, second = fleet.open_store(name="w1"), fleet.open_store(name="w2")
    assert first.reap() is not None
    assert second.reap() is None
    assert first.reap() is not None
    fleet.redis.hset(f"{fleet.keys.prefix}:reaper", "until", 1)

    assert second.reap() is not None

    assert first.reap() is None


def test_free_slots_are_served_though_nobody_rang(fleet: Fleet) -> None:
    """A job that waits beside a free slot, whatever brought that about, is assigned with the host's next report."""
    fleet.add_host()
    job = fleet.submit()
    fleet.redis.hdel(fleet.keys.slots("alpha"), job.id)
    fleet.redis.zrem(fleet.keys.leases(), f"{job.id} alpha")
    fleet.redis.hset(fleet.keys.record(job.id), "lease", "")
    fleet.redis.zadd(f"{fleet.keys.prefix}:waiting:normal:smollm2:135m", {job.id: 1})
    fleet.redis.sadd(f"{fleet.keys.prefix}:waiting:normal", "smollm2:135m")

    fleet.add_host()

    assert list(fleet.slots()) == [job.id]


def test_a_backlog_is_reaped_in_pages(fleet: Fleet) -> None:
    """A script handles 100 jobs, however many are due; a round runs it until none is left."""
    store = fleet.add_host(slots=320)
    jobs = fleet.queue.submit_many({"kind": "generate", "model": "smollm2:135m", "prompt": "x"} for _ in range(320))
    for job in jobs:
        fleet.claim(store, job)
        fleet.expire_lease(job.id)
    fleet.end_reaper_leadership()

    texts = {"lost": '"error":{}', "exhausted": '"error":{}', "exhausted_error": "{}", "orphan_error": "{}"}
    page = fleet.run(
        Reap(
            worker="w1", leader_seconds=3, most=REAPED_AT_A_TIME, lease_seconds=15, orphan_seconds=600, light=0, **texts
        )
    )
    assert (page.integer("lost"), page.flag("more")) == (100, True)

    assert store.reap() == Reaped(lost=220)
    assert store.reap() == Reaped()


def test_the_list_of_jobs_is_swept_behind_expired_records(fleet: Fleet) -> None:
    """`queue.jobs()` and its index forget a job whose result is no longer kept."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    store.complete(claimed, make_outcome())
    fleet.redis.delete(fleet.keys.record(job.id), fleet.keys.events(job.id))
    assert fleet.queue.jobs() == []
    assert store.reap() is not None
    assert {":jobs", ":expiring"} <= fleet.key_names()
    fleet.expire_kept()

    assert store.reap() is not None

    assert not {":jobs", ":expiring"} & fleet.key_names()


def test_an_id_that_was_used_again_stays_in_the_list_of_jobs(fleet: Fleet) -> None:
    """The record of the first job with that id has expired; the second one is there."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    store.complete(claimed, make_outcome())
    fleet.redis.delete(fleet.keys.record(job.id), fleet.keys.events(job.id))
    again = fleet.queue.submit({"kind": "generate", "model": "smollm2:135m", "prompt": "x"}, job_id=job.id)
    fleet.expire_kept()

    assert store.reap() is not None

    assert [found.id for found in fleet.queue.jobs()] == [again.id]


def test_a_host_long_gone_is_forgotten(fleet: Fleet) -> None:
    """Nothing of it is left, so that its models are unknown again."""
    fleet.add_host("beta")
    fleet.silence_host("beta")

    assert fleet.open_store().reap() is not None

    assert fleet.key_names() == {":reaper"}
