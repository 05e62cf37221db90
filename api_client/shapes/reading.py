"""Parses JSON of a host and checks its types in one step, which costs little more than the parsing alone."""

import json
import re
import sys
from typing import Annotated, Generic, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from api_client.errors import StreamError, UnknownShape

if sys.version_info >= (3, 12):  # pydantic cannot read the one of an older `typing`
    from typing import TypedDict
else:
    from typing_extensions import TypedDict

__all__ = ["SHAPE", "Count", "Shape", "TypedDict"]

T = TypeVar("T")

# Strict: "7" for a number and 1 for true come from servers that are no Ollama. Unknown fields are ignored, so that
# newer servers are understood.
SHAPE = ConfigDict(extra="ignore", strict=True)
# Go's int64. Without a limit a number of 4,000 digits passes, which no float can hold.
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
BOM = "\ufeff".encode()
"""Some proxies put it before a body; JSON has none, and readers may ignore it."""
_SSE = re.compile(rb"(data|event|id|retry)?:")
# The names of fields in an error may be texts of the host, of any length.
LONGEST_PATH = 100


class Shape(Generic[T]):
    """The shape of an answer.

    Attributes:
        parse: Reads bytes of JSON; raises pydantic's ValidationError, which `shape_error` translates.
    """

    def __init__(self, kind: type[T]) -> None:
        # `TypeAdapter.validate_json` would cost one more call for each token.
        self.parse = TypeAdapter(kind).validator.validate_json

    def read(self, body: bytes, source: str) -> T:
        """Read a whole answer.

        Raises:
            UnknownShape: A field has another type than Ollama's.
            StreamError: It is not a JSON object.
        """
        try:
            value: T = self.parse(body)
        except ValidationError as error:
            raise shape_error(error, body, source) from error
        return value


def shape_error(error: ValidationError, body: bytes, source: str) -> StreamError:
    """Make the error for an answer of `source` that does not have the expected shape."""
    first = error.errors(include_url=False, include_context=False)[0]
    if first["type"] == "json_invalid" or not first["loc"]:
        return no_object_error(body, source)
    field, problem = find_problem(error)
    return UnknownShape(f"{source} sent an answer of unknown shape: {field} {problem}", field=field)


def no_object_error(body: bytes, source: str) -> StreamError:
    """Make the error for an answer of `source` that is something else than a JSON object."""
    said = repr(body[:80].decode("utf-8", "replace"))
    if _SSE.match(body):
        remedy = "a proxy before it rewrites its answers, and must pass them on as they are"
        return StreamError(f"{source} sent Server-Sent Events in place of lines of JSON ({said}): {remedy}")
    return StreamError(f"{source} sent what is not a JSON object: {said}")


def find_problem(error: ValidationError) -> tuple[str, str]:
    """Find the first field of an answer that is wrong, and what is wrong with it."""
    first = error.errors(include_url=False, include_context=False)[0]
    wanted = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    problem = "is missing" if first["type"] == "missing" else f"is {_describe(first['input'])} and should be {wanted}"
    return ".".join(map(str, first["loc"]))[:LONGEST_PATH], problem


def _describe(value: object) -> str:
    """Describe a JSON value in a few words."""
    match value:
        case None | bool():
            return json.dumps(value)
        case str():
            return f"the text {value[:40]!r}"
        case int() if value.bit_length() > 100:
            return "a number out of range"
        case int() | float():
            return f"the number {value}"
    return "a list" if isinstance(value, list | tuple) else "an object"
