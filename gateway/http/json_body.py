"""Reads the body of a request as JSON, nested to a bounded depth."""

from typing import Any

from pydantic_core import from_json
from starlette.requests import Request

from gateway.http.errors import GatewayError


async def json_object(request: Request) -> dict[str, Any]:
    """The object in the body, whatever its `Content-Type` says: Ollama's and curl's users often leave that out.

    Raises:
        GatewayError: it is not JSON, is nested too deep (200 levels), or is no object.
    """
    value = parsed(await request.body())
    if not isinstance(value, dict):
        raise GatewayError(400, "invalid_request", "the body must be a JSON object")
    return value


def parsed(text: bytes | str) -> Any:
    """The value of a JSON text.

    Raises:
        GatewayError: it is not JSON, or is nested too deep.
    """
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise GatewayError(400, "invalid_json", f"the body is not JSON: {error}") from None
