"""Cancelling and deleting by plain Redis: `XADD <prefix>:inbox * cancel <id>`, or `delete <id>`."""

import json
import uuid

from tests.conftest import MODEL
from tests.service import Service, kinds, wait_until

REQUEST = json.dumps({"model": MODEL, "prompt": "Why?"})


def cancel(service: Service, job_id: str, **fields: str) -> None:
    service.redis.xadd(f"{service.prefix}:inbox", {"cancel": job_id, **fields})


def test_a_running_job_ends_and_its_connection_is_cut(service: Service) -> None:
    """At once, with the reason that was given."""
    service.hold(tokens=["a", "b"], hold_after=1)
    job = service.queue.generate(MODEL, "Why?")
    service.wait_requests(1)

    cancel(service, job.id, reason="no longer needed")

    events = list(job.events())
    assert events[-1].type == "cancelled"
    assert events[-1].reason == "no longer needed"
    service.wait_hung_up()


def test_a_cancel_right_behind_the_submit_is_never_lost(service: Service) -> None:
    """Whoever of the workers takes which entry first; and the inbox is empty afterwards."""
    ids = [str(uuid.uuid4()) for _ in range(10)]
    service.hold(tokens=["a"], times=None, hold_after=0)
    for job_id in ids:
        service.redis.xadd(f"{service.prefix}:inbox", {"id": job_id, "kind": "generate", "request": REQUEST})
        cancel(service, job_id)

    for job_id in ids:
        wait_until(lambda job_id=job_id: bool(service.log(job_id)))  # type: ignore[misc]  # mypy: no type for a default
        events = list(service.queue.job(job_id).events())
        assert kinds(events)[-1] == "cancelled"
        assert events[-1].reason == "cancelled by the producer"  # type: ignore[union-attr]  # as just asserted
    wait_until(lambda: service.redis.xlen(f"{service.prefix}:inbox") == 0)


def test_a_cancel_of_nothing_that_can_be_is_set_aside(service: Service) -> None:
    """With the reason, and the next entry is taken as ever."""
    cancel(service, "no such: id")

    def aside() -> list[str]:
        entries = service.redis.xrange(f"{service.prefix}:dead")
        return [fields["reason"] for _, fields in entries if fields["message"] == "cancel no such: id"]

    wait_until(lambda: bool(aside()))
    assert "not usable" in aside()[0]
    job_id = str(uuid.uuid4())
    service.redis.xadd(f"{service.prefix}:inbox", {"id": job_id, "kind": "generate", "request": REQUEST})
    wait_until(lambda: bool(service.log(job_id)))
    assert kinds(list(service.queue.job(job_id).events()))[-1] == "completed"


def test_a_deleted_job_is_gone(service: Service) -> None:
    """One that runs is cut off first, and its slot is free again."""
    service.hold(tokens=["a", "b"], hold_after=1)
    job = service.queue.generate(MODEL, "Why?")
    service.wait_requests(1)

    service.redis.xadd(f"{service.prefix}:inbox", {"delete": job.id})

    service.wait_hung_up()
    wait_until(lambda: not service.redis.exists(service.keys.record(job.id), service.keys.events(job.id)))
    assert service.queue.generate(MODEL, "Next").result(30).text
