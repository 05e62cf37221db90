"""What is sent to Ollama's engine for a schema: what every version reads as it is meant."""

import json
from typing import Any

import pytest

from llamaq import InvalidRequest
from llamaq.extraction.engine.grammar import MOST_CHARS, translate_schema
from llamaq.extraction.engine.pattern import MOST_REPEATED
from llamaq.extraction.schema import check_schema

ANY = {"type": ["object", "array", "string", "number", "boolean", "null"]}
TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        ({}, ANY),
        ({"description": "x", "default": 1, "examples": [{"$ref": "#"}]}, {"description": "x", **ANY}),
        ({"type": "array", "items": {}}, {"type": "array", "items": ANY}),
        ({"type": "array", "items": False}, {"type": "array", "items": ANY, "maxItems": 0}),
        ({"type": "array", "minItems": 2}, {"type": "array", "items": ANY, "minItems": 2}),
        (
            {"type": "array", "prefixItems": [TEXT], "items": False, "minItems": 1},
            {"type": "array", "prefixItems": [TEXT], "minItems": 1, "maxItems": 1},
        ),
        (
            {"type": "array", "prefixItems": [TEXT], "items": {"type": "null"}, "minItems": 2},
            {"type": "array", "prefixItems": [TEXT, {"type": "null"}], "minItems": 2},
        ),
        ({"type": "object", "additionalProperties": {}}, {"type": "object"}),
        ({"type": "object", "additionalProperties": False}, {"type": "object", "additionalProperties": False}),
        ({"type": "object", "required": ["a"]}, {"type": "object", "properties": {"a": ANY}, "required": ["a"]}),
        (
            {"type": "object", "patternProperties": {"^a": TEXT}, "additionalProperties": False},
            {"type": "object", "additionalProperties": TEXT},
        ),
        (
            {"type": "object", "properties": {"a-b": TEXT}, "additionalProperties": TEXT},
            {"type": "object", "properties": {"a-b": TEXT}},
        ),
        ({"type": "object", "properties": {"$ref": TEXT}}, {"type": "object"}),
        ({"type": "object", "properties": {"a": False}}, {"type": "object", "properties": {}}),
        ({"type": "string", "enum": ["a", 1]}, {"type": "string", "const": "a"}),
        ({"enum": [{"$ref": "x"}, 1]}, ANY),
        ({"type": "integer", "minimum": 0.5, "exclusiveMaximum": 3}, {"type": "integer", "minimum": 1, "maximum": 2}),
        ({"type": "integer", "minimum": 0, "exclusiveMinimum": True}, {"type": "integer", "minimum": 1}),
        ({"type": "integer", "maximum": 10**30}, {"type": "integer"}),
        ({"allOf": [TEXT]}, TEXT),
        ({"allOf": [TEXT, {"minLength": 3}, {"minLength": 2}]}, {"type": "string", "minLength": 3}),
        (
            {"allOf": [{"type": "array", "prefixItems": [TEXT]}, {"type": "array", "items": TEXT}]},
            {"type": "array", "prefixItems": [TEXT]},
        ),
        (
            {"allOf": [{"properties": {"a": TEXT}, "additionalProperties": False}, {"properties": {"b": TEXT}}]},
            {"properties": {"a": TEXT, "b": TEXT}},
        ),
        ({"oneOf": [TEXT, {"type": "null"}, TEXT]}, {"anyOf": [TEXT, {"type": "null"}]}),
        ({"anyOf": [TEXT, False]}, TEXT),
        ({"type": "string", "anyOf": [{"minLength": 1}, {"type": "null"}]}, {"type": "string", "minLength": 1}),
        ({"type": "string", "not": {"const": "a"}, "if": {}, "contentEncoding": "x"}, TEXT),
        ({"type": "string", "format": "date-time", "pattern": "^(?!x)"}, {"type": "string", "format": "date-time"}),
        ({"$ref": "#"}, ANY),
        ({"$ref": "#/$defs/a", "$defs": {"a": TEXT, "unused": {}}}, TEXT),
        ({"$dynamicRef": "#x"}, ANY),
    ],
)
def test_each_rule_is_sent_as_the_engine_has_it_or_left_out(schema: dict[str, Any], sent: dict[str, Any]) -> None:
    """Left out is only what would be refused or misread; the answer is checked by all of it."""
    assert translate_schema(schema) == sent


def test_references_become_plain_ones() -> None:
    """Whatever they point to, and however their names are written; a recursive one stays recursive."""
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/definitions/x~1y"}, "b": {"$ref": "#/properties/a"}, "c": {"$ref": "#"}},
        "definitions": {"x/y": TEXT},
    }

    sent = translate_schema(schema)

    assert sent is not None
    names = {"a": "x1y", "b": "a", "c": "Root"}
    assert sent["properties"] == {name: {"$ref": f"#/$defs/{to}"} for name, to in names.items()}
    assert sent["$defs"]["x1y"] == TEXT
    assert sent["$defs"]["Root"]["properties"] == sent["properties"]


def test_a_choice_that_leads_back_to_itself_is_cut() -> None:
    """The engine refuses a rule that begins with itself."""
    schema = {
        "$ref": "#/$defs/a",
        "$defs": {
            "a": {"anyOf": [{"$ref": "#/$defs/b"}, TEXT]},
            "b": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]},
        },
    }

    sent = translate_schema(schema)

    assert sent is not None
    assert sent["$defs"]["b"] == {"anyOf": [ANY, {"type": "null"}]}


def test_counts_that_no_grammar_can_hold_stay_out_of_it() -> None:
    """They are validated afterwards; the schema itself stays."""
    text = {"type": "string", "minLength": 1, "maxLength": 5000}

    assert translate_schema(text) == {"type": "string", "minLength": 1}
    assert translate_schema({"type": "array", "items": text, "maxItems": MOST_REPEATED}) == {
        "type": "array",
        "items": {"type": "string", "minLength": 1},
        "maxItems": 1999,
    }
    assert text["maxLength"] == 5000


@pytest.mark.parametrize(
    ("schema", "field", "remedy"),
    [
        ({"type": "array", "minItems": 3, "maxItems": 2}, "schema.minItems", "raise maxItems"),
        ({"anyOf": [{"type": "string", "enum": [1]}]}, "schema.anyOf.0.enum", "list one"),
        ({"type": "string", "const": 1}, "schema.const", "change one"),
        ({"type": "object", "required": ["a"], "additionalProperties": False}, "schema", "add it"),
        ({"allOf": [{"type": "string"}, {"type": "null"}]}, "schema", "contradict"),
        ({"$ref": "file:///etc/hostname"}, "schema.$ref", "put it into $defs"),
        ({"items": {"$ref": "#/$defs/missing"}}, "schema.items.$ref", "put it into $defs"),
        ({"items": {"$dynamicRef": "#a", "$dynamicAnchor": "a"}}, "schema.items.$dynamicRef", "#/$defs/Name"),
        (
            {"items": {"$id": "http://a.example/b", "$ref": "#/$defs/c", "$defs": {"c": {}}}, "$defs": {"c": {}}},
            "schema.items.$id",
            "leave it out",
        ),
        (
            {"items": {"$ref": "#a"}, "$defs": {"a": {"$anchor": "a"}, "b": {"$anchor": "a"}}},
            "schema.items.$ref",
            "$defs",
        ),
    ],
)
def test_what_cannot_be_valid_or_followed_is_refused_with_its_place(
    schema: dict[str, Any], field: str, remedy: str
) -> None:
    """Before anything is queued."""
    with pytest.raises(InvalidRequest) as caught:
        check_schema(schema)

    problem = caught.value.problems[0]
    assert problem.field == field
    assert remedy in problem.message


def _chain(length: int, link: Any) -> dict[str, Any]:
    parts = {f"d{number}": link({"$ref": f"#/$defs/d{number + 1}"}) for number in range(length)}
    return {"$ref": "#/$defs/d0", "$defs": {**parts, f"d{length}": TEXT}}


@pytest.mark.parametrize(
    "schema",
    [
        _chain(1500, lambda part: part),
        _chain(900, lambda part: {"anyOf": [part, {"type": "null"}]}),
        _chain(900, lambda part: {"properties": {"a": part}}),
        _chain(40, lambda part: {"allOf": [part, part]}),
        _chain(40, lambda part: {"properties": {"a": part, "b": part}}),
        {"allOf": [{"anyOf": [{"required": [f"{name}{number}"]} for number in range(50)]} for name in "abcdefgh"]},
        {"properties": {f"p{n}": TEXT for n in range(800)}, "anyOf": [{"required": [f"p{n}"]} for n in range(100)]},
        {
            "properties": {
                "x": {"allOf": [{"$ref": "#"}, {"$ref": "#/properties/y"}]},
                "y": {"properties": {"x": {"$ref": "#"}}},
            }
        },
        {
            "properties": {f"p{n}": {"$ref": f"#a{n}"} for n in range(500)},
            "$defs": {f"d{n}": {"$anchor": f"a{n}"} for n in range(500)},
        },
    ],
    ids=lambda schema: json.dumps(schema)[:60],
)
def test_no_schema_takes_for_ever_or_grows_without_end(schema: dict[str, Any]) -> None:
    """Chains, parts that double, products of choices, recursion through merges: refused, or sent in a bounded size."""
    try:
        check_schema(schema)
    except InvalidRequest as refused:
        assert "$refs" in str(refused)  # noqa: PT017 - either is well
    else:
        assert len(json.dumps(translate_schema(schema))) <= MOST_CHARS * 1.2


def test_a_long_chain_of_references_is_sent_up_to_a_depth() -> None:
    """A worker never fails at a schema that a producer's SDK has taken."""
    assert translate_schema(_chain(800, lambda part: {"properties": {"a": part}})) is not None
