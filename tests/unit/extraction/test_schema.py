"""Schemas: out of a type, checked before anything is queued, and never fetched from anywhere."""

import datetime as dt
import decimal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pydantic
import pytest
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from llamaq import InvalidRequest
from llamaq.extraction.schema import DEEPEST, MOST_BYTES, check_schema, schema_of


class Author(pydantic.BaseModel):
    name: str


class Book(pydantic.BaseModel):
    title: str
    authors: list[Author]


@dataclass
class Chapter:
    title: str
    pages: int = 1


class Shelf(TypedDict):
    books: list[Book]


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
        False,
        {"$schema": "http://example.invalid/meta"},
        {1: 2},
        {"const": object()},
    ],
)
def test_what_is_no_schema_is_refused(schema: Any) -> None:
    """Before anything is queued, with one line that says why."""
    with pytest.raises(InvalidRequest, match=r"^schema: not a usable JSON Schema: [^\n]+$"):
        check_schema(schema)


@pytest.mark.parametrize("target", [Chapter, Shelf, TypeAdapter(list[Book]), TypeAdapter(Chapter), dict[str, int]])
def test_other_types_that_pydantic_knows_give_theirs(target: Any) -> None:
    """A dataclass, a TypedDict, a TypeAdapter: each a schema that passes the check."""
    assert schema_of(target) == TypeAdapter(target).json_schema() if not isinstance(target, TypeAdapter) else True
    check_schema(schema_of(target))


def test_a_decimal_has_a_pattern_that_the_engine_can_take() -> None:
    """Pydantic's own looks ahead; with it no model that holds money could be extracted."""
    validator = check_schema(schema_of(decimal.Decimal))

    assert validator.is_valid("-12.50")
    assert validator.is_valid(3)
    assert not validator.is_valid("12,50")


def test_formats_are_validated() -> None:
    """What the engine's grammar may ignore: a date that is none, an address without @."""
    validator = check_schema(schema_of(dt.date))

    assert validator.is_valid("2026-02-28")
    assert not validator.is_valid("2026-02-30")
    assert not check_schema({"type": "string", "format": "email"}).is_valid("nobody")


class Listener(ThreadingHTTPServer):
    """Serves a schema to whoever asks, and remembers that somebody did."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/schema.json"


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Listener)
        self.server.asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("where", ["$ref", "$id", "$schema", "$dynamicRef"])
def test_no_schema_makes_us_call_anybody(where: str, listener: Listener) -> None:
    """A producer must not make a worker connect: the server named in the schema, which would answer, is never asked."""
    url = listener.url
    schemas: dict[str, dict[str, Any]] = {
        "$ref": {"properties": {"a": {"$ref": url}}},
        "$id": {"$id": url, "$ref": "other.json"},
        "$schema": {"$schema": url},
        "$dynamicRef": {"$dynamicRef": url},
    }
    with pytest.raises(InvalidRequest):
        check_schema(schemas[where])

    assert listener.asked == []


def _nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels - 1):
        schema = {"items": schema}
    return schema


def test_a_schema_is_bounded_in_depth_and_size() -> None:
    """Up to the limit it is taken; beyond, refused with the limit, and the size where there is one."""
    check_schema(_nested(DEEPEST))
    with pytest.raises(InvalidRequest, match=f"deeper than {DEEPEST} levels"):
        check_schema(_nested(DEEPEST + 1))
    check_schema({"description": "x" * (MOST_BYTES - 100)})
    with pytest.raises(InvalidRequest, match=f"{MOST_BYTES + 18} bytes, more than {MOST_BYTES}"):
        check_schema({"description": "x" * MOST_BYTES})


def test_a_ref_within_the_schema_is_followed() -> None:
    """`$defs` are the way to name a part, recursion included."""
    schema = {"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}}

    assert check_schema(schema).is_valid([[], [[]]])
    assert not check_schema(schema).is_valid([[5]])


def test_a_pattern_that_explodes_does_not_hang() -> None:
    """The producer chooses the pattern, and the model the text."""
    validator = check_schema({"type": "string", "pattern": "^(a+)+$"})

    assert not validator.is_valid("a" * 40 + "!")
