"""What is asked again for a value that its type refuses: the same request, with the reason and one repair fewer."""

from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, TypeAdapter

from llamaq import ExtractionRequest, ExtractionResult
from llamaq.client.type_repairs import TypeRepairs, add_repairs
from llamaq.vocabulary.kinds.extraction import MOST_ERRORS
from llamaq.vocabulary.requests import parse

FIELDS: dict[str, Any] = {
    "kind": "extraction",
    "model": "m:latest",
    "prompt": "Draw.",
    "schema": {"type": "integer"},
    "images": ["sha256:" + "0" * 64],
    "options": {"seed": 1},
    "priority": "batch",
}


def _small(number: int) -> int:
    if number > 5:
        raise ValueError("at most 5")
    return number


def _broken(_: int) -> int:
    raise KeyError("a fault of the application")


SMALL = Annotated[int, AfterValidator(_small)]


def _result(value: Any, repairs: int = 0) -> ExtractionResult:
    return ExtractionResult(model="m", host="h", attempts=1, value=value, repairs=repairs)


@pytest.mark.parametrize("as_model", [False, True])
@pytest.mark.parametrize(("given", "done", "left"), [({}, 0, 1), ({"repairs": None}, 1, 0), ({"repairs": 5}, 1, 3)])
def test_the_request_that_asks_again(as_model: bool, given: dict[str, Any], done: int, left: int) -> None:
    """Everything that was asked for stays; the key is of this job and this repair."""
    request = parse(FIELDS | given) if as_model else FIELDS | given
    repairs = TypeRepairs.of(SMALL, request)
    assert repairs is not None

    again = parse(repairs.next_request("job-1", _result(9, done)))

    assert isinstance(again, ExtractionRequest)
    assert again.repairs == left
    assert again.idempotency_key == f"repair:job-1:{done + 1}"
    assert again.refused_answer is not None
    assert (again.refused_answer.text, again.refused_answer.errors) == ("9", ["$: Value error, at most 5"])
    assert again.model_copy(update={"refused_answer": None, "idempotency_key": None, "repairs": 2}) == parse(FIELDS)


@pytest.mark.parametrize(
    ("kind", "value", "done"), [(SMALL, 5, 0), (SMALL, 9, 2), (Annotated[int, AfterValidator(_broken)], 9, 0)]
)
def test_nothing_is_asked_where_it_would_not_help(kind: Any, value: int, done: int) -> None:
    """The value is right, no repair is left, or the validator itself fails, which `parse` then raises."""
    repairs = TypeRepairs.of(kind, FIELDS)

    assert repairs is not None
    assert repairs.next_request("job-1", _result(value, done)) is None


def test_a_schema_has_no_repairs_of_a_type() -> None:
    """Workers validate against it."""
    assert TypeRepairs.of({"type": "integer"}, FIELDS) is None


def test_the_errors_name_their_places_and_are_few() -> None:
    """As those of a worker."""
    repairs = TypeRepairs.of(TypeAdapter(dict[str, list[SMALL]]), FIELDS)
    assert repairs is not None

    again: Any = repairs.next_request("job-1", _result({"a": [9] * 100}))

    assert len(again["refused_answer"]["errors"]) == MOST_ERRORS
    assert again["refused_answer"]["errors"][1] == "$.a[1]: Value error, at most 5"


def test_repairs_are_counted_over_all_jobs() -> None:
    """Those of the first, the one by the type, and those of the further job."""
    assert add_repairs(_result(9, 1), _result(5, 1)).repairs == 3
