"""refuse.lua: a bad message is set aside, and whoever waits for its job learns of it."""

import pytest

from embedded.scripted.fleet import Fleet, make_outcome, make_request_json
from llamaq import JobFailed
from llamaq.store.worker.outcome import Error

REFUSAL = Error("invalid_request", "prompt: missing")


def test_the_job_of_a_bad_message_ends_failed(fleet: Fleet) -> None:
    """Its reader gets a `failed` event with `invalid_request`; the message and the reason are in the dead letters."""
    store = fleet.open_store(result_ttl=500)

    store.refuse("bad", "generate", "celery", '{"promt":"x"}', REFUSAL)

    job = fleet.queue.job("bad")
    with pytest.raises(JobFailed, match="prompt: missing"):
        job.result(timeout=10)
    assert [event.type for event in job.events()] == ["failed"]
    ((_, dead),) = fleet.redis.xrange(fleet.keys.dead())
    assert dead == {
        "id": "bad",
        "kind": "generate",
        "source": "celery",
        "message": '{"promt":"x"}',
        "reason": "prompt: missing",
    }
    assert 0 < fleet.redis.ttl(fleet.keys.record("bad")) <= 500
    assert 0 < fleet.redis.ttl(fleet.keys.events("bad")) <= 500


def test_a_refused_job_has_a_status_and_is_listed(fleet: Fleet) -> None:
    """Though it never had a model or a lane, it is shown among the others, and is too late to cancel."""
    fleet.open_store().refuse("bad", "generate", "inbox", "?", REFUSAL)

    status = fleet.queue.job("bad").status()

    assert (status.state, status.kind, status.model) == ("failed", "generate", "")
    assert status.error is not None
    assert status.error.code == "invalid_request"
    assert [listed.id for listed in fleet.queue.jobs()] == ["bad"]
    assert fleet.queue.job("bad").cancel() is False


def test_the_reaper_leaves_a_job_alone_that_was_never_queued(fleet: Fleet) -> None:
    """Its record lacks most fields of others. That is no damage: its end stays the one that its readers were told."""
    store = fleet.add_host()
    store.refuse("bad", "generate", "celery", "?", REFUSAL)
    before = fleet.record("bad")

    for _ in range(3):
        fleet.end_reaper_leadership()
        store.reap()

    assert fleet.record("bad") == before
    assert fleet.types("bad") == ["failed"]


def test_a_job_that_exists_is_not_touched(fleet: Fleet) -> None:
    """Somebody else's message may carry its id."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)

    store.refuse(job.id, "generate", "celery", "?", REFUSAL)

    store.complete(claimed, make_outcome())
    assert fleet.types(job.id) == ["queued", "started", "completed"]
    assert fleet.redis.xlen(fleet.keys.dead()) == 1


def test_a_message_without_an_id_is_only_set_aside(fleet: Fleet) -> None:
    """There is nobody to tell."""
    fleet.open_store().refuse("", "", "inbox", "garbage", REFUSAL)

    assert fleet.key_names() == {":dead"}


def test_dead_letters_are_bounded_in_bytes_and_in_time(fleet: Fleet) -> None:
    """The oldest go first, the newest stays, and all of them have a lifetime."""
    store, dead = fleet.open_store(), fleet.keys.dead()
    for number in range(8):
        fleet.redis.xadd(dead, {"kind": str(number), "message": "x" * 9_000_000})

    store.refuse("", "new", "inbox", "x", REFUSAL)

    kinds = [fields["kind"] for _, fields in fleet.redis.xrange(dead)]
    assert fleet.redis.memory_usage(dead) < 70_000_000
    assert 3 <= len(kinds) < 8
    assert kinds == [*map(str, range(8)), "new"][-len(kinds) :]
    assert 0 < fleet.redis.ttl(dead) <= 30 * 86_400


def test_a_dead_letter_of_long_ago_is_deleted(fleet: Fleet) -> None:
    """With the next one that is added."""
    fleet.redis.xadd(fleet.keys.dead(), {"kind": "of 1970"}, id="1-1")

    fleet.open_store().refuse("", "new", "inbox", "x", REFUSAL)

    assert [fields["kind"] for _, fields in fleet.redis.xrange(fleet.keys.dead())] == ["new"]


def test_a_letter_that_is_put_back_again_is_one_job(fleet: Fleet) -> None:
    """The answer of the first call may have been lost, also before the letter was deleted."""
    fleet.open_store().refuse("bad", "generate", "inbox", make_request_json(), REFUSAL)
    fleet.open_store().refuse("worse", "generate", "inbox", make_request_json(), REFUSAL)
    letter, other = fleet.queue.dead()

    jobs = [fleet.queue.put_back(each) for each in (letter, letter, other)]

    assert jobs[0].id == jobs[1].id
    assert fleet.waiting_jobs() == [jobs[0].id, jobs[2].id]
    assert fleet.queue.dead() == []
