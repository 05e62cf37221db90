"""Schemas of an extraction: out of the type that a producer asks for, and checked before anything is queued."""

from typing import Any, NoReturn
from urllib.parse import unquote

import jsonschema_rs
import pydantic
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError

from llamaq.errors import InvalidRequest
from llamaq.requests import JsonObject

MOST_EXPANDED = 10_000
"""Parts of a schema with its `$ref`s put in: branches that refer on to branches double at each step, and a validator
that collects errors walks them all."""


def schema_of(target: Any) -> JsonObject:
    """The JSON Schema of a pydantic model (or another type that pydantic knows); a dict is one already.

    Raises:
        InvalidRequest: the type has no JSON Schema.
    """
    if isinstance(target, dict):
        return target
    try:
        return pydantic.TypeAdapter(target).json_schema()
    except (PydanticUserError, PydanticInvalidForJsonSchema) as error:
        raise InvalidRequest.of("schema", f"{target!r} has no JSON Schema: {error}") from error


def check_schema(schema: JsonObject, field: str = "schema") -> jsonschema_rs.Validator:
    """The schema's validator, which never fetches anything, whatever a `$ref` names.

    Raises:
        InvalidRequest: it is no schema, or refers to somewhere else.
    """
    if _expanded(schema, schema, {}) > MOST_EXPANDED:
        message = f"its $refs unfold to more than {MOST_EXPANDED} parts: an answer could not be checked in bounded time"
        raise InvalidRequest.of(field, message)
    try:
        return jsonschema_rs.validator_for(schema, retriever=_refuse)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError, TypeError) as error:
        raise InvalidRequest.of(field, f"not a usable JSON Schema: {_first_line(error)}") from error


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
