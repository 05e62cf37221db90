"""Reads a request's body as Ollama's Go code does, with the same error messages."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from embedded.engine.interface import EngineError, Json

_GO_NAMES: dict[type, str] = {
    bool: "bool",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}
_ACCEPTS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "bool": (bool,),
    "int": (int,),
    "[]int": (list,),
    "[]string": (list,),
    "[]api.ImageData": (list,),
    "[]api.Message": (list,),
    "[]api.ToolCall": (list,),
    "api.Tools": (list,),
    "map[string]interface {}": (dict,),
    "api.ToolCallFunction": (dict,),
}
_LITERALS = {"t": "true", "f": "false", "n": "null"}
_BASE64 = re.compile(rb"[A-Za-z0-9+/\r\n]*")


@dataclass(frozen=True)
class Shape:
    """A Go struct: its name and the Go types of its fields. Fields that are not listed are not checked."""

    name: str
    fields: Mapping[str, str]


_COMMON = {
    "model": "string",
    "stream": "bool",
    "options": "map[string]interface {}",
    "truncate": "bool",
    "shift": "bool",
}
GENERATE = Shape(
    "GenerateRequest",
    _COMMON | {"prompt": "string", "suffix": "string", "system": "string", "template": "string", "context": "[]int",
               "raw": "bool", "images": "[]api.ImageData"},
)  # fmt: skip
CHAT = Shape("ChatRequest", _COMMON | {"messages": "[]api.Message", "tools": "api.Tools"})
EMBED = Shape("EmbedRequest", _COMMON | {"dimensions": "int"})
EMBEDDINGS = Shape("EmbeddingRequest", _COMMON | {"prompt": "string"})
SHOW = Shape("ShowRequest", {"model": "string", "name": "string", "verbose": "bool"})
PULL = Shape("PullRequest", {"model": "string", "name": "string", "stream": "bool"})
_MESSAGE = Shape(
    "Alias",
    {"role": "string", "content": "string", "thinking": "string", "images": "[]api.ImageData",
     "tool_calls": "[]api.ToolCall", "tool_name": "string", "tool_call_id": "string"},
)  # fmt: skip
_TOOL_CALL = Shape("ToolCall", {"id": "string", "function": "api.ToolCallFunction"})
_FUNCTION = Shape("ToolCallFunction", {"index": "int", "name": "string"})


def decode(raw: bytes, shape: Shape) -> Json:
    """The request as a dict whose known fields have the right types or are absent.

    Raises:
        EngineError: 400, in the words of Go's encoding/json.
    """
    value = _parse(raw)
    if not isinstance(value, dict):
        raise EngineError(400, f"json: cannot unmarshal {_go_name(value)} into Go value of type api.{shape.name}")
    return _checked(value, shape)


def images_of(body: Json) -> tuple[bytes, ...]:
    """All images of a decoded request, of its messages too, in order."""
    carriers = [body, *body.get("messages", ())]
    return tuple(base64.b64decode(image) for carrier in carriers for image in carrier.get("images", ()))


def _checked(value: Json, shape: Shape) -> Json:
    present = {key: item for key, item in value.items() if item is not None}
    for key, item in present.items():
        expected = shape.fields.get(key)
        if expected is not None:
            _check_field(shape, key, item, expected)
    return present


def _check_field(shape: Shape, key: str, item: Any, expected: str) -> None:
    # In Python a bool is an int; in Go it is not.
    accepted = isinstance(item, _ACCEPTS[expected]) and (expected == "bool" or not isinstance(item, bool))
    if not accepted:
        where = f"Go struct field {shape.name}.{key} of type {expected}"
        raise EngineError(400, f"json: cannot unmarshal {_go_name(item)} into {where}")
    if expected == "[]api.ImageData":
        for index, image in enumerate(item):
            _check_image(image, f"{shape.name}.{key}.{index}")
    if expected == "[]api.Message":
        item[:] = [_checked_message(message) for message in item]


def _checked_message(message: object) -> Json:
    if not isinstance(message, dict):
        raise EngineError(400, f"json: cannot unmarshal {_go_name(message)} into Go value of type api.Alias")
    # Go matches names of fields in any case.
    checked = _checked({str(name).lower(): value for name, value in message.items()}, _MESSAGE)
    if "role" in checked:
        checked["role"] = checked["role"].lower()
    if "tool_calls" in checked:
        checked["tool_calls"] = [_checked_call(call) for call in checked["tool_calls"]]
    return checked


def _checked_call(call: object) -> Json:
    if not isinstance(call, dict):
        raise EngineError(400, f"json: cannot unmarshal {_go_name(call)} into Go value of type api.ToolCall")
    checked = _checked(call, _TOOL_CALL)
    function = _checked(checked.get("function", {}), _FUNCTION)
    if not isinstance(function.get("arguments", {}), dict):
        raise EngineError(400, "Value looks like object, but can't find closing '}' symbol")
    return {**checked, "function": function}


def _check_image(image: object, where: str) -> None:
    if not isinstance(image, str):
        raise EngineError(400, f"json: cannot unmarshal {_go_name(image)} into {where} of type api.ImageData")
    text = image.encode()
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error:
        good = _BASE64.match(text)
        at = good.end() if good else 0
        reason = f"illegal base64 data at input byte {at}"
        message = f"json: cannot unmarshal string into {where} of type api.ImageData: {reason}"
        raise EngineError(400, message) from None


def _parse(raw: bytes) -> object:
    text = raw.decode("utf-8", errors="replace").lstrip(" \t\r\n")
    if not text:
        raise EngineError(400, "missing request body")
    try:
        # What follows the first value is ignored: a Go decoder reads one value from a stream.
        return json.JSONDecoder(strict=False).raw_decode(text)[0]
    except (json.JSONDecodeError, RecursionError) as error:
        at = getattr(error, "pos", 0)
        raise EngineError(400, _syntax_error(text, at)) from None


def _syntax_error(text: str, at: int) -> str:
    rest = text[at:].lstrip(" \t\r\n")
    # Python points at the opening quote of a string that never ends, and (since 3.13) at a comma that nothing follows.
    if not rest.strip(", \t\r\n") or (rest[0] == '"' and '"' not in rest[1:]):
        return "unexpected EOF"
    literal = _LITERALS.get(rest[0])
    if literal is None:
        return f"invalid character {rest[0]!r} looking for beginning of value"
    for index, wanted in enumerate(literal):
        if index >= len(rest):
            return "unexpected EOF"
        if rest[index] != wanted:
            return f"invalid character {rest[index]!r} in literal {literal} (expecting {wanted!r})"
    return f"invalid character {rest[len(literal) : len(literal) + 1]!r} after top-level value"


def _go_name(value: object) -> str:
    return _GO_NAMES.get(type(value), "null")
