"""The stream of a response, as a pure function of its log."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.responses.builder import ResponseBuilder
from llamaq import Event
from llamaq.vocabulary.events import Piece, build_queued
from tests.unit.gateway.responses.logs import (
    JOB,
    build_events,
    completed,
    data,
    delta,
    event,
    failed,
    note,
    queued,
    started,
    types,
)

BEGIN = ["created", "queued", "in_progress"]
MESSAGE = ["output_item.added", "content_part.added", "output_text.delta"]
MESSAGE_ENDS = ["output_text.done", "content_part.done", "output_item.done"]
REASONING = ["output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta"]
REASONING_ENDS = ["reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done"]
CALL = ["output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done"]
WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object", "required": ["city"]}}
ROME = {"id": "call_rome", "function": {"name": "weather", "arguments": {"city": "Rome"}}}


def test_a_text_comes_in_openais_order() -> None:
    """Each event has the next number, and the last one has the whole response with its usage."""
    found, builder = build_events([queued(), started(), delta(text="Hi"), delta(text=" you"), completed("Hi you")])

    assert types(found) == [*BEGIN, *MESSAGE, "output_text.delta", *MESSAGE_ENDS, "completed"]
    assert [each.number for each in found] == list(range(11))
    assert [json.loads(each.data)["sequence_number"] for each in found] == list(range(11))
    (whole,) = data(found, "completed")
    response = whole["response"]
    assert response == builder.build()
    assert (response["id"], response["object"], response["status"]) == (f"resp_{JOB}", "response", "completed")
    assert (response["created_at"], response["completed_at"]) == (1764343000, 1764343000)
    assert response["usage"]["total_tokens"] == 10
    (item,) = response["output"]
    assert item["content"] == [{"type": "output_text", "text": "Hi you", "annotations": [], "logprobs": []}]
    assert {one["item_id"] for one in data(found, "output_text.delta")} == {item["id"]}
    assert [one["response"]["status"] for kind in BEGIN for one in data(found, kind)] == [
        "queued",
        "queued",
        "in_progress",
    ]


def test_thinking_text_and_calls_are_items_one_after_another() -> None:
    """Each has its place in the output, and ends before the next begins."""
    log = [queued(), started(), delta(thinking="Hm"), delta(text="Look"), delta(tool_calls=[ROME, ROME])]
    end = completed("Look", message={"thinking": "Hm", "tool_calls": [ROME, ROME]})
    found, builder = build_events([*log, end], tools=[WEATHER], include=["reasoning.encrypted_content"])
    _, plain = build_events([*log, end], tools=[WEATHER])

    assert types(found) == [*BEGIN, *REASONING, *REASONING_ENDS, *MESSAGE, *MESSAGE_ENDS, *CALL, *CALL, "completed"]
    output = builder.build()["output"]
    assert [item["type"] for item in output] == ["reasoning", "message", "function_call", "function_call"]
    assert output[0]["summary"] == [{"type": "summary_text", "text": "Hm"}]
    assert output[0]["encrypted_content"] == "Hm"
    assert "encrypted_content" not in plain.build()["output"][0]
    assert (output[2]["call_id"], output[2]["arguments"]) == ("call_rome", '{"city":"Rome"}')
    assert [one["output_index"] for one in data(found, "output_item.done")] == [0, 1, 2, 3]
    assert [one["item"] for one in data(found, "output_item.done")] == output


def test_the_text_of_a_void_attempt_is_in_no_item_of_the_next() -> None:
    """Its open item ends incomplete, `in_progress` comes again without output, new items have new ids and places."""
    log = [
        queued(),
        started(),
        delta(thinking="a"),
        delta(text="The sk"),
        started(2),
        delta(2, text="Blue"),
        completed("Blue"),
    ]
    found, builder = build_events(log)

    void = [*REASONING, *REASONING_ENDS, *MESSAGE, "output_item.done"]
    assert types(found) == [*BEGIN, *void, "in_progress", *MESSAGE, *MESSAGE_ENDS, "completed"]
    items = [one["item"] for one in data(found, "output_item.done")]
    assert [(item["type"], item["status"]) for item in items][1:] == [
        ("message", "incomplete"),
        ("message", "completed"),
    ]
    assert items[1]["content"][0]["text"] == "The sk"
    assert data(found, "in_progress")[1]["response"]["output"] == []
    assert len({item["id"] for item in items}) == 3
    assert [one["output_index"] for one in data(found, "output_item.added")] == [0, 1, 2]
    assert builder.build()["output"] == [items[2]]


@pytest.mark.parametrize(
    "log",
    [
        [queued(), started(), event("retrying", error={"code": "x", "message": "y"}, delay_seconds=1), started(2)],
        [queued(), started(2)],
    ],
)
def test_an_attempt_without_a_text_is_passed_over(log: list[Event | Piece]) -> None:
    """Nothing is void, so nothing is said."""
    found, builder = build_events([*log, delta(2, text="Blue"), completed("Blue")])

    assert types(found) == [*BEGIN, *MESSAGE, *MESSAGE_ENDS, "completed"]
    assert not builder.restarted


def test_a_restart_is_known_at_its_event() -> None:
    """A stream that belongs to a client ends there."""
    _, builder = build_events([queued(), started(), delta(text="a")])
    assert [builder.take(started(2)) != [], builder.restarted] == [True, True]
    builder.take(delta(2, text="b"))
    assert not builder.restarted


@pytest.mark.parametrize(
    ("end", "status", "error"),
    [
        (failed(), "failed", {"code": "ollama_error", "message": "no luck"}),
        (failed("context_overflow"), "failed", {"code": "context_length_exceeded", "message": "no luck"}),
        (event("expired", reason="not started"), "failed", {"code": "expired", "message": "not started"}),
        (event("cancelled", reason="enough"), "cancelled", None),
    ],
)
def test_an_end_without_an_answer(end: Event, status: str, error: Any) -> None:
    """What came until then is incomplete; the last event has the reason."""
    found, builder = build_events([queued(), started(), delta(text="The sk"), end])

    assert types(found) == [*BEGIN, *MESSAGE, *MESSAGE_ENDS, status]
    response = builder.build()
    assert (response["status"], response["error"], response["completed_at"]) == (status, error, None)
    assert response["output"][0]["status"] == "incomplete"
    assert builder.error is not None


def test_an_answer_that_was_cut_is_incomplete() -> None:
    """By the limit of tokens."""
    _, builder = build_events([queued(), started(), delta(text="a"), completed("a", done_reason="length")])

    response = builder.build()
    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert response["output"][0]["status"] == "incomplete"
    assert builder.error is None


@pytest.mark.parametrize("thinking", [[], [delta(thinking="Hm")]])
def test_an_answer_of_nothing_has_an_empty_text(thinking: list[Event | Piece]) -> None:
    """Clients expect a message."""
    _, builder = build_events([queued(), started(), *thinking, completed("")])

    assert builder.build()["output"][-1]["content"][0]["text"] == ""


def test_a_forced_call_is_a_call() -> None:
    """Ollama's text is its arguments."""
    log = [queued(), started(), delta(text='{"city":'), delta(text='"Rome"}'), completed('{"city":"Rome"}')]
    found, builder = build_events(log, tools=[WEATHER], tool_choice="required")

    deltas = data(found, "function_call_arguments.delta")
    assert "".join(one["delta"] for one in deltas) == '{"city":"Rome"}'
    (item,) = builder.build()["output"]
    assert (item["type"], item["name"], item["arguments"]) == ("function_call", "weather", '{"city":"Rome"}')


def test_a_call_of_one_of_several_functions_begins_once_its_name_is_known() -> None:
    """The arguments grow as the model writes them; what stands around them is left out."""
    parts = ['{"name": "wea', 'ther", "arguments": {"city":', ' "Rome"}', "}"]
    log = [queued(), started(), *(delta(text=part) for part in parts), completed("".join(parts))]
    found, builder = build_events(log, tools=[WEATHER, {**WEATHER, "name": "time"}], tool_choice="required")
    assert types(found)[:5] == [*BEGIN, "output_item.added", "function_call_arguments.delta"]
    (item,) = builder.build()["output"]
    assert (item["type"], item["name"], item["arguments"]) == ("function_call", "weather", '{"city": "Rome"}')
    assert "".join(each["delta"] for each in data(found, "function_call_arguments.delta")) == item["arguments"]
    assert builder.build()["status"] == "completed"
    # Nothing of a first attempt is read into the second.
    twice = [queued(), started(), delta(text='{"name": "time", "arguments": {"ci'), started(2), *log[2:]]
    _, builder = build_events(twice, tools=[WEATHER, {**WEATHER, "name": "time"}], tool_choice="required")
    assert [(one["name"], one["arguments"]) for one in builder.build()["output"]] == [("weather", '{"city": "Rome"}')]


@pytest.mark.parametrize(
    ("given", "log"),
    [
        (
            {"text": {"format": {"type": "json_schema", "name": "n", "strict": True, "schema": {"type": "object"}}}},
            [delta(text="7"), completed("7")],
        ),
        (
            {"tools": [{**WEATHER, "strict": True}]},
            [delta(tool_calls=[{"function": {"name": "weather"}}]), completed("")],
        ),
    ],
)
def test_an_answer_that_breaks_what_strict_promises_fails(given: dict[str, Any], log: list[Event | Piece]) -> None:
    """It is a failure, and nothing comes after it."""
    found, builder = build_events([queued(), started(), *log, completed("")], **given)

    assert types(found)[-1] == "failed"
    assert types(found).count("failed") == 1
    assert builder.build()["error"]["code"] == "invalid_output"


def test_a_fresh_place_has_no_number() -> None:
    """It is in no log, so another process would not count it."""
    found, builder = build_events([queued(), build_queued("1-1", 3, None, 1764343000.0), started()])

    assert types(found) == BEGIN
    assert builder.next == 3


LOGS = st.lists(
    st.one_of(
        st.builds(lambda text: delta(text=text), st.text(max_size=3)),
        st.builds(lambda text: delta(thinking=text), st.text(max_size=3)),
        st.builds(lambda number: delta(tool_calls=[ROME] * number), st.integers(0, 2)),
        st.just(started(2)),
        st.just(event("progress", stage="loading")),
    ),
    max_size=8,
)


@settings(max_examples=60)
@given(log=LOGS, cut=st.integers(0, 8))
def test_any_process_gives_the_same_numbers(log: list[Event | Piece], cut: int) -> None:
    """Whenever it begins to read; no number is missing, and each item ends before the next one begins."""
    whole = [queued(), started(), *log, completed("")]
    one, another = (ResponseBuilder(JOB, note(tools=[WEATHER])) for _ in range(2))
    first = [each for entry in whole[:cut] for each in one.take(entry)]
    first += [each for entry in whole[cut:] for each in one.take(entry)]
    second = [each for entry in whole for each in another.take(entry)]

    assert first == second
    assert [each.number for each in first] == list(range(len(first)))
    open_items = 0
    for kind in types(first):
        open_items += (kind == "output_item.added") - (kind == "output_item.done")
        assert open_items in {0, 1}
    assert open_items == 0
