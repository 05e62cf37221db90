"""Errors in Ollama's words, with its statuses and content types."""

from typing import Any

import pytest

from gateway.http.errors import AWAY, GatewayError
from gateway.ollama.errors import BUSY, JSON, JSON_UTF8, NO_EMBEDDINGS, error_answer
from gateway.ollama.parsed_request import Endpoint, ParsedRequest
from llamaq import ErrorInfo
from llamaq.vocabulary import errors
from ollama_api.refusal import Refusal

NESTED = '{{"error":{{"code":400,"message":"{}","type":"invalid_request_error"}}}}'


def make_request(endpoint: Endpoint = "generate", **job: Any) -> ParsedRequest:
    return ParsedRequest(endpoint, "M:1", "answer", job, stream=True)


def failed(code: str, message: str = "m", **more: Any) -> errors.JobFailed:
    return errors.JobFailed("id", ErrorInfo(code=code, message=message, **more))


def lacking(field: str) -> errors.InvalidRequest:
    return errors.InvalidRequest.of(field, "m:1 has none", code="unsupported")


@pytest.mark.parametrize(
    ("error", "endpoint", "status", "message"),
    [
        (errors.UnknownModel("m:1"), "generate", 404, "model 'M:1' not found"),
        (errors.UnknownModel("m:1"), "chat", 404, "model 'M:1' not found"),
        (errors.UnknownModel("m:1"), "embed", 404, 'model "M:1" not found, try pulling it first'),
        (errors.UnknownModel("m:1"), "embeddings", 404, 'model "M:1" not found, try pulling it first'),
        (failed("model_not_found"), "chat", 404, "model 'M:1' not found"),
        (errors.QueueFull("full", 3), "chat", 503, BUSY),
        (lacking("tools"), "chat", 400, "registry.ollama.ai/library/m:1 does not support tools"),
        (lacking("suffix"), "generate", 400, "registry.ollama.ai/library/m:1 does not support insert"),
        (lacking("think"), "chat", 400, '"M:1" does not support thinking'),
        (lacking("model"), "chat", 400, '"M:1" does not support chat'),
        (lacking("model"), "generate", 400, '"M:1" does not support generate'),
        (lacking("model"), "embed", 501, NO_EMBEDDINGS),
        (lacking("model"), "embeddings", 500, NO_EMBEDDINGS),
        (errors.InvalidRequest.of("prompt", "too long"), "generate", 400, "prompt: too long"),
        (
            errors.InvalidRequest.of("images.0", "not an image in one of"),
            "generate",
            400,
            NESTED.format("Failed to load image or audio file"),
        ),
        (
            errors.InvalidRequest.of("messages.1.images.0", "a damaged image: cut"),
            "chat",
            400,
            NESTED.format("Failed to load image or audio file"),
        ),
        (
            errors.InvalidRequest.of("images.0", "over LLAMAQ_MAX_IMAGE_BYTES"),
            "generate",
            400,
            "images.0: over LLAMAQ_MAX_IMAGE_BYTES",
        ),
        (failed("invalid_request", status=400, said='{"error":{}}'), "generate", 400, '{"error":{}}'),
        (failed("invalid_request", status=500, said="invalid format"), "chat", 500, "invalid format"),
        (failed("ollama_error", said="unexpected EOF"), "chat", 500, "unexpected EOF"),
        (failed("unsupported", status=501, said=NO_EMBEDDINGS), "embeddings", 500, NO_EMBEDDINGS),
        (failed("context_overflow", status=400, said="too long"), "embeddings", 500, "too long"),
        (failed("context_overflow", status=400, said="too long"), "embed", 400, "too long"),
        (failed("timed_out", "deadline ran out"), "chat", 504, "deadline ran out"),
        (failed("ollama_unavailable", "no connection"), "chat", 503, "no connection"),
        (errors.BrokerUnavailable("no Redis"), "chat", 503, AWAY),
        (Refusal(403, "no"), "chat", 403, "no"),
        (GatewayError(401, "invalid_api_key", "no key"), "chat", 401, "no key"),
    ],
)
def test_what_a_client_is_told(error: Exception, endpoint: Endpoint, status: int, message: str) -> None:
    """The host's own words where it said some; the model's name as it was written."""
    found = error_answer(error, make_request(endpoint))

    assert (found.status, found.message) == (status, message)


def test_a_schema_that_ollama_would_not_take() -> None:
    """The queue looks at it first, and says what the engine would."""
    schema = {"type": "nosuchtype"}

    found = error_answer(errors.InvalidRequest.of("format", "no type of JSON Schema"), make_request(format=schema))

    assert found.message == NESTED.format(
        "Field 'json_schema': \\\"json_schema\\\": JSON schema conversion failed:\\n"
        'Unrecognized schema: {\\"type\\":\\"nosuchtype\\"}'
    )


@pytest.mark.parametrize(
    ("error", "streamed", "kind"),
    [
        (failed("context_overflow", status=400, said="{}"), True, JSON),
        (failed("context_overflow", status=400, said="{}"), False, JSON_UTF8),
        (Refusal(500, "invalid format", late=True), True, JSON),
        (Refusal(500, "option"), True, JSON_UTF8),
        (lacking("think"), True, JSON_UTF8),
        (lacking("images"), True, JSON),
    ],
)
def test_the_engines_errors_have_no_charset_in_a_stream(error: Exception, streamed: bool, kind: str) -> None:
    """As of Ollama, whose stream has begun by then."""
    assert error_answer(error, make_request()).to_response(streamed=streamed).headers["content-type"] == kind


def test_when_to_try_again_is_told() -> None:
    """A full queue knows it; a missing key names the scheme."""
    assert error_answer(errors.QueueFull("full", 2.2), make_request()).to_response().headers["retry-after"] == "3"
    assert error_answer(GatewayError(401, "x", "no key")).to_response().headers["www-authenticate"] == "Bearer"
