"""The form of an error by the path of the request: each path belongs to one dialect."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

from starlette.responses import JSONResponse

from gateway.http.errors import Failure, failure_of, jobs_body, ollama_body, openai_body

Dialect = Literal["ollama", "openai", "jobs"]
_BODIES: Mapping[Dialect, Callable[[Failure], dict[str, Any]]] = {
    "ollama": ollama_body,
    "openai": openai_body,
    "jobs": jobs_body,
}


def dialect_of(path: str) -> Dialect:
    """Whose words the answers on a path use."""
    if path.startswith("/v1/"):
        return "openai"
    return "ollama" if path.startswith("/api/") else "jobs"


def rendered(error: BaseException | Failure, path: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The answer that says an error in the words of the path's dialect."""
    failure = error if isinstance(error, Failure) else failure_of(error)
    added = dict(headers or {})
    if failure.retry_after is not None:
        added["Retry-After"] = str(max(1, math.ceil(failure.retry_after)))
    if failure.status == 401:
        added["WWW-Authenticate"] = "Bearer"
    return JSONResponse(_BODIES[dialect_of(path)](failure), failure.status, added)
