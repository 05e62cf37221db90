"""cancel.lua: at once, in every state, and nobody's answer is waited for."""

import pytest

from embedded.scripted.fleet import Fleet, make_error, make_outcome
from llamaq import JobNotFound
from llamaq.store.worker.host_state import Reaped


def test_a_waiting_job_is_cancelled_and_leaves_the_line(fleet: Fleet) -> None:
    """It ends with the reason in the record and in the event, and nothing of it waits anywhere."""
    job = fleet.submit(start_within=60)

    assert job.cancel("not needed") is True

    assert fleet.types(job.id) == ["queued", "cancelled"]
    assert fleet.log(job.id)[-1]["reason"] == "not needed"
    assert job.status().reason == "not needed"
    assert fleet.key_names() == {":jobs", ":expiring", ":ended", f":{{{job.id}}}", f":{{{job.id}}}:events"}


def test_a_placed_job_is_cancelled_and_its_slot_goes_to_the_next(fleet: Fleet) -> None:
    """Nobody has begun, so the slot is free in the same step; the message that is under way finds it ended."""
    store = fleet.add_host()
    job, following = fleet.submit(), fleet.submit()
    fleet.take_messages()

    assert job.cancel() is True

    assert [message.job_id for message in fleet.take_messages()] == [following.id]
    assert list(fleet.slots()) == [following.id]
    assert store.claim(job.id) is None


def test_a_running_job_is_cancelled_and_its_worker_told(fleet: Fleet) -> None:
    """It has ended at once for all readers; the slot stays its own until the worker has closed the connection."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    following = fleet.submit()
    with fleet.redis.pubsub(ignore_subscribe_messages=True) as pubsub:
        pubsub.subscribe(fleet.keys.control("alpha"))
        pubsub.get_message(timeout=10)

        assert job.cancel() is True

        message = None
        while message is None:
            message = pubsub.get_message(timeout=10)
    assert message["data"] == job.id
    assert job.status().state == "cancelled"
    assert list(fleet.slots()) == [job.id]
    store.free_slot(claimed)
    assert list(fleet.slots()) == [following.id]


@pytest.mark.parametrize("delay", [0, 30])
def test_a_job_between_two_attempts_is_cancelled(fleet: Fleet, delay: float) -> None:
    """Assigned again, or waiting for its delay: it does not come back."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    store.release(claimed, make_error(), delay, counts=True)

    assert job.cancel() is True

    fleet.end_reaper_leadership()
    assert store.reap() == Reaped()
    assert fleet.types(job.id) == ["queued", "started", "retrying", "cancelled"]
    assert (fleet.slots(), fleet.leases(), fleet.waiting_jobs()) == ({}, [], [])


def test_a_cancelled_job_may_be_cancelled_again(fleet: Fleet) -> None:
    """The second one says that it is cancelled, and writes nothing."""
    job = fleet.submit()

    assert [job.cancel(), job.cancel("again")] == [True, True]

    assert fleet.types(job.id) == ["queued", "cancelled"]


def test_an_ended_job_is_not_cancelled(fleet: Fleet) -> None:
    """Completed, failed or expired: too late, and it says so."""
    store = fleet.add_host()
    completed, claimed = fleet.start_job(store)
    store.complete(claimed, make_outcome())
    failed, claimed = fleet.start_job(store)
    store.fail(claimed, make_error())
    expired = fleet.submit(start_within=30)
    fleet.expire_start_within(expired.id)
    assert store.claim(expired.id) is None

    assert [job.cancel() for job in (completed, failed, expired)] == [False] * 3

    assert [job.status().state for job in (completed, failed, expired)] == ["completed", "failed", "expired"]


@pytest.mark.usefixtures("hasty")
def test_cancelling_what_is_not_there_is_an_error(fleet: Fleet) -> None:
    """A wrong id is not a cancelled job."""
    with pytest.raises(JobNotFound):
        fleet.queue.job("nobody").cancel()


def test_the_slot_of_a_cancelled_job_comes_back_when_its_worker_died(fleet: Fleet) -> None:
    """A worker that never lets go loses the slot with its lease; the job is not tried again."""
    store = fleet.add_host()
    job, _ = fleet.start_job(store)
    following = fleet.submit()
    job.cancel()
    fleet.expire_lease(job.id)
    fleet.end_reaper_leadership()

    assert store.reap() == Reaped()

    assert list(fleet.slots()) == [following.id]
    assert fleet.types(job.id) == ["queued", "started", "cancelled"]
