"""Schemas: out of a type, checked before anything is queued, and never fetched from anywhere."""

import socket
import threading
from typing import Any

import pydantic
import pytest

from llamaq import InvalidRequest
from llamaq.schema import check_schema, schema_of


class Author(pydantic.BaseModel):
    name: str


class Book(pydantic.BaseModel):
    title: str
    authors: list[Author]


class Unfinished(pydantic.BaseModel):
    later: "Nowhere"  # type: ignore[name-defined]  # noqa: F821 - the test is about a name that is missing


def test_a_model_gives_its_schema_and_a_dict_is_one() -> None:
    """Both are usable, definitions included."""
    schema = schema_of(Book)
    validator = check_schema(schema)

    assert validator.is_valid({"title": "Dune", "authors": [{"name": "Frank"}]})
    assert not validator.is_valid({"title": "Dune", "authors": [{}]})
    assert schema_of({"type": "object"}) == {"type": "object"}
    assert schema_of(list[int]) == {"type": "array", "items": {"type": "integer"}}


@pytest.mark.parametrize("target", [5, "Nowhere", Unfinished, threading.Lock()])
def test_what_has_no_schema_is_refused(target: Any) -> None:
    """A thing that pydantic cannot describe, or not yet."""
    with pytest.raises(InvalidRequest, match=r"^schema: "):
        schema_of(target)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nope"},
        {"type": 5},
        {"pattern": "("},
        {"properties": []},
        {"required": "a"},
        {"$ref": "#/$defs/missing"},
        {"$ref": "file:///etc/hostname"},
        {"$schema": "http://example.invalid/meta"},
        {1: 2},
        {"const": object()},
    ],
)
def test_what_is_no_schema_is_refused(schema: Any) -> None:
    """Before anything is queued, with one line that says why."""
    with pytest.raises(InvalidRequest, match=r"^schema: not a usable JSON Schema: [^\n]+$"):
        check_schema(schema)


@pytest.mark.parametrize("where", ["$ref", "$id", "$schema", "$dynamicRef"])
def test_no_schema_makes_us_call_anybody(where: str) -> None:
    """A producer must not make a worker connect: the address named in the schema hears of nobody."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/schema.json"
        schemas: dict[str, dict[str, Any]] = {
            "$ref": {"properties": {"a": {"$ref": url}}},
            "$id": {"$id": url, "$ref": "other.json"},
            "$schema": {"$schema": url},
            "$dynamicRef": {"$dynamicRef": url},
        }
        with pytest.raises(InvalidRequest):
            check_schema(schemas[where])

        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_ref_within_the_schema_is_followed() -> None:
    """`$defs` are the way to name a part, recursion included."""
    schema = {"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}}

    assert check_schema(schema).is_valid([[], [[]]])
    assert not check_schema(schema).is_valid([[5]])


def test_a_pattern_that_explodes_does_not_hang() -> None:
    """The producer chooses the pattern, and the model the text."""
    validator = check_schema({"type": "string", "pattern": "^(a+)+$"})

    assert not validator.is_valid("a" * 40 + "!")
