"""The parameters of a response as those of a chat job, and what is refused by which name."""

import json
from typing import Any

import pytest

from gateway.openai.tools.function import NO_PARAMETERS
from gateway.responses.note import read_note
from gateway.responses.parsed_request import History, parse_request, read_request
from llamaq.vocabulary.errors import InvalidRequest

PICTURE = "data:image/png;base64,AAAA"
TOOL = {"type": "function", "name": "weather", "parameters": {"type": "object"}}
CALL = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city": "Rome"}'}
NO_HISTORY = History()
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
FORMAT = {"type": "json_schema", "name": "n", "schema": SCHEMA}


def job(given: Any = "hi", history: History = NO_HISTORY, **more: Any) -> dict[str, Any]:
    return dict(parse_request(read_request({"model": "m", "input": given, **more}), history).job)


def refusal(**given: Any) -> tuple[str, str]:
    with pytest.raises(InvalidRequest) as raised:
        parse_request(read_request({"model": "m", "input": "hi", **given}), History([BEFORE]))
    return raised.value.code, raised.value.problems[0].field


BEFORE: dict[str, Any] = {"role": "user", "content": "before"}


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"max_output_tokens": 9}, {"options": {"temperature": 1.0, "top_p": 1.0, "num_predict": 9}}),
        ({"temperature": 0, "top_p": 0.5}, {"options": {"temperature": 0, "top_p": 0.5}}),
        ({"reasoning": {"effort": "high", "summary": "auto"}}, {"think": "high"}),
        ({"reasoning": {"effort": "none"}}, {"think": False}),
        ({"service_tier": "flex"}, {"priority": "batch"}),
        ({"priority": "interactive"}, {"priority": "interactive"}),
        ({"metadata": {"a": "b"}}, {"metadata": {"a": "b"}}),
        ({"truncation": "auto"}, {"truncate": True}),
        ({"text": {"format": FORMAT}}, {"format": SCHEMA}),
        ({"text": {"format": {"type": "json_object"}, "verbosity": "medium"}}, {"format": "json"}),
        (
            {"tools": [TOOL]},
            {"tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]},
        ),
        (
            {"tools": [{"type": "function", "name": "a" * 128}]},
            {"tools": [{"type": "function", "function": {"name": "a" * 128, "parameters": NO_PARAMETERS}}]},
        ),
        ({"tools": [TOOL], "tool_choice": "none"}, {}),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "name": "weather"}}, {"format": {"type": "object"}}),
        ({"stream": True, "stream_options": {"include_obfuscation": False}}, {}),
        ({"background": True, "store": True, "user": "u", "safety_identifier": "s", "prompt_cache_key": "k"}, {}),
        ({"client_metadata": {"turn_id": "t"}}, {}),
        ({"top_logprobs": 0, "include": ["reasoning.encrypted_content"], "temperature": None}, {}),
    ],
)
def test_parameters_become_fields_of_the_job(given: dict[str, Any], fields: dict[str, Any]) -> None:
    """Each is mapped; the rest of the job is as without it."""
    made, plain = job(**given), job()
    for each in (made, plain):
        each.pop("note")
        each.pop("messages")

    assert made == plain | fields
    assert "stream" not in made


@pytest.mark.parametrize(
    ("given", "code", "param"),
    [
        ({"conversation": "c"}, "unsupported_parameter", "conversation"),
        ({"prompt": {"id": "p"}}, "unsupported_parameter", "prompt"),
        ({"max_tool_calls": 3}, "unsupported_parameter", "max_tool_calls"),
        ({"top_logprobs": 3}, "unsupported_parameter", "top_logprobs"),
        ({"tools": [{"type": "web_search"}]}, "unsupported_parameter", "tools[0].type"),
        ({"include": ["message.output_text.logprobs"]}, "unsupported_parameter", "include[0]"),
        ({"text": {"verbosity": "low"}}, "unsupported_parameter", "text.verbosity"),
        ({"seed": 1}, "unsupported_parameter", "seed"),
        ({"input": [{"type": "web_search_call", "id": "x"}]}, "unsupported_parameter", "input[0].type"),
        ({"tools": [{**TOOL, "name": "a" * 129}]}, "invalid_value", "tools[0].name"),
        ({"input": [{"type": "computer_call"}]}, "unsupported_parameter", "input[0].type"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]},
            "unsupported_parameter",
            "input[0].content[0].type",
        ),
        (
            {"input": [CALL, {"role": "user", "content": [{"type": "input_image", "image_url": "https://x/y.png"}]}]},
            "unsupported_parameter",
            "input[1].content[0].image_url",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
            "unsupported_parameter",
            "input[0].content[0].file_id",
        ),
        ({"input": None}, "missing_required_parameter", "input"),
        ({"input": []}, "invalid_type", "input"),
        ({"input": ["hi"]}, "invalid_type", "input[0]"),
        ({"input": [{"role": "user"}]}, "missing_required_parameter", "input[0].content"),
        ({"input": [{"role": "robot", "content": "x"}]}, "invalid_value", "input[0].role"),
        ({"input": [{"content": "x"}]}, "missing_required_parameter", "input[0].type"),
        ({"input": [{**CALL, "call_id": 7}]}, "invalid_type", "input[0].call_id"),
        (
            {"input": [{"type": "function_call_output", "call_id": "c"}]},
            "missing_required_parameter",
            "input[0].output",
        ),
        ({"max_output_tokens": 0}, "invalid_value", "max_output_tokens"),
        ({"reasoning": {"effort": "huge"}}, "invalid_value", "reasoning.effort"),
        ({"tool_choice": "required"}, "invalid_value", "tool_choice"),
        ({"tools": [{**TOOL, "name": "a b"}]}, "invalid_value", "tools[0].name"),
        (
            {"tools": [{**TOOL, "strict": True, "parameters": {"type": "nope"}}]},
            "invalid_request",
            "tools[0].parameters",
        ),
        ({"text": {"format": {**FORMAT, "schema": None}}}, "missing_required_parameter", "text.format.schema"),
        ({"background": True, "store": False}, "invalid_value", "background"),
        ({"stream_options": {}}, "invalid_value", "stream_options"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "invalid_value", "metadata"),
        ({"metadata": {"a": "x" * 513}}, "invalid_value", "metadata.a"),
        ({"service_tier": "scale"}, "unsupported_parameter", "service_tier"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, Any], code: str, param: str) -> None:
    """Never ignored in silence, and never by a name of the chat completion."""
    assert refusal(**given) == (code, param)


@pytest.mark.parametrize(
    ("field", "param"),
    [
        ("messages.0.content", "instructions"),
        ("messages.1.images.0", "previous_response_id"),
        ("messages.2.content", "input[0].content"),
        ("messages.3.tool_calls.1.function.arguments", "input[2].arguments"),
        ("messages.4.content", "input[3].output"),
        ("messages", "input"),
        ("options.num_predict", "max_output_tokens"),
        ("format.properties", "text.format.schema.properties"),
        ("tools.0.function.parameters", "tools[0].parameters"),
        ("think", "reasoning.effort"),
        ("priority", "service_tier"),
        ("model", "model"),
        ("metadata.a", "metadata.a"),
    ],
)
def test_a_refusal_of_the_job_names_the_parameter(field: str, param: str) -> None:
    """What the queue finds wrong is told by the name that the caller has used."""
    items = [{"role": "user", "content": "a"}, CALL, {**CALL, "call_id": "c2"}]
    output = {"type": "function_call_output", "call_id": "c1", "output": "sunny"}
    given = {"instructions": "Be kind.", "tools": [TOOL], "text": {"format": FORMAT}}
    body = {"model": "m", "input": [*items, output], **given}
    wanted = parse_request(read_request(body), History([BEFORE], {0: ["sha256:00"]}))

    assert wanted.parameter(field) == param


def test_the_history_goes_between_the_instructions_and_the_input() -> None:
    """With its images, and with the names of its tools for what a tool answers now."""
    call = {"id": "c9", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    before = History(
        [{"role": "user", "content": "a"}, {"role": "assistant", "content": "", "tool_calls": [call]}],
        {0: ["sha256:00"]},
    )
    output = {"type": "function_call_output", "call_id": "c9", "output": "red"}

    made = job([output], before, instructions="Be kind.", previous_response_id="resp_x")

    assert [message["role"] for message in made["messages"]] == ["system", "user", "assistant", "tool"]
    assert made["messages"][1]["images"] == ["sha256:00"]
    assert made["messages"][3]["tool_name"] == "look"
    note = read_note(made["note"])
    assert note is not None
    assert (note.lead, note.given.instructions) == (1, "Be kind.")


def test_a_note_keeps_the_request_without_its_pictures() -> None:
    """They are kept once, with the job."""
    picture = {"role": "user", "content": [{"type": "input_image", "image_url": PICTURE}]}
    made = job([picture], text={"format": FORMAT}, tools=[TOOL], metadata={"a": "b"}, client_metadata={"c": "d"})

    note = read_note(made["note"])

    assert note is not None
    assert PICTURE not in made["note"]
    assert "client_metadata" not in made["note"]
    assert note.items[0]["content"][0]["image_url"] is None
    echo = note.given.echo
    assert echo["text"]["format"] == FORMAT
    assert echo["tools"] == [{**TOOL, "description": None, "strict": None}]
    assert (echo["metadata"], echo["temperature"], echo["tool_choice"]) == ({"a": "b"}, 1.0, "auto")


@pytest.mark.parametrize("text", ["", "{", "7", '{"response":0}', '{"response":1}', "plain"])
def test_another_note_is_none_of_a_response(text: str) -> None:
    """A job of another producer is no response."""
    assert read_note(text) is None


FORGED: dict[str, Any] = {"response": 1, "parameters": {"model": "m"}, "items": [], "lead": 0}


@pytest.mark.parametrize(
    "change",
    [
        {"items": 5},
        {"items": [1]},
        {"items": [{"type": "x"}]},
        {"items": [{"type": ["message"]}]},
        {"items": [{"type": "message", "content": float("inf")}]},
        {"lead": "x"},
        {"lead": -1},
        {"response": 2},
        {"parameters": {"model": "m", "tool_choice": {"type": "function", "name": "f"}}},
        {"parameters": {"model": "m", "text": {"format": {**FORMAT, "schema": {"type": 5}, "strict": True}}}},
        {"more": 1},
    ],
    ids=str,
)
def test_a_note_that_a_producer_made_is_none_of_a_response(change: dict[str, Any]) -> None:
    """Any text may be kept with a job, so no text of it makes a fault."""
    assert read_note(json.dumps(FORGED)) is not None
    assert read_note(json.dumps(FORGED | change)) is None
