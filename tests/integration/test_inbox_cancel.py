"""Cancelling by plain Redis: `XADD <prefix>:inbox * cancel <id>`."""

import json
import uuid

from tests.conftest import MODEL
from tests.integration.house import House, kinds, until

REQUEST = json.dumps({"model": MODEL, "prompt": "Why?"})


def cancel(house: House, job_id: str, **fields: str) -> None:
    house.redis.xadd(f"{house.prefix}:inbox", {"cancel": job_id, **fields})


def test_a_running_job_ends_and_its_connection_is_cut(house: House) -> None:
    """At once, with the reason that was given."""
    house.hold(tokens=["a", "b"], hold_after=1)
    job = house.queue.generate(MODEL, "Why?")
    house.wait_asked(1)

    cancel(house, job.id, reason="no longer needed")

    events = list(job.events())
    assert events[-1].type == "cancelled"
    assert events[-1].reason == "no longer needed"
    house.wait_hung_up()


def test_a_cancel_right_behind_the_submit_is_never_lost(house: House) -> None:
    """Whoever of the workers takes which entry first; and the inbox is empty afterwards."""
    ids = [str(uuid.uuid4()) for _ in range(10)]
    house.hold(tokens=["a"], times=None, hold_after=0)
    for job_id in ids:
        house.redis.xadd(f"{house.prefix}:inbox", {"id": job_id, "kind": "generate", "request": REQUEST})
        cancel(house, job_id)

    for job_id in ids:
        until(lambda job_id=job_id: bool(house.log(job_id)))  # type: ignore[misc]  # mypy: no type for a default
        events = list(house.queue.job(job_id).events())
        assert kinds(events)[-1] == "cancelled"
        assert events[-1].reason == "cancelled by the producer"  # type: ignore[union-attr]  # as just asserted
    until(lambda: house.redis.xlen(f"{house.prefix}:inbox") == 0)


def test_a_cancel_of_nothing_that_can_be_is_set_aside(house: House) -> None:
    """With the reason, and the next entry is taken as ever."""
    cancel(house, "no such: id")

    def aside() -> list[str]:
        entries = house.redis.xrange(f"{house.prefix}:dead")
        return [fields["reason"] for _, fields in entries if fields["message"] == "cancel no such: id"]

    until(lambda: bool(aside()))
    assert "not usable" in aside()[0]
    job_id = str(uuid.uuid4())
    house.redis.xadd(f"{house.prefix}:inbox", {"id": job_id, "kind": "generate", "request": REQUEST})
    until(lambda: bool(house.log(job_id)))
    assert kinds(list(house.queue.job(job_id).events()))[-1] == "completed"
