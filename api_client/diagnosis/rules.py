"""Maps an error that the server reports to an exception.

The status and the structure of the body decide first. The wording decides last, because it changes between versions.
Of the wording only the beginning counts, without quoted spans: `error parsing tool call: raw='...'` quotes the model.

    status        body                                     error
    3xx           any                                      OllamaStatusError   redirects are not followed
    400, 413, 422 engine error `exceed_context_size_error` ContextOverflow
                  "... context length/size ..."            ContextOverflow
                  "... does not support X"                 Unsupported
                  the runner died, NaN in a vector         RunnerDied, ServerFault   /api/embed says 400 to all
                  anything else                            BadRequest
    401, 403      any (Ollama's own 403 is empty)          Forbidden
    404           {"error": ...}                           ModelNotFound
                  anything else                            NoSuchPath          Traefik's, while it has no server
    408           any                                      RequestTimeout
    429, 503      any                                      ServerBusy
    500           "... does not support X"                 Unsupported          legacy /api/embeddings
                  option type, `format`, ...               BadRequest           the request is wrong despite the 500
                  "model ... not found"                    ModelNotFound
                  pull: the registry does not answer       RegistryUnreachable
                  pull of a model that is not there        OllamaStatusError
                  the runner died                          RunnerDied           the next request loads it again
                  anything else                            ServerFault
    501           any                                      Unsupported
    499, 502, 504 any                                      GatewayError         a proxy's; at 499 it had left
    520-527, 530  any                                      GatewayError         Cloudflare's
    other 4xx     any                                      OllamaStatusError
    other 5xx     any                                      ServerFault

An error line in a 200 stream follows the rules for 500, with `status` None: before its first line the server sends the
same text as a 500.
"""

import re
from collections.abc import Callable

from api_client.diagnosis.error_body import ErrorBody
from api_client.errors import (
    BadRequest,
    ContextOverflow,
    Forbidden,
    GatewayError,
    ModelNotFound,
    NoSuchPath,
    OllamaStatusError,
    RegistryUnreachable,
    RequestTimeout,
    RunnerDied,
    ServerBusy,
    ServerFault,
    Unsupported,
)

MOST_TOKENS = 2**31
# Beside nginx's and Traefik's: Cloudflare's, for a host that it does not reach, or that does not answer in time.
GATEWAY_STATUSES = frozenset({499, 502, 504, *range(520, 528), 530})

# Go wraps errors as `what failed: why`. A pattern matches the beginning, so words further on do not count.
_WRAPPED = r"(?:failed to [a-z ]+: |[a-z]+ generation failed: )*"
_LACKS = re.compile(
    _WRAPPED + r"(?:(?:\S+|(?:this|the) (?:server|model)) does not support (?P<word>\w+)"
    r"|(?P<vision>multimodal) data provided"
    r"|this model is missing data required for (?P<image>image) input|(?P<input>image) input is not supported)",
    re.IGNORECASE,
)
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
    r"(?:the )?(?:input|prompt|request)\b[^:]*(?:exceed|longer than|larger than|too long)"
    r"[^:]*context (?:length|size|window)"
    r"|(?:the )?prompt (?:is )?too long"
    r"|(?:the )?(?:available |maximum )?context (?:length|size|window)[^:]*exceed",
    re.IGNORECASE,
)
_RUNNER_DIED = re.compile(
    _WRAPPED + r"(?:an error was encountered while running the model"
    r"|(?:the )?(?:(?:llama|model) )?(?:runner|llama-server)\b[^:]*"
    r"(?:stopped|terminated|no longer running|crash|exited)"
    r"|error reading llama-server response"
    r'|(?:(?:do|POST) [a-z ]+|health resp): (?:Post|Get) "": '
    r"|(?:do|POST) [a-z ]+: .*EOF)",
    re.IGNORECASE | re.DOTALL,
)
_FAULT_AS_REFUSAL = re.compile(
    r"embedding contains NaN|error reading embed|unexpected server status|server not responding|connection refused",
    re.IGNORECASE,
)
_CLIENT_MISTAKE = re.compile(
    r'option "" must be of type|invalid format|json: cannot unmarshal'
    r"|(?:time: )?invalid (?:duration|think value|options)",
    re.IGNORECASE,
)
_REGISTRY_SILENT = re.compile(
    r'(?:(?:pull model manifest|download[a-z ]*|pull[a-z ]*): )?(?:(?:Get|Head) "": |max retries exceeded)'
    r"|pull model manifest: (?:429|5\d\d)\b",
    re.IGNORECASE,
)
_PULL_FAILED = re.compile(r"pull model manifest|file does not exist", re.IGNORECASE)
_NOT_FOUND = re.compile(r'model\s+(?:"" )?not found', re.IGNORECASE)


def diagnose(body: ErrorBody) -> OllamaStatusError:
    """Make the exception for a reported error, by the table at the top of this module."""
    error = _apply_rules(body)
    error.said = body.said
    return error


def _apply_rules(body: ErrorBody) -> OllamaStatusError:
    status = body.status or 500
    if 300 <= status < 400:
        return _make_plain_error(body, "redirects are not followed: set the URL to where Ollama itself answers")
    if rule := _BY_STATUS.get(status):
        return rule(body)
    return _make_plain_error(body) if status < 500 else _make_error(ServerFault, body)


def _make_error(kind: type[OllamaStatusError], body: ErrorBody) -> OllamaStatusError:
    without = "an error without a text" if body.status is None else f"HTTP status {body.status}"
    return kind(body.message or without, status=body.status)


def _make_plain_error(
    body: ErrorBody, remedy: str = "", kind: type[OllamaStatusError] = OllamaStatusError
) -> OllamaStatusError:
    text = " ".join(part for part in (f"HTTP status {body.status}:", body.message) if part)
    return kind(f"{text} ({remedy})" if remedy else text, status=body.status)


def _diagnose_refusal(body: ErrorBody) -> OllamaStatusError:
    return _find_overflow(body) or _find_unsupported(body) or _make_error(_refusal_kind(body), body)


def _refusal_kind(body: ErrorBody) -> type[OllamaStatusError]:
    """Classify a refusal: /api/embed answers 400 also to what is no fault of the request."""
    if body.says(_RUNNER_DIED):
        return RunnerDied
    return ServerFault if body.says(_FAULT_AS_REFUSAL) else BadRequest


def _find_overflow(body: ErrorBody) -> ContextOverflow | None:
    details = body.details or {}
    if details.get("type") != "exceed_context_size_error" and not body.says(_OVERFLOW):
        return None
    return ContextOverflow(
        body.message,
        status=body.status,
        n_prompt_tokens=_parse_count(details.get("n_prompt_tokens")),
        n_ctx=_parse_count(details.get("n_ctx")),
    )


def _parse_count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < MOST_TOKENS else None


def _find_unsupported(body: ErrorBody) -> Unsupported | None:
    return _diagnose_unsupported(body) if body.says(_LACKS) else None


def _diagnose_unsupported(body: ErrorBody) -> Unsupported:
    found = body.says(_LACKS)
    word = next(filter(None, found.groups())).lower() if found else ""
    message = body.message or "the server does not implement this request"
    return Unsupported(message, status=body.status, capability=_CAPABILITIES.get(word))


def _diagnose_forbidden(body: ErrorBody) -> OllamaStatusError:
    said = f"{body.message} " if body.message else ""
    remedy = f"; {text}" if (text := _find_remedy(body)) else ""
    return Forbidden(f"{said}(HTTP status {body.status}{remedy})", status=body.status)


def _find_remedy(body: ErrorBody) -> str:
    if body.signed_out:
        return "the host is not signed in to ollama.com: run `ollama signin` on it"
    if body.status == 401:
        return "a proxy asks for a token: check the one that was given"
    if body.message:
        return "" if body.structured else "check the token"
    return (
        "check the token; an empty 403 is Ollama itself refusing a foreign Host or Origin header: "
        "let the proxy send `Host: localhost`, or allow the origin with OLLAMA_ORIGINS"
    )


def _diagnose_missing(body: ErrorBody) -> OllamaStatusError:
    if body.structured:
        return _make_error(ModelNotFound, body)
    return _make_plain_error(
        body, "no such path: is this the address of Ollama, and is its version recent enough?", NoSuchPath
    )


def _diagnose_busy(body: ErrorBody) -> OllamaStatusError:
    message = body.message or f"HTTP status {body.status}"
    return ServerBusy(message, status=body.status, retry_after_seconds=body.retry_after_seconds)


def _diagnose_failure(body: ErrorBody) -> OllamaStatusError:
    for pattern, kind in _FAILURES:
        if body.says(pattern):
            return _make_error(kind, body)
    return _find_overflow(body) or _find_unsupported(body) or _make_error(ServerFault, body)


def _diagnose_gateway(body: ErrorBody) -> OllamaStatusError:
    said = f": {body.message}" if body.structured and body.message else ""
    return GatewayError(f"the proxy before Ollama answered HTTP status {body.status}{said}", status=body.status)


def _diagnose_timeout(body: ErrorBody) -> OllamaStatusError:
    return _make_plain_error(body, kind=RequestTimeout)


_FAILURES: tuple[tuple[re.Pattern[str], type[OllamaStatusError]], ...] = (
    (_RUNNER_DIED, RunnerDied),
    (_REGISTRY_SILENT, RegistryUnreachable),
    (_PULL_FAILED, OllamaStatusError),
    (_NOT_FOUND, ModelNotFound),
    (_CLIENT_MISTAKE, BadRequest),
)
_BY_STATUS: dict[int, Callable[[ErrorBody], OllamaStatusError]] = {
    400: _diagnose_refusal,
    401: _diagnose_forbidden,
    403: _diagnose_forbidden,
    404: _diagnose_missing,
    408: _diagnose_timeout,
    413: _diagnose_refusal,
    422: _diagnose_refusal,
    429: _diagnose_busy,
    500: _diagnose_failure,
    501: _diagnose_unsupported,
    503: _diagnose_busy,
    **dict.fromkeys(GATEWAY_STATUSES, _diagnose_gateway),
}
