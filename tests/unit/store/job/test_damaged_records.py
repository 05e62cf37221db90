"""What something else has written over a job's keys harms that job alone."""

import asyncio
from typing import Any

import pytest

from embedded.scripted.fleet import Fleet
from llamaq import AsyncJobQueue, InvalidRequest

DAMAGES: list[dict[str, Any]] = [{"state": "odd"}, {"result": "{"}, {"submitted_at": "yesterday"}, {"metadata": "[]"}]


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
