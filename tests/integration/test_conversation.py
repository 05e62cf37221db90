"""chat with a history that the service keeps: each turn once, in order, and never two at a time."""

import json
from typing import Any

import pytest

from llamaq import ChatResult, Job, JobCancelled, JobFailed
from llamaq.vocabulary.events import Delta, Started
from tests.conftest import MODEL
from tests.integration.house import House, fresh_name, read_until

Said = tuple[str, str]


def kept(house: House, name: str, tenant: str = "default") -> list[dict[str, Any]]:
    """The history as it is stored."""
    return [json.loads(text) for text in house.redis.lrange(house.keys.conversation(tenant, name), 0, -1)]


def sent(house: House, index: int) -> list[Said]:
    """The messages of one request."""
    return [(message["role"], message["content"]) for message in house.asked("/api/chat")[index]["messages"]]


def turn(house: House, name: str, text: str, **fields: Any) -> Job[ChatResult]:
    """Say something."""
    return house.queue.chat(MODEL, conversation=name, message=text, **fields)


def test_the_second_turn_brings_the_history_along(house: House) -> None:
    """A completed turn is kept, question and answer once each, and sent before the next question."""
    name = fresh_name()
    house.ollama.script(tokens=["Hello", "!"])
    turn(house, name, "Hi").result(30)
    house.ollama.script(tokens=["Fine."])

    turn(house, name, "How are you?").result(30)

    assert sent(house, 1) == [("user", "Hi"), ("assistant", "Hello!"), ("user", "How are you?")]
    assert [message["content"] for message in kept(house, name)] == ["Hi", "Hello!", "How are you?", "Fine."]


def test_thinking_is_not_sent_back(house: House) -> None:
    """What the model thought in the first turn is not a part of what is said in the second."""
    name = fresh_name()
    house.ollama.script(thinking=["Secret."], tokens=["Hello!"])
    house.queue.chat("smollm2-thinking:135m", conversation=name, message="Hi", think=True).result(30)

    house.queue.chat("smollm2-thinking:135m", conversation=name, message="And?").result(30)

    assert "Secret." not in json.dumps(house.asked()[1])
    assert sent(house, 1) == [("user", "Hi"), ("assistant", "Hello!"), ("user", "And?")]


def test_a_second_turn_waits_for_the_first_and_holds_no_slot(house: House) -> None:
    """Sent while the first still runs, it waits outside the slots, and then answers on the whole history."""
    name = fresh_name()
    gate = house.hold(tokens=["one", " two"], hold_after=1)
    first = turn(house, name, "First")
    house.wait_held(gate)

    second = turn(house, name, "Second")
    other = house.queue.generate(MODEL, "The other slot is free")
    other.result(30)

    assert (second.status().state, second.status().position) == ("queued", 1)
    assert len(house.asked("/api/chat")) == 1
    assert house.slots_held() == 1
    house.ollama.release(gate)
    second.result(30)
    assert first.result(30).text == "one two"
    assert sent(house, 1) == [("user", "First"), ("assistant", "one two"), ("user", "Second")]


def test_many_turns_sent_at_once_run_in_their_order(house: House) -> None:
    """Eight turns sent without waiting are answered one after the other, each on all that came before."""
    name = fresh_name()
    house.ollama.script(tokens=["ok"], times=8)

    jobs = [turn(house, name, f"turn {number}") for number in range(8)]
    for job in jobs:
        job.result(60)

    assert [len(body["messages"]) for body in house.asked()] == [1, 3, 5, 7, 9, 11, 13, 15]
    assert [message["content"] for message in kept(house, name)[::2]] == [f"turn {number}" for number in range(8)]


def test_a_failed_turn_adds_nothing_and_lets_the_next_go(house: House) -> None:
    """A turn that ends `failed` leaves the history as it was; the one behind it runs."""
    name = fresh_name()
    turn(house, name, "Good").result(30)
    gate = house.hold(fault="error", fault_after=0, error="does not support tools")
    failing = turn(house, name, "Bad")
    house.wait_held(gate)
    behind = turn(house, name, "Next")

    house.ollama.release(gate)

    with pytest.raises(JobFailed):
        failing.result(30)
    behind.result(30)
    assert [text for role, text in sent(house, 2) if role == "user"] == ["Good", "Next"]
    assert [message["content"] for message in kept(house, name)[::2]] == ["Good", "Next"]


def test_a_turn_cancelled_while_running_adds_nothing_and_lets_the_next_go(house: House) -> None:
    """The half-spoken answer of a cancelled turn is not kept."""
    name = fresh_name()
    house.hold(tokens=["half"], hold_after=1)
    cancelled = turn(house, name, "Stop this")
    read_until(cancelled, Delta)
    behind = turn(house, name, "Next")

    assert cancelled.cancel()

    behind.result(30)
    with pytest.raises(JobCancelled):
        cancelled.result(30)
    assert sent(house, 1) == [("user", "Next")]
    assert len(kept(house, name)) == 2


def test_a_turn_cancelled_while_it_waits_lets_the_one_behind_it_go(house: House) -> None:
    """Cancelling a waiting turn takes it out of the line; it never reaches Ollama."""
    name = fresh_name()
    gate = house.hold()
    first = turn(house, name, "First")
    house.wait_held(gate)
    waiting, last = turn(house, name, "Never"), turn(house, name, "Last")
    assert last.status().position == 2

    assert waiting.cancel()
    assert last.status().position == 1
    house.ollama.release(gate)

    last.result(30)
    first.result(30)
    assert [text for role, text in sent(house, 1) if role == "user"] == ["First", "Last"]
    assert len(house.asked()) == 2


def test_a_retried_turn_is_kept_once(house: House) -> None:
    """A turn whose first attempt broke off is appended by the attempt that completes, and by no other."""
    name = fresh_name()
    house.ollama.script(tokens=["bro", "ken"], fault="end")
    house.ollama.script(tokens=["whole"])

    assert turn(house, name, "Again").result(30).attempts == 2

    assert [message["content"] for message in kept(house, name)] == ["Again", "whole"]


def test_two_conversations_run_side_by_side(house: House) -> None:
    """Turns of different conversations use different slots at the same time."""
    gate = house.hold(times=2)
    jobs = [turn(house, fresh_name(), "Hi") for _ in range(2)]

    house.wait_held(gate, 2)

    for job in jobs:
        read_until(job, Started)
    house.ollama.release(gate)
    for job in jobs:
        job.result(30)


def test_a_conversation_belongs_to_its_tenant(house: House) -> None:
    """The same name of another tenant is another conversation."""
    name = fresh_name()
    turn(house, name, "Mine", tenant="a").result(30)

    turn(house, name, "Yours", tenant="b").result(30)

    assert sent(house, 1) == [("user", "Yours")]
    assert len(kept(house, name, "a")) == len(kept(house, name, "b")) == 2
