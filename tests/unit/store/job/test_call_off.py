"""A cancel of a producer without the SDK, which may arrive before the job that it is about."""

from collections.abc import Iterator

import pytest

from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import MODEL, Fleet, make_error
from llamaq.vocabulary.requests import parse


@pytest.fixture
def fleet(redis_server: EmbeddedRedis, prefix: str) -> Iterator[Fleet]:
    fleet = Fleet(redis_server.url, prefix)
    yield fleet
    fleet.close()


def test_a_job_that_comes_after_its_cancel_is_not_queued(fleet: Fleet) -> None:
    """Two workers may take the two entries in either order: the job ends `cancelled` all the same, once."""
    store = fleet.add_host()
    assert store.call_off("job-1", "too late") is True

    fleet.queue.submit(parse({"kind": "generate", "model": MODEL, "prompt": "x"}), job_id="job-1")

    assert fleet.types("job-1") == ["cancelled"]
    assert fleet.take_messages() == []
    assert fleet.waiting_jobs() == []
    status = fleet.queue.job("job-1").status()
    assert (status.state, status.reason) == ("cancelled", "too late")
    assert 86_300 < fleet.redis.ttl(fleet.keys.record("job-1")) <= 86_400
    assert 86_300 < fleet.redis.ttl(fleet.keys.events("job-1")) <= 86_400


def test_a_cancel_that_is_read_twice_acts_once(fleet: Fleet) -> None:
    """As after a lost answer, or by a second worker."""
    store = fleet.add_host()
    job = fleet.submit()

    assert [store.call_off(job.id, "first"), store.call_off(job.id, "second")] == [True, False]

    assert fleet.types(job.id) == ["queued", "cancelled"]
    assert job.status().reason == "first"


def test_the_slot_of_a_placed_job_goes_to_the_next_one(fleet: Fleet) -> None:
    """And its worker is told."""
    store = fleet.add_host()
    first, second = fleet.submit(), fleet.submit()
    fleet.take_messages()

    store.call_off(first.id, "no")

    assert [message.job_id for message in fleet.take_messages()] == [second.id]
    assert list(fleet.slots()) == [second.id]


def test_what_has_ended_stays_as_it_is(fleet: Fleet) -> None:
    """A completed job is not touched."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    store.fail(claimed, make_error())

    assert store.call_off(job.id, "no") is False
    assert job.status().state == "failed"
