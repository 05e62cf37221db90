"""The form of an error by the path of the request: each path belongs to one dialect."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from starlette.responses import JSONResponse

from gateway.http.errors import Failure, error_headers, failure_of, jobs_body, ollama_body, openai_body

Dialect = Literal["ollama", "openai", "jobs"]
_BODIES: Mapping[Dialect, Callable[[Failure], dict[str, Any]]] = {
    "ollama": ollama_body,
    "openai": openai_body,
    "jobs": jobs_body,
}


def dialect_of(path: str) -> Dialect:
    """The API that a path belongs to."""
    if path.startswith("/v1/"):
        return "openai"
    return "ollama" if path.startswith("/api/") else "jobs"


def render_error(error: BaseException | Failure, path: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Render an error as an answer, in the form of the path's dialect."""
    failure = error if isinstance(error, Failure) else failure_of(error)
    added = {**(headers or {}), **error_headers(failure.status, failure.retry_after)}
    return JSONResponse(_BODIES[dialect_of(path)](failure), failure.status, added)
