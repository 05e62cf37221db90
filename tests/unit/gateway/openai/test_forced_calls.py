"""A call of one of several functions, which the model has to make."""

import json
from itertools import pairwise
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.openai.chat import read_chat
from gateway.openai.parsed_request import ParsedRequest
from gateway.openai.tools.forced import CallReader
from llamaq.vocabulary.errors import JobFailed
from tests.unit.gateway.openai.results import JOB, chat_result, delta, join_arguments, parse_chunks

CITY = {"$defs": {"City": {"type": "string"}}, "type": "object", "properties": {"city": {"$ref": "#/$defs/City"}},
        "required": ["city"], "additionalProperties": False}  # fmt: skip
TREE = {
    "type": "object",
    "properties": {"below": {"type": "array", "items": {"$ref": "#"}}},
    "required": ["below"],
    "additionalProperties": False,
}
TOOLS = [
    {"type": "function", "function": {"name": "weather", "description": "Of a city.", "parameters": CITY}},
    {"type": "function", "function": {"name": "plant", "parameters": TREE, "strict": True}},
]
TEXTS = st.text(max_size=8)
ANSWER = '{"name": "weather", "arguments": {"city": "Rome}"}}'


def parse(**parameters: Any) -> ParsedRequest:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "tools": TOOLS, "tool_choice": "required"}
    return read_chat({**body, **parameters})


@pytest.mark.parametrize(
    ("answer", "valid"),
    [
        ({"name": "weather", "arguments": {"city": "Rome"}}, True),
        ({"name": "plant", "arguments": {"below": [{"below": []}]}}, True),
        ({"name": "weather", "arguments": {"city": 5}}, False),
        ({"name": "plant", "arguments": {"below": [{}]}}, False),
        ({"name": "other", "arguments": {}}, False),
        ({"name": "weather"}, False),
        ("text", False),
    ],
)
def test_the_form_of_the_answer_has_each_function(answer: Any, valid: bool) -> None:
    """Each with its own parameters, whose references lead to where they stand now."""
    job = parse().job
    assert "tools" not in job
    assert jsonschema_rs.validator_for(job["format"]).is_valid(answer) is valid


def test_the_model_is_told_of_each_function() -> None:
    """Their names, purposes and parameters."""
    system = parse().job["messages"][0]["content"]
    assert all(word in system for word in ("weather", "Of a city.", "plant", "below"))


def test_the_answer_is_the_call() -> None:
    """Whole, and streamed with the arguments as they come."""
    form = parse().form
    choice = form.render_body(JOB, 0, chat_result(ANSWER))["choices"][0]
    (call,) = choice["message"]["tool_calls"]
    assert call["function"] == {"name": "weather", "arguments": '{"city": "Rome}"}'}
    assert choice["finish_reason"] == "tool_calls"
    chunks = form.chunks(JOB, 0)
    opening = parse_chunks(chunks.render_opening())
    assert [chunk["choices"][0]["delta"] for chunk in opening] == [{"role": "assistant", "content": None}]
    pieces = [chunks.render_piece(delta(ANSWER[:30])), chunks.render_piece(delta(ANSWER[30:]))]
    streamed = parse_chunks(*pieces, chunks.render_closing(chat_result(ANSWER)))
    calls = [call for chunk in streamed for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
    assert calls[0] == {"index": 0, "id": call["id"], "type": "function",
                        "function": {"name": "weather", "arguments": ""}}  # fmt: skip
    assert join_arguments(calls) == call["function"]["arguments"]
    assert streamed[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_call_that_is_written_the_other_way_round_is_streamed_at_its_end() -> None:
    """Its name is known only then."""
    answer = '{"arguments": {"city": "Rome"}, "name": "weather"}'
    chunks = parse().form.chunks(JOB, 0)
    assert chunks.render_piece(delta(answer)) == []
    start, rest, _ = parse_chunks(chunks.render_closing(chat_result(answer)))
    assert start["choices"][0]["delta"]["tool_calls"][0]["function"] == {"name": "weather", "arguments": ""}
    assert rest["choices"][0]["delta"]["tool_calls"][0]["function"] == {"arguments": '{"city":"Rome"}'}


@pytest.mark.parametrize(
    "text", ["It is warm.", '{"name": 5}', '{"name": "plant", "arguments": {"below": 5}}', '{"name": "plant"'],
)  # fmt: skip
def test_what_is_no_call_fails(text: str) -> None:
    """So do arguments of a strict function that are not valid; no client has to find out itself."""
    form = parse().form
    with pytest.raises(JobFailed):
        form.render_body(JOB, 0, chat_result(text))
    chunks = form.chunks(JOB, 0)
    chunks.render_piece(delta(text))
    with pytest.raises(JobFailed):
        chunks.render_closing(chat_result(text))


def test_an_answer_that_was_cut_tells_so() -> None:
    """Before the name there is no call, and after it one with arguments that are not whole."""
    form = parse().form
    early = form.render_body(JOB, 0, chat_result('{"na', done_reason="length"))["choices"][0]
    assert (early["message"].get("tool_calls"), early["finish_reason"]) == (None, "length")
    late = form.render_body(JOB, 0, chat_result(ANSWER[:-6], done_reason="length"))["choices"][0]
    assert late["message"]["tool_calls"][0]["function"]["arguments"] == ANSWER[33:-6]
    assert late["finish_reason"] == "length"


@given(
    arguments=st.dictionaries(
        st.text(max_size=5), st.text(max_size=8) | st.dictionaries(st.text(max_size=2), st.none())
    ),
    cuts=st.lists(st.integers(0, 90), max_size=6),
    spaces=st.sampled_from(["", " ", "\n  "]),
    first=st.booleans(),
)
def test_a_call_is_read_however_it_is_cut(arguments: dict[str, Any], cuts: list[int], spaces: str, first: bool) -> None:
    """Into whatever pieces, with white space, and with the arguments before the name too."""
    members = [f'"name":{spaces}"weather"', f'"arguments":{spaces}{json.dumps(arguments)}']
    text = f"{{{spaces}{f'{spaces},'.join(members if first else members[::-1])}{spaces}}}{spaces}"
    ends = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    reading = CallReader(None)
    read = "".join(reading.take(text[start:end]) for start, end in pairwise(ends))
    assert json.loads(read + reading.take_rest()) == arguments
    assert reading.name == "weather"
