"""A kept conversation with a worker: what it is set to, what fits the model, its tools, and turns that do not wait."""

import asyncio
import json
from typing import Any

import pytest

from llamaq import AsyncJobQueue, ConversationBusy, Job, JobCancelled, JobFailed
from llamaq.vocabulary.events import Delta
from tests.conftest import MODEL
from tests.service import Service, fresh_name, read_until, wait_until

Said = tuple[str, str]
TOOLS_MODEL = "smollm2-tools:135m"
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "required": []}}}
CALL = {"function": {"name": "weather", "arguments": {"city": "Köln", "days": [], "exact": None}}}


def sent(service: Service, index: int) -> list[Said]:
    """The messages of one request."""
    return [(message["role"], message["content"]) for message in service.list_requests("/api/chat")[index]["messages"]]


def words(number: int, word: str = "word") -> str:
    """A text of so many tokens, as the scripted host counts."""
    return " ".join([word] * number)


# --- settings


def test_a_turn_is_asked_with_what_the_conversation_is_set_to(service: Service) -> None:
    """System prompt, model, options and tools; what a turn names itself goes before, option by option."""
    talk = service.queue.conversation(fresh_name())
    talk.set(model=TOOLS_MODEL, system="Be kind.", options={"seed": 1, "top_k": 5}, tools=[TOOL])

    talk.send("Hi").result(30)
    talk.send("And?", options={"seed": 2}).result(30)
    talk.set(system="Be brief.", options=None, tools=None)
    talk.send("Well?").result(30)

    first, second, third = service.list_requests("/api/chat")
    assert sent(service, 0) == [("system", "Be kind."), ("user", "Hi")]
    assert (first["model"], first["options"], first["tools"]) == (TOOLS_MODEL, {"seed": 1, "top_k": 5}, [TOOL])
    assert second["options"] == {"seed": 2, "top_k": 5}
    assert [role for role, _ in sent(service, 1)] == ["system", "user", "assistant", "user"]
    assert sent(service, 2)[0] == ("system", "Be brief.")
    assert "options" not in third
    assert "tools" not in third


def test_what_ollama_is_sent_is_what_was_said(service: Service) -> None:
    """What is kept beside the messages stays at home; the history tells it, with the turn that it belongs to."""
    talk = service.queue.conversation(fresh_name())
    service.ollama.script(thinking=["Hm."], tokens=["Hello", "!"])
    first = service.queue.chat("smollm2-thinking:135m", conversation=talk.name, message="Hi", think=True)
    result = first.result(30)

    service.queue.chat(MODEL, conversation=talk.name, message="And?").result(30)

    assert all(set(message) == {"role", "content"} for message in service.list_requests()[1]["messages"])
    question, answer, *_ = talk.history()
    assert (question.turn, question.job, question.content) == (1, first.id, "Hi")
    assert (answer.turn, answer.thinking, answer.usage) == (1, "Hm.", result.usage)


def test_a_fork_is_continued_by_itself(service: Service) -> None:
    """With an edited question: the model hears the fork's history, and the other stays as it was."""
    talk = service.queue.conversation(fresh_name())
    talk.set(model=MODEL)
    for text in ("One", "Two"):
        service.ollama.script(tokens=[f"re: {text}"])
        talk.send(text).result(30)

    other = talk.fork(fresh_name(), at=1)
    other.edit(1, "Eins")
    other.send("Drei").result(30)

    assert sent(service, 2) == [("user", "Eins"), ("assistant", "re: One"), ("user", "Drei")]
    assert [message.content for message in talk.history()] == ["One", "re: One", "Two", "re: Two"]


# --- the context


def tokens_of(service: Service) -> list[int]:
    """What the host counted in each request."""
    return [sum(len(text.split()) for _, text in sent(service, index)) for index in range(len(service.list_requests()))]


def test_the_oldest_messages_are_left_out_where_not_all_fit(service: Service) -> None:
    """System message and question stay, whole messages go, and the result says how many; the history keeps them all."""
    talk = service.queue.conversation(fresh_name())
    talk.set(model=MODEL, system="Be kind.", options={"num_ctx": 400, "num_predict": 40})
    for number in range(5):
        service.ollama.script(tokens=[words(30)])
        talk.send(words(80, f"wor{number}")).result(30)

    result = talk.send("Last?").result(30)

    messages, before = sent(service, 5), talk.history()[:-2]
    assert messages[0] == ("system", "Be kind.")
    assert messages[-1] == ("user", "Last?")
    assert result.history_dropped == len(before) - (len(messages) - 2) > 0
    assert messages[1:-1] == [(said.role, said.content) for said in before[result.history_dropped :]]
    assert talk.history()[-1].history_dropped == result.history_dropped
    # Nothing was refused on the way, and no more went than had to: the next message back has 30 or 80 tokens.
    assert len(service.list_requests()) == 6
    assert 400 - 40 - 90 < tokens_of(service)[5] <= 400 - 40


def test_a_prompt_that_ollama_refuses_is_sent_again_shorter(service: Service) -> None:
    """The host's own default context nobody knows before it refuses: its figures are gone by then, and remembered."""
    model = "smollm2-b:135m"  # its context is learnt in this test: no other relies on it
    talk = service.queue.conversation(fresh_name())
    talk.set(model=model)

    for number in range(5):
        service.ollama.script(tokens=[words(500)])
        result = talk.send(words(1000, f"wor{number}")).result(30)

    assert result.history_dropped > 0
    assert [tokens >= 4096 for tokens in tokens_of(service)].count(True) == 1
    assert len(service.list_requests()) == 6
    assert min(tokens_of(service)[-2:]) > 2000


def test_a_question_that_is_too_long_even_so_fails(service: Service) -> None:
    """It is never cut: `context_overflow`, with Ollama's figures, and nothing is kept."""
    talk = service.queue.conversation(fresh_name())
    talk.set(model=MODEL, options={"num_ctx": 64})
    talk.send("Hi").result(30)

    with pytest.raises(JobFailed) as failed:
        talk.send(words(100)).result(30)

    assert failed.value.code == "context_overflow"
    assert (failed.value.error.model_extra or {})["n_ctx"] == 64
    assert len(talk.history()) == 2
    assert len(sent(service, len(service.list_requests()) - 1)) == 1


def test_a_history_that_is_sent_whole_is_asked_whole(service: Service) -> None:
    """Trimming is for what the queue keeps: messages of the producer's own are answered all, or refused."""
    messages: list[Any] = [{"role": "user", "content": words(60)}, {"role": "user", "content": "Hi"}]

    with pytest.raises(JobFailed) as failed:
        service.queue.chat(MODEL, messages=messages, options={"num_ctx": 32}).result(30)

    assert failed.value.code == "context_overflow"
    assert len(sent(service, 0)) == 2


# --- tools


def test_a_tools_answer_is_the_next_turn(service: Service) -> None:
    """The call comes in the result, its arguments an object; the answer goes back behind it, and both are kept."""
    talk = service.queue.conversation(fresh_name())
    talk.set(model=TOOLS_MODEL, tools=[TOOL])
    service.ollama.script(tool_calls=[CALL, CALL])
    job = talk.send("Weather in Köln?")
    (delta,) = [event for event in job.events() if isinstance(event, Delta)]
    calls = job.result(30).message.tool_calls
    service.ollama.script(tokens=["11 degrees."])

    answers: list[Any] = [{"role": "tool", "content": text, "tool_name": "weather"} for text in ("11", "12")]
    result = talk.send(answers).result(30)

    assert delta.tool_calls == calls == [CALL, CALL]
    assert result.text == "11 degrees."
    asked = service.list_requests("/api/chat")[1]
    assert asked["tools"] == [TOOL]
    assert asked["messages"][1]["tool_calls"] == [CALL, CALL]
    assert asked["messages"][2:] == answers
    assert [(said.turn, said.role) for said in talk.history()] == [
        (1, "user"), (1, "assistant"), (2, "tool"), (2, "tool"), (2, "assistant"),
    ]  # fmt: skip
    assert talk.history()[1].tool_calls == [CALL, CALL]


# --- when_busy


def held_turn(service: Service, talk_name: str, *tokens: str) -> tuple[Job[Any], str]:
    """A turn that stops after its tokens, all of which its readers have."""
    gate = service.hold(tokens=[*tokens, "never"], hold_after=len(tokens))
    job = service.queue.chat(MODEL, conversation=talk_name, message="First")
    service.wait_held(gate)
    wait_until(
        lambda: "".join(json.loads(event).get("text", "") for _, event in service.log(job.id)) == "".join(tokens)
    )
    return job, gate


def test_interrupt_keeps_what_readers_have_seen(service: Service) -> None:
    """The running turn is cut off at Ollama, and ends cancelled; the new one is answered on what it said so far."""
    talk = service.queue.conversation(fresh_name())
    first, _ = held_turn(service, talk.name, "Half", " of it")

    second = talk.send("Stop", model=MODEL, when_busy="interrupt")

    with pytest.raises(JobCancelled):
        first.result(30)
    second.result(30)
    service.wait_hung_up()
    assert sent(service, 1) == [("user", "First"), ("assistant", "Half of it"), ("user", "Stop")]
    assert [message.interrupted for message in talk.history()] == [False, True, False, False]
    assert len(talk.history()) == 4


def test_rollback_drops_the_running_turn(service: Service) -> None:
    """It is cut off at Ollama, and the new one is answered as if it had never been."""
    talk = service.queue.conversation(fresh_name())
    first, _ = held_turn(service, talk.name, "Half")

    second = talk.send("Rather", model=MODEL, when_busy="rollback")

    second.result(30)
    service.wait_hung_up()
    assert sent(service, 1) == [("user", "Rather")]
    assert first.status().state == "cancelled"
    assert len(talk.history()) == 2


def test_reject_refuses_and_leaves_the_running_turn_alone(service: Service) -> None:
    """A typed error before anything is queued; by task name or inbox the refused job ends `failed`."""
    talk = service.queue.conversation(fresh_name())
    first, gate = held_turn(service, talk.name, "Half")

    with pytest.raises(ConversationBusy) as refused:
        talk.send("And?", model=MODEL, when_busy="reject")
    plain = fresh_name()
    request = {"model": MODEL, "conversation": talk.name, "message": "And?", "when_busy": "reject"}
    service.redis.xadd(f"{service.prefix}:inbox", {"id": plain, "kind": "chat", "request": json.dumps(request)})
    wait_until(lambda: bool(service.log(plain)))

    assert refused.value.job_id == first.id
    with pytest.raises(JobFailed, match="busy") as failed:
        service.queue.job(plain).result(30)
    assert failed.value.error.retryable
    service.ollama.release(gate)
    assert first.result(30).text == "Halfnever"


# --- asyncio


def test_the_async_twin_does_the_same(service: Service) -> None:
    """Every verb, awaited."""

    async def use() -> list[str]:
        async with AsyncJobQueue(service.url, prefix=service.prefix) as queue:
            talk = queue.conversation(fresh_name(), "acme")
            await talk.set(model=MODEL, system="Be kind.")
            service.ollama.script(tokens=["re: Hi"])
            await (await talk.send("Hi")).result(30)
            other = await talk.fork(fresh_name())
            await other.edit(1, "Hello")
            await talk.delete(after=0)
            said = [message.content for message in await other.history()]
            names = {one.name for one in await queue.conversations(tenant="acme")}
            assert {talk.name, other.name} <= names
            assert (await talk.settings()).system == "Be kind."
            assert (await talk.history(), (await other.settings()).model) == ([], MODEL)
            await talk.delete()
            return said

    assert asyncio.run(use()) == ["Hello", "re: Hi"]


def test_a_delta_is_read_before_the_end(service: Service) -> None:
    """The text of a turn arrives while it runs, as any job's does."""
    talk = service.queue.conversation(fresh_name())
    job, gate = held_turn(service, talk.name, "One")

    read_until(job, Delta)
    service.ollama.release(gate)
    assert job.result(30).text == "Onenever"
