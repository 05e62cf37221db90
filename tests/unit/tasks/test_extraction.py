"""extraction: a valid value, or asking again with the errors; whatever the model says, nothing else is raised."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_client import Aborted, ContextOverflow, OllamaConnectionError
from llamaq.extraction.schema import check_schema
from llamaq.store.worker.outcome import Completed, Failed
from llamaq.vocabulary import events
from llamaq.vocabulary.requests import dump_json, parse
from tasks.attempt.ollama_request import Reply
from tasks.attempt.stoppable import Attempt
from tasks.extraction import _read_value
from tasks.registry import run
from tests.unit.tasks.ollama import EventBuffer, Ollama, chat_answer, claimed, context

SCHEMA = {"type": "object", "properties": {"year": {"type": "integer"}}, "required": ["year"]}
ANY = check_schema({})
STRICT = check_schema(SCHEMA)


def _extract(ollama: Ollama, transcript: EventBuffer | None = None, **fields: Any) -> Any:
    request = parse({"kind": "extraction", "model": "m", "prompt": "When?", "schema": SCHEMA, **fields})
    return run(claimed("extraction", dump_json(request)), context(ollama, transcript))


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
    transcript = EventBuffer()

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


@pytest.mark.parametrize("repairs", [0, 1, 5])
def test_it_is_asked_again_at_most_as_often_as_the_request_says(repairs: int) -> None:
    """None at all with 0; each time with the last answer alone, so that the questions do not grow."""
    ollama = Ollama(*(chat_answer(f'{{"year": "{number}"}}') for number in range(6)))

    outcome = _extract(ollama, repairs=repairs)

    assert isinstance(outcome, Failed)
    assert outcome.error.code == "invalid_output"
    assert outcome.error.details["text"] == f'{{"year": "{repairs}"}}'
    assert [len(asked["messages"]) for asked in ollama.asked] == [1] + [3] * repairs


def test_room_is_given_where_the_request_sets_no_limit() -> None:
    """The model's own limit shows in the count of the answer it cut: twice that is asked for."""
    ollama = Ollama(chat_answer('{"ye', "length"), chat_answer('{"year": 1}'))

    assert isinstance(_extract(ollama), Completed)
    assert "options" not in ollama.asked[0]
    assert ollama.asked[1]["options"] == {"num_predict": 10}


def test_the_room_is_kept_for_what_follows() -> None:
    """Cut, then wrong: the correction has the room that was found to be needed."""
    ollama = Ollama(chat_answer('{"ye', "length"), chat_answer('{"year": "1"}'), chat_answer('{"year": 1}'))

    assert isinstance(_extract(ollama, options={"num_predict": 8, "seed": 1}), Completed)
    assert [asked["options"]["num_predict"] for asked in ollama.asked] == [8, 16, 16]
    assert len(ollama.asked[2]["messages"]) == 3


def test_a_full_context_is_called_so() -> None:
    """Cut again at as many tokens though it had more room: no further try, and the code says what to raise."""
    ollama = Ollama(*[chat_answer('{"ye', "length")] * 3)

    outcome = _extract(ollama, repairs=5)

    assert isinstance(outcome, Failed)
    assert outcome.error.code == "context_overflow"
    assert "num_ctx" in outcome.error.message
    assert outcome.error.details["n_prompt_tokens"] == 3
    assert outcome.error.details["text"] == '{"ye'
    assert len(ollama.asked) == 2


class Narrow(Ollama):
    """Has no room for a correction."""

    def chat(self, body: dict[str, Any], **how: Any) -> Any:
        if len(body["messages"]) > 1:
            self.asked.append(dict(body))
            raise ContextOverflow("too long", n_prompt_tokens=500, n_ctx=400)
        return self._ask(body, **how)


def test_where_a_correction_does_not_fit_the_question_is_asked_by_itself() -> None:
    """It fitted before: better another try than a failure that the question is not to blame for."""
    ollama = Narrow(chat_answer('{"year": "1"}'), chat_answer('{"year": 1}'))

    outcome = _extract(ollama)

    assert isinstance(outcome, Completed)
    assert [len(asked["messages"]) for asked in ollama.asked] == [1, 3, 1]


def test_a_question_that_does_not_fit_is_an_overflow() -> None:
    """As of any other kind."""
    with pytest.raises(ContextOverflow):
        _extract(Narrow(), system="Be exact.")


class Late(Ollama):
    """The deadline comes while it answers for the second time."""

    def __init__(self, attempt: Attempt, failure: Exception, *answers: list[dict[str, Any]]) -> None:
        super().__init__(*answers)
        self._attempt = attempt
        self._failure = failure

    def chat(self, body: dict[str, Any], **how: Any) -> Any:
        if self.asked:
            self._attempt.stop("deadline")
            raise self._failure
        return self._ask(body, **how)


@pytest.mark.parametrize("failure", [Aborted("aborted"), OllamaConnectionError("cut")])
def test_a_repair_that_the_deadline_cuts_off_leaves_what_was_invalid(failure: Exception) -> None:
    """The producer gets the last text and its errors, not only that time ran out."""
    around = context(Ollama())
    around = replace(around, ollama=Late(around.attempt, failure, chat_answer('{"year": "1"}')))  # type: ignore[arg-type]  # as in `context`
    request = parse({"kind": "extraction", "model": "m", "prompt": "When?", "schema": SCHEMA})

    outcome = run(claimed("extraction", dump_json(request)), around)

    assert isinstance(outcome, Failed)
    assert outcome.error.code == "invalid_output"
    assert "deadline" in outcome.error.message
    assert outcome.error.details["text"] == '{"year": "1"}'
    assert outcome.error.details["errors"][0].startswith("$.year: ")


def test_what_the_grammar_ignores_is_validated() -> None:
    """A bound, a format, and a length that no grammar holds: the engine gets the schema without the last."""
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            "year": {"type": "integer", "minimum": 1900},
            "day": {"type": "string", "format": "date"},
            "text": {"type": "string", "minLength": 3000},
        },
    }
    bad = '{"year": 1899, "day": "2026-02-30", "text": "x"}'
    ollama = Ollama(chat_answer(bad), chat_answer("{}"))

    assert isinstance(_extract(ollama, schema=schema), Completed)
    complaint = ollama.asked[1]["messages"][-1]["content"]
    assert all(f"$.{name}: " in complaint for name in ("year", "day", "text"))
    assert ollama.asked[0]["format"]["properties"] == schema["properties"] | {"text": {"type": "string"}}


def test_images_go_with_the_question() -> None:
    """By their stored reference, as base64."""
    ollama = Ollama(chat_answer('{"year": 1}'))

    _extract(ollama, images=["sha256:" + "0" * 64])

    assert ollama.asked[0]["messages"][0]["images"] == ["base64 of sha256:" + "0" * 64]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "not JSON"),
        ("Sure! Here it is:", "not JSON"),
        ("```json\n{]\n```", "not JSON"),
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
    value, errors = _read_value(Reply(text=text), ANY)

    assert value is None
    assert error in errors[0]


def test_a_cut_answer_says_that_it_was_cut() -> None:
    """The producer learns that a higher token limit would help."""
    _, errors = _read_value(Reply(text="{", stats={"done_reason": "length"}), ANY)

    assert "cut by the token limit" in errors[0]


def test_few_errors_are_reported() -> None:
    """A thousand wrong items do not fill the model's context."""
    _, errors = _read_value(Reply(text=json.dumps(["x"] * 1000)), check_schema({"items": {"type": "integer"}}))

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
        value, errors = _read_value(Reply(text=text, stats={"done_reason": done_reason}), validator)
        assert errors or validator.is_valid(value)


def test_a_value_too_deep_for_readers_is_an_invalid_answer() -> None:
    """The result has it two levels deeper than the answer: the model is asked again, and may answer flatter."""

    def answer(levels: int) -> list[dict[str, Any]]:
        return chat_answer('{"year": 1, "deep": ' + "[" * levels + "]" * levels + "}")

    outcome = _extract(Ollama(answer(199), answer(198)))

    assert isinstance(outcome, Completed)
    assert outcome.result["repairs"] == 1
    events.parse("1-1", f'{{"v":1,"type":"completed","attempt":1,"at":1,"result":{outcome.result_json}}}')
