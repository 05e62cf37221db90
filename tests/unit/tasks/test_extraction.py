"""extraction: a valid value, or asking again with the errors; whatever the model says, nothing else is raised."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaq.requests import dump_json, parse
from llamaq.schema import check_schema
from tasks.asking import Reply
from tasks.extraction import _read, extraction
from tasks.outcome import Completed, Failed
from tests.unit.tasks.ollama import Ollama, Transcript, chat_answer, claimed, services

SCHEMA = {"type": "object", "properties": {"year": {"type": "integer"}}, "required": ["year"]}
ANY = check_schema({})
STRICT = check_schema(SCHEMA)


def _extract(ollama: Ollama, transcript: Transcript | None = None, **fields: Any) -> Any:
    request = parse({"kind": "extraction", "model": "m", "prompt": "When?", "schema": SCHEMA, **fields})
    return extraction(claimed("extraction", dump_json(request)), services(ollama, transcript))


def test_a_valid_answer_is_the_value() -> None:
    """Asked once, with the schema as the format."""
    ollama = Ollama(chat_answer('{"year": 1965}'))

    outcome = _extract(ollama, system="Be exact.")

    assert isinstance(outcome, Completed)
    assert (outcome.result["value"], outcome.result["repairs"]) == ({"year": 1965}, 0)
    assert ollama.asked[0]["format"] == SCHEMA
    assert [message["role"] for message in ollama.asked[0]["messages"]] == ["system", "user"]


def test_an_invalid_answer_is_asked_for_again_with_its_errors() -> None:
    """The model sees what it said and what was wrong with it; the reader is told; tokens are counted over all calls."""
    ollama = Ollama(chat_answer('{"year": "1965"}'), chat_answer('{"year": 1965}'))
    transcript = Transcript()

    outcome = _extract(ollama, transcript)

    assert isinstance(outcome, Completed)
    assert outcome.result["repairs"] == 1
    assert outcome.result["usage"] == {"prompt_tokens": 6, "output_tokens": 10}
    question, answer, complaint = ollama.asked[1]["messages"]
    assert (question["content"], answer["content"]) == ("When?", '{"year": "1965"}')
    assert "$.year" in complaint["content"]
    assert ("repairing", {"repair": 1, "of": 2}) in transcript.said


def test_after_two_repairs_it_is_given_up_with_the_last_answer() -> None:
    """`invalid_output` carries the text and what is wrong with it."""
    ollama = Ollama(*(chat_answer(text) for text in ("{", "[]", '{"year": null}')))

    outcome = _extract(ollama)

    assert isinstance(outcome, Failed)
    assert outcome.error.code == "invalid_output"
    assert outcome.error.details["text"] == '{"year": null}'
    assert outcome.error.details["errors"]
    assert len(ollama.asked) == 3


def test_an_answer_that_was_cut_is_asked_for_again_with_more_room() -> None:
    """The stump is not shown: the same question, twice the tokens."""
    ollama = Ollama(chat_answer('{"ye', "length"), chat_answer('{"year": 1}'))

    outcome = _extract(ollama, options={"num_predict": 10})

    assert isinstance(outcome, Completed)
    assert [asked["options"]["num_predict"] for asked in ollama.asked] == [10, 20]
    assert ollama.asked[0]["messages"] == ollama.asked[1]["messages"]


def test_images_go_with_the_question() -> None:
    """By their stored reference, as base64."""
    ollama = Ollama(chat_answer('{"year": 1}'))

    _extract(ollama, images=["sha256:" + "0" * 64])

    assert ollama.asked[0]["messages"][0]["images"] == ["base64 of sha256:" + "0" * 64]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "not JSON"),
        ("Sure! Here it is: {}", "not JSON"),
        ("```json\n{}\n```", "not JSON"),
        ("NaN", "not JSON"),
        ('{"a": -Infinity}', "not JSON"),
        ('{"a": 1e999}', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[" * 900 + "]" * 900, "not JSON"),
        ("9" * 5000, "not JSON"),
        ('"\\ud800"', "not JSON"),
        ('"\ud800"', "not JSON"),
        ('{"a": 1} {"a": 2}', "not JSON"),
    ],
)
def test_what_is_no_json_is_an_error_for_the_model(text: str, error: str) -> None:
    """It is told so, and the value is nothing."""
    value, errors = _read(Reply(text=text), ANY)

    assert value is None
    assert error in errors[0]


def test_a_cut_answer_says_that_it_was_cut() -> None:
    """The producer learns that a higher token limit would help."""
    _, errors = _read(Reply(text="{", stats={"done_reason": "length"}), ANY)

    assert "cut by the token limit" in errors[0]


def test_few_errors_are_reported() -> None:
    """A thousand wrong items do not fill the model's context."""
    _, errors = _read(Reply(text=json.dumps(["x"] * 1000)), check_schema({"items": {"type": "integer"}}))

    assert len(errors) == 10
    assert errors[0].startswith("$[0]: ")


json_texts = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
).map(json.dumps)


@given(st.text(st.characters()) | json_texts, st.sampled_from(["stop", "length", None]))
def test_whatever_a_model_says_is_read(text: str, done_reason: str | None) -> None:
    """Text, half characters, JSON of any shape: a value, or errors, and never an exception."""
    for validator in (ANY, STRICT):
        value, errors = _read(Reply(text=text, stats={"done_reason": done_reason}), validator)
        assert errors or validator.is_valid(value)
