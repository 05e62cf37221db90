"""The JSON in Redis, and the two bases of the models of it."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator
from pydantic_core import from_json, to_json

T = TypeVar("T")
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
"""Made once: `json.dumps` makes an encoder at each call."""


class Strict(BaseModel):
    """The base of what producers write. An unknown field or a value of another type is refused; null is absent.

    PHP has one empty array, so `[]` is an empty object where a model is expected.
    """

    model_config = ConfigDict(
        defer_build=True,  # building all models would take a tenth of the import
        extra="forbid",
        strict=True,
        populate_by_name=True,
        protected_namespaces=(),
        allow_inf_nan=False,
        # Only with a maximum length does pydantic check the characters. Without the check, half a surrogate pair would
        # pass, which cannot be stored.
        str_max_length=2**31,
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, given: Any) -> Any:
        if given == []:
            return {}
        if not isinstance(given, Mapping):
            return given
        known = _names_of(cls)
        return {name: value for name, value in given.items() if value is not None or name not in known}


@cache
def _names_of(model: type[BaseModel]) -> frozenset[str | None]:
    return frozenset(name for field, info in model.model_fields.items() for name in (field, info.alias))


class Frozen(BaseModel):
    """The base of what workers write. It is immutable, and ignores fields that a newer worker adds."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore", protected_namespaces=())


def wire_object(record: BaseModel, *, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The record as a JSON object, as programs get it. Times are in Unix seconds; fields without a value are null."""
    fields = record.model_dump(mode="json", exclude=set(without))
    values = {name: getattr(record, name) for name in fields}
    return fields | {name: value.timestamp() for name, value in values.items() if isinstance(value, datetime)}


def dumps(value: Any) -> str:
    """Compact JSON without ASCII escapes. Half a surrogate pair, which is not UTF-8, becomes U+FFFD.

    Raises:
        ValueError: it has NaN or an infinity, which are not JSON.
    """
    # Escaped, the half would break every reader with a strict parser.
    return replace_surrogates(_COMPACT.encode(value))


def replace_surrogates(text: str) -> str:
    """Make a text that UTF-8 can carry: half a surrogate pair becomes U+FFFD, two halves of one pair are joined."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def byte_length(text: str) -> int:
    """The length in UTF-8. It costs nothing for ASCII, as most long texts are."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def dump_members(**fields: Any) -> str:
    """Dump the members of a JSON object, without its braces and those that are None. A script adds the common ones."""
    return dumps({name: value for name, value in fields.items() if value is not None})[1:-1]


def check_json(value: T) -> T:
    """Refuse what a worker could not read: NaN, half a surrogate pair, or too deep nesting.

    Raises:
        ValueError: the value holds such a thing, or is no JSON at all.
    """
    try:
        from_json(to_json(value, inf_nan_mode="constants"), allow_inf_nan=False)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error
    return value


JsonObject = Annotated[dict[str, Any], AfterValidator(check_json)]
JsonExtra = Annotated[Any, AfterValidator(check_json)]
"""The value of a field that a model takes without knowing it (`extra="allow"`)."""
