"""chat with the whole history: messages, tools, and thinking that stays apart."""

import pytest

from llamaq import ChatResult, InvalidRequest, Message, MessageDict
from llamaq.vocabulary.events import Delta
from tests.conftest import MODEL
from tests.service import Service, kinds, last_text

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
CALL = {"function": {"name": "weather", "arguments": {"city": "Köln", "days": 2, "exact": None, "more": {"a": [1]}}}}


def test_the_history_reaches_ollama_and_the_answer_is_a_message(service: Service) -> None:
    """Messages arrive in their order and unchanged; the result is the assistant's message, joined from the deltas."""
    service.ollama.script(tokens=["Hi", " there"])
    messages: list[Message | MessageDict] = [
        {"role": "system", "content": "Be kind."},
        Message(role="user", content="Hello"),
    ]

    job = service.queue.chat(MODEL, messages=messages)
    events, result = list(job.events()), job.result(30)

    sent = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}]
    assert service.list_requests("/api/chat") == [{"model": MODEL, "messages": sent, "stream": True, "truncate": False}]
    assert isinstance(result, ChatResult)
    assert (result.message.role, result.message.content) == ("assistant", "Hi there")
    assert last_text(events) == result.text == "Hi there"
    assert result.message.tool_calls is None


def test_tool_calls_come_as_events_and_in_the_result(service: Service) -> None:
    """What the model wants to call is in a delta and in the message, its arguments still an object."""
    service.ollama.script(tokens=["Let me see."], tool_calls=[CALL])

    job = service.queue.chat(
        "smollm2-tools:135m", messages=[{"role": "user", "content": "Weather?"}], tools=[TOOL], format="json"
    )
    events, result = list(job.events()), job.result(30)

    assert service.list_requests()[0]["tools"] == [TOOL]
    assert service.list_requests()[0]["format"] == "json"
    assert [call for event in events if isinstance(event, Delta) for call in event.tool_calls or ()] == [CALL]
    assert result.message.tool_calls == [CALL]
    assert result.message.content == "Let me see."


def test_a_tools_answer_goes_back_with_its_call(service: Service) -> None:
    """A history with a call and its answer arrives whole: arguments as an object, nulls in them kept."""
    history: list[Message | MessageDict] = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "content": "11 degrees", "tool_name": "weather"},
    ]

    service.queue.chat("smollm2-tools:135m", messages=history, tools=[TOOL]).result(30)

    asked, called, answered = service.list_requests()[0]["messages"]
    assert asked == {"role": "user", "content": "Weather?"}
    assert called["tool_calls"] == [CALL]
    assert answered == {"role": "tool", "content": "11 degrees", "tool_name": "weather"}


def test_arguments_as_a_string_are_sent_as_an_object(service: Service) -> None:
    """OpenAI's clients write the arguments of a call as a JSON string, which Ollama refuses."""
    call: MessageDict = {
        "role": "assistant",
        "tool_calls": [{"function": {"name": "weather", "arguments": '{"city": "Bonn"}'}}],
    }

    service.queue.chat("smollm2-tools:135m", messages=[{"role": "user", "content": "x"}, call]).result(30)

    sent = service.list_requests()[0]["messages"][1]["tool_calls"][0]["function"]
    assert sent == {"name": "weather", "arguments": {"city": "Bonn"}}


def test_arguments_that_are_no_object_are_refused_before_anything_is_queued(service: Service) -> None:
    """Neither is a string that holds something else; the field is named."""
    wrong: MessageDict = {"role": "assistant", "tool_calls": [{"function": {"name": "weather", "arguments": "Bonn"}}]}

    with pytest.raises(InvalidRequest) as caught:
        service.queue.chat("smollm2-tools:135m", messages=[wrong])

    assert [problem.field for problem in caught.value.problems] == ["messages.0.tool_calls.0.function.arguments"]
    assert service.list_requests() == []


def test_thinking_is_kept_apart(service: Service) -> None:
    """Thinking has a field of its own in deltas, in the result, and in the messages that are handed back."""
    service.ollama.script(thinking=["Well", "..."], tokens=["Yes."])
    history: list[Message | MessageDict] = [
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "No.", "thinking": "A long story."},
        {"role": "user", "content": "Two?"},
    ]

    job = service.queue.chat("smollm2-thinking:135m", messages=history, think="high")
    events, result = list(job.events()), job.result(30)

    assert (result.message.thinking, result.message.content) == ("Well...", "Yes.")
    assert "".join(event.thinking or "" for event in events if isinstance(event, Delta)) == "Well..."
    assert last_text(events) == "Yes."
    assert service.list_requests()[0]["think"] == "high"
    assert service.list_requests()[0]["messages"][1] == history[1]


def test_without_streaming_the_message_is_whole(service: Service) -> None:
    """`stream: false` writes no deltas; content, thinking and tool calls are in the result all the same."""
    service.ollama.script(thinking=["Hm."], tokens=["a", "b"])

    job = service.queue.chat(
        "smollm2-thinking:135m", messages=[{"role": "user", "content": "x"}], think=True, stream=False
    )

    assert kinds(list(job.events())) == ["queued", "started", "completed"]
    assert (job.result().message.content, job.result().message.thinking) == ("ab", "Hm.")
