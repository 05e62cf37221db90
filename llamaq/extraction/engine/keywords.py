"""Translates the keywords of a schema that hold no other schemas (`llamaq.extraction.engine.grammar`)."""

from math import ceil, floor
from typing import Any

from llamaq.extraction.engine.merging import Node, Types, any_value, set_types, value_types
from llamaq.extraction.engine.pattern import MOST_REPEATED, translate_pattern
from llamaq.vocabulary.wire import JsonObject

_ANNOTATIONS = ("title", "description")
_FORMATS = frozenset(("date", "time", "date-time", "uuid", "email", "hostname", "ipv4", "ipv6", "duration"))
_GRAMMAR_FORMATS = frozenset(("date", "time", "date-time", "uuid"))
_LARGEST = 10**15
"""Beyond that, the engine's grammar for the bounds of an integer is wrong."""


def annotations(part: JsonObject) -> Node:
    """What a part says for people."""
    return {name: part[name] for name in _ANNOTATIONS if isinstance(part.get(name), str)}


def build_values(part: JsonObject, values: list[Any], types: Types) -> Node | None:
    """Build the node of a `const` or an `enum`; None where no value has the type."""
    typed = [value for value in values if value_types(value) & types]
    if not typed:
        return None
    if any(map(_names_reference, typed)):
        return any_value()
    node = annotations(part)
    if "type" in part:
        set_types(node, types)
    return {**node, "const": typed[0]} if len(typed) == 1 else {**node, "enum": typed}


def _names_reference(value: Any) -> bool:
    """Whether the engine would read a value as a reference."""
    if isinstance(value, dict):
        return "$ref" in value or any(map(_names_reference, value.values()))
    return isinstance(value, list) and any(map(_names_reference, value))


def add_string(node: Node, part: JsonObject) -> None:
    """Add what a part says of strings."""
    form = part.get("format")
    if isinstance(form, str) and form in _FORMATS:
        node["format"] = form
    if isinstance(pattern := part.get("pattern"), str) and (found := translate_pattern(pattern)):
        text, exact = found
        if exact or form not in _GRAMMAR_FORMATS:  # a pattern would hide the format
            node["pattern"] = text
    for name in ("minLength", "maxLength"):
        if (length := parse_count(part.get(name))) is not None and length <= MOST_REPEATED:
            node[name] = length


def add_bounds(node: Node, part: JsonObject, *, whole: bool) -> None:
    """Add what a part says of numbers; `whole` where they are integers."""
    for name, excluding, sign in (("minimum", "exclusiveMinimum", 1), ("maximum", "exclusiveMaximum", -1)):
        inclusive, exclusive = _number(part.get(name)), _number(part.get(excluding))
        if part.get(excluding) is True:  # draft 4
            inclusive, exclusive = None, inclusive
        if not whole:
            given = ((name, inclusive), (excluding, exclusive))
            node.update({key: value for key, value in given if value is not None})
            continue
        # The least integers that each rule allows. A maximum is the minimum of the negated numbers, negated.
        least = [] if inclusive is None else [ceil(sign * inclusive)]
        if exclusive is not None:
            least.append(floor(sign * exclusive) + 1)
        if least:
            node[name] = sign * max(least)
    factor = _number(part.get("multipleOf"))
    if factor is not None and factor > 0:
        node["multipleOf"] = factor


def _number(value: Any) -> int | float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return value if known and abs(value) <= _LARGEST else None


def parse_count(value: Any) -> int | None:
    """Parse the value as an integer; None where it is no count."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    return int(value) if known else None
