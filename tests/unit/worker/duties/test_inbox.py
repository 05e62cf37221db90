"""The inbox: one entry that cannot be handled keeps no other waiting."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from embedded.scripted.fleet import MODEL, Fleet, make_request_json
from llamaq.store.connections.clients import connect_binary
from llamaq.vocabulary.errors import BrokerUnavailable, QueueFull
from tests.unit.worker.writing import run_supervised, wait_until
from worker import gate
from worker.duties import inbox as module
from worker.duties.inbox import Inbox


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round waits a hundredth of a second for an entry, and not two."""
    monkeypatch.setattr(module, "BLOCK_MILLISECONDS", 10)
    monkeypatch.setattr(module, "AGAIN_MILLISECONDS", 10)


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
    store = fleet.add_host()
    bad, good = str(uuid.uuid4()), str(uuid.uuid4())
    for job_id in (bad, good):
        entry = {"id": job_id, "kind": "generate", "request": make_request_json(model=MODEL)}
        fleet.redis.xadd(fleet.keys.inbox(), entry)
    with connect_binary(fleet.url) as client:
        inbox = Inbox(client, fleet.keys, Tripping(fleet, bad), store, "w1")  # type: ignore[arg-type]  # fails on purpose
        with run_supervised(inbox) as failed:
            wait_until(lambda: fleet.redis.exists(fleet.keys.record(good)))
            wait_until(lambda: fleet.redis.xlen(fleet.keys.inbox()) == 0)

    assert failed == []
    error = fleet.queue.job(bad).status().error
    assert error is not None
    assert (error.code, error.retryable) == ("internal", True)
    assert fleet.queue.dead()[0].job_id == bad


class Ended(BaseException):
    """Stands for the end of the process."""


class Ending:
    """A producer that ends at some jobs; `end` raises."""

    def __init__(self, fleet: Fleet, end: Callable[[str], None]) -> None:
        self._fleet = fleet
        self._end = end

    def submit(self, request: dict[str, Any], job_id: str) -> object:
        self._end(job_id)
        return self._fleet.queue.submit(request, job_id=job_id)


def rounds(fleet: Fleet, number: int, end: Callable[[str], None], *, workers: bool) -> int:
    """Rounds of workers, one after another, or of one worker; how many of them it has ended."""
    store, ended, inbox = fleet.add_host(), 0, None
    with connect_binary(fleet.url) as client:
        for turn in range(number):
            if inbox is None or workers:
                inbox = Inbox(client, fleet.keys, Ending(fleet, end), store, f"w{turn}")  # type: ignore[arg-type]  # fails on purpose
            try:
                inbox.run_round()
            except (Ended, BrokerUnavailable):
                ended += 1
    return ended


@pytest.fixture
def entries(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """The ids of two entries, of which the first is taken first; what a worker had taken is free at once."""
    monkeypatch.setattr(module, "ABANDONED_MILLISECONDS", 0)
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    for job_id in (first, second):
        fields = {"id": job_id, "kind": "generate", "request": make_request_json(model=MODEL)}
        fleet.redis.xadd(fleet.keys.inbox(), fields)
    return first, second


def test_an_entry_that_ends_each_worker_is_set_aside(fleet: Fleet, entries: tuple[str, str]) -> None:
    """After three of them. The entry behind it, which they had read as well, is queued."""
    first, second = entries

    def end(job_id: str) -> None:
        if job_id == first:
            raise Ended

    assert rounds(fleet, 6, end, workers=True) == 3
    error = fleet.queue.job(first).status().error
    assert error is not None
    assert error.code == "attempts_exhausted"
    assert fleet.queue.job(second).status().state == "queued"
    assert fleet.redis.xlen(fleet.keys.inbox()) == 0
    assert not fleet.redis.exists(fleet.keys.inbox_taken())


@pytest.mark.parametrize("workers", [True, False])
def test_an_entry_that_waits_for_room_is_not_counted(fleet: Fleet, entries: tuple[str, str], *, workers: bool) -> None:
    """It stays for as long as its model's queue is full, however many workers look at it meanwhile."""
    first, second = entries
    full = [True]

    def end(job_id: str) -> None:
        if job_id == first and full:
            raise QueueFull("full", 1.0)

    assert rounds(fleet, 8, end, workers=workers) == 0
    assert fleet.queue.job(second).status().state == "queued"
    full.clear()
    rounds(fleet, 1, end, workers=workers)
    assert fleet.queue.job(first).status().state == "queued"


def test_an_outage_of_redis_is_not_counted(fleet: Fleet, entries: tuple[str, str]) -> None:
    """A worker that lives through it takes the entry again."""
    first, _ = entries
    away = [True]

    def end(job_id: str) -> None:
        if job_id == first and away:
            raise BrokerUnavailable("Redis does not answer")

    store = fleet.add_host()
    with connect_binary(fleet.url) as client:
        inbox = Inbox(client, fleet.keys, Ending(fleet, end), store, "w")  # type: ignore[arg-type]  # fails on purpose
        inbox.run_round()  # makes the group
        for _ in range(8):
            with pytest.raises(BrokerUnavailable):
                inbox.run_round()
        away.clear()
        inbox.run_round()
    assert fleet.queue.job(first).status().state == "queued"


def test_entries_of_a_full_model_do_not_hold_up_those_behind_them(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round looks at one page of what waits, and the next round at the next page."""
    monkeypatch.setattr(module, "READ_AT_A_TIME", 2)
    ids = [str(uuid.uuid4()) for _ in range(6)]
    for job_id in ids:
        fields = {"id": job_id, "kind": "generate", "request": make_request_json(model=MODEL)}
        fleet.redis.xadd(fleet.keys.inbox(), fields)
    full = set(ids)

    def end(job_id: str) -> None:
        if job_id in full:
            raise QueueFull("full", 1.0)

    with connect_binary(fleet.url) as client:
        inbox = Inbox(client, fleet.keys, Ending(fleet, end), fleet.add_host(), "w1")  # type: ignore[arg-type]  # fails on purpose
        for _ in ids:
            inbox.run_round()
        full.discard(ids[-1])
        for _ in ids:
            inbox.run_round()

    assert fleet.queue.job(ids[-1]).status().state == "queued"
    assert fleet.redis.xlen(fleet.keys.inbox()) == 5


def test_names_of_workers_that_ended_long_ago_leave_the_group(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that starts removes them, but not those that still have an entry."""
    monkeypatch.setattr(module, "GONE_MILLISECONDS", -1)
    key, store = fleet.keys.inbox(), fleet.add_host()
    fleet.redis.xgroup_create(key, module.GROUP, id="0", mkstream=True)
    for name in ("gone", "busy"):
        fleet.redis.xgroup_createconsumer(key, module.GROUP, name)
    fleet.redis.xadd(key, {"id": "x", "kind": "generate", "request": "{"})
    fleet.redis.xreadgroup(module.GROUP, "busy", {key: ">"})

    with connect_binary(fleet.url) as client:
        Inbox(client, fleet.keys, fleet.queue, store, "w1").run_round()

    assert {consumer["name"] for consumer in fleet.redis.xinfo_consumers(key, module.GROUP)} == {"busy", "w1"}


def test_an_entry_that_is_too_large_is_set_aside(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its job fails with the reason, and the dead letter keeps its beginning alone; the entry behind it is queued."""
    monkeypatch.setattr(gate, "MOST_BYTES", 200_000)
    large, good = str(uuid.uuid4()), str(uuid.uuid4())
    for job_id, prompt in ((large, "x" * 200_000), (good, "x")):
        request = make_request_json(model=MODEL, prompt=prompt)
        fleet.redis.xadd(fleet.keys.inbox(), {"id": job_id, "kind": "generate", "request": request})
    fleet.redis.xadd(fleet.keys.inbox(), {"id": "odd", "kind": "k" * 200_000, "request": "{"})
    fleet.redis.xadd(fleet.keys.inbox(), {"cancel": good, "reason": "x" * 200_000})

    with connect_binary(fleet.url) as client:
        inbox = Inbox(client, fleet.keys, fleet.queue, fleet.add_host(), "w1")
        inbox.run_round()  # makes the group
        inbox.run_round()

    error = fleet.queue.job(large).status().error
    assert error is not None
    assert "bytes, at most 200000 are read" in error.message
    assert fleet.queue.job(good).status().state == "queued"
    assert len(fleet.queue.dead()) == 3
    assert fleet.redis.memory_usage(fleet.keys.dead(), samples=0) < 150_000
