"""Schemas for the embedded model are closed as Ollama's grammar closes them, and have no `format` that it ignores."""

from typing import Any

import pytest

from embedded.engine.closed_schema import close_schema

OPEN: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
CLOSED = OPEN | {"additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        (OPEN, CLOSED),
        ({"type": "array", "items": OPEN}, {"type": "array", "items": CLOSED}),
        ({"anyOf": [OPEN, {"type": "null"}]}, {"anyOf": [CLOSED, {"type": "null"}]}),
        ({"$ref": "#/$defs/B", "$defs": {"B": OPEN}}, {"$ref": "#/$defs/B", "$defs": {"B": CLOSED}}),
        ({"properties": {"properties": OPEN}}, {"properties": {"properties": CLOSED}, "additionalProperties": False}),
    ],
)
def test_an_object_that_names_its_properties_takes_no_others(schema: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Wherever it stands."""
    assert close_schema(schema) == wanted


@pytest.mark.parametrize(
    "schema",
    [
        OPEN | {"additionalProperties": True},
        {"type": "object"},
        {"additionalProperties": {"type": "string"}},
        {"allOf": [OPEN, {"properties": {"b": {}}}]},
        OPEN | {"anyOf": [{"properties": {"b": {}}}]},
        OPEN | {"required": ["b"]},
        {"enum": [{"properties": 1}]},
    ],
)
def test_what_closing_would_break_stays_as_it_is(schema: dict[str, Any]) -> None:
    """It says what else it takes, or several schemas make up one object, or it requires a name it does not define."""
    assert close_schema(schema) == schema


@pytest.mark.parametrize("form", ["uri", "password", "int32", "regex", "json-pointer"])
def test_a_format_that_the_engine_does_not_know_is_left_out(form: str) -> None:
    """For it the engine would leave the whole schema out; a property may be called so."""
    text = {"type": "string", "format": form}

    assert close_schema({"items": text, "allOf": [OPEN, {"properties": {"format": text}}]}) == {
        "items": {"type": "string"},
        "allOf": [OPEN, {"properties": {"format": {"type": "string"}}}],
    }
    assert close_schema({"format": "uuid"}) == {"format": "uuid"}
