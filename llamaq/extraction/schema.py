"""Schemas of extractions: made of the type that a producer asks for, and checked before the job is queued."""

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import jsonschema_rs
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from llamaq.extraction import references
from llamaq.extraction.contradictions import find_contradictions
from llamaq.extraction.engine.grammar import translate_schema
from llamaq.extraction.references import Path
from llamaq.extraction.schema_shape import check_shape, has_limits
from llamaq.extraction.standard_types import StandardTypes
from llamaq.vocabulary.errors import InvalidRequest, Problem
from llamaq.vocabulary.kinds.value_type import no_type_message, resolve_type
from llamaq.vocabulary.wire import JsonObject, dumps

MOST_BYTES = 65_536
"""Bytes of a schema as JSON. It is sent with every request to Ollama, and compiled for each."""
DEEPEST = 64
"""Levels of objects and lists in a schema. A property takes two."""
MOST_EXPANDED = 10_000
"""Parts of a schema with its `$ref`s expanded. Their number may double with each reference, and a validator that
collects all errors visits every part."""
_VALIDATORS: Mapping[int, Any] = {4: jsonschema_rs.Draft4Validator, 7: jsonschema_rs.Draft7Validator}
_DECIMAL = r"^-?[0-9]+(\.[0-9]+)?$"


class _ForEngine(StandardTypes):
    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        """The schema of a Decimal with a pattern for the engine: pydantic's has a look-ahead, or is missing."""
        found = super().decimal_schema(schema)
        for choice in found.get("anyOf", [found]):
            if choice.get("type") == "string":
                choice["pattern"] = _DECIMAL
        return found


def schema_of(target: Any) -> JsonObject:
    """The JSON Schema of a type (or TypeAdapter) that pydantic knows; a dict is taken as a schema.

    Raises:
        InvalidRequest: the type has no JSON Schema.
    """
    if isinstance(target, dict):
        return target
    try:
        adapter = resolve_type(target, "schema")
    except TypeError as error:
        raise InvalidRequest.of("schema", str(error)) from error
    try:
        schema = adapter.json_schema(schema_generator=_ForEngine)
        return schema if has_limits(schema) else {}  # of a type that allows anything: a title alone is refused
    except Exception as error:  # whatever pydantic raises for a type without a schema
        raise InvalidRequest.of("schema", no_type_message(target, error, "schema")) from error


def check_schema(schema: JsonObject, field: str = "schema") -> jsonschema_rs.Validator:
    """The validator of a schema whose cost is bounded, and for which a value can be valid. No `$ref` is fetched.

    Raises:
        InvalidRequest: it is no schema, is too large, has a `$ref` to something outside, or no value can be valid.
    """
    _check_bounds(schema, field)
    check_shape(schema, field)
    _refuse_all(references.find_problems(schema), field)
    validator = validator_of(schema, field)
    if translate_schema(schema) is None:
        _refuse_all(find_contradictions(schema), field)
        raise InvalidRequest.of(field, "its rules contradict each other, so no value is valid")
    return validator


def validator_of(schema: JsonObject, field: str = "schema") -> jsonschema_rs.Validator:
    """The validator of a schema, with formats such as `date`. No `$ref` is fetched.

    A schema that does not name its draft is of 2020-12; of draft 7 where `items` is a list, and of draft 4 where
    `exclusiveMinimum` is a truth value.

    Raises:
        InvalidRequest: it is no schema, or has a remote `$ref`.
    """
    make = None if "$schema" in schema else _VALIDATORS.get(references.draft_of(schema))
    try:
        found: jsonschema_rs.Validator = (make or jsonschema_rs.validator_for)(
            schema, retriever=_refuse_remote, validate_formats=True
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError, TypeError) as error:
        raise InvalidRequest.of(field, f"not a usable JSON Schema: {_first_line(error)}") from error
    return found


def _refuse_all(found: Iterable[tuple[Path, str]], field: str) -> None:
    if problems := [Problem(".".join((field, *path)), message) for path, message in found]:
        raise InvalidRequest(problems)


def _check_bounds(schema: JsonObject, field: str) -> None:
    if not isinstance(schema, dict):
        raise InvalidRequest.of(field, "not a usable JSON Schema: it is no object")
    # The depth comes first, because the other checks are recursive.
    if _is_deeper_than(schema, DEEPEST):
        raise InvalidRequest.of(field, f"it is nested deeper than {DEEPEST} levels")
    try:
        size = len(dumps(schema).encode())
    except (ValueError, TypeError) as error:
        raise InvalidRequest.of(field, f"not a usable JSON Schema: {_first_line(error)}") from error
    if size > MOST_BYTES:
        raise InvalidRequest.of(field, f"its JSON has {size} bytes, more than {MOST_BYTES}")
    try:
        expanded = _count_expanded(schema, references.References(schema), {})
    except RecursionError:
        raise InvalidRequest.of(field, "its $refs form too long a chain") from None
    if expanded > MOST_EXPANDED:
        message = f"its $refs unfold to more than {MOST_EXPANDED} parts: an answer could not be checked in bounded time"
        raise InvalidRequest.of(field, message)


def _is_deeper_than(part: Any, levels: int) -> bool:
    if not isinstance(part, dict | list):
        return False
    below = part.values() if isinstance(part, dict) else part
    return levels == 0 or any(_is_deeper_than(each, levels - 1) for each in below)


def _count_expanded(part: Any, root: references.References, counts: dict[str, int]) -> int:
    """Count the parts with each local `$ref` expanded. A part that refers to itself is counted once."""
    if isinstance(part, list):
        return sum(_count_expanded(each, root, counts) for each in part)
    if not isinstance(part, dict):
        return 0
    size = 1 + sum(
        _count_expanded(each, root, counts) for name, each in part.items() if name not in {"$defs", "definitions"}
    )
    reference = part.get("$ref")
    if isinstance(reference, str):
        if reference not in counts:
            counts[reference] = 1  # ends the recursion of a part that refers to itself
            counts[reference] = _count_expanded(root.resolve(reference), root, counts)
        size += counts[reference]
    return size


def _refuse_remote(uri: str) -> NoReturn:
    # jsonschema-rs would fetch a remote $ref, so a producer could make a worker call any address.
    raise ValueError(f"$ref to {uri} is not followed: put the definition into $defs")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
