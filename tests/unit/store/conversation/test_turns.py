"""Conversations: turns run one after the other, and each is kept exactly once."""

import json
from functools import partial
from typing import Any

import pytest

from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import MODEL, Fleet, make_error
from llamaq import Job, QueueFull
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.host_state import Reaped
from llamaq.store.worker.job_store import JobStore
from llamaq.store.worker.outcome import Completed


def _turn(fleet: Fleet, said: str, conversation: str = "c", **fields: Any) -> Job[Any]:
    return fleet.queue.chat(MODEL, conversation=conversation, message=said, wait_for_model=True, **fields)


def _answer(store: JobStore, claimed: ClaimedJob, said: str) -> None:
    turn = ({"role": "user", "content": said}, {"role": "assistant", "content": f"re: {said}"})
    store.complete(claimed, Completed({"message": turn[1], "model": MODEL, "host": "alpha", "attempts": 1}, turn))


def _kept(fleet: Fleet, name: str = "c", tenant: str = "default") -> list[str]:
    return [json.loads(text)["content"] for text in fleet.redis.lrange(fleet.keys.conversation(tenant, name), 0, -1)]


def test_turns_run_in_the_order_of_their_submits(fleet: Fleet) -> None:
    """However many slots are free, the second turn is assigned when the first has ended, and then sees it."""
    store = fleet.add_host(slots=3)
    first, second, third = (_turn(fleet, said) for said in "abc")
    assert list(fleet.slots()) == [first.id]
    assert [job.status().position for job in (second, third)] == [1, 2]
    assert fleet.log(third.id)[0]["position"] == 2

    for job, said in ((first, "a"), (second, "b"), (third, "c")):
        claimed = fleet.claim(store, job)
        assert [json.loads(text)["content"] for text in store.read_history(claimed)] == _kept(fleet)
        _answer(store, claimed, said)

    assert _kept(fleet) == ["a", "re: a", "b", "re: b", "c", "re: c"]
    assert fleet.redis.ttl(fleet.keys.conversation("default", "c")) > 900
    assert not [name for name in fleet.key_names() if name.startswith(":turns")]


def test_turns_that_wait_for_their_turn_count_as_waiting(redis_server: EmbeddedRedis, prefix: str) -> None:
    """LLAMAQ_MAX_QUEUED bounds a conversation too: it is no way around the limit."""
    fleet = Fleet(redis_server.url, prefix, max_queued=3)
    with pytest.raises(QueueFull):
        list(map(partial(_turn, fleet), "abcd"))

    assert len(fleet.queue.jobs()) <= 3
    fleet.close()


def test_other_conversations_and_tenants_do_not_wait(fleet: Fleet) -> None:
    """A turn waits for the turns of its own conversation alone; names belong to a tenant."""
    fleet.add_host(slots=3)

    jobs = [_turn(fleet, "a"), _turn(fleet, "a", "d"), _turn(fleet, "a", tenant="other")]

    assert set(fleet.slots()) == {job.id for job in jobs}


def test_a_turn_is_appended_once_however_often_it_is_sent(fleet: Fleet) -> None:
    """The turn and the terminal event are one step, so a finish that is sent again adds nothing."""
    store = fleet.add_host()
    claimed = fleet.claim(store, _turn(fleet, "a"))

    for _ in range(2):
        _answer(store, claimed, "a")

    assert _kept(fleet) == ["a", "re: a"]


def test_a_turn_that_failed_or_was_cancelled_is_not_kept_and_lets_the_next_go(fleet: Fleet) -> None:
    """What has no answer is not a part of the conversation."""
    store = fleet.add_host()
    failed, cancelled, good = (_turn(fleet, said) for said in "abc")
    store.fail(fleet.claim(store, failed), make_error())
    claimed = fleet.claim(store, cancelled)
    cancelled.cancel()
    _answer(store, claimed, "b")

    _answer(store, fleet.claim(store, good), "c")

    assert _kept(fleet) == ["c", "re: c"]


def test_a_turn_cancelled_while_it_waits_for_its_turn_is_passed_over(fleet: Fleet) -> None:
    """The one behind it then follows the one before it."""
    store = fleet.add_host()
    first, second, third = (_turn(fleet, said) for said in "abc")
    assert second.cancel()
    assert list(fleet.slots()) == [first.id]

    _answer(store, fleet.claim(store, first), "a")

    assert list(fleet.slots()) == [third.id]


def test_a_turn_that_is_tried_again_keeps_its_turn(fleet: Fleet) -> None:
    """The next turn does not overtake one that waits for its second attempt."""
    store = fleet.add_host(slots=2)
    first, second = _turn(fleet, "a"), _turn(fleet, "b")

    store.release(fleet.claim(store, first), make_error(), 30, counts=True)

    assert fleet.slots() == {}
    fleet.make_retry_due(first.id)
    fleet.end_reaper_leadership()
    assert store.reap() == Reaped(due=1)
    assert list(fleet.slots()) == [first.id]
    assert second.status().position == 1


def test_a_turn_that_expires_lets_the_next_go(fleet: Fleet) -> None:
    """Also one that expires while it waits for its turn."""
    store = fleet.add_host()
    first, second, third = _turn(fleet, "a"), _turn(fleet, "b", start_within=30), _turn(fleet, "c")
    fleet.expire_start_within(second.id)
    fleet.end_reaper_leadership()
    assert store.reap() == Reaped(expired=1)

    _answer(store, fleet.claim(store, first), "a")

    assert list(fleet.slots()) == [third.id]


def test_a_turn_waits_with_its_place_in_the_line(fleet: Fleet) -> None:
    """Its place is that of its submit, not of the moment at which its turn came."""
    store = fleet.add_host()
    first, second = _turn(fleet, "a"), _turn(fleet, "b")
    later = fleet.submit()
    claimed = fleet.claim(store, first)

    _answer(store, claimed, "a")

    assert list(fleet.slots()) == [second.id]
    assert fleet.waiting_jobs() == [later.id]
