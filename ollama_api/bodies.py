"""The bodies of Ollama's endpoints: the structs of its `api` package, as far as a request is refused by them here.

What a job passes on as it is, such as the parts of a tool, is left to the host's Ollama.
"""

from functools import partial
from typing import Any

from ollama_api import durations
from ollama_api.decoding import (
    Json,
    Read,
    Where,
    array,
    decode_body,
    of_type,
    read_anything,
    read_image,
    struct,
    struct_by_itself,
)
from ollama_api.encoding import quote
from ollama_api.refusal import Refusal

LEVELS = ("high", "medium", "low", "max")
_CHOICES = ", ".join(map(quote, LEVELS)) + ", true, or false"
_GO_TYPES: dict[type, str] = {bool: "bool", list: "[]interface {}", dict: "map[string]interface {}"}

_TEXT = of_type("string", str)
_FLAG = of_type("bool", bool)
_WHOLE = of_type("int", int)
_OPTIONS = of_type("map[string]interface {}", dict)


def _read_keep_alive(value: Any, where: Where) -> float | int:  # noqa: ARG001 - Ollama's own code names no place
    if isinstance(value, int | float) and not isinstance(value, bool):
        return durations.to_keep_alive(value)
    if not isinstance(value, str):
        raise Refusal(400, f"Unsupported type: '{_GO_TYPES[type(value)]}'")
    try:
        return durations.to_keep_alive(durations.parse_duration(value))
    except ValueError as error:
        raise Refusal(400, str(error)) from None


def _read_think(value: Any, where: Where) -> bool | str:  # noqa: ARG001 - as above
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise Refusal(400, f"think must be a boolean or string ({_CHOICES})")
    if value not in LEVELS:
        raise Refusal(400, f"invalid think value: {quote(value)} (must be {_CHOICES})")
    return value


def _read_role(value: Any, where: Where) -> str:
    return str(_TEXT(value, where)).lower()


def _read_arguments(value: Any, where: Where) -> Json:  # noqa: ARG001 - as above
    if not isinstance(value, dict):
        raise Refusal(400, "Value looks like object, but can't find closing '}' symbol")
    return value


_IMAGES = array("[]api.ImageData", read_image, "")
_FUNCTION = struct("api.ToolCallFunction", {"index": _WHOLE, "name": _TEXT, "arguments": _read_arguments})
_TOOL_CALL = struct("api.ToolCall", {"id": _TEXT, "function": _FUNCTION})
_MESSAGE = struct_by_itself(
    "Alias",
    {
        "role": _read_role,
        "content": _TEXT,
        "thinking": _TEXT,
        "images": _IMAGES,
        "tool_calls": array("[]api.ToolCall", _TOOL_CALL, {}),
        "tool_name": _TEXT,
        "tool_call_id": _TEXT,
    },
)
_MODEL: dict[str, Read] = {"model": _TEXT, "keep_alive": _read_keep_alive, "options": _OPTIONS}
_ANSWER: dict[str, Read] = _MODEL | {
    "stream": _FLAG,
    "format": read_anything,
    "think": _read_think,
    "truncate": _FLAG,
    "shift": _FLAG,
    "logprobs": _FLAG,
    "top_logprobs": _WHOLE,
    "_debug_render_only": _FLAG,
}
_GENERATE = _ANSWER | {
    "prompt": _TEXT,
    "suffix": _TEXT,
    "system": _TEXT,
    "template": _TEXT,
    "context": array("[]int", _WHOLE, 0),
    "raw": _FLAG,
    "images": _IMAGES,
}
_CHAT = _ANSWER | {
    "messages": array("[]api.Message", _MESSAGE, {}),
    "tools": array("api.Tools", of_type("api.Tool", dict), {}),
}
_EMBED = _MODEL | {"input": read_anything, "truncate": _FLAG, "dimensions": _WHOLE}
_EMBEDDINGS = _MODEL | {"prompt": _TEXT}
_NAMED: dict[str, Read] = {"model": _TEXT, "name": _TEXT}
_SHOW = _NAMED | {"system": _TEXT, "template": _TEXT, "verbose": _FLAG, "options": _OPTIONS}
_PULL = _NAMED | {"insecure": _FLAG, "username": _TEXT, "password": _TEXT, "stream": _FLAG}

generate = partial(decode_body, struct="GenerateRequest", fields=_GENERATE)
chat = partial(decode_body, struct="ChatRequest", fields=_CHAT)
embed = partial(decode_body, struct="EmbedRequest", fields=_EMBED)
embeddings = partial(decode_body, struct="EmbeddingRequest", fields=_EMBEDDINGS)
show = partial(decode_body, struct="ShowRequest", fields=_SHOW)
pull = partial(decode_body, struct="PullRequest", fields=_PULL)
"""Each reads the body of the endpoint of its name: the known fields that are not null. It raises `Refusal`, 400."""
