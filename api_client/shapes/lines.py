"""The lines and bodies of /api/generate, /api/chat, /api/embed and /api/pull.

A long list is read up to its first bad item: an error for each of a million would fill the memory.

Lines are the hot path: 64 streams of 50 tokens/s are 3,200 lines a second. Reading one into its shape takes 0.9 to
1.0 µs; parsing it without a check takes 0.7 to 0.9 µs.
"""

from math import isfinite
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import from_json, to_json

from api_client.shapes.reading import SHAPE, Count, Shape, TypedDict


def _check_finite(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse NaN and 1e999, which is read as infinite: no reader of strict JSON can read them."""
    try:
        from_json(to_json(value, inf_nan_mode="constants"), allow_inf_nan=False)
    except ValueError as error:
        raise ValueError("an object of finite numbers") from error
    return value


def _truncate_float(value: Any) -> Any:
    return int(value) if isinstance(value, float) and isfinite(value) else value


# Servers in Python count in fractions of a nanosecond.
Duration = Annotated[Count, BeforeValidator(_truncate_float)]


class Function(TypedDict, total=False):
    """The function that a tool call names, with its arguments as an object. Go writes null for an empty one."""

    __pydantic_config__ = SHAPE | {"extra": "allow"}  # type: ignore[misc]  # pydantic's way to configure it
    name: str
    arguments: Annotated[dict[str, Any], BeforeValidator(lambda given: {} if given is None else given)]


class ToolCall(TypedDict, total=False):
    """One tool call. It goes to the producer with fields that a newer server adds."""

    __pydantic_config__ = SHAPE | {"extra": "allow"}  # type: ignore[misc]  # as above
    id: str | None
    type: str | None
    function: Function


class Message(TypedDict, total=False):
    """The part of the assistant's message in one line."""

    __pydantic_config__ = SHAPE  # type: ignore[misc]  # as above
    content: str | None
    thinking: str | None
    tool_calls: Annotated[list[Annotated[ToolCall, AfterValidator(_check_finite)]], Field(fail_fast=True)] | None


class Logprob(TypedDict, total=False):
    """One token and its logarithmic probability, with fields that a newer server adds."""

    __pydantic_config__ = SHAPE | {"extra": "allow"}  # type: ignore[misc]  # as above
    token: str
    logprob: float


class Stats(TypedDict, total=False):
    """The fields that a last line, or an answer in one body, adds. Durations are in nanoseconds."""

    __pydantic_config__ = SHAPE  # type: ignore[misc]  # as above
    error: Any
    model: str | None
    total_duration: Duration | None
    load_duration: Duration | None
    prompt_eval_count: Count | None
    prompt_eval_duration: Duration | None
    eval_count: Count | None
    eval_duration: Duration | None
    logprobs: Annotated[list[Annotated[Logprob, AfterValidator(_check_finite)]], Field(fail_fast=True)] | None


class GenerateLine(Stats, total=False):
    """A line of /api/generate."""

    response: str | None
    thinking: str | None
    done: bool | None
    done_reason: str | None
    context: Annotated[list[Count], Field(fail_fast=True)] | None


class ChatLine(Stats, total=False):
    """A line of /api/chat."""

    message: Message | None
    done: bool | None
    done_reason: str | None


class PullLine(TypedDict, total=False):
    """A line of /api/pull: sizes are in bytes."""

    __pydantic_config__ = SHAPE  # type: ignore[misc]  # as above
    error: Any
    status: str | None
    digest: str | None
    total: Count | None
    completed: Count | None


class Vectors(Stats, total=False):
    """The answer of /api/embed. A number may still be NaN, since the caller knows which input it is of."""

    embeddings: Annotated[list[Annotated[list[float], Field(fail_fast=True)]], Field(fail_fast=True)] | None


class Lines(NamedTuple):
    """The lines of an endpoint: their shape, and the key and value that mark the last one."""

    shape: Shape[Any]
    last_key: str
    last_value: object


GENERATE = Lines(Shape(GenerateLine), "done", True)
CHAT = Lines(Shape(ChatLine), "done", True)
PULL = Lines(Shape(PullLine), "status", "success")
VECTORS = Shape(Vectors)
