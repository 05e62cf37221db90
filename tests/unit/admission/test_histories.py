"""Histories: whatever Ollama takes is taken, and reaches it as it was given. Tests are named after public reports."""

import json
from typing import Any

import pytest
from hypothesis import given, settings

from llamaq import InvalidRequest, KeptMessage
from llamaq.admission.preparation import Preparation
from llamaq.settings.producer import Limits
from llamaq.vocabulary.conversations import new_messages
from llamaq.vocabulary.kinds.chat import ChatRequest, ReplyMessage
from llamaq.vocabulary.requests import dump_json, parse_json
from ollama_api import bodies
from ollama_api.refusal import Refusal
from tests.histories import IMAGE, Message, histories

CALL: dict[str, Any] = {"id": "call_7", "function": {"index": 0, "name": "weather", "arguments": {"city": "Ulm"}}}
READ = ("role", "content", "thinking", "tool_calls", "tool_name", "tool_call_id")


def as_ollama_reads(messages: list[Message]) -> list[Message]:
    """The messages as Ollama's decoder has them: raises `Refusal` for those that it refuses."""
    read = bodies.chat(json.dumps({"model": "m", "messages": messages}).encode())["messages"]
    return [{name: said[name] for name in READ if said.get(name) not in (None, "", [])} for said in read]


def sent(messages: list[Any]) -> list[Message]:
    """The messages that reach Ollama: checked, stored, and read again."""
    item = {"kind": "chat", "model": "m", "messages": messages}
    request = parse_json(dump_json(Preparation(Limits(), lambda: "id").prepare_item(item).request), "chat")
    assert isinstance(request, ChatRequest)
    return new_messages(request)


def _with_arguments(messages: list[Message]) -> list[Message]:
    """Absent arguments are sent as an empty object, which is what they are to Ollama."""
    for call in (call for said in messages for call in said.get("tool_calls", ())):
        call["function"].setdefault("arguments", {})
    return messages


@settings(deadline=None, max_examples=300)
@given(histories())
def test_whatever_ollama_takes_is_taken(messages: list[Message]) -> None:
    """And it reads the same of what is sent as of what was given."""
    try:
        expected = as_ollama_reads(messages)
    except Refusal:
        return

    found = sent(messages)
    assert [len(said.pop("images", ())) for said in found] == [len(said.get("images") or ()) for said in messages]
    assert as_ollama_reads(found) == _with_arguments(expected)


@pytest.mark.parametrize("fields", [{}, {"tool_name": "weather"}, {"tool_call_id": "call_7"}, {"name": "weather"}])
def test_docker_agent_333_a_tool_answers_nothing(fields: dict[str, str]) -> None:
    """A tool without output, as in docker-agent#333, with whatever says which tool it was."""
    kept = {name: text for name, text in fields.items() if name != "name"}

    assert sent([{"role": "tool", "content": "", **fields}]) == [{"role": "tool", "content": "", **kept}]


@pytest.mark.parametrize("said", [{"role": "assistant"}, {"role": "assistant", "content": ""}])
def test_ollama_6708_an_empty_turn_of_the_assistant(said: Message) -> None:
    """A model may answer nothing, as in ollama#6708 and #11417; the history has it all the same."""
    assert sent([{"role": "user", "content": "x"}, said])[1] == {"role": "assistant", "content": ""}


@pytest.mark.parametrize("content", [{"content": None}, {}])
def test_litellm_6808_calls_without_content(content: dict[str, None]) -> None:
    """OpenAI's clients write `content: null` beside tool calls (litellm#6808, strands PR 677)."""
    message = {"role": "assistant", **content, "tool_calls": [CALL], "refusal": None, "annotations": []}

    assert sent([message]) == [{"role": "assistant", "content": "", "tool_calls": [CALL]}]


@pytest.mark.parametrize(
    ("given", "read"),
    [('{"city":"Ulm"}', {"city": "Ulm"}), ("", {}), ("{}", {}), ("[]", {}), ("null", {}), ([], {}), (None, {})],
)
def test_eino_351_arguments_as_a_text_of_json(given: Any, read: Any) -> None:
    """OpenAI has the arguments as a text, PHP an empty object as `[]`; Ollama gets the object that it wants."""
    call = {"type": "function", "function": {"name": "weather", "arguments": given}}

    assert sent([{"role": "assistant", "tool_calls": [call]}])[0]["tool_calls"][0]["function"]["arguments"] == read


@pytest.mark.parametrize("given", ["{", "5", '"x"', "[1]", "NaN", '{"a":NaN}', [1], 5])
def test_arguments_that_are_no_object_are_refused(given: Any) -> None:
    """The field is named, and what it takes."""
    call = {"function": {"name": "weather", "arguments": given}}

    with pytest.raises(InvalidRequest, match=r"^messages\.0\.tool_calls\.0\.function\.arguments: must be an object"):
        sent([{"role": "assistant", "tool_calls": [call]}])


def test_cline_363_an_image_in_any_message() -> None:
    """Each is loaded and cleaned as those of a multimodal job are, and stored once."""
    messages = [
        {"role": "user", "content": "x", "images": [IMAGE]},
        {"role": "assistant", "content": "y"},
        {"role": "user", "content": "", "images": [IMAGE, IMAGE]},
    ]
    submission = Preparation(Limits(), lambda: "id").prepare_item({"kind": "chat", "model": "m", "messages": messages})

    reference = submission.images[0].reference
    shown = [message.get("images") for message in sent(messages)]
    assert shown == [[reference], None, [reference, reference]]


@pytest.mark.parametrize(
    ("request_fields", "field"),
    [
        ({"messages": [{"role": "user"}, {"role": "user", "images": [IMAGE, "bm8="]}]}, "messages.1.images.1"),
        ({"messages": [{"role": "user", "images": IMAGE}]}, "messages.0.images"),
        ({"conversation": "c", "message": {"role": "user", "images": ["bm8="]}}, "message.images.0"),
    ],
)
def test_a_bad_image_is_named_by_its_message(request_fields: dict[str, Any], field: str) -> None:
    """The producer finds it."""
    with pytest.raises(InvalidRequest) as refused:
        Preparation(Limits(), lambda: "id").prepare_item({"kind": "chat", "model": "m", **request_fields})

    assert [problem.field for problem in refused.value.problems] == [field]


ANSWER: dict[str, Any] = {"role": "assistant", "content": "18 C", "thinking": "Warm.", "tool_calls": [CALL]}


@pytest.mark.parametrize(
    "answer",
    [
        ReplyMessage(**ANSWER),
        ReplyMessage(**ANSWER).model_dump(),
        KeptMessage(turn=3, job="j", interrupted=True, history_dropped=2, **ANSWER),
        KeptMessage(turn=3, job="j", **ANSWER).model_dump(),
    ],
    ids=["result", "dict of a result", "kept", "dict of a kept one"],
)
def test_what_was_answered_can_be_handed_back(answer: Any) -> None:
    """`result.message`, and the messages of `history()`, with all of their fields: ids, thinking, and what is ours."""
    assert sent([{"role": "user", "content": "x"}, answer])[1] == ANSWER


def test_an_unknown_role_goes_to_ollama() -> None:
    """Its template knows what to do with it; case does not matter, as with Ollama."""
    assert [said["role"] for said in sent([{"role": "Wizard"}, {"role": "USER"}])] == ["wizard", "user"]


@pytest.mark.parametrize("name", ["contnet", "image", "toolCalls", "tool_call", "contents", "roles"])
def test_a_misspelt_field_is_refused(name: str) -> None:
    """Ollama would drop it without a word, and with it what was said."""
    with pytest.raises(InvalidRequest, match=rf"^messages\.0\.{name}: "):
        sent([{"role": "user", "content": "x", name: "x"}])
