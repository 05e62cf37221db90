"""Errors as Ollama gives them: its messages, where it has one for the case, and its statuses."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response

from gateway.http.errors import Failure, error_headers, failure_of
from gateway.ollama import model_names
from gateway.ollama.parsed_request import ParsedRequest
from llamaq.vocabulary.errors import InvalidRequest, JobFailed, QueueFull, UnknownModel
from llamaq.vocabulary.results import ErrorInfo
from ollama_api.encoding import encode_json, quote
from ollama_api.refusal import Refusal

JSON, JSON_UTF8 = "application/json", "application/json; charset=utf-8"
BUSY = "server busy, please try again.  maximum pending requests exceeded"
NO_EMBEDDINGS = "This server does not support embeddings. Start it with `--embeddings`"
NO_IMAGE = "Failed to load image or audio file"
_NO_VISION = "Multimodal data provided, but model does not support multimodal requests."
_NO_IMAGES = ("not an image", "a damaged image", "empty: ")


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """An error as a client gets it.

    Attributes:
        late: as of `Refusal`.
    """

    status: int
    message: str
    late: bool = False
    retry_after: float | None = None

    def to_line(self) -> str:
        """The last line of a stream that has begun."""
        return encode_json({"error": self.message})

    def to_response(self, *, streamed: bool = False, headers: Mapping[str, str] | None = None) -> Response:
        """The answer where nothing was sent before."""
        kind = JSON if self.late and streamed else JSON_UTF8
        added = {**(headers or {}), **error_headers(self.status, self.retry_after)}
        return Response(self.to_line(), self.status, added, kind)


def error_answer(error: BaseException, parsed: ParsedRequest | None = None) -> ErrorAnswer:
    """An error as a client gets it; `parsed` is the request, once it is read."""
    match error:
        case Refusal():
            return ErrorAnswer(error.status, error.message, error.late)
        case QueueFull():
            return ErrorAnswer(503, BUSY, retry_after=error.retry_after)
        case UnknownModel() if parsed is not None:
            return _unknown_model(parsed)
        case InvalidRequest() if parsed is not None:
            return _invalid_request(error, parsed)
        case JobFailed():
            return _failed_job(error.error, parsed) or _from_failure(failure_of(error))
    return _from_failure(failure_of(error))


def is_image(error: BaseException) -> bool:
    """Whether a request is refused for one of its images."""
    if not isinstance(error, InvalidRequest) or not error.problems:
        return False
    field = error.problems[0].field
    return field.startswith("images") or ".images" in field


def _from_failure(failure: Failure) -> ErrorAnswer:
    return ErrorAnswer(failure.status, failure.message, retry_after=failure.retry_after)


def _unknown_model(parsed: ParsedRequest) -> ErrorAnswer:
    if parsed.endpoint in ("generate", "chat"):
        return ErrorAnswer(404, f"model '{parsed.model}' not found")
    return ErrorAnswer(404, f"model {quote(parsed.model)} not found, try pulling it first")


def _failed_job(error: ErrorInfo, parsed: ParsedRequest | None) -> ErrorAnswer | None:
    """The error of a job where Ollama has words for it; None where the queue alone has."""
    if error.code == "model_not_found" and parsed is not None:
        return _unknown_model(parsed)
    if error.said is None:
        return None
    status = error.status or 500
    if parsed is not None and parsed.endpoint == "embeddings" and status in (400, 501):
        status = 500  # the older endpoint passes no status of the engine on
    return ErrorAnswer(status, error.said, late=True)


def _invalid_request(error: InvalidRequest, parsed: ParsedRequest) -> ErrorAnswer:
    problem = error.problems[0]
    if error.code == "unsupported":
        return _unsupported_field(problem.field, parsed)
    if is_image(error) and problem.message.startswith(_NO_IMAGES):
        return _engine_error(NO_IMAGE)
    if problem.field == "format":
        schema = encode_json(parsed.job["format"])
        what = f'"json_schema": JSON schema conversion failed:\nUnrecognized schema: {schema}'
        return _engine_error(f"Field 'json_schema': {what}")
    return ErrorAnswer(400, str(error))


def _unsupported_field(field: str, parsed: ParsedRequest) -> ErrorAnswer:
    """The model lacks what a field of the job needs."""
    if field == "images":
        return _engine_error(_NO_VISION)
    if field in ("tools", "suffix"):
        return ErrorAnswer(
            400, f"{model_names.full_name(parsed.model)} does not support {'tools' if field == 'tools' else 'insert'}"
        )
    if field == "think":
        return ErrorAnswer(400, f"{quote(parsed.model)} does not support thinking")
    if parsed.endpoint in ("generate", "chat"):
        return ErrorAnswer(400, f"{quote(parsed.model)} does not support {parsed.endpoint}")
    return ErrorAnswer(501 if parsed.endpoint == "embed" else 500, NO_EMBEDDINGS)


def _engine_error(message: str) -> ErrorAnswer:
    """An error of the engine, whose JSON Ollama passes on as a string."""
    about = {"code": 400, "message": message, "type": "invalid_request_error"}
    return ErrorAnswer(400, encode_json({"error": about}), late=True)
