"""Declares settings as fields of a pydantic model: the reader, the errors and the page of settings are made of them."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from llamaq.settings.numerals import AS_WRITTEN
from llamaq.vocabulary.errors import Problem

PREFIX = "LLAMAQ_"
MOST_SECONDS = 10**9
"""Redis' EXPIRE takes no more: the sum with the clock, in milliseconds, must be below 2^63."""
MOST_COUNT = 10**12
"""Lua and Redis represent it exactly, as a number and as text."""
_MOST_QUOTED = 80


def setting(  # noqa: PLR0913 - each argument is one part of a declaration, and given by name
    default: object,
    text: str,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    values: str = "",
    pattern: str | None = None,
    shown: str = "",
    ollama: str = "",
    secret: bool = False,
) -> Any:
    """Declare the setting of a field; its variable is the field's name in capitals, behind `LLAMAQ_`.

    Args:
        default: its value where nothing is set.
        text: what it sets, for the page of settings.
        least: the lowest value of a number.
        above: a bound that a number must be above.
        most: the highest value of a number.
        values: which values it takes; for numbers and literals they are derived.
        pattern: a regular expression that a text must match.
        shown: the default on the page, where it is computed.
        ollama: Ollama's variable that a worker reads where ours is not set.
        secret: whether the value may have a secret in it; no error and no `repr` shows it.
    """
    about: dict[str, Any] = {"values": values, "shown": shown, "ollama": ollama}
    bounds: dict[str, Any] = {"ge": least, "gt": above, "le": most, "pattern": pattern}
    made: Any = Field(default, description=text, repr=not secret, json_schema_extra=about, **bounds)
    if most is not None:  # so it is a number
        made.metadata.append(AS_WRITTEN)
    return made


def variable_name(name: str) -> str:
    """The variable of the environment that sets a field."""
    return PREFIX + name.upper()


def collect_fields(model: type[BaseModel], environ: Mapping[str, str]) -> dict[str, str]:
    """Collect the fields that variables of the environment set. An empty variable counts as not set."""
    return {name: value for name in model.model_fields if (value := environ.get(variable_name(name)))}


def declared_text(field: FieldInfo, what: Literal["values", "shown", "ollama"]) -> str:
    """One text of the declaration; empty where it has none."""
    return str(field.json_schema_extra[what]) if isinstance(field.json_schema_extra, dict) else ""


def default(model: type[BaseModel], name: str) -> Any:
    """The declared default of one setting."""
    return model.model_fields[name].default


def describe_values(field: FieldInfo) -> str:
    """Describe the values that a setting takes: "a whole number from 1 to 1000"."""
    if declared := declared_text(field, "values"):
        return declared
    kinds = [kind for kind in (field.annotation, *get_args(field.annotation)) if kind is not type(None)]
    for kind in kinds:
        if get_origin(kind) is Literal:
            return " or ".join(map(str, get_args(kind)))
    return f"{'a whole number' if int in kinds else 'a number'} {_bounds(field)}"


def _bounds(field: FieldInfo) -> str:
    bounds = {type(bound): bound for bound in field.metadata}
    most = f"{bounds[Le].le}"
    return f"above {bounds[Gt].gt}, up to {most}" if Gt in bounds else f"from {bounds[Ge].ge} to {most}"


def translate_error(model: type[BaseModel], error: ValidationError) -> Iterable[Problem]:
    """Translate the error: a problem for each wrong field, whose message names the values that the field takes."""
    for found in error.errors(include_url=False):
        name = str(found["loc"][0]) if found["loc"] else ""
        yield Problem(name, _message(model.model_fields.get(name), found))


def _message(field: FieldInfo | None, found: ErrorDetails) -> str:
    if field is None or found["type"] == "value_error":  # of a validator, whose message names no value
        return found["msg"].removeprefix("Value error, ")
    return f"must be {describe_values(field)}" + (f", not {str(found['input'])[:_MOST_QUOTED]!r}" if field.repr else "")
