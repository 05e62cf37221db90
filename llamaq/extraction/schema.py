"""Schemas of an extraction: out of the type that a producer asks for, and checked before anything is queued."""

from typing import Any, NoReturn
from urllib.parse import unquote

import jsonschema_rs
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from llamaq.extraction import grammar
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.wire import JsonObject, adapter_of, dumps

MOST_BYTES = 65_536
"""Of a schema, as JSON: it goes with every question, and is compiled for each."""
DEEPEST = 64
"""Levels of objects and lists in a schema; a property takes two."""
MOST_EXPANDED = 10_000
"""Parts of a schema with its `$ref`s put in: branches that refer on to branches double at each step, and a validator
that collects errors walks them all."""
_DECIMAL = r"^-?[0-9]+(\.[0-9]+)?$"


class _ForEngine(GenerateJsonSchema):
    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        """Pydantic gives its text no pattern, or one that looks ahead, which the engine cannot."""
        found = super().decimal_schema(schema)
        for choice in found.get("anyOf", [found]):
            if choice.get("type") == "string":
                choice["pattern"] = _DECIMAL
        return found


def schema_of(target: Any) -> JsonObject:
    """The JSON Schema of a type (or TypeAdapter) that pydantic knows; a dict is one already.

    Raises:
        InvalidRequest: the type has no JSON Schema.
    """
    if isinstance(target, dict):
        return target
    try:
        return adapter_of(target).json_schema(schema_generator=_ForEngine)
    except (PydanticUserError, PydanticInvalidForJsonSchema) as error:
        raise InvalidRequest.of("schema", f"{target!r} has no JSON Schema: {error}") from error


def check_schema(schema: JsonObject, field: str = "schema") -> jsonschema_rs.Validator:
    """The schema's validator, where it is one of bounded cost that the engine can follow; nothing is ever fetched.

    Raises:
        InvalidRequest: it is no schema, is too large, refers to somewhere else, or has what the engine cannot take.
    """
    _check_bounds(schema, field)
    validator = validator_of(schema, field)
    if found := grammar.problems(schema, field):
        raise InvalidRequest(found)
    return validator


def validator_of(schema: JsonObject, field: str = "schema") -> jsonschema_rs.Validator:
    """The validator of a schema, formats such as `date` included; it never fetches anything, whatever a `$ref` names.

    Raises:
        InvalidRequest: it is no schema, or refers to somewhere else.
    """
    try:
        return jsonschema_rs.validator_for(schema, retriever=_refuse, validate_formats=True)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError, TypeError) as error:
        raise InvalidRequest.of(field, f"not a usable JSON Schema: {_first_line(error)}") from error


def _check_bounds(schema: JsonObject, field: str) -> None:
    # The depth first: what follows walks down by recursion.
    if _deeper_than(schema, DEEPEST):
        raise InvalidRequest.of(field, f"it is nested deeper than {DEEPEST} levels")
    try:
        size = len(dumps(schema).encode())
    except (ValueError, TypeError) as error:
        raise InvalidRequest.of(field, f"not a usable JSON Schema: {_first_line(error)}") from error
    if size > MOST_BYTES:
        raise InvalidRequest.of(field, f"its JSON has {size} bytes, more than {MOST_BYTES}")
    if _expanded(schema, schema, {}) > MOST_EXPANDED:
        message = f"its $refs unfold to more than {MOST_EXPANDED} parts: an answer could not be checked in bounded time"
        raise InvalidRequest.of(field, message)


def _deeper_than(part: Any, levels: int) -> bool:
    if not isinstance(part, dict | list):
        return False
    below = part.values() if isinstance(part, dict) else part
    return levels == 0 or any(_deeper_than(each, levels - 1) for each in below)


def _expanded(part: Any, root: JsonObject, known: dict[str, int]) -> int:
    """How many parts the schema has once each local `$ref` is put in; one that refers to itself is counted once."""
    if isinstance(part, list):
        return sum(_expanded(each, root, known) for each in part)
    if not isinstance(part, dict):
        return 0
    size = 1 + sum(_expanded(each, root, known) for name, each in part.items() if name not in {"$defs", "definitions"})
    reference = part.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        if reference not in known:
            known[reference] = 1  # until it is counted: the end of a recursion
            known[reference] = _expanded(_target(root, reference), root, known)
        size += known[reference]
    return size


def _target(root: JsonObject, reference: str) -> Any:
    found: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _refuse(uri: str) -> NoReturn:
    # jsonschema-rs would fetch a remote $ref by itself: a producer could make a worker call any address.
    raise ValueError(f"$ref to {uri} is not followed: put the definition into $defs")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
