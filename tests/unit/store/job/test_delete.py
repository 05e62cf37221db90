"""delete.lua: nothing of a job is left, whatever its state, and no other job loses anything."""

import io
from typing import Any

import pytest
from PIL import Image

from embedded.scripted.fleet import MODEL, Fleet, make_error, make_outcome
from llamaq import CursorExpired, InvalidRequest, Job, JobNotFound
from llamaq.store.worker.host_state import Reaped
from llamaq.store.worker.outcome import Completed

COUNTERS = {":ended", ":service", ":reaper"}


def _png(shade: int) -> bytes:
    data = io.BytesIO()
    Image.new("L", (32, 32), shade).save(data, "PNG")
    return data.getvalue()


def _left(fleet: Fleet) -> set[str]:
    """The keys that are not of a host."""
    return {
        name for name in fleet.key_names() - COUNTERS if not name.startswith((":host", ":model:", ".host", ":forecast"))
    }


def _shown(fleet: Fleet, shade: int, **fields: Any) -> Job[Any]:
    return fleet.queue.multimodal(MODEL, "x", images=[_png(shade)], wait_for_model=True, **fields)


def _blobs(fleet: Fleet) -> int:
    return sum(name.startswith(":blob:") for name in fleet.key_names())


@pytest.mark.usefixtures("hasty")
def test_nothing_is_left_of_a_job_that_waits(fleet: Fleet) -> None:
    """It is cancelled; its record, log, image and idempotency key are gone, and a second time it is unknown."""
    job = _shown(fleet, 1, start_within=60, idempotency_key="k", tenant="t")

    assert [fleet.queue.delete(job.id), fleet.queue.delete(job.id)] == [True, False]

    assert _left(fleet) == set()
    with pytest.raises(JobNotFound):
        job.status()
    assert fleet.queue.jobs() == []
    assert _shown(fleet, 1, idempotency_key="k", tenant="t").id != job.id


def test_an_ended_job_is_deleted_with_its_texts(fleet: Fleet) -> None:
    """Completed, failed, cancelled: the index of jobs and the index of what expires do not have it either."""
    store = fleet.add_host(slots=3)
    jobs = [fleet.submit() for _ in range(3)]
    claimed = [fleet.claim(store, job) for job in jobs]
    store.complete(claimed[0], make_outcome())
    store.fail(claimed[1], make_error())
    jobs[2].cancel()
    store.free_slot(claimed[2])

    assert [fleet.queue.delete(job.id) for job in jobs] == [True] * 3

    assert _left(fleet) == set()


def test_a_running_job_is_cancelled_for_its_readers_and_its_worker(fleet: Fleet) -> None:
    """Its texts are gone at once. Its slot is kept until the worker, whose writes are refused, has let go."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store, prompt="secret")
    following = fleet.submit()
    fleet.append(claimed, 1, text="secret")
    with fleet.redis.pubsub(ignore_subscribe_messages=True) as pubsub:
        pubsub.subscribe(fleet.keys.control("alpha"), fleet.keys.events(job.id))
        pubsub.get_message(timeout=10), pubsub.get_message(timeout=10)

        assert fleet.queue.delete(job.id, "not wanted")

        told: list[str] = []
        while len(told) < 2:
            message = pubsub.get_message(timeout=10)
            told += [message["data"]] if message else []
    assert '"type":"cancelled"' in told[0]
    assert "not wanted" in told[0]
    assert told[1] == job.id
    assert fleet.log(job.id) == []
    assert "secret" not in str(fleet.record(job.id))
    assert (list(fleet.slots()), fleet.append(claimed, 2, text="late")) == ([job.id], "CANCELLED")
    assert store.complete(claimed, make_outcome()) == "cancelled"
    assert list(fleet.slots()) == [following.id]
    assert fleet.record(job.id) == {}
    assert fleet.redis.zscore(fleet.keys.jobs(), job.id) is None


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("running", [True, False])
def test_a_reader_that_comes_back_to_a_deleted_job_is_told_so(fleet: Fleet, *, running: bool) -> None:
    """Also while its worker has it. No failover is named, since the reader would look for one."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    cursor = next(iter(job.events())).cursor
    if not running:
        store.complete(claimed, make_outcome())
    fleet.queue.delete(job.id)

    with pytest.raises(CursorExpired, match=rf"^job {job.id} is no longer kept: .*LLAMAQ_RESULT_TTL.* it was deleted"):
        list(job.events(after=cursor))
    with pytest.raises(JobNotFound):
        list(job.events())


@pytest.mark.usefixtures("hasty")
def test_while_its_worker_has_it_a_deleted_job_is_unknown(fleet: Fleet) -> None:
    """To status, cancel, delete and the list; and its id is not taken for another job, which would be lost."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    fleet.queue.delete(job.id)

    for asked in (job.status, job.cancel):
        with pytest.raises(JobNotFound):
            asked()
    assert fleet.queue.delete(job.id) is False
    assert fleet.queue.jobs() == []
    again = {"kind": "generate", "model": MODEL, "prompt": "x"}
    with pytest.raises(InvalidRequest, match=r"^id: its job was just deleted"):
        fleet.queue.submit(again, job_id=job.id)
    store.free_slot(claimed)
    assert fleet.queue.submit(again, job_id=job.id).status().state == "queued"


def test_the_slot_of_a_deleted_job_comes_back_when_its_worker_died(fleet: Fleet) -> None:
    """With its lease; it is not tried again, and nothing of it is left."""
    store = fleet.add_host()
    job, _ = fleet.start_job(store)
    fleet.queue.delete(job.id)
    fleet.expire_lease(job.id)
    fleet.end_reaper_leadership()

    assert store.reap() == Reaped()

    assert (fleet.slots(), fleet.leases(), fleet.record(job.id)) == ({}, [], {})
    assert _left(fleet) == set()


def test_an_image_stays_while_another_job_shows_it(fleet: Fleet) -> None:
    """One that waits, and one that has ended and is kept; with the last of them it goes."""
    store = fleet.add_host()
    jobs = [_shown(fleet, 1) for _ in range(3)]
    store.complete(fleet.claim(store, jobs[0]), make_outcome())
    jobs[1].cancel()

    left: list[int] = []
    for job in (jobs[2], *jobs[:2]):
        fleet.queue.delete(job.id)
        left.append(_blobs(fleet))

    assert left == [1, 1, 0]


def test_an_image_stays_while_a_conversation_shows_it(fleet: Fleet) -> None:
    """Its later turns send it again: a turn is deleted, its message in the history is not."""
    store = fleet.add_host()
    turn = fleet.queue.chat(
        MODEL, conversation="c", message={"role": "user", "content": "x", "images": [_png(1)]}, wait_for_model=True
    )
    claimed = fleet.claim(store, turn)
    store.complete(claimed, Completed(make_outcome().result, ({"role": "user", "content": "x"},)))

    assert fleet.queue.delete(turn.id)

    assert _blobs(fleet) == 1


def test_the_next_turn_follows_a_deleted_one(fleet: Fleet) -> None:
    """It waited only for that one."""
    first, second = (fleet.queue.chat(MODEL, conversation="c", message="x", wait_for_model=True) for _ in range(2))

    fleet.queue.delete(first.id)

    assert fleet.waiting_jobs() == [second.id]
