"""finish.lua claims the host's next job for the worker that takes it so."""

import json
import time
from dataclasses import replace
from typing import Any

import pytest

from embedded.scripted.fleet import LEASE_SECONDS, MODEL, PATIENCE, Fleet, Message, make_error, make_outcome
from tests.unit.store.begun import Begun
from tests.unit.store.job.ends import finish


def test_the_end_claims_the_next_job(fleet: Fleet) -> None:
    """For a worker that takes it so: its attempt has begun, and no message follows."""
    store = fleet.add_host()
    begun = store.direct = Begun()
    _, claimed = fleet.start_job(store)
    following = fleet.submit(prompt="next")
    fleet.take_messages()

    store.complete(claimed, make_outcome("done"))

    (taken,) = begun.jobs
    assert (taken.id, taken.host, taken.attempt, taken.tries) == (following.id, "alpha", 1, 1)
    assert json.loads(taken.request_json)["prompt"] == "next"
    assert fleet.types(following.id) == ["queued", "started"]
    assert fleet.log(following.id)[-1]["worker"] == "w1"
    record = fleet.record(following.id)
    assert (record["state"], record["lease"], record["fence"]) == ("running", "claimed", taken.fence)
    assert 10 < fleet.redis.zscore(fleet.keys.leases(), f"{following.id} alpha") - time.time() <= LEASE_SECONDS
    assert fleet.take_messages() == []
    assert store.claim(following.id) is None
    store.fail(taken, make_error())
    assert fleet.types(following.id)[-1] == "failed"
    assert len(begun.jobs) == 1


def test_an_end_that_is_sent_twice_claims_one_job(fleet: Fleet) -> None:
    """The second answer tells of the same job, because the first may be lost."""
    store = fleet.add_host()
    _, claimed = fleet.start_job(store)
    following = [fleet.submit() for _ in range(2)]
    next_one: dict[str, Any] = {"next_fence": "f", "worker": "w1", "members_of_next": "", "lease_seconds": 15.0}

    answers = [fleet.run(replace(finish(claimed), **next_one)) for _ in range(2)]

    assert [row.text("id") for each in answers for row in each.rows("next")] == [following[0].id] * 2
    first, second = (each.rows("next")[0].as_texts() for each in answers)
    assert {**first, "waited_seconds": ""} == {**second, "waited_seconds": ""}
    assert fleet.types(following[0].id) == ["queued", "started"]
    assert fleet.slots() == {following[0].id: MODEL}
    fleet.expire_lease(following[0].id)
    fleet.end_reaper_leadership()
    store.reap()
    assert fleet.run(replace(finish(claimed), **next_one)).rows("next") == []


def test_where_several_workers_serve_a_host_each_job_has_a_message(fleet: Fleet) -> None:
    """So that all of them get jobs, whichever ended one."""
    store = fleet.add_host()
    fleet.open_store(name="w2").report(1, 1, "{}", [MODEL], **PATIENCE)
    begun = store.direct = Begun()
    _, claimed = fleet.start_job(store)
    following = fleet.submit()
    fleet.take_messages()

    store.complete(claimed, make_outcome())

    assert begun.jobs == []
    assert fleet.take_messages() == [Message(following.id, "generate", "alpha")]


@pytest.mark.parametrize("field", ["running", "max_attempts"])
def test_a_next_job_with_a_damaged_record_fails_no_end(fleet: Fleet, field: str) -> None:
    """It ends by itself, when its lease is over."""
    store = fleet.add_host()
    begun = store.direct = Begun()
    _, claimed = fleet.start_job(store)
    following = fleet.submit()
    fleet.redis.hset(fleet.keys.record(following.id), field, "no number")

    assert store.complete(claimed, make_outcome()) == "ok"

    assert begun.jobs == []
    fleet.expire_lease(following.id)
    fleet.end_reaper_leadership()
    store.reap()
    assert fleet.types(following.id)[-1] == "failed"


def test_a_next_job_that_cannot_be_claimed_gets_its_message(fleet: Fleet) -> None:
    """The end is written all the same, and the claim by the message works once the record is mended."""
    store = fleet.add_host()
    begun = store.direct = Begun()
    _, claimed = fleet.start_job(store)
    following = fleet.submit(start_within=60)
    fleet.take_messages()
    fleet.redis.hset(fleet.keys.record(following.id), "tries", "no number")

    assert store.complete(claimed, make_outcome()) == "ok"

    assert begun.jobs == []
    assert fleet.record(following.id)["lease"] == "assigned"
    assert fleet.take_messages() == [Message(following.id, "generate", "alpha")]
    fleet.redis.hset(fleet.keys.record(following.id), "tries", 0)
    again = store.claim(following.id)
    assert again is not None
    assert (again.attempt, again.tries) == (1, 1)


def test_a_cancelled_jobs_end_claims_the_next_one(fleet: Fleet) -> None:
    """A record that is gone meanwhile does not come back."""
    store = fleet.add_host()
    begun = store.direct = Begun()
    job, claimed = fleet.start_job(store)
    following = fleet.submit()
    assert fleet.queue.delete(job.id)

    assert store.complete(claimed, make_outcome()) == "cancelled"

    assert [taken.id for taken in begun.jobs] == [following.id]
    assert fleet.record(job.id) == {}
