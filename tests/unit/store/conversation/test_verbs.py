"""The verbs that change a kept conversation, decided in the store."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from embedded.scripted.fleet import MODEL, Fleet, make_error
from llamaq import Conversation, ConversationBusy, ConversationExists, ConversationNotFound, InvalidRequest
from llamaq.store.producer_scripts import ConversationDelete
from llamaq.store.script_drivers import run
from tests.unit.store.conversation.talking import NAME, hold_conversation, list_contents, submit_turn


@pytest.fixture
def talk(fleet: Fleet) -> Conversation:
    return fleet.queue.conversation(NAME)


def test_a_fork_goes_its_own_way(fleet: Fleet, talk: Conversation) -> None:
    """It has the settings and the turns up to the one named; what is said later in one is not in the other."""
    talk.set(system="Be kind.", ttl=500)
    hold_conversation(fleet, "a", "b")

    half, whole, empty = talk.fork("half", at=1), talk.fork("whole"), talk.fork("empty", at=0)

    assert (list_contents(half), list_contents(empty)) == (["a", "re: a"], [])
    assert half.settings() == talk.settings()
    assert list_contents(whole) == list_contents(talk)
    half.edit(1, "changed")
    assert list_contents(talk)[0] == "a"
    assert 0 < fleet.redis.ttl(fleet.keys.conversation("default", "half")) <= 500


def test_a_fork_of_a_busy_conversation_has_what_was_said(fleet: Fleet, talk: Conversation) -> None:
    """The turn that runs is no part of it."""
    hold_conversation(fleet, "a")
    submit_turn(fleet, "b")

    assert list_contents(talk.fork("other")) == ["a", "re: a"]


def test_a_fork_onto_a_name_that_is_taken_is_refused(fleet: Fleet, talk: Conversation) -> None:
    """By messages, by settings or by a turn on its way: nothing is overwritten."""
    hold_conversation(fleet, "a")
    fleet.queue.conversation("set").set(model="m")
    fleet.queue.chat(MODEL, conversation="said", message="x")

    for name in (NAME, "set", "said"):
        with pytest.raises(ConversationExists) as refused:
            talk.fork(name)
        assert refused.value.name == name


def test_a_fork_that_is_sent_twice_acts_once(fleet: Fleet, talk: Conversation) -> None:
    """A client that lost the answer sends it again: the name that it has taken itself is not taken."""
    hold_conversation(fleet, "a")
    texts = fleet.redis.lrange(fleet.keys.conversation("default", NAME), 0, -1)
    call = talk._calls.fork(texts, "new", None, "token")

    assert [run(fleet.redis, call).word for _ in range(2)] == ["OK", "OK"]
    assert list_contents(fleet.queue.conversation("new")) == ["a", "re: a"]


def test_a_long_history_is_forked_whole(fleet: Fleet, talk: Conversation) -> None:
    """Beyond what Lua takes as arguments at a time."""
    key = fleet.keys.conversation("default", NAME)
    fleet.redis.rpush(key, *(json.dumps({"role": "user", "content": str(n), "job": str(n)}) for n in range(9000)))

    assert len(talk.fork("new").history()) == 9000


def test_an_edit_changes_one_message_and_says_so(fleet: Fleet, talk: Conversation) -> None:
    """The question or the answer; what follows stays."""
    hold_conversation(fleet, "a", "b")

    talk.edit(1, 'A "quoted" Ä')
    talk.edit(2, "B!", role="assistant")

    assert list_contents(talk) == ['A "quoted" Ä', "re: a", "b", "B!"]
    assert [message.edited for message in talk.history()] == [True, False, False, True]


@pytest.mark.parametrize(
    "verb",
    [
        lambda talk: talk.edit(3, "x"),
        lambda talk: talk.fork("n", at=3),
        lambda talk: talk.fork("n", at="1"),
        lambda talk: talk.delete(after=3),
        lambda talk: talk.delete(after="1"),
    ],
)
def test_a_turn_that_is_not_there_is_refused(
    fleet: Fleet, talk: Conversation, verb: Callable[[Conversation], Any]
) -> None:
    """Naming how many there are."""
    hold_conversation(fleet, "a")

    with pytest.raises(InvalidRequest, match="has 1 turn"):
        verb(talk)


def test_an_edit_to_nothing_is_refused(fleet: Fleet, talk: Conversation) -> None:
    """A message says something."""
    hold_conversation(fleet, "a")

    with pytest.raises(InvalidRequest, match="content"):
        talk.edit(1, "")


@pytest.mark.parametrize(
    "verb", [lambda talk: talk.edit(1, "x"), lambda talk: talk.delete(), lambda talk: talk.delete(after=0)]
)
def test_a_busy_conversation_is_not_changed_under_its_turn(
    fleet: Fleet, talk: Conversation, verb: Callable[[Conversation], Any]
) -> None:
    """The turn that runs has read the history already; once it has ended the change goes through."""
    store = hold_conversation(fleet, "a")
    running = submit_turn(fleet, "b")

    with pytest.raises(ConversationBusy) as refused:
        verb(talk)
    assert refused.value.job_id == running.id
    assert list_contents(talk) == ["a", "re: a"]

    store.fail(fleet.claim(store, running), make_error())
    verb(talk)


def test_a_change_that_another_one_overtook_is_made_anew(fleet: Fleet, talk: Conversation) -> None:
    """An edit replaces what was read, and nothing that came into its place meanwhile."""
    hold_conversation(fleet, "a")
    texts = fleet.redis.lrange(fleet.keys.conversation("default", NAME), 0, -1)
    late = talk._calls.edit(texts, 1, "late", "user")
    talk.edit(1, "early")

    assert run(fleet.redis, late).word == "CHANGED"
    assert run(fleet.redis, talk._calls.cut(texts, 1)).word == "OK"
    assert list_contents(talk) == ["early", "re: a"]


def test_turns_are_deleted_from_the_end(fleet: Fleet, talk: Conversation) -> None:
    """To ask anew from an earlier turn; the settings stay."""
    talk.set(system="s")
    hold_conversation(fleet, "a", "b", "c")

    talk.delete(after=1)
    assert list_contents(talk) == ["a", "re: a"]
    talk.delete(after=0)
    assert (list_contents(talk), talk.settings().system) == ([], "s")


def test_a_deletion_that_is_sent_again_has_worked(fleet: Fleet, talk: Conversation) -> None:
    """Its answer was lost: the second one finds nothing, and what was begun since stays."""
    hold_conversation(fleet, "a")
    deletion = ConversationDelete(tenant="default", name=NAME, token="t")

    assert [fleet.run(deletion).word for _ in range(2)] == ["OK", "OK"]
    hold_conversation(fleet, "b")
    assert fleet.run(deletion).word == "OK"
    assert list_contents(talk)[0] == "b"


def test_a_deleted_conversation_is_gone(fleet: Fleet, talk: Conversation) -> None:
    """With its settings and its place in the list; what is not there cannot be deleted or forked."""
    talk.set(system="s")
    hold_conversation(fleet, "a")
    talk.delete()

    assert (list_contents(talk), talk.settings().system, fleet.queue.conversations()) == ([], None, [])
    for verb in (talk.delete, lambda: talk.fork("new"), lambda: talk.delete(after=0)):
        with pytest.raises(ConversationNotFound):
            verb()
    assert not [name for name in fleet.key_names() if name.rpartition(":")[2] == NAME]
