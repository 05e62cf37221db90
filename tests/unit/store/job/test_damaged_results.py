"""What something else has written into the record or the log of a job gives its readers no raw error."""

from typing import Any

import pytest

from embedded.scripted.fleet import Fleet, make_outcome
from llamaq import Job
from llamaq.vocabulary.errors import BrokerUnavailable, StreamError

NO_OBJECTS = ("1e300", "-1", "[]", '"x"')


def ended(fleet: Fleet) -> Job[Any]:
    """A job that has completed."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    store.complete(claimed, make_outcome())
    return job


@pytest.mark.parametrize("payload", ["foreign", "", "null", "1e300", "{}", "[]"])
def test_the_result_of_a_log_with_a_foreign_last_entry(fleet: Fleet, payload: str) -> None:
    """No end comes behind it, so a reader without a timeout would wait for ever."""
    job = ended(fleet)
    fleet.redis.xadd(fleet.keys.events(job.id), {"event": payload})

    with pytest.raises(StreamError, match="is not one of wire version"):
        job.result(10)


@pytest.mark.parametrize("result", NO_OBJECTS)
def test_the_status_of_a_result_that_is_no_object(fleet: Fleet, result: str) -> None:
    """It says what is wrong."""
    job = ended(fleet)
    fleet.redis.hset(fleet.keys.record(job.id), "result", result)

    with pytest.raises(BrokerUnavailable, match="something else has written"):
        job.status()


@pytest.mark.parametrize("field", ["submitted_at", "error", "state"])
def test_a_timeout_on_a_damaged_record_is_one(fleet: Fleet, field: str) -> None:
    """Where the job stands is left out of the message."""
    job, _ = fleet.start_job(fleet.add_host())
    fleet.redis.hset(fleet.keys.record(job.id), field, "x")

    with pytest.raises(TimeoutError, match="not ended"):
        job.result(0.05)
