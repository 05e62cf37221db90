"""What something else has written in place of a number, or of a message, holds up neither Redis nor a reader."""

import json

import pytest

from embedded.scripted.fleet import MODEL, Fleet, make_outcome
from llamaq.vocabulary.errors import BrokerUnavailable

WRONG = ("x", "nan", "inf", "-inf", "1e300", "999999999", "-1", "")
SIZES = ("slots", "max_models")
OTHERS = ("patience", "lane_patience", "assigned_at", "retry_at", "default_ctx", "trips", "faults")


@pytest.mark.parametrize("field", SIZES + OTHERS)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_number_of_a_host_fails_no_verb(fleet: Fleet, field: str, wrong: str) -> None:
    """A loop up to a number that is too large would hold Redis up for ever, for all its clients."""
    store = fleet.add_host(slots=2)
    job, claimed = fleet.start_job(store)
    fleet.redis.hset(fleet.keys.host("alpha"), mapping={field: wrong, "circuit": "half_open"})
    fleet.forget_forecasts()
    waiting = fleet.submit()

    fleet.queue.jobs()
    fleet.queue.waiting()
    waiting.status()
    fleet.queue.pause(host="alpha")
    fleet.queue.resume(host="alpha")
    store.complete(claimed, make_outcome())

    assert job.status().state == "completed"
    fleet.add_host(slots=2)
    store.complete(fleet.claim(store, waiting), make_outcome())
    assert waiting.status().state == "completed"


@pytest.mark.parametrize("score", ["-inf", "+inf", "-1e300", "1e300", "0"])
def test_a_foreign_member_of_a_queues_ages_is_not_its_oldest_job(fleet: Fleet, score: str) -> None:
    """An age without an end could be shown nowhere."""
    fleet.add_host()
    fleet.queue.pause(host="alpha")
    fleet.submit()
    fleet.redis.zadd(f"{fleet.keys.prefix}:ages:normal:{MODEL}", {"foreign": score})

    (queue,) = fleet.queue.waiting()

    assert queue.oldest_seconds is not None
    assert 0 <= queue.oldest_seconds < 60


@pytest.mark.parametrize("message", [None, 1e300, [], "x"])
def test_a_message_that_is_no_object_gives_no_raw_error(fleet: Fleet, message: object) -> None:
    """The verbs that read the messages say what is wrong."""
    talk = fleet.queue.conversation("c")
    talk.set(model=MODEL)
    fleet.redis.rpush(fleet.keys.conversation("default", "c"), json.dumps(message))

    for verb in (talk.history, lambda: talk.edit(1, "x"), lambda: talk.delete(after=0)):
        with pytest.raises(BrokerUnavailable, match="something else has written"):
            verb()
