"""Schemas of an extraction: out of the type that a producer asks for, and checked before anything is queued."""

from typing import Any, NoReturn

import jsonschema_rs
import pydantic
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError

from llamaq.errors import InvalidRequest
from llamaq.requests import JsonObject


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
    try:
        return jsonschema_rs.validator_for(schema, retriever=_refuse)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError, TypeError) as error:
        raise InvalidRequest.of(field, f"not a usable JSON Schema: {_first_line(error)}") from error


def _refuse(uri: str) -> NoReturn:
    # jsonschema-rs would fetch a remote $ref by itself: a producer could make a worker call any address.
    raise ValueError(f"$ref to {uri} is not followed: put the definition into $defs")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
