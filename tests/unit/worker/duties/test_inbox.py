"""The inbox: one entry that cannot be handled keeps no other waiting."""

import uuid
from typing import Any

from embedded.scripted.fleet import MODEL, Fleet, request_json
from llamaq.store.connections.clients import connect_binary
from tests.unit.worker.writing import supervised, until
from worker.duties.inbox import Inbox


class Tripping:
    """A producer that fails at one job by an exception of no known type."""

    def __init__(self, fleet: Fleet, job_id: str) -> None:
        self._fleet = fleet
        self._job_id = job_id

    def submit(self, request: dict[str, Any], job_id: str) -> object:
        if job_id == self._job_id:
            raise type("NeverSeen", (Exception,), {})("out of the blue")
        return self._fleet.queue.submit(request, job_id=job_id)


def test_an_entry_that_cannot_be_handled_is_set_aside(fleet: Fleet) -> None:
    """Its job fails with `internal`, which a producer may send again; the one behind it is queued."""
    store = fleet.host()
    bad, good = str(uuid.uuid4()), str(uuid.uuid4())
    for job_id in (bad, good):
        entry = {"id": job_id, "kind": "generate", "request": request_json(model=MODEL)}
        fleet.redis.xadd(fleet.keys.inbox(), entry)
    with connect_binary(fleet.url) as client:
        inbox = Inbox(client, fleet.keys, Tripping(fleet, bad), store, "w1")  # type: ignore[arg-type]  # fails on purpose
        with supervised(inbox) as failed:
            until(lambda: fleet.redis.exists(fleet.keys.record(good)))
            until(lambda: fleet.redis.xlen(fleet.keys.inbox()) == 0)

    assert failed == []
    error = fleet.queue.job(bad).status().error
    assert error is not None
    assert (error.code, error.retryable) == ("internal", True)
    assert fleet.queue.dead()[0].job_id == bad
