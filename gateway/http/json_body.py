"""Reads the body of a request as JSON, nested to a bounded depth."""

import json
import re
from math import isfinite
from typing import Any

from pydantic_core import from_json
from starlette.requests import ClientDisconnect, Request

from gateway.http.errors import GatewayError
from llamaq.vocabulary.wire import dumps

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


async def read_json_object(request: Request) -> dict[str, Any]:
    """Read the object in the body, whatever its `Content-Type` says: Ollama's and curl's users often leave that out.

    Raises:
        GatewayError: it is empty, compressed or not JSON, is nested too deep (200 levels), has a number that no
            64-bit float holds, or is no object.
    """
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity"):
        raise GatewayError(415, "unsupported_media_type", f"the body is compressed ({coding[:40]}): send it plain")
    body = await read_body(request)
    if not body.strip():
        raise GatewayError(400, "invalid_json", "the body is empty: it must be a JSON object")
    value = parse_json_body(body)
    if not isinstance(value, dict):
        raise GatewayError(400, "invalid_request", "the body must be a JSON object")
    return value


async def read_body(request: Request) -> bytes:
    """Read the body of a request, once: the generators of `request.body()` take longer.

    Raises:
        ClientDisconnect: the client has left.
    """
    parts, more = list[bytes](), True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def parse_json_body(text: bytes | str) -> Any:
    """Parse a JSON text.

    Raises:
        GatewayError: it is not JSON, is nested too deep, or has a number that no 64-bit float holds.
    """
    try:
        return decode_json(text)
    except ValueError as error:
        raise GatewayError(400, "invalid_json", f"the body is not JSON: {error}") from None


def decode_json(text: bytes | str) -> Any:
    """Decode a JSON text into a value that can be written as JSON again.

    Half a surrogate pair is read as U+FFFD, as Ollama does: JavaScript that cuts a text may cut a pair.

    Raises:
        ValueError: it is not JSON, is nested too deep, or has a number that no 64-bit float holds, such as `1e400`.
    """
    try:
        value = from_json(text, allow_inf_nan=False)
    except ValueError:
        if not _SURROGATE.search(text.encode() if isinstance(text, str) else text):
            raise
        value = from_json(_replace_surrogates(text), allow_inf_nan=False)
    left = [value]
    while left:
        match left.pop():
            case float(number) if not isfinite(number):  # `from_json` refuses `Infinity`, and reads `1e400` as one
                raise ValueError("a number is too large for a 64-bit float")
            case dict(members):
                left.extend(members.values())
            case list(items):
                left.extend(items)
    return value


def _replace_surrogates(text: bytes | str) -> str:
    try:
        return dumps(json.loads(text))
    except RecursionError:
        raise ValueError("it is nested too deep") from None
