"""What llama.cpp's grammar cannot take is refused before anything is queued, with its path and a remedy."""

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llamaq import InvalidRequest
from llamaq.extraction.grammar import MOST_REPEATED, countable, problems
from llamaq.extraction.schema import check_schema

unhurried = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _of(pattern: str) -> list[str]:
    return [problem.message for problem in problems({"type": "string", "pattern": pattern}, "schema")]


@pytest.mark.parametrize(
    ("pattern", "remedy"),
    [
        ("abc", "begin with ^ and end with $"),
        ("^abc", "begin with ^ and end with $"),
        ("abc$", "begin with ^ and end with $"),
        (r"^a\$", "begin with ^ and end with $"),
        ("^", "begin with ^ and end with $"),
        ("", "begin with ^ and end with $"),
        (r"^\d+$", "write [0-9]"),
        (r"^[\w-]+$", "write [A-Za-z0-9_]"),
        (r"^a\b$", "write the characters that are meant"),
        (r"^a\-b$", "write - itself"),
        (r"^[a\-]$", "write - itself"),
        (r"^(a)\1$", r"no \1"),
        (r"^\p{L}$", r"no \p"),
        ("^(?=a)a$", "no look-around"),
        ("^(?!a)b$", "no look-around"),
        ("^(?:a|b)$", "write a plain group"),
        ("^(?i)a$", "no flags"),
        ("^a$b$", r"write \$"),
        ("^a^b$", r"write \^"),
        ("^a{2000}$", "at most 1999"),
        ("^a{1,5000}$", "at most 1999"),
        ("^[]a]$", r"write \]"),
        ("^[[:alpha:]]$", r"write \["),
    ],
)
def test_a_pattern_that_the_engine_cannot_take_is_refused(pattern: str, remedy: str) -> None:
    """One problem, that says what to write instead."""
    (message,) = _of(pattern)
    assert remedy in message


@pytest.mark.parametrize(
    "pattern",
    [
        "^$",
        "^a$",
        "^[A-Z]{2}-[0-9]{4}$",
        "^(a|b)+$",
        r"^-?[0-9]+(\.[0-9]+)?$",
        r"^\(\[\{x\}\]\)\$$",
        "^[^0-9]*$",
        r"^\\$",
    ],
)
def test_a_plain_pattern_is_taken(pattern: str) -> None:
    """Letters, classes, groups, alternatives, counts, and escaped signs; and it is a regular expression to us too."""
    assert _of(pattern) == []
    re.compile(pattern)
    check_schema({"type": "string", "pattern": pattern})


@unhurried
@given(st.text("^$ab\\[](){}|?*+-.d0,", max_size=12))
def test_whatever_the_pattern_it_is_judged(pattern: str) -> None:
    """Also one that is no regular expression at all: a list of problems, and never an exception."""
    assert all(isinstance(message, str) for message in _of(f"^{pattern}$"))


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        ({"properties": {"a": {"items": {"pattern": "x"}}}}, "schema.properties.a.items.pattern"),
        ({"anyOf": [{}, {"pattern": "x"}]}, "schema.anyOf.1.pattern"),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"pattern": "x"}}}, "schema.$defs.A.pattern"),
        ({"properties": {"a": True}}, "schema.properties.a"),
        ({"items": False}, "schema.items"),
        ({"properties": {"a": {"$ref": "#"}}}, "schema.properties.a.$ref"),
        ({"$ref": "#a", "$defs": {"a": {"$anchor": "a"}}}, "schema.$ref"),
    ],
)
def test_the_place_is_named(schema: dict[str, Any], field: str) -> None:
    """The path below `schema`, wherever it stands."""
    with pytest.raises(InvalidRequest) as caught:
        check_schema(schema)

    assert [problem.field for problem in caught.value.problems] == [field]


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"pattern": {"type": "string"}}},
        {"enum": [{"pattern": "x", "$ref": "#"}]},
        {"const": {"items": True}},
        {"examples": [{"pattern": "x"}]},
        {"type": "object", "additionalProperties": False},
        {"patternProperties": {"^x-": {}}, "type": "object"},
    ],
)
def test_data_is_no_schema(schema: dict[str, Any]) -> None:
    """A property of the name, an example or a constant may look like anything."""
    check_schema(schema)


def test_counts_that_no_grammar_can_hold_stay_out_of_it() -> None:
    """They are validated afterwards; everything else goes to the engine as it is, and the schema itself stays."""
    text = {"type": "string", "minLength": 1, "maxLength": 5000}
    schema = {
        "type": "object",
        "properties": {"a": text, "b": {"type": "array", "items": text, "maxItems": MOST_REPEATED}},
    }

    sent = countable(schema)

    assert sent["properties"]["a"] == {"type": "string", "minLength": 1}
    assert sent["properties"]["b"] == {"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": 1999}
    assert text["maxLength"] == 5000
    assert countable({"enum": [{"maxLength": 5000}], "anyOf": [text]})["enum"] == [{"maxLength": 5000}]
