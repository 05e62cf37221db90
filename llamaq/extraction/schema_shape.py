"""Refuses a dict that is no JSON Schema: a wrapper around one, or a list of fields. It would allow any answer."""

from collections.abc import Callable
from typing import Any

from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.wire import JsonObject, dumps

TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")
MOST_SHOWN = 200
"""Characters of a schema in a message."""
_DEEPEST_WRAPPER = 3
_REFUSED = "not a usable JSON Schema"


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


_KEYWORDS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("type", "const", "enum", "items", "dependencies"), lambda _: True),
    **dict.fromkeys(("properties", "patternProperties", "dependentRequired", "dependentSchemas"), _is(dict)),
    **dict.fromkeys(("required", "prefixItems", "anyOf", "allOf", "oneOf"), _is(list)),
    **dict.fromkeys(("not", "if", "contains", "propertyNames", "additionalItems"), _is(dict, bool)),
    **dict.fromkeys(("additionalProperties", "unevaluatedItems", "unevaluatedProperties"), _is(dict, bool)),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), _is(int, float)),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _is(int)),
    **dict.fromkeys(("pattern", "format", "$ref", "$dynamicRef", "$recursiveRef"), _is(str)),
    "uniqueItems": _is(bool),
}
"""The keywords of JSON Schema that limit what is valid, and whether a value can be theirs."""
_NOTES = frozenset(
    ("$schema", "$id", "$comment", "description", "default", "examples", "deprecated", "readOnly", "writeOnly")
)
"""Keywords that limit nothing. `title` is not among them, because it is more often meant as the name of a field."""


def has_limits(part: JsonObject) -> bool:
    """Whether a dict has a keyword by which some value is not valid."""
    return any(name in part and fits(part[name]) for name, fits in _KEYWORDS.items())


def check_shape(schema: JsonObject, field: str) -> None:
    """Refuse what is no JSON Schema. `{}` is one, and allows any value.

    Raises:
        InvalidRequest: with what was probably meant.
    """
    kind = schema.get("type")
    if isinstance(kind, str) and kind not in TYPES:
        raise InvalidRequest.of(field, _unknown_type_message(schema, kind))
    noted = schema.keys() <= _NOTES and not any(isinstance(note, str) and note in TYPES for note in schema.values())
    if not has_limits(schema) and not noted:
        message = f"{_REFUSED}: no keyword of JSON Schema in it limits the answer; {_suggest(schema)}"
        raise InvalidRequest.of(field, message)


def _unknown_type_message(schema: JsonObject, kind: str) -> str:
    types = f"{_REFUSED}: {kind[:80]!r} is no type of JSON Schema ({', '.join(TYPES)})"
    if kind.lower() in TYPES:
        return f"{types}: write {kind.lower()!r}"
    if kind == "json_object":
        return f'{types}: for any JSON give "json" as format, or {{"type": "object"}}'
    inner = _find_schema(schema)
    return f"{types}: did you mean its `{inner}`?" if inner else types


def _suggest(schema: JsonObject) -> str:
    properties = {name: {"type": part} if isinstance(part, str) else part for name, part in schema.items()}
    if all(_is_schema(part) for part in properties.values()):
        shown = dumps({"type": "object", "properties": properties})
        too_long = 'put it into {"type":"object","properties":...}'
        return f"did you mean {shown}?" if len(shown) <= MOST_SHOWN else too_long
    inner = _find_schema(schema)
    return f"did you mean its `{inner}`?" if inner else "write {} where that is meant"


def _find_schema(part: Any, depth: int = _DEEPEST_WRAPPER) -> str | None:
    """Find the path to the first schema in a wrapper."""
    below = [(name, each) for name, each in part.items() if isinstance(each, dict)] if depth else []
    for name, each in below:
        if _is_schema(each):
            return str(name)
    for name, each in below:
        if inner := _find_schema(each, depth - 1):
            return f"{name}.{inner}"
    return None


def _is_schema(part: Any) -> bool:
    if not isinstance(part, dict) or not has_limits(part):
        return False
    kind = part.get("type")
    return kind is None or all(each in TYPES for each in (kind if isinstance(kind, list) else [kind]))
