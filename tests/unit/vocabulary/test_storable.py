"""A request that passed its model can be stored: no place of it lets a value through that is no JSON."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from llamaq import InvalidRequest
from llamaq.vocabulary.requests import dump_json, parse
from tests.contract.full_requests import REQUESTS

Path = tuple[str | int, ...]


def nested(levels: int) -> Any:
    """Lists in lists."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


BAD = {
    "half a surrogate pair": "\ud800",
    "such a name": {"\ud800": 1},
    "not a number": float("nan"),
    "infinite": float("inf"),
    "900 levels": nested(900),
}


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """The path of every value in a request, and of a new member of every object."""
    if path:
        yield path
    if isinstance(value, dict):
        yield (*path, "added")
        for name, inner in value.items():
            yield from places(inner, (*path, name))
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*path, index))


def put(request: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """The request with another value at a place."""
    changed = copy.deepcopy(request)
    target: Any = changed
    for part in path[:-1]:
        target = target[part]
    target[path[-1]] = value
    return changed


def refusal(given: dict[str, Any]) -> str:
    """What is wrong with a request; nothing where it was taken, and could be stored."""
    try:
        dump_json(parse(given))
    except InvalidRequest as error:
        return str(error)
    return ""


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("kind", REQUESTS)
def test_what_is_no_json_is_refused_wherever_it_stands(kind: str, bad: str) -> None:
    """In every field, in every member that a model does not know, at any depth: the first part of its path is named."""
    for request in REQUESTS[kind]:
        for path in places(request):
            given = put(request, path, BAD[bad]) | ({"kind": kind} if path != ("kind",) else {})
            said = refusal(given)
            assert said.encode(), f"{bad} at {path} was taken"
            assert str(path[0]) in said


def test_a_member_that_no_model_knows_is_named_to_its_end() -> None:
    """A tool call may have more than is known of it."""
    call = {"function": {"name": "f", "arguments": {}, "strict": "\ud800"}}
    messages = [{"role": "assistant", "tool_calls": [call]}]

    with pytest.raises(InvalidRequest, match=r"messages\.0\.tool_calls\.0\.function\.strict: not JSON"):
        parse({"kind": "chat", "model": "m", "messages": messages})


def test_the_answer_to_a_million_wrong_fields_is_short() -> None:
    """They are refused in a moment: what names the first ones names the kind of the fault."""
    many = {f"unknown{number}": 1 for number in range(200_000)}

    with pytest.raises(InvalidRequest) as caught:
        parse({"kind": "generate", "model": "m", "prompt": "x", **many})

    assert len(caught.value.problems) <= 100


def test_a_value_in_place_of_a_word_is_quoted_in_part() -> None:
    """The kind is one of a few words; a book in its place does not go into the error."""
    with pytest.raises(InvalidRequest) as caught:
        parse({"kind": "x" * 1_000_000, "model": "m"})

    assert len(str(caught.value)) < 1_000
