"""JSON as it goes into Redis, and the two bases of the models that read and write it."""

import json
from typing import Annotated, Any, TypeVar

import pydantic
from pydantic import AfterValidator, BaseModel, ConfigDict, TypeAdapter
from pydantic_core import from_json, to_json

T = TypeVar("T")


class Strict(BaseModel):
    """What producers write: an unknown field or a value of another type is refused, and nothing is converted."""

    model_config = ConfigDict(
        defer_build=True,  # at its first use: building all models takes a tenth of the import
        extra="forbid",
        strict=True,
        populate_by_name=True,
        protected_namespaces=(),
        allow_inf_nan=False,
        # Far beyond every limit: only with a maximum does pydantic check the characters. Without it half a surrogate
        # pair would pass, which cannot be stored.
        str_max_length=2**31,
    )


class Frozen(BaseModel):
    """What workers write: immutable, and tolerant of fields that a newer worker adds."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore", protected_namespaces=())


def adapter_of(target: type[T] | TypeAdapter[T]) -> TypeAdapter[T]:
    """What validates to the type: a pydantic model, a dataclass, a TypedDict or whatever else pydantic knows."""
    return target if isinstance(target, TypeAdapter) else pydantic.TypeAdapter(target)


def dumps(value: Any) -> str:
    """Compact JSON, readable in any script; half a surrogate pair, which UTF-8 cannot carry, becomes U+FFFD.

    Raises:
        ValueError: it holds NaN or an infinity, which are not JSON.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        # Escaped, the half would break every reader with a strict parser. Two halves of one pair are joined here.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def members(**fields: Any) -> str:
    """The members of a JSON object without its braces: a script adds the common ones. None is left out."""
    return dumps({name: value for name, value in fields.items() if value is not None})[1:-1]


def _plain_json(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse what a worker could not read as it was: NaN, half a surrogate pair, nesting that is too deep."""
    try:
        from_json(to_json(value, inf_nan_mode="constants"), allow_inf_nan=False)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error
    return value


JsonObject = Annotated[dict[str, Any], AfterValidator(_plain_json)]
