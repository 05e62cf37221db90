"""What something else has written over a job's keys harms that job alone."""

import asyncio
from typing import Any

import pytest

from embedded.scripted.fleet import MODEL, Fleet
from llamaq import AsyncJobQueue, InvalidRequest
from tests.unit.images.image_factory import make_file

PICTURE = make_file()
DAMAGES: list[dict[str, Any]] = [{"state": "odd"}, {"error": "{"}, {"submitted_at": "yesterday"}, {"metadata": "[]"}]


@pytest.mark.parametrize("damage", [*DAMAGES, None], ids=str)
def test_a_damaged_record_is_left_out_of_the_list(fleet: Fleet, damage: dict[str, Any] | None) -> None:
    """`jobs()` gives the others, in either client; None stands for a key that is no hash at all."""
    sound, damaged = fleet.submit(), fleet.submit()
    key = fleet.keys.record(damaged.id)
    if damage is None:
        fleet.redis.delete(key)
        fleet.redis.set(key, "x")
    else:
        fleet.redis.hset(key, mapping=damage)

    async def listed() -> list[str]:
        async with AsyncJobQueue(fleet.queue.url, prefix=fleet.keys.prefix) as queue:
            return [status.id for status in await queue.jobs()]

    assert [status.id for status in fleet.queue.jobs()] == [sound.id]
    assert asyncio.run(listed()) == [sound.id]


@pytest.mark.parametrize("reason", ["\ud800", "a\udfffb", None, 5])
def test_a_reason_that_cannot_be_stored_is_refused(fleet: Fleet, reason: Any) -> None:
    """The field is named, and the job goes on."""
    job = fleet.submit()

    with pytest.raises(InvalidRequest, match=r"^reason: "):
        job.cancel(reason)

    assert job.status().state == "queued"


@pytest.mark.parametrize("claimed", [True, False])
@pytest.mark.parametrize("field", ["state", "tenant", "model", "host", "fence", "lease", "images", "idem"])
def test_a_job_with_a_damaged_record_can_be_deleted(fleet: Fleet, field: str, *, claimed: bool) -> None:
    """Nothing of it is left for readers, and the job behind it has the slot at the latest when the lease lapses."""
    store = fleet.add_host()
    damaged, following = fleet.submit(), fleet.submit()
    if claimed:
        fleet.claim(store, damaged)
    fleet.redis.hdel(fleet.keys.record(damaged.id), field)

    assert [fleet.queue.delete(damaged.id) for _ in range(2)] == [True, False]

    assert not fleet.redis.exists(fleet.keys.events(damaged.id))
    if damaged.id in fleet.slots():
        fleet.expire_lease(damaged.id)
    fleet.end_reaper_leadership()
    assert store.reap() is not None
    assert list(fleet.slots()) == [following.id]


LOST_FIELDS = ("ttl", "running", "weight", "assigned_at", "attempt", "idem", "blobs", "conversation", "tenant", "score")


@pytest.mark.parametrize("tries", [1, 3])
@pytest.mark.parametrize("field", LOST_FIELDS)
def test_a_job_with_a_damaged_record_lets_the_others_go(fleet: Fleet, field: str, tries: int) -> None:
    """Its leases lapse, and its attempts cannot be settled; after some rounds the job behind it has the slot."""
    store = fleet.add_host()
    damaged, _ = fleet.start_job(store)
    fleet.redis.hset(fleet.keys.record(damaged.id), "tries", tries)
    following = fleet.submit()
    fleet.redis.hdel(fleet.keys.record(damaged.id), field)

    for _ in range(4):
        fleet.expire_lease(next(iter(fleet.slots())))
        fleet.end_reaper_leadership()
        assert store.reap() is not None
        if list(fleet.slots()) == [following.id]:
            return
        store.claim(damaged.id)
    pytest.fail(f"{fleet.record(damaged.id)} holds its slot")


@pytest.mark.parametrize("value", [None, "x"])
@pytest.mark.parametrize("field", [name for name in LOST_FIELDS if name not in ("conversation", "tenant")])
def test_a_damaged_turn_lets_the_next_turn_go(fleet: Fleet, field: str, value: str | None) -> None:
    """Its readers get the end of it, and nothing of it is counted any more."""
    store = fleet.add_host()
    damaged, following = (fleet.queue.chat(MODEL, conversation="c", message=text) for text in "ab")
    fleet.claim(store, damaged)
    fleet.redis.hset(fleet.keys.record(damaged.id), "tries", 3)
    if value is None:
        fleet.redis.hdel(fleet.keys.record(damaged.id), field)
    else:
        fleet.redis.hset(fleet.keys.record(damaged.id), field, value)
    fleet.expire_lease(damaged.id)
    fleet.end_reaper_leadership()

    assert store.reap() is not None

    assert list(fleet.slots()) == [following.id]
    assert fleet.types(damaged.id)[-1] == "failed"
    assert fleet.redis.hget(f"{fleet.keys.prefix}:ended", "failed") == "1"


def test_records_deleted_by_hand_hold_nobody_up(fleet: Fleet) -> None:
    """Their slots become free, the jobs behind them run, and once no job waits their tenant has none counted."""
    store = fleet.add_host()
    running, _ = fleet.start_job(store)
    deleted, last = fleet.submit(), fleet.submit()
    for job in (running, deleted):
        fleet.redis.delete(fleet.keys.record(job.id))

    fleet.expire_lease(running.id)
    fleet.end_reaper_leadership()
    assert store.reap() is not None

    assert list(fleet.slots()) == [last.id]
    assert not fleet.redis.exists(f"{fleet.keys.prefix}:queued")


def test_records_deleted_by_hand_are_counted_nowhere(fleet: Fleet) -> None:
    """While others of their tenant wait: neither their images nor they themselves count on."""
    store = fleet.add_host()
    fleet.start_job(store)
    pictures = [fleet.queue.multimodal(MODEL, "x", images=[PICTURE], wait_for_model=True) for _ in range(2)]
    others = [fleet.submit() for _ in range(2)]
    (image,) = fleet.redis.hgetall(f"{fleet.keys.prefix}:blobs")
    assert fleet.redis.hgetall(f"{fleet.keys.prefix}:queued") == {"default": "4"}
    fleet.redis.delete(fleet.keys.record(pictures[0].id), fleet.keys.record(others[0].id))

    assert store.reap() is not None

    assert fleet.redis.hgetall(f"{fleet.keys.prefix}:queued") == {"default": "2"}
    assert fleet.redis.hgetall(f"{fleet.keys.prefix}:blobs") == {image: "1"}
    pictures[1].cancel()
    assert fleet.redis.ttl(fleet.keys.blob(image)) > 0
    assert not fleet.redis.exists(f"{fleet.keys.prefix}:images_of")


@pytest.mark.parametrize("field", ["v", "attempt", "tries", "start_by"])
def test_a_job_that_no_claim_can_take_ends(fleet: Fleet, field: str) -> None:
    """It would be assigned again for ever: no worker gets past the claim."""
    store = fleet.add_host()
    damaged, following = fleet.submit(), fleet.submit()
    fleet.redis.hset(fleet.keys.record(damaged.id), field, "no number")
    fleet.expire_lease(damaged.id)

    assert store.reap() is not None

    assert list(fleet.slots()) == [following.id]
    assert fleet.types(damaged.id)[-1] == "failed"


@pytest.mark.parametrize("field", [*LOST_FIELDS, "lane"])
def test_a_job_with_a_damaged_record_can_be_cancelled(fleet: Fleet, field: str) -> None:
    """It ends with what its record still says; the next turn of its conversation follows."""
    store = fleet.add_host()
    damaged, following = (fleet.queue.chat(MODEL, conversation="c", message=text) for text in "ab")
    claimed = fleet.claim(store, damaged)
    fleet.redis.hdel(fleet.keys.record(damaged.id), field)

    assert damaged.cancel()
    assert store.free_slot(claimed) == "cancelled"
    assert store.reap() is not None

    assert list(fleet.slots()) == [following.id]
