"""The meaning of each error over HTTP, as one table: a status, OpenAI's type, and a code, whatever the dialect.

`docs/http.md` shows the table, and the tests compare it with the classes and codes that there are.
"""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from starlette.exceptions import HTTPException

from llamaq.store.clock import SYSTEM
from llamaq.vocabulary import errors
from llamaq.vocabulary.results import ErrorInfo

LOG = logging.getLogger(__name__)
AWAY = "the queue's Redis did not answer, or refused: try again later; the log of the gateway has the reason"
"""The reason names an address, and a client may be a tenant."""
LOG_AGAIN_SECONDS = 30.0
RETRY_SECONDS = 2.0
"""The `Retry-After` of an error that passes at an unknown time."""
INVALID, SERVER, RATE = "invalid_request_error", "server_error", "rate_limit_error"
AUTHENTICATION, PERMISSION = "authentication_error", "permission_error"


class GatewayError(Exception):
    """What the gateway itself refuses.

    Attributes:
        status: of HTTP.
        code: a word for programs.
        message: what is wrong, where, and the remedy.
        param: the field that is wrong, where it is one.
        retry_after: seconds after which the request may succeed; None where it will not.
    """

    def __init__(
        self, status: int, code: str, message: str, *, param: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row of the table.

    Attributes:
        status: of HTTP.
        code: a word for programs.
        type: OpenAI's word for the class of the error.
        retry_after: seconds, where trying again may help and the error itself does not say when.
    """

    status: int
    code: str
    type: str = INVALID
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as a client gets it, in whatever dialect.

    Attributes:
        status: of HTTP.
        code: a word for programs.
        message: what is wrong, where, and the remedy.
        type: OpenAI's word for the class of the error.
        param: the field that is wrong, where it is one.
        retry_after: seconds for the header `Retry-After`.
        problems: each wrong field with its message, where there are several.
        details: further fields of a failed job: `clock`, `text`, `errors`, `retryable`.
    """

    status: int
    code: str
    message: str
    type: str = INVALID
    param: str | None = None
    retry_after: float | None = None
    problems: tuple[errors.Problem, ...] = ()
    details: Mapping[str, Any] | None = None


# By class; a class that is not here has the row of its nearest base.
CLASSES: Mapping[type[BaseException], Meaning] = {
    errors.BrokerUnavailable: Meaning(503, "broker_unavailable", SERVER, RETRY_SECONDS),
    errors.QueueFull: Meaning(429, "queue_full", RATE),
    errors.InvalidRequest: Meaning(400, "invalid_request"),
    errors.IdempotencyConflict: Meaning(409, "idempotency_conflict"),
    errors.UnknownModel: Meaning(404, "model_not_found"),
    errors.ConversationBusy: Meaning(409, "conversation_busy", INVALID, RETRY_SECONDS),
    errors.VersionMismatch: Meaning(503, "version_mismatch", SERVER),
    errors.ConversationNotFound: Meaning(404, "conversation_not_found"),
    errors.ConversationExists: Meaning(409, "conversation_exists"),
    errors.ConversationError: Meaning(400, "conversation_error"),
    errors.JobNotFound: Meaning(404, "job_not_found"),
    # 499 and not 409 or 5xx, which OpenAI's clients would answer by sending the request again.
    errors.JobCancelled: Meaning(499, "cancelled"),
    errors.JobExpired: Meaning(504, "expired", SERVER),
    errors.CursorExpired: Meaning(410, "cursor_expired"),
    errors.StreamError: Meaning(503, "unreadable_event", SERVER),
    errors.StreamRestarted: Meaning(500, "restarted", SERVER),
    errors.LlamaqError: Meaning(500, "internal", SERVER),
    TimeoutError: Meaning(504, "timed_out", SERVER),
    Exception: Meaning(500, "internal", SERVER),
}
# By the code of the error of a job that failed.
CODES: Mapping[str, Meaning] = {
    "invalid_request": Meaning(400, "invalid_request"),
    "model_not_found": Meaning(404, "model_not_found"),
    "unsupported": Meaning(400, "unsupported"),
    "context_overflow": Meaning(400, "context_length_exceeded"),
    "invalid_output": Meaning(422, "invalid_output"),
    "timed_out": Meaning(504, "timed_out", SERVER),
    "ollama_unavailable": Meaning(503, "ollama_unavailable", SERVER, RETRY_SECONDS),
    "ollama_error": Meaning(502, "ollama_error", SERVER),
    "attempts_exhausted": Meaning(500, "attempts_exhausted", SERVER),
    "internal": Meaning(500, "internal", SERVER),
}
# By status, for what the gateway or the web framework itself refuses.
_TYPES = {401: AUTHENTICATION, 403: PERMISSION, 429: RATE}
_ROUTING = {404: "not_found", 405: "method_not_allowed"}


def failure_of(error: BaseException) -> Failure:
    """An error as a client gets it.

    An exception that is none of the known ones is a fault of the gateway: its text, which may hold anything, is left to
    the log.
    """
    if isinstance(error, GatewayError):
        return _refusal(error)
    if isinstance(error, HTTPException):
        code = _ROUTING.get(error.status_code, "invalid_request")
        return _refusal(GatewayError(error.status_code, code, str(error.detail)))
    if isinstance(error, errors.JobFailed):
        return job_failure(error.error)
    row = next(CLASSES[base] for base in type(error).__mro__ if base in CLASSES)
    known = isinstance(error, errors.LlamaqError | TimeoutError) and str(error)
    message = str(error) if known else "a fault of the gateway; its log says which"
    failure = Failure(row.status, row.code, message, row.type, retry_after=row.retry_after)
    match error:
        case errors.InvalidRequest(problems=problems):
            param = problems[0].field or None if problems else None
            code = error.code if row is CLASSES[errors.InvalidRequest] else row.code
            failure = replace(failure, code=code, param=param, problems=problems)
        case errors.UnknownModel():
            failure = replace(failure, param="model")
        case errors.QueueFull(retry_after=seconds):
            failure = replace(failure, retry_after=seconds)
        case errors.BrokerUnavailable():
            _outage_log.warn(error)
            failure = replace(failure, message=AWAY)
    return failure


class _OutageLog:
    """Logs why Redis did not answer: each reason once, and then every 30 s."""

    def __init__(self) -> None:
        self._logged: dict[str, float] = {}

    def warn(self, error: errors.BrokerUnavailable) -> None:
        """Log the reason, unless that was done a moment ago."""
        now, reason = SYSTEM.monotonic(), str(error)
        self._logged = {one: at for one, at in self._logged.items() if now - at < LOG_AGAIN_SECONDS}
        if reason not in self._logged:
            self._logged[reason] = now
            LOG.warning("a request failed: %s", reason)


_outage_log = _OutageLog()


def error_headers(status: int, retry_after: float | None) -> dict[str, str]:
    """The headers that an error has in every dialect. `retry_after` is in seconds, and rounded up."""
    headers = {} if retry_after is None else {"Retry-After": str(max(1, math.ceil(retry_after)))}
    return headers | ({"WWW-Authenticate": "Bearer"} if status == 401 else {})


def _refusal(error: GatewayError) -> Failure:
    kind = _TYPES.get(error.status, INVALID if error.status < 500 else SERVER)
    return Failure(error.status, error.code, error.message, kind, error.param, error.retry_after)


def job_failure(error: ErrorInfo) -> Failure:
    """The error of a failed job as a client gets it."""
    row = CODES.get(error.code, CODES["internal"])
    status = row.status
    if error.code == "ollama_error" and error.status is not None and error.status >= 500:
        status = error.status  # the host's own 5xx, as Ollama's client would have got it
    details = error.model_dump(mode="json", exclude={"code", "message", "status"}, exclude_none=True)
    return Failure(status, row.code, error.message, row.type, retry_after=row.retry_after, details=details)


def ollama_body(failure: Failure) -> dict[str, Any]:
    """The body of an error as Ollama writes it."""
    return {"error": failure.message}


def openai_body(failure: Failure) -> dict[str, Any]:
    """The body of an error as OpenAI writes it."""
    about = {"message": failure.message, "type": failure.type, "param": failure.param, "code": failure.code}
    return {"error": about}


def jobs_body(failure: Failure) -> dict[str, Any]:
    """The body of an error of the jobs API: `code`, `message`, and `fields` where fields are wrong."""
    about: dict[str, Any] = {"code": failure.code, "message": failure.message}
    if failure.param is not None:
        about["field"] = failure.param
    if len(failure.problems) > 1:
        about["problems"] = [{"field": one.field, "message": one.message} for one in failure.problems]
    return {"error": about | dict(failure.details or {})}
