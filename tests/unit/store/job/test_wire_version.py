"""Old and new side by side: what a newer producer or worker wrote is left alone, not misread."""

import json

import pytest

from embedded.scripted.fleet import Fleet
from llamaq import StreamError
from llamaq.store import scripts
from llamaq.vocabulary.events import WIRE_VERSION, parse

NEWER = WIRE_VERSION + 1


def test_a_record_says_its_version(fleet: Fleet) -> None:
    """The scripts and Python mean the same one."""
    fleet.host()
    job = fleet.submit()

    assert fleet.record(job.id)["v"] == str(WIRE_VERSION)
    assert {event["v"] for event in fleet.log(job.id)} == {WIRE_VERSION}
    append = "".join(scripts.files()[name].read_text() for name in ("append", "events"))
    assert append.count(f'{{"v":{WIRE_VERSION},"type"') == 2


def test_a_newer_record_waits_for_a_newer_worker(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    """This worker does not touch it, and says why; it is still there when a worker comes that knows its version."""
    store = fleet.host()
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
    store = fleet.host()
    job = fleet.submit()
    fleet.redis.hdel(fleet.keys.record(job.id), "v")

    assert store.claim(job.id) is not None


@pytest.mark.parametrize("kind", ["delta", "something-new"])
def test_an_event_of_a_newer_worker_is_not_misread(kind: str) -> None:
    """A reader that is older than the worker is told to be updated, whether it knows the event's name or not."""
    event = {"v": NEWER, "type": kind, "attempt": 1, "at": 1.0, "text": "x"}

    with pytest.raises(StreamError, match=r"newer than this llamaq|update it"):
        parse("1-1", json.dumps(event))
