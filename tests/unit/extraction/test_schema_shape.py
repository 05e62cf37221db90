"""A dict that is no schema is refused with what was probably meant; whatever is a schema is taken."""

from typing import Any

import pytest
from pydantic import BaseModel, RootModel

from llamaq import InvalidRequest
from llamaq.admission.submission import prepare
from llamaq.extraction.schema import check_schema, schema_of
from llamaq.extraction.schema_shape import check_shape
from llamaq.settings.producer import Limits
from llamaq.vocabulary.requests import parse

BOOK = {"type": "object", "properties": {"title": {"type": "string"}}}
NO_SCHEMAS: list[tuple[dict[str, Any], str]] = [
    ({"name": "book", "strict": True, "schema": BOOK}, "its `schema`"),
    ({"type": "json_schema", "json_schema": {"name": "book", "schema": BOOK}}, "its `json_schema.schema`"),
    ({"json_schema": {"name": "book", "schema": BOOK}}, "its `json_schema.schema`"),
    ({"type": "json_schema", "name": "book", "schema": BOOK}, "its `schema`"),
    ({"type": "function", "function": {"name": "f", "parameters": BOOK}}, "its `function.parameters`"),
    ({"name": "book", "description": "A book", "input_schema": BOOK}, "its `input_schema`"),
    ({"$defs": {"Book": BOOK}}, "its `$defs.Book`"),
    ({"title": "string"}, '"properties":{"title":{"type":"string"}}'),
    ({"title": {"type": "string"}, "year": {"type": "integer"}}, '"year":{"type":"integer"}'),
    ({f"field{number}": {"type": "string"} for number in range(50)}, '"properties":...'),
    ({"title": "the book's title", "year": 1965}, "write {}"),
    ({"title": "Book", "description": "A book"}, "write {}"),
    ({"properties": "title, year"}, "write {}"),
    ({"type": "json_object"}, '"json" as format'),
    ({"type": "OBJECT", "properties": {}}, "write 'object'"),
    ({"type": "str"}, "no type of JSON Schema"),
]


class Anything(RootModel[Any]):
    """Takes any JSON."""


class Book(BaseModel):
    """What is drawn out."""

    title: str


@pytest.mark.parametrize(("schema", "meant"), NO_SCHEMAS)
def test_a_dict_that_is_no_schema_is_refused_litellm_7131_any_llm_1165(schema: dict[str, Any], meant: str) -> None:
    """For an extraction's `schema`, and for the `format` of every kind that has one."""
    chat = {"kind": "chat", "messages": [{"role": "user", "content": "x"}]}
    for field, fields in (
        ("schema", {"kind": "extraction", "prompt": "x"}),
        ("format", {"kind": "generate", "prompt": "x"}),
        ("format", chat),
    ):
        request = parse({"model": "m", field: schema, **fields})
        with pytest.raises(InvalidRequest) as caught:
            prepare(request, "0b9f8f0e-6f5b-4b86-9d65-0c29a2ad0a3e", Limits())
        (problem,) = caught.value.problems
        assert problem.field == field
        assert meant in problem.message


@pytest.mark.parametrize(
    "schema",
    [
        {},
        BOOK,
        {"$ref": "#/$defs/Book", "$defs": {"Book": BOOK}},
        {"enum": ["a", None]},
        {"const": 1},
        {"anyOf": [BOOK, {"type": "null"}]},
        {"type": ["object", "null"]},
        {"required": ["title"], "title": "Book"},
        {"additionalProperties": {"type": "integer"}},
        {"not": {}},
        {"minimum": 0},
        {"description": "whatever the page says"},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "examples": [{"a": 1}]},
    ],
)
def test_a_schema_is_taken(schema: dict[str, Any]) -> None:
    """Whichever of its keywords it has; and `{}`, or a note alone, which says that anything goes."""
    check_shape(schema, "schema")


@pytest.mark.parametrize(("target", "schema"), [(Anything, {}), (Any, {}), (Book, Book.model_json_schema())])
def test_a_type_that_allows_anything_has_a_schema(target: Any, schema: dict[str, Any]) -> None:
    """Pydantic gives it a title alone, and its author meant what it says."""
    assert schema_of(target) == schema
    check_schema(schema_of(target))
