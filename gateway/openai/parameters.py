"""Reads a body into its model. What is refused is named as OpenAI's clients expect it: `messages[0].content`."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BeforeValidator, ValidationError
from pydantic_core import PydanticCustomError

from llamaq.vocabulary.errors import InvalidRequest, Problem
from llamaq.vocabulary.problems import find_closest, translate_error
from llamaq.vocabulary.wire import Strict

P = TypeVar("P", bound="Parameters")
UNSUPPORTED = "unsupported_parameter"
_UNKNOWN = "this server does not know it; leave it out, or mend its name"


class Parameters(Strict):
    """The base of the bodies. Null is absent, as in OpenAI's API."""


def read_parameters(model: type[P], body: Any, refused: Mapping[str, str]) -> P:
    """Read the body as its model.

    Args:
        model: of the endpoint's parameters.
        body: as it was read from JSON.
        refused: known parameters that the model does not have, with the reason.

    Raises:
        InvalidRequest: with the code `unsupported_parameter` for what Ollama cannot do and for unknown names; else
            `missing_required_parameter`, `invalid_type` or `invalid_value`.
    """
    if not isinstance(body, dict):
        raise InvalidRequest.of("", "the body has to be a JSON object", "invalid_type")
    given = {name: value for name, value in body.items() if value is not None}
    for name in given:
        if name not in model.model_fields:
            near = find_closest(str(name), model.model_fields)
            unknown = f"this server does not know it; did you mean {near}?" if near else _UNKNOWN
            raise unsupported(str(name)[:100], refused.get(name, unknown))
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise _refusal(error, given) from error


def unsupported(param: str, reason: str) -> InvalidRequest:
    """The error for what this server cannot do."""
    return InvalidRequest.of(param, reason, UNSUPPORTED)


def only(*values: Any, reason: str) -> BeforeValidator:
    """A field that takes these values alone, because Ollama can do nothing else."""

    def check(value: Any) -> Any:
        if any(type(value) is type(each) and value == each for each in values):
            return value
        raise PydanticCustomError(UNSUPPORTED, "{reason}", {"reason": reason})

    return BeforeValidator(check)


def parameter_path(field: str) -> str:
    """A dotted path in OpenAI's form: `messages.0.content` is `messages[0].content`."""
    first, *parts = field.split(".")
    return first + "".join(f"[{part}]" if part.isdecimal() else f".{part}" for part in parts)


def name_parameters(error: InvalidRequest, name: Callable[[str], str]) -> InvalidRequest:
    """Translate an error of the queue: parameters' names in place of those of the job's fields."""
    return InvalidRequest([Problem(name(each.field), each.message) for each in error.problems], error.code)


def _refusal(error: ValidationError, given: Mapping[str, Any]) -> InvalidRequest:
    found = [Problem(parameter_path(each.field), each.message) for each in translate_error(error, given)]
    kinds = [entry["type"] for entry in error.errors(include_url=False, include_context=False)]
    return InvalidRequest(found, _code(kinds))


def _code(kinds: list[str]) -> str:
    if {UNSUPPORTED, "extra_forbidden"} & set(kinds):
        return UNSUPPORTED
    if kinds[0] == "missing":
        return "missing_required_parameter"
    return "invalid_type" if all(kind.endswith("_type") for kind in kinds) else "invalid_value"
