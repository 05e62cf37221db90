"""chat with a history that the service keeps: each turn once, in order, and never two at a time."""

import json
from typing import Any

import pytest

from llamaq import ChatResult, Job, JobCancelled, JobFailed
from llamaq.vocabulary.events import Delta, Started
from tests.conftest import MODEL
from tests.service import Service, fresh_name, read_until

Said = tuple[str, str]


def kept(service: Service, name: str, tenant: str = "default") -> list[dict[str, Any]]:
    """The history as it is stored."""
    return [json.loads(text) for text in service.redis.lrange(service.keys.conversation(tenant, name), 0, -1)]


def sent(service: Service, index: int) -> list[Said]:
    """The messages of one request."""
    return [(message["role"], message["content"]) for message in service.list_requests("/api/chat")[index]["messages"]]


def turn(service: Service, name: str, text: str, **fields: Any) -> Job[ChatResult]:
    """Say something."""
    return service.queue.chat(MODEL, conversation=name, message=text, **fields)


def test_the_second_turn_brings_the_history_along(service: Service) -> None:
    """A completed turn is kept, question and answer once each, and sent before the next question."""
    name = fresh_name()
    service.ollama.script(tokens=["Hello", "!"])
    turn(service, name, "Hi").result(30)
    service.ollama.script(tokens=["Fine."])

    turn(service, name, "How are you?").result(30)

    assert sent(service, 1) == [("user", "Hi"), ("assistant", "Hello!"), ("user", "How are you?")]
    assert [message["content"] for message in kept(service, name)] == ["Hi", "Hello!", "How are you?", "Fine."]


def test_thinking_is_not_sent_back(service: Service) -> None:
    """What the model thought in the first turn is not a part of what is said in the second."""
    name = fresh_name()
    service.ollama.script(thinking=["Secret."], tokens=["Hello!"])
    service.queue.chat("smollm2-thinking:135m", conversation=name, message="Hi", think=True).result(30)

    service.queue.chat("smollm2-thinking:135m", conversation=name, message="And?").result(30)

    assert "Secret." not in json.dumps(service.list_requests()[1])
    assert sent(service, 1) == [("user", "Hi"), ("assistant", "Hello!"), ("user", "And?")]


def test_a_second_turn_waits_for_the_first_and_holds_no_slot(service: Service) -> None:
    """Sent while the first still runs, it waits outside the slots, and then answers on the whole history."""
    name = fresh_name()
    gate = service.hold(tokens=["one", " two"], hold_after=1)
    first = turn(service, name, "First")
    service.wait_held(gate)

    second = turn(service, name, "Second")
    other = service.queue.generate(MODEL, "The other slot is free")
    other.result(30)

    assert (second.status().state, second.status().position) == ("queued", 1)
    assert len(service.list_requests("/api/chat")) == 1
    assert service.slots_held() == 1
    service.ollama.release(gate)
    second.result(30)
    assert first.result(30).text == "one two"
    assert sent(service, 1) == [("user", "First"), ("assistant", "one two"), ("user", "Second")]


def test_many_turns_sent_at_once_run_in_their_order(service: Service) -> None:
    """Eight turns sent without waiting are answered one after the other, each on all that came before."""
    name = fresh_name()
    service.ollama.script(tokens=["ok"], times=8)

    jobs = [turn(service, name, f"turn {number}") for number in range(8)]
    for job in jobs:
        job.result(60)

    assert [len(body["messages"]) for body in service.list_requests()] == [1, 3, 5, 7, 9, 11, 13, 15]
    assert [message["content"] for message in kept(service, name)[::2]] == [f"turn {number}" for number in range(8)]


def test_a_failed_turn_adds_nothing_and_lets_the_next_go(service: Service) -> None:
    """A turn that ends `failed` leaves the history as it was; the one behind it runs."""
    name = fresh_name()
    turn(service, name, "Good").result(30)
    gate = service.hold(fault="error", fault_after=0, error="the model does not support tools")
    failing = turn(service, name, "Bad")
    service.wait_held(gate)
    behind = turn(service, name, "Next")

    service.ollama.release(gate)

    with pytest.raises(JobFailed):
        failing.result(30)
    behind.result(30)
    assert [text for role, text in sent(service, 2) if role == "user"] == ["Good", "Next"]
    assert [message["content"] for message in kept(service, name)[::2]] == ["Good", "Next"]


def test_a_turn_cancelled_while_running_adds_nothing_and_lets_the_next_go(service: Service) -> None:
    """The half-spoken answer of a cancelled turn is not kept."""
    name = fresh_name()
    service.hold(tokens=["half"], hold_after=1)
    cancelled = turn(service, name, "Stop this")
    read_until(cancelled, Delta)
    behind = turn(service, name, "Next")

    assert cancelled.cancel()

    behind.result(30)
    with pytest.raises(JobCancelled):
        cancelled.result(30)
    assert sent(service, 1) == [("user", "Next")]
    assert len(kept(service, name)) == 2


def test_a_turn_cancelled_while_it_waits_lets_the_one_behind_it_go(service: Service) -> None:
    """Cancelling a waiting turn takes it out of the line; it never reaches Ollama."""
    name = fresh_name()
    gate = service.hold()
    first = turn(service, name, "First")
    service.wait_held(gate)
    waiting, last = turn(service, name, "Never"), turn(service, name, "Last")
    assert last.status().position == 2

    assert waiting.cancel()
    assert last.status().position == 1
    service.ollama.release(gate)

    last.result(30)
    first.result(30)
    assert [text for role, text in sent(service, 1) if role == "user"] == ["First", "Last"]
    assert len(service.list_requests()) == 2


def test_a_retried_turn_is_kept_once(service: Service) -> None:
    """A turn whose first attempt broke off is appended by the attempt that completes, and by no other."""
    name = fresh_name()
    service.ollama.script(tokens=["bro", "ken"], fault="end")
    service.ollama.script(tokens=["whole"])

    assert turn(service, name, "Again").result(30).attempts == 2

    assert [message["content"] for message in kept(service, name)] == ["Again", "whole"]


def test_two_conversations_run_side_by_side(service: Service) -> None:
    """Turns of different conversations use different slots at the same time."""
    gate = service.hold(times=2)
    jobs = [turn(service, fresh_name(), "Hi") for _ in range(2)]

    service.wait_held(gate, 2)

    for job in jobs:
        read_until(job, Started)
    service.ollama.release(gate)
    for job in jobs:
        job.result(30)


def test_a_conversation_belongs_to_its_tenant(service: Service) -> None:
    """The same name of another tenant is another conversation."""
    name = fresh_name()
    turn(service, name, "Mine", tenant="a").result(30)

    turn(service, name, "Yours", tenant="b").result(30)

    assert sent(service, 1) == [("user", "Yours")]
    assert len(kept(service, name, "a")) == len(kept(service, name, "b")) == 2
