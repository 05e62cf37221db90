"""What a new turn does to the one before it that has not ended (`when_busy`), decided in the store."""

from typing import Any

import pytest

from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import MODEL, Fleet, make_error
from llamaq import Conversation, ConversationBusy, InvalidRequest, QueueFull
from tests.unit.store.conversation.talking import NAME, answer, list_contents, submit_turn


@pytest.fixture
def talk(fleet: Fleet) -> Conversation:
    return fleet.queue.conversation(NAME)


def test_reject_refuses_a_turn_while_another_has_not_ended(fleet: Fleet) -> None:
    """Nothing is queued; the same key still stands for the turn that was."""
    store = fleet.add_host()
    first = submit_turn(fleet, "a", when_busy="reject", idempotency_key="k")

    with pytest.raises(ConversationBusy) as refused:
        submit_turn(fleet, "b", when_busy="reject")

    assert (refused.value.name, refused.value.job_id) == (NAME, first.id)
    assert len(fleet.queue.jobs()) == 1
    assert submit_turn(fleet, "a", when_busy="reject", idempotency_key="k").id == first.id
    answer(store, fleet.claim(store, first), "a")
    assert submit_turn(fleet, "b", when_busy="reject").id


def test_interrupt_keeps_what_was_said(fleet: Fleet, talk: Conversation) -> None:
    """The running turn ends cancelled; its question and the last attempt's text so far are in the history, once."""
    store = fleet.add_host(slots=2)
    first = submit_turn(fleet, 'a "quoted"\n/ line')
    claimed = fleet.claim(store, first)
    fleet.append(claimed, 1, text="void")
    store.release(claimed, make_error(), 0, counts=True)
    claimed = fleet.claim(store, first)
    fleet.append(claimed, 1, text="Hé\\")
    fleet.append(claimed, 2, thinking="hm")
    fleet.append(claimed, 3, text='"/lo\n', tool_calls=[{"a": []}])

    second = submit_turn(fleet, "b", when_busy="interrupt")

    assert first.status().state == "cancelled"
    assert fleet.log(first.id)[-1]["reason"] == "interrupted by the next turn"
    assert fleet.append(claimed, 4, text="late") == "CANCELLED"
    answer(store, claimed, "a")
    assert [(said.role, said.content, said.turn, said.interrupted, said.job) for said in talk.history()] == [
        ("user", 'a "quoted"\n/ line', 1, False, first.id),
        ("assistant", 'Hé\\"/lo\n', 1, True, first.id),
    ]
    assert store.claim(second.id) is not None


def test_interrupt_of_a_turn_that_said_nothing_keeps_the_question(fleet: Fleet, talk: Conversation) -> None:
    """It was asked, also where the answer had not begun or its model did not stream."""
    fleet.add_host()
    first = submit_turn(fleet, "a")

    second = submit_turn(fleet, "b", when_busy="interrupt")

    assert (first.status().state, list_contents(talk)) == ("cancelled", ["a"])
    assert list(fleet.slots()) == [second.id]


def test_a_long_answer_is_kept_whole(fleet: Fleet, talk: Conversation) -> None:
    """Also one whose log is read in several pages."""
    store = fleet.add_host(slots=2)
    claimed = fleet.claim(store, submit_turn(fleet, "a"))
    for number in range(1201):
        fleet.append(claimed, number + 1, text=f"{number} ")

    submit_turn(fleet, "b", when_busy="interrupt")

    assert list_contents(talk)[1] == "".join(f"{number} " for number in range(1201))


def test_rollback_drops_the_turn(fleet: Fleet, talk: Conversation) -> None:
    """As if it had never been asked."""
    store = fleet.add_host(slots=2)
    first = submit_turn(fleet, "a")
    claimed = fleet.claim(store, first)
    fleet.append(claimed, 1, text="He")

    second = submit_turn(fleet, "b", when_busy="rollback")

    assert (first.status().state, list_contents(talk)) == ("cancelled", [])
    assert fleet.log(first.id)[-1]["reason"] == "taken back by the next turn"
    answer(store, fleet.claim(store, second), "b")
    answer(store, claimed, "a")
    assert list_contents(talk) == ["b", "re: b"]


@pytest.mark.parametrize("how", ["interrupt", "rollback"])
def test_turns_that_wait_keep_their_place(fleet: Fleet, how: Any) -> None:
    """Only the turn whose turn it is gives way: those behind it were sent before, and run before."""
    store = fleet.add_host(slots=2)
    first, waiting = submit_turn(fleet, "a"), submit_turn(fleet, "b")
    fleet.claim(store, first)

    last = submit_turn(fleet, "c", when_busy=how)

    assert store.claim(last.id) is None
    assert last.status().position == 1
    assert fleet.log(last.id)[0]["position"] == 1
    answer(store, fleet.claim(store, waiting), "b")
    assert store.claim(last.id) is not None


@pytest.mark.parametrize("how", ["interrupt", "rollback"])
def test_a_turn_that_gave_way_is_not_ahead(fleet: Fleet, how: Any) -> None:
    """One that waited in a higher lane, and that the limit of the queue counted."""
    submit_turn(fleet, "a", priority="interactive")

    last = submit_turn(fleet, "b", when_busy=how)

    assert fleet.log(last.id)[0]["position"] == 0


@pytest.mark.parametrize("how", ["interrupt", "rollback"])
def test_a_turn_that_is_refused_disturbs_nobody(redis_server: EmbeddedRedis, prefix: str, how: Any) -> None:
    """A full queue refuses it before the running turn is touched."""
    fleet = Fleet(redis_server.url, prefix, max_queued=1)
    store = fleet.add_host()
    first = submit_turn(fleet, "a")
    fleet.claim(store, first)
    fleet.submit()

    with pytest.raises(QueueFull):
        submit_turn(fleet, "b", when_busy=how)

    assert first.status().state == "running"
    fleet.close()


@pytest.mark.parametrize("how", ["interrupt", "rollback"])
def test_a_retry_that_waits_gives_way_as_well(fleet: Fleet, talk: Conversation, how: Any) -> None:
    """It leaves its delay; nobody will void what its last attempt has said, so an interrupt keeps that."""
    store = fleet.add_host()
    first = submit_turn(fleet, "a")
    claimed = fleet.claim(store, first)
    fleet.append(claimed, 1, text="so far")
    store.release(claimed, make_error(), 30, counts=True)

    second = submit_turn(fleet, "b", when_busy=how)

    assert not [name for name in fleet.key_names() if name == ":delayed"]
    assert list(fleet.slots()) == [second.id]
    assert list_contents(talk) == (["a", "so far"] if how == "interrupt" else [])


def test_when_busy_is_about_conversations(fleet: Fleet) -> None:
    """On a whole history it would say nothing, so it is refused."""
    with pytest.raises(InvalidRequest, match="when_busy"):
        fleet.queue.chat(MODEL, messages=[{"role": "user", "content": "x"}], when_busy="reject")


@pytest.mark.parametrize("how", ["enqueue", "interrupt", "rollback"])
def test_a_turn_whose_record_was_deleted_holds_nobody_up(fleet: Fleet, talk: Conversation, how: Any) -> None:
    """It will never end: the next new turn finds it gone, and those behind it run."""
    store = fleet.add_host()
    first, second = submit_turn(fleet, "a"), submit_turn(fleet, "b")
    fleet.redis.delete(fleet.keys.record(first.id))
    fleet.expire_lease(first.id)
    fleet.end_reaper_leadership()
    store.reap()

    third = submit_turn(fleet, "c", when_busy=how)

    assert second.status().state == ("queued" if how == "enqueue" else "cancelled")
    for job, said in ((second, "b"), (third, "c"))[how != "enqueue" :]:
        answer(store, fleet.claim(store, job), said)
    expected = {"enqueue": ["b", "re: b", "c", "re: c"], "interrupt": ["b", "c", "re: c"], "rollback": ["c", "re: c"]}
    assert list_contents(talk) == expected[how]


def test_a_turn_that_ends_lets_in_the_one_behind_a_deleted_one(fleet: Fleet, talk: Conversation) -> None:
    """The record that somebody deleted is passed over; and a conversation without any other turn is free again."""
    store = fleet.add_host()
    first, deleted, third = (submit_turn(fleet, said) for said in "abc")
    fleet.redis.delete(fleet.keys.record(deleted.id))

    answer(store, fleet.claim(store, first), "a")
    claimed = fleet.claim(store, third)
    fleet.redis.delete(fleet.keys.record(third.id))

    assert claimed.id == third.id
    talk.delete(after=0)
    assert list_contents(talk) == []
