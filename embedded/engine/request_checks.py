"""Checks `format`, `think` and the images of a request."""

from typing import Any, NoReturn
from urllib.parse import urlsplit

import jsonschema_rs

from embedded.engine.interface import EngineError, Json, Model
from embedded.engine.lines import encode
from ollama_api.encoding import encode_json, quote

_IMAGE_SIGNS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM")


def make_nested_error(status: int, message: str, kind: str = "invalid_request_error", **more: Any) -> EngineError:
    """Make an error of the engine itself, whose JSON Ollama passes on as a string."""
    inner = {"error": {"code": status, "message": message, "type": kind, **more}}
    return EngineError(status, encode(inner).decode())


def make_overflow_error(tokens: int, context_length: int) -> EngineError:
    """Make the error for a prompt that is too long and may not be cut."""
    message = (
        f"request ({tokens} tokens) exceeds the available context size ({context_length} tokens), try increasing it"
    )
    return make_nested_error(400, message, "exceed_context_size_error", n_prompt_tokens=tokens, n_ctx=context_length)


def read_schema(body: Json) -> Json | None:
    """Read the JSON Schema of `format`, or None.

    Raises:
        EngineError: 500 for what is neither "json" nor an object (so does Ollama), 400 for an object that is no schema.
    """
    wanted = body.get("format")
    if wanted is None or wanted == "":
        return None
    if wanted == "json":
        return {"type": "object"}
    if not isinstance(wanted, dict):
        raise EngineError(
            500, f'invalid format: {quote(encode_json(wanted))}; expected "json" or a valid JSON Schema object'
        )
    _check_schema(wanted)
    return wanted


def _check_schema(schema: Json) -> None:
    try:
        jsonschema_rs.validator_for(schema, retriever=_refuse_reference)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError):
        reason = f"JSON schema conversion failed:\nUnrecognized schema: {encode(schema).decode()}"
        raise make_nested_error(400, f"Field 'json_schema': \"json_schema\": {reason}") from None


def _refuse_reference(uri: str) -> NoReturn:
    # The library would otherwise fetch a remote `$ref` for any client.
    message = f"remote references are not followed: {urlsplit(uri).scheme}"
    raise ValueError(message)


def check_thinking(body: Json, model: Model, name: str) -> None:
    """Refuse `think` where the model lacks it.

    Raises:
        EngineError: 400.
    """
    if body.get("think") and "thinking" not in model.capabilities:
        raise EngineError(400, f'"{name}" does not support thinking')


def check_images(images: tuple[bytes, ...], model: Model) -> None:
    """Refuse images where the model lacks vision, and bytes that are no image.

    Raises:
        EngineError: 400, the engine's JSON in a string.
    """
    if images and "vision" not in model.capabilities:
        raise make_nested_error(400, "Multimodal data provided, but model does not support multimodal requests.")
    for image in images:
        webp = image[:4] == b"RIFF" and image[8:12] == b"WEBP"
        if not (image.startswith(_IMAGE_SIGNS) or webp):
            raise make_nested_error(400, "Failed to load image or audio file")
