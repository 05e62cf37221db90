"""`response_format`: what an answer has to be, and how Ollama is held to it."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import jsonschema_rs
from pydantic import Field

from gateway.openai.parameters import Parameters, read_parameters
from llamaq.extraction.engine.grammar import translate_schema
from llamaq.extraction.schema import check_schema
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.wire import JsonObject

_PARAM = "response_format"


class _Named(Parameters):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] | None = None
    description: str | None = None
    json_schema: JsonObject | None = Field(default=None, alias="schema")
    strict: bool | None = None


class _Given(Parameters):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _Named | None = None


class _Whole(Parameters):
    response_format: _Given


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """The form of an answer.

    Attributes:
        sent: the job's `format`.
        param: the parameter that it comes from.
        validator: of an answer that has to be valid, or the request fails.
    """

    sent: Literal["json"] | JsonObject | None = None
    param: str = _PARAM
    validator: jsonschema_rs.Validator | None = None


def response_format_of(given: JsonObject | None) -> ResponseFormat:
    """The form that a `response_format` asks for.

    A schema is sent as it is. With `strict` it is translated into what the engine's grammar can hold the model to, and
    the answer is checked against the whole schema.

    Raises:
        InvalidRequest: it is no `response_format`, or its schema is not usable.
    """
    if given is None:
        return ResponseFormat()
    found = read_parameters(_Whole, {_PARAM: given}, {}).response_format
    if found.type == "json_object":
        return ResponseFormat("json")
    if found.type == "text":
        return ResponseFormat()
    param = f"{_PARAM}.json_schema"
    if found.json_schema is None or found.json_schema.json_schema is None:
        missing = param if found.json_schema is None else f"{param}.schema"
        raise InvalidRequest.of(missing, "it is missing", "missing_required_parameter")
    schema = found.json_schema.json_schema
    return (
        strict_format(schema, f"{param}.schema")
        if found.json_schema.strict
        else ResponseFormat(schema, f"{param}.schema")
    )


def strict_format(schema: JsonObject, param: str) -> ResponseFormat:
    """The form of a schema that an answer has to be valid for.

    Raises:
        InvalidRequest: it is no usable schema, or no value can be valid.
    """
    return ResponseFormat(translate_schema(schema) or {}, param, check_schema(schema, param))


def find_problem(validator: jsonschema_rs.Validator, value: Any) -> str | None:
    """Find what is wrong with a value, in one line; None where it is valid."""
    problem = next(validator.iter_errors(value), None)
    if problem is None:
        return None
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem.instance_path)
    return f"${where}: {problem.message}"
