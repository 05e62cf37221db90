"""Which functions a model may call, or has to, and how the answer tells of the calls."""

import json
from typing import Any

import pytest

from gateway.openai.chat import read_chat
from gateway.openai.parsed_request import ParsedRequest
from llamaq.vocabulary.errors import InvalidRequest, JobFailed
from tests.unit.gateway.openai.results import JOB, chat_result, delta, join_arguments, parse_chunks

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CALLED = [
    {"function": {"name": "weather", "arguments": {"city": "Rome"}}},
    {"id": "call_2", "function": {"name": "time"}},
]


def function(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "description": f"The {name}.", "parameters": PARAMETERS, **more}


def tool(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": function(name, **more)}


WEATHER, TIME = tool("weather"), tool("time")


def parse(**parameters: Any) -> ParsedRequest:
    return read_chat({"model": "m", "messages": [{"role": "user", "content": "hi"}], **parameters})


def choose_function(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def allow_tools(mode: str, *names: str) -> dict[str, Any]:
    return {
        "type": "allowed_tools",
        "allowed_tools": {"mode": mode, "tools": [choose_function(name) for name in names]},
    }


@pytest.mark.parametrize(
    ("choice", "offered"),
    [
        (None, ["weather", "time"]),
        ("auto", ["weather", "time"]),
        ("none", []),
        (allow_tools("auto", "time"), ["time"]),
    ],
)
def test_a_model_is_offered_what_it_may_call(choice: Any, offered: list[str]) -> None:
    """A function that it may not call is not offered, so it cannot call it."""
    tools = parse(tools=[WEATHER, TIME], tool_choice=choice).job.get("tools", [])
    assert [each["function"]["name"] for each in tools] == offered


def test_a_tool_is_sent_as_ollama_takes_it() -> None:
    """Without `strict`, and with parameters also where it has none."""
    (sent,) = parse(tools=[{"type": "function", "function": {"name": "now", "strict": False}}]).job["tools"]
    assert sent == {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}


@pytest.mark.parametrize("choice", [choose_function("weather"), "required", allow_tools("required", "weather")])
def test_a_forced_function_becomes_the_form_of_the_answer(choice: Any) -> None:
    """The model can only write the arguments, and is told which function it is."""
    one = parse(tools=[WEATHER] if choice == "required" else [TIME, WEATHER], tool_choice=choice)
    assert "tools" not in one.job
    assert one.job["format"]["required"] == ["city"]
    system, question = one.job["messages"]
    assert system["role"] == "system"
    assert "`weather`" in system["content"]
    assert "The weather." in system["content"]
    assert question["content"] == "hi"
    assert one.parameter("messages.1.content") == "messages[0].content"
    assert one.parameter("messages.0.content") == "messages"


def test_an_instruction_goes_into_the_systems_message() -> None:
    """Templates that know one system's message lose nothing."""
    history = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"}]
    messages = parse(messages=history, tools=[WEATHER], tool_choice="required").job["messages"]
    assert len(messages) == 2
    assert messages[0]["content"].startswith("Be kind.\n\nCall the function `weather`")


@pytest.mark.parametrize(
    ("parameters", "code", "param"),
    [
        ({"tools": [WEATHER], "tool_choice": choose_function("time")}, "invalid_value", "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": "some"}, "invalid_value", "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": 5}, "invalid_value", "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": {"type": "custom"}}, "unsupported_parameter", "tool_choice"),
        ({"tool_choice": "required"}, "invalid_value", "tool_choice"),
        ({"tools": [{"type": "custom", "custom": {}}]}, "unsupported_parameter", "tools[0].type"),
        ({"tools": [{"type": "web_search"}]}, "unsupported_parameter", "tools[0].type"),
        ({"tools": [{"function": function("f")}]}, "missing_required_parameter", "tools[0].type"),
        ({"tools": [tool("a b")]}, "invalid_value", "tools[0].function.name"),
        ({"tools": [tool("f", colour=1)]}, "unsupported_parameter", "tools[0].function.colour"),
        ({"tools": [tool("f", parameters=5)]}, "invalid_type", "tools[0].function.parameters"),
        ({"tools": {}}, "invalid_type", "tools"),
        ({"parallel_tool_calls": "no"}, "invalid_type", "parallel_tool_calls"),
        ({"functions": [function("f")], "tools": [WEATHER]}, "invalid_value", "functions"),
        ({"functions": [function("f")], "function_call": {"name": "g"}}, "invalid_value", "function_call"),
        ({"functions": [function("f")], "function_call": "required"}, "invalid_value", "function_call"),
        ({"functions": [{}]}, "missing_required_parameter", "functions[0].name"),
    ],
)
def test_a_wrong_choice_is_refused_by_name(parameters: dict[str, Any], code: str, param: str) -> None:
    """What Ollama cannot be held to, and what is no choice."""
    with pytest.raises(InvalidRequest) as raised:
        parse(**parameters)
    assert (raised.value.code, raised.value.problems[0].field) == (code, param)


def test_errors_about_tools_name_the_tool_of_the_request() -> None:
    """Also where not all of them are offered."""
    some = parse(tools=[WEATHER, TIME], tool_choice=allow_tools("auto", "time"))
    assert some.parameter("tools.0.function.name") == "tools[1].function.name"
    old = parse(functions=[function("f")])
    assert old.parameter("tools.0.function.name") == "functions[0].name"
    assert (some.parameter("tools"), old.parameter("tools")) == ("tools", "functions")


def test_calls_have_ids_that_do_not_change() -> None:
    """Whoever reads the answer again, or streamed, gets the same ids."""
    form = parse(tools=[WEATHER, TIME]).form
    choice = form.render_body(JOB, 0, chat_result("", tool_calls=CALLED))["choices"][0]
    first, second = choice["message"]["tool_calls"]
    assert first["function"] == {"name": "weather", "arguments": '{"city":"Rome"}'}
    assert second == {"id": "call_2", "type": "function", "function": {"name": "time", "arguments": "{}"}}
    assert choice["finish_reason"] == "tool_calls"
    chunks = form.chunks(JOB, 0)
    streamed = parse_chunks(
        chunks.render_opening(),
        chunks.render_piece(delta(tool_calls=CALLED[:1])),
        chunks.render_piece(delta(tool_calls=CALLED[1:])),
    )
    calls = [call for chunk in streamed for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
    assert calls == [{"index": 0, **first}, {"index": 1, **second}]


def test_without_parallel_calls_there_is_one() -> None:
    """The first: the model may make the next one in its next turn."""
    form = parse(tools=[WEATHER, TIME], parallel_tool_calls=False).form
    whole = form.render_body(JOB, 0, chat_result("", tool_calls=CALLED))["choices"][0]
    assert [call["function"]["name"] for call in whole["message"]["tool_calls"]] == ["weather"]
    chunks = form.chunks(JOB, 0)
    assert len(chunks.render_piece(delta(tool_calls=CALLED))) == 1
    assert chunks.render_piece(delta(tool_calls=CALLED[1:])) == []


@pytest.mark.parametrize(("choice", "reason"), [(choose_function("weather"), "stop"), ("required", "tool_calls")])
def test_the_answer_of_a_forced_function_is_its_call(choice: Any, reason: str) -> None:
    """Whole and streamed, with the arguments as the model writes them."""
    form = parse(tools=[WEATHER], tool_choice=choice).form
    whole = form.render_body(JOB, 0, chat_result('{"city": "Rome"}'))["choices"][0]
    (call,) = whole["message"]["tool_calls"]
    assert call["function"] == {"name": "weather", "arguments": '{"city": "Rome"}'}
    assert (whole["message"]["content"], whole["finish_reason"]) == (None, reason)
    chunks = form.chunks(JOB, 0)
    pieces = [chunks.render_piece(delta(text)) for text in ('{"city"', ': "Rome"}')]
    streamed = parse_chunks(chunks.render_opening(), *pieces, chunks.render_closing(chat_result('{"city": "Rome"}')))
    calls = [call for chunk in streamed for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
    assert {call["index"] for call in calls} == {0}
    assert (calls[0]["id"], calls[0]["function"]["name"]) == (call["id"], "weather")
    assert join_arguments(calls) == '{"city": "Rome"}'
    assert streamed[-1]["choices"][0]["finish_reason"] == reason


def test_a_forced_call_that_was_cut_says_so() -> None:
    """Its arguments are no JSON, and the client has to know."""
    form = parse(tools=[WEATHER], tool_choice="required").form
    assert (
        form.render_body(JOB, 0, chat_result('{"ci', done_reason="length"))["choices"][0]["finish_reason"] == "length"
    )


def test_the_older_functions_answer_in_their_older_form() -> None:
    """`function_call` in place of `tool_calls`, whole and streamed."""
    form = parse(functions=[function("weather"), function("time")]).form
    choice = form.render_body(JOB, 0, chat_result("", tool_calls=CALLED))["choices"][0]
    assert choice["message"]["function_call"] == {"name": "weather", "arguments": '{"city":"Rome"}'}
    assert "tool_calls" not in choice["message"]
    assert choice["finish_reason"] == "function_call"
    chunks = form.chunks(JOB, 0)
    (piece,) = parse_chunks(chunks.render_piece(delta(tool_calls=CALLED)))
    assert piece["choices"][0]["delta"] == {"function_call": choice["message"]["function_call"]}
    forced = parse(functions=[function("weather")], function_call={"name": "weather"}).form.chunks(JOB, 0)
    _, start, rest = parse_chunks(forced.render_opening(), forced.render_piece(delta("{}")))
    assert start["choices"][0]["delta"] == {"function_call": {"name": "weather", "arguments": ""}}
    assert rest["choices"][0]["delta"] == {"function_call": {"arguments": "{}"}}


def test_arguments_of_a_strict_function_are_valid_or_the_request_fails() -> None:
    """A client that asked for it never gets a call that it would have to check, whole or streamed."""
    form = parse(tools=[tool("weather", strict=True), TIME]).form
    wrong = [{"function": {"name": "weather", "arguments": {"city": 5}}}]
    good = form.render_body(JOB, 0, chat_result("", tool_calls=CALLED))["choices"][0]["message"]["tool_calls"]
    assert json.loads(good[0]["function"]["arguments"]) == {"city": "Rome"}
    with pytest.raises(JobFailed, match=r"weather .*city") as raised:
        form.render_body(JOB, 0, chat_result("", tool_calls=wrong))
    assert raised.value.code == "invalid_output"
    with pytest.raises(JobFailed, match=r"weather .*city"):
        form.chunks(JOB, 0).render_piece(delta(tool_calls=wrong))
