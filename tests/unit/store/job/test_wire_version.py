"""Old and new side by side: what a newer producer or worker wrote is left alone, not misread."""

import json

import pytest

from embedded.scripted.fleet import Fleet, make_outcome
from llamaq import StreamError
from llamaq.store import scripts
from llamaq.vocabulary.events import WIRE_VERSION, parse

NEWER = WIRE_VERSION + 1


def test_a_record_says_its_version(fleet: Fleet) -> None:
    """The scripts and Python mean the same one."""
    fleet.add_host()
    job = fleet.submit()

    assert fleet.record(job.id)["v"] == str(WIRE_VERSION)
    assert {event["v"] for event in fleet.log(job.id)} == {WIRE_VERSION}
    append = "".join(scripts.files()[name].read_text() for name in ("append", "events"))
    assert append.count(f'{{"v":{WIRE_VERSION},"type"') == 2


def test_a_newer_record_waits_for_a_newer_worker(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    """This worker does not touch it, and says why; it is still there when a worker comes that knows its version."""
    store = fleet.add_host()
    job = fleet.submit()
    fleet.redis.hset(fleet.keys.record(job.id), "v", NEWER)
    before = fleet.record(job.id)

    assert store.claim(job.id) is None

    assert fleet.record(job.id) == before
    assert fleet.types(job.id) == ["queued"]
    assert f"wire version {NEWER}" in caplog.text
    fleet.redis.hset(fleet.keys.record(job.id), "v", WIRE_VERSION)  # as a worker that knows it would see it
    assert store.claim(job.id) is not None


def test_a_record_of_before_versions_is_taken(fleet: Fleet) -> None:
    """One without the field is of version 1."""
    store = fleet.add_host()
    job = fleet.submit()
    fleet.redis.hdel(fleet.keys.record(job.id), "v")

    assert store.claim(job.id) is not None


@pytest.mark.parametrize("kind", ["delta", "something-new"])
def test_an_event_of_a_newer_worker_is_not_misread(kind: str) -> None:
    """A reader that is older than the worker is told to be updated, whether it knows the event's name or not."""
    event = {"v": NEWER, "type": kind, "attempt": 1, "at": 1.0, "text": "x"}

    with pytest.raises(StreamError, match=r"newer than this llamaq|update it"):
        parse("1-1", json.dumps(event))


def test_a_newer_record_takes_no_slot(fleet: Fleet) -> None:
    """It is set aside, so that those behind it run, and looked at again every minute; `status` says why it waits."""
    store = fleet.add_host()
    _, claimed = fleet.start_job(store)
    newer, behind = fleet.submit(), fleet.submit()
    fleet.redis.hset(fleet.keys.record(newer.id), "v", NEWER)
    store.complete(claimed, make_outcome())

    assert list(fleet.slots()) == [behind.id]
    assert fleet.take_messages()[-1].job_id == behind.id
    why = newer.status().why
    assert why is not None
    assert why.word == "newer_producer"
    store.complete(fleet.claim(store, behind), make_outcome())
    for _ in range(2):
        fleet.make_retry_due(newer.id)
        fleet.end_reaper_leadership()
        done = store.reap()
        assert done is not None
        assert (done.due, done.newer, fleet.slots()) == (1, 1, {})
    fleet.redis.hset(fleet.keys.record(newer.id), "v", WIRE_VERSION)
    fleet.make_retry_due(newer.id)
    fleet.end_reaper_leadership()
    store.reap()
    assert list(fleet.slots()) == [newer.id]


def test_many_newer_records_are_set_aside_a_few_at_a_time(fleet: Fleet) -> None:
    """No call handles a whole backlog of them."""
    store = fleet.add_host()
    _, claimed = fleet.start_job(store)
    for job in [fleet.submit() for _ in range(50)]:
        fleet.redis.hset(fleet.keys.record(job.id), "v", NEWER)
    store.complete(claimed, make_outcome())

    assert 20 <= 50 - len(fleet.waiting_jobs()) <= 40
    for _ in range(3):
        fleet.end_reaper_leadership()
        store.reap()
    assert (fleet.waiting_jobs(), fleet.slots()) == ([], {})


def test_a_newer_host_job_is_set_aside(fleet: Fleet) -> None:
    """The next one of its kind runs."""
    store = fleet.add_host()
    first, newer, behind = (fleet.queue.pull(name) for name in "abc")
    fleet.redis.hset(fleet.keys.record(newer.id), "v", NEWER)
    store.complete(fleet.claim(store, first), make_outcome())

    assert fleet.take_messages()[-1].job_id == behind.id
    assert fleet.redis.zscore(f"{fleet.keys.prefix}:delayed", newer.id)
