"""From an answer that says no to the error that names what is wrong.

Status and structure decide first, wording last, because the wording changes between versions of Ollama:

    status        body                                    error                  retryable
    3xx           any                                     OllamaStatusError      no    redirects are not followed
    400, 413, 422 engine error `exceed_context_size_error` ContextOverflow       no
                  "... context length/size ..."           ContextOverflow        no
                  "... does not support X"                Unsupported            no
                  anything else                           BadRequest             no
    401, 403      any (Ollama's own 403 is empty)         Forbidden              no
    404           {"error": ...}                          ModelNotFound          no
                  anything else                           OllamaStatusError      no    no such path
    408           any                                     OllamaStatusError      yes
    429, 503      any                                     ServerBusy             yes
    500           "... does not support X"                Unsupported            no    legacy /api/embeddings
                  option type, `format`, ...              BadRequest             no    a client's mistake all the same
                  pull of a model that is not there       OllamaStatusError      no
                  the runner died                         RunnerDied             yes   it is loaded again
                  anything else                           ServerFault            yes
    501           any                                     Unsupported            no
    502, 504      any                                     GatewayError           yes
    other 4xx     any                                     OllamaStatusError      no
    other 5xx     any                                     ServerFault            yes

An error line inside a 200 stream is what a 500 would have been had the server not answered yet (recorded for both), so
it is read by the rules for 500, with `status` None.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from api_client.errors import (
    BadRequest,
    ContextOverflow,
    Forbidden,
    GatewayError,
    ModelNotFound,
    OllamaStatusError,
    RunnerDied,
    ServerBusy,
    ServerFault,
    Unsupported,
)

# The longest text we take over: a proxy's error page is not a message.
MESSAGE_LIMIT = 2000

_LACKS = re.compile(r"does not support (?P<word>\w+)|image input|(?P<vision>multimodal)", re.IGNORECASE)
_CAPABILITIES = {
    "multimodal": "vision",
    "image": "vision",
    "images": "vision",
    "vision": "vision",
    "tools": "tools",
    "thinking": "thinking",
    "embeddings": "embedding",
    "embedding": "embedding",
    "chat": "completion",
    "generate": "completion",
    "completion": "completion",
    "insert": "insert",
}
_OVERFLOW = re.compile(
    r"(exceed|longer than|too long).*context (length|size)|context.*exceed", re.IGNORECASE | re.DOTALL
)
_RUNNER_DIED = re.compile(
    r"error was encountered while running the model"
    r"|(runner|llama-server).*(stopped|terminated|no longer running|crash|exited)"
    r"|error reading llama-server response"
    r"|do completion request.*EOF",
    re.IGNORECASE | re.DOTALL,
)
_CLIENT_MISTAKE = re.compile(
    r'option ".*" must be of type|invalid format|json: cannot unmarshal|invalid (duration|think value|options)',
    re.IGNORECASE,
)
_PULL_FAILED = re.compile(r"pull model manifest|file does not exist", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ThrottledWarning:
    """What the server said, unwrapped.

    Attributes:
        status: The HTTP status, or None for a line of a stream.
        message: The innermost text.
        structured: Whether it came as `{"error": ...}`.
        details: The engine's own error object (`type`, `n_ctx`, ...), or empty.
        retry_after_seconds: From the header, or None.
    """

    status: int | None
    message: str
    structured: bool = True
    details: Mapping[str, Any] | None = None
    retry_after_seconds: float | None = None


def read_body(status: int, body: bytes, retry_after_seconds: float | None = None) -> ThrottledWarning:
    """Unwraps the body of an answer whose status is not 200; any bytes will do."""
    answer = _parsed(body)
    if isinstance(answer, dict) and "error" in answer:
        message, details = unwrapped(answer["error"])
        return ThrottledWarning(status, message, True, details, retry_after_seconds)
    text = body.decode("utf-8", "replace").strip()[:MESSAGE_LIMIT]
    return ThrottledWarning(status, text, False, None, retry_after_seconds)


def unwrapped(error: object) -> tuple[str, Mapping[str, Any]]:
    """Text and details of an `error` value: a string, the engine's JSON inside a string, or the object of /v1."""
    details: Mapping[str, Any] = {}
    for _ in range(4):  # /v1 wraps the engine's error twice; a hostile body must not wrap for ever
        if isinstance(error, str) and error.startswith("{"):
            error = _parsed(error.encode()) or error
        if not isinstance(error, dict):
            break
        details = error if "message" in error else details
        error = error.get("message", error.get("error", str(error)))
    return str(error)[:MESSAGE_LIMIT], details


def diagnose(complaint: ThrottledWarning) -> OllamaStatusError:
    """The error for a complaint, by the table at the top of this module."""
    status = complaint.status or 500
    if 300 <= status < 400:
        return _plain(complaint, "redirects are not followed: set the URL to where Ollama itself answers")
    if rule := _BY_STATUS.get(status):
        return rule(complaint)
    return _plain(complaint) if status < 500 else _made(ServerFault, complaint)


def _parsed(body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError:
        return None  # a proxy's page, a cut body or Go's plain text: the status alone decides then


def _made(kind: type[OllamaStatusError], complaint: ThrottledWarning) -> OllamaStatusError:
    return kind(complaint.message or f"HTTP status {complaint.status}", status=complaint.status)


def _plain(complaint: ThrottledWarning, remedy: str = "", *, retryable: bool = False) -> OllamaStatusError:
    text = " ".join(part for part in (f"HTTP status {complaint.status}:", complaint.message) if part)
    message = f"{text} ({remedy})" if remedy else text
    return OllamaStatusError(message, status=complaint.status, retryable=retryable)


def _refused(complaint: ThrottledWarning) -> OllamaStatusError:
    return _overflow(complaint) or _lacking(complaint) or _made(BadRequest, complaint)


def _overflow(complaint: ThrottledWarning) -> ContextOverflow | None:
    details = complaint.details or {}
    if details.get("type") != "exceed_context_size_error" and not _OVERFLOW.search(complaint.message):
        return None
    return ContextOverflow(
        complaint.message,
        status=complaint.status,
        n_prompt_tokens=_count(details.get("n_prompt_tokens")),
        n_ctx=_count(details.get("n_ctx")),
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _lacking(complaint: ThrottledWarning) -> Unsupported | None:
    found = _LACKS.search(complaint.message)
    return _unsupported(complaint) if found else None


def _unsupported(complaint: ThrottledWarning) -> Unsupported:
    found = _LACKS.search(complaint.message)
    word = (found.group("word") or found.group("vision") or "image").lower() if found else ""
    message = complaint.message or "the server does not implement this request"
    return Unsupported(message, status=complaint.status, capability=_CAPABILITIES.get(word))


def _forbidden(complaint: ThrottledWarning) -> OllamaStatusError:
    if complaint.status == 401:
        remedy = "a proxy asks for a token: check the one that was given"
    else:
        remedy = (
            "check the token; an empty 403 is Ollama itself refusing a foreign Host or Origin header: "
            "let the proxy send `Host: localhost`, or allow the origin with OLLAMA_ORIGINS"
        )
    said = f"{complaint.message} " if complaint.message else ""
    return Forbidden(f"{said}(HTTP status {complaint.status}; {remedy})", status=complaint.status)


def _missing(complaint: ThrottledWarning) -> OllamaStatusError:
    if complaint.structured:
        return _made(ModelNotFound, complaint)
    return _plain(complaint, "no such path: is this the address of Ollama, and is its version recent enough?")


def _busy(complaint: ThrottledWarning) -> OllamaStatusError:
    message = complaint.message or f"HTTP status {complaint.status}"
    return ServerBusy(message, status=complaint.status, retry_after_seconds=complaint.retry_after_seconds)


def _failed(complaint: ThrottledWarning) -> OllamaStatusError:
    # A dead runner first: its texts quote what it was doing, which may hold any other word looked for here.
    if _RUNNER_DIED.search(complaint.message):
        return _made(RunnerDied, complaint)
    if _PULL_FAILED.search(complaint.message):
        return _made(OllamaStatusError, complaint)
    if _CLIENT_MISTAKE.search(complaint.message):
        return _made(BadRequest, complaint)
    return _overflow(complaint) or _lacking(complaint) or _made(ServerFault, complaint)


def _gateway(complaint: ThrottledWarning) -> OllamaStatusError:
    said = f": {complaint.message}" if complaint.structured and complaint.message else ""
    return GatewayError(
        f"the proxy before Ollama answered HTTP status {complaint.status}{said}", status=complaint.status
    )


def _slow(complaint: ThrottledWarning) -> OllamaStatusError:
    return _plain(complaint, retryable=True)


_BY_STATUS: dict[int, Callable[[ThrottledWarning], OllamaStatusError]] = {
    400: _refused,
    401: _forbidden,
    403: _forbidden,
    404: _missing,
    408: _slow,
    413: _refused,
    422: _refused,
    429: _busy,
    500: _failed,
    501: _unsupported,
    502: _gateway,
    503: _busy,
    504: _gateway,
}
