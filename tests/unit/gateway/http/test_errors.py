"""Each error of the SDK, and each code of a failed job, has one status and one body in each of the three dialects."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from starlette.exceptions import HTTPException

from gateway.http.dialect import dialect_of, render_error
from gateway.http.errors import AWAY, CLASSES, CODES, GatewayError, failure_of, jobs_body, ollama_body, openai_body
from llamaq.vocabulary import errors
from llamaq.vocabulary.errors import Problem
from llamaq.vocabulary.results import ErrorInfo
from tests.contract.built import CHECKOUT

# error, status, type and code of OpenAI, Retry-After
TABLE: list[tuple[BaseException, int, str, str, float | None]] = [
    (errors.BrokerUnavailable("away"), 503, "server_error", "broker_unavailable", 2),
    (errors.QueueFull("full", 7.2), 429, "rate_limit_error", "queue_full", 7.2),
    (errors.InvalidRequest.of("prompt", "is missing"), 400, "invalid_request_error", "invalid_request", None),
    (errors.InvalidRequest.of("think", "no", "unsupported"), 400, "invalid_request_error", "unsupported", None),
    (errors.UnknownModel("x"), 404, "invalid_request_error", "model_not_found", None),
    (errors.IdempotencyConflict("a"), 409, "invalid_request_error", "idempotency_conflict", None),
    (errors.ConversationBusy("a"), 409, "invalid_request_error", "conversation_busy", 2),
    (errors.VersionMismatch("update"), 503, "server_error", "version_mismatch", None),
    (errors.ConversationNotFound("a"), 404, "invalid_request_error", "conversation_not_found", None),
    (errors.ConversationExists("a"), 409, "invalid_request_error", "conversation_exists", None),
    (errors.ConversationError("a", "b"), 400, "invalid_request_error", "conversation_error", None),
    (errors.JobNotFound("j"), 404, "invalid_request_error", "job_not_found", None),
    (errors.JobCancelled("j", "enough"), 499, "invalid_request_error", "cancelled", None),
    (errors.JobExpired("j", "late"), 504, "server_error", "expired", None),
    (errors.JobError("j", "odd"), 500, "server_error", "internal", None),
    (errors.CursorExpired("gone"), 410, "invalid_request_error", "cursor_expired", None),
    (errors.StreamRestarted(2, "1-1"), 500, "server_error", "restarted", None),
    (errors.StreamError("closed"), 503, "server_error", "unreadable_event", None),
    (errors.SubmitError("no"), 500, "server_error", "internal", None),
    (errors.LlamaqError("no"), 500, "server_error", "internal", None),
    (TimeoutError("late"), 504, "server_error", "timed_out", None),
    (GatewayError(401, "invalid_api_key", "no key"), 401, "authentication_error", "invalid_api_key", None),
    (GatewayError(403, "model_not_allowed", "no", param="model"), 403, "permission_error", "model_not_allowed", None),
    (GatewayError(429, "rate_limit_exceeded", "no", retry_after=3), 429, "rate_limit_error", "rate_limit_exceeded", 3),
    (HTTPException(404), 404, "invalid_request_error", "not_found", None),
    (HTTPException(405), 405, "invalid_request_error", "method_not_allowed", None),
]


def _codes() -> set[str]:
    """The codes of failed jobs, as `ErrorInfo` lists them."""
    listed = re.search(r"code: (.*?)\.\n", ErrorInfo.__doc__ or "", re.DOTALL)
    assert listed
    return set(re.findall(r"`(\w+)`", listed[1]))


def _classes(base: type[BaseException] = errors.LlamaqError) -> Iterator[type[BaseException]]:
    yield base
    for derived in base.__subclasses__():
        if derived.__module__ == errors.__name__:
            yield from _classes(derived)


def test_the_table_has_every_class_and_every_code() -> None:
    """An error that is added belongs into it."""
    assert set(_classes()) - {errors.JobFailed} == {
        type(row[0]) for row in TABLE if isinstance(row[0], errors.LlamaqError)
    }
    assert set(CODES) == _codes()


@pytest.mark.parametrize(("error", "status", "kind", "code", "retry_after"), TABLE, ids=lambda one: type(one).__name__)
def test_an_error_has_one_status_and_one_body_in_each_dialect(
    error: BaseException, status: int, kind: str, code: str, retry_after: float | None
) -> None:
    """With the message of the error itself, unless that names an address."""
    failure = failure_of(error)

    assert (failure.status, failure.type, failure.code, failure.retry_after) == (status, kind, code, retry_after)
    text = str(error.detail) if isinstance(error, HTTPException) else str(error)
    text = AWAY if isinstance(error, errors.BrokerUnavailable) else text
    assert ollama_body(failure) == {"error": text}
    assert openai_body(failure) == {"error": {"message": text, "type": kind, "param": failure.param, "code": code}}
    assert jobs_body(failure)["error"].items() >= {"code": code, "message": text}.items()


@pytest.mark.parametrize("code", CODES)
def test_a_failed_job_has_the_status_of_its_code(code: str) -> None:
    """And what its error has beyond a message, in the jobs API."""
    failure = failure_of(errors.JobFailed("j", ErrorInfo(code=code, message="why", retryable=True, clock="deadline")))

    assert (failure.status, failure.code, failure.message) == (CODES[code].status, CODES[code].code, "why")
    assert jobs_body(failure)["error"].items() >= {"message": "why", "retryable": True, "clock": "deadline"}.items()


@pytest.mark.parametrize(("host", "shown"), [(500, 500), (501, 501), (404, 502), (None, 502)])
def test_a_fault_of_the_host_keeps_the_hosts_status(host: int | None, shown: int) -> None:
    """Where it is one of a server; Ollama's client would have got it."""
    assert failure_of(errors.JobFailed("j", ErrorInfo(code="ollama_error", message="x", status=host))).status == shown


def test_what_nobody_foresaw_is_a_500_without_its_text() -> None:
    """The text may quote a key or a prompt."""
    failure = failure_of(KeyError("the prompt"))

    assert (failure.status, failure.code) == (500, "internal")
    assert "prompt" not in failure.message


def test_the_reason_of_an_outage_is_for_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """It has the address of Redis. It is logged once, and another reason at once."""
    reasons = [f"Redis at {uuid4()}: no answer", f"Redis at {uuid4()}: no right"]
    for reason in (reasons[0], reasons[0], *reasons):
        assert reason not in failure_of(errors.BrokerUnavailable(reason)).message

    logged = [record.getMessage() for record in caplog.records]
    assert logged == [f"a request failed: {reason}" for reason in reasons]


def test_several_wrong_fields_are_all_told() -> None:
    """The first is the field, as OpenAI's form has one."""
    failure = failure_of(errors.InvalidRequest([Problem("a", "wrong"), Problem("b.0", "wrong too")]))

    assert failure.param == "a"
    assert jobs_body(failure)["error"]["problems"] == [
        {"field": "a", "message": "wrong"},
        {"field": "b.0", "message": "wrong too"},
    ]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/chat", {"error": "full"}),
        ("/v1/models", {"error": {"message": "full", "type": "rate_limit_error", "param": None, "code": "queue_full"}}),
        ("/jobs", {"error": {"code": "queue_full", "message": "full"}}),
    ],
)
def test_the_path_decides_the_dialect(path: str, body: dict[str, Any]) -> None:
    """With the headers that go with the status: whole seconds of `Retry-After`, never 0."""
    answer = render_error(errors.QueueFull("full", 0.2), path)

    assert bytes(answer.body).decode() == str(body).replace("'", '"').replace(" ", "").replace("None", "null")
    assert answer.headers["Retry-After"] == "1"
    assert dialect_of("/v1") == "jobs"
    assert render_error(GatewayError(401, "a", "b"), path).headers["WWW-Authenticate"] == "Bearer"


def test_the_page_has_the_table() -> None:
    """docs/http.md names each class and each code with its status."""
    page = (CHECKOUT / "docs" / "http.md").read_text("utf-8")
    rows = {row.__name__: meaning for row, meaning in CLASSES.items() if issubclass(row, errors.LlamaqError)}

    for name, meaning in rows.items():
        assert f"| `{name}` | {meaning.status} | `{meaning.code}` | `{meaning.type}` |" in page
    for code, meaning in CODES.items():
        assert f"| a job failed: `{code}` | {meaning.status} | `{meaning.code}` | `{meaning.type}` |" in page
