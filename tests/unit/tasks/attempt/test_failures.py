"""The one table: what each failure of Ollama means for the job."""

from dataclasses import replace
from typing import Any

import pytest

import api_client
from api_client import (
    BadRequest,
    ConnectionLost,
    ConnectTimeout,
    ContextOverflow,
    FirstByteTimeout,
    Forbidden,
    GatewayError,
    HostUnreachable,
    ModelNotFound,
    NoSuchPath,
    OllamaError,
    OllamaStatusError,
    RegistryUnreachable,
    RequestTimeout,
    RunnerDied,
    ServerBusy,
    ServerFault,
    StallTimeout,
    StreamCut,
    StreamError,
    UnknownShape,
    Unsupported,
    UntrustedCertificate,
    WrongProtocol,
)
from embedded.scripted.fleet import make_request_json
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Failed, Retry
from llamaq.vocabulary.errors import UnknownModel
from tasks.attempt.failures import (
    FAILURES,
    FREE_ATTEMPTS,
    LONGEST_HOST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    LONGEST_REFUSAL_PAUSE_SECONDS,
    OF_THE_HOST,
    WorkerEvent,
    counts_as_try,
    host_pause_seconds,
    limit_tries,
    outcome_of_error,
    pause_of,
    pause_seconds,
    timeout_outcome,
)
from tests.unit.tasks.ollama import claimed

JOB = claimed("generate", make_request_json(stall_after=7.0, first_token_within=8.0))
TABLE: list[tuple[OllamaError, str, type, dict[str, Any]]] = [
    (HostUnreachable("m"), "ollama_unavailable", Retry, {}),
    (ConnectionLost("m"), "ollama_unavailable", Retry, {}),
    (WrongProtocol("m"), "ollama_unavailable", Failed, {}),
    (UntrustedCertificate("m"), "ollama_unavailable", Failed, {}),
    (ServerBusy("m", status=503), "ollama_unavailable", Retry, {"status": 503}),
    (GatewayError("m", status=502), "ollama_unavailable", Retry, {"status": 502}),
    (RunnerDied("m", status=500), "ollama_error", Retry, {"status": 500}),
    (ServerFault("m", status=500), "ollama_error", Retry, {"status": 500}),
    (RequestTimeout("m", status=408), "ollama_error", Retry, {"status": 408}),
    (NoSuchPath("m", status=404), "ollama_error", Retry, {"status": 404}),
    (OllamaStatusError("m", status=302), "ollama_error", Failed, {"status": 302}),
    (StreamCut("m"), "ollama_error", Retry, {}),
    (StreamError("m"), "ollama_error", Failed, {}),
    (UnknownShape("m", field="done"), "ollama_error", Failed, {}),
    (RegistryUnreachable("m", status=500), "ollama_error", Retry, {"status": 500}),
    (Forbidden("m", status=403), "ollama_error", Failed, {"status": 403}),
    (BadRequest("m", status=400), "invalid_request", Failed, {"status": 400}),
    (BadRequest("m", status=500), "invalid_request", Failed, {"status": 500}),
    (
        ContextOverflow("m", status=400, n_prompt_tokens=9, n_ctx=5),
        "context_overflow",
        Failed,
        {"status": 400, "n_ctx": 5},
    ),
    (ModelNotFound("m", status=404), "model_not_found", Failed, {"status": 404}),
    (Unsupported("m", status=400, capability="vision"), "unsupported", Failed, {"capability": "vision"}),
    (ConnectTimeout("m"), "ollama_unavailable", Retry, {}),
    (FirstByteTimeout("m"), "timed_out", Failed, {"clock": "first_token_within"}),
    (StallTimeout("m"), "timed_out", Failed, {"clock": "stall_after"}),
]


@pytest.mark.parametrize(("error", "code", "then", "details"), TABLE, ids=lambda value: type(value).__name__)
def test_each_error_has_its_code_and_its_decision(
    error: OllamaError, code: str, then: type, details: dict[str, Any]
) -> None:
    """Tried again where another attempt can help, and nowhere else; the details are on the error."""
    outcome = outcome_of_error(error, JOB)

    assert type(outcome) is then
    assert isinstance(outcome, Failed | Retry)
    wire = outcome.error.as_json()
    assert wire["code"] == code
    assert details.items() <= wire.items()
    assert None not in wire.values()
    assert isinstance(outcome, Failed) or wire["retryable"] is True


def test_the_table_has_a_row_for_each_error() -> None:
    """An error that the API client gains needs a decision here; `Aborted` is our own doing."""
    abstract = {"OllamaError", "OllamaConnectionError", "OllamaTimeout", "Aborted"}
    known = {
        name
        for name, thing in vars(api_client).items()
        if isinstance(thing, type) and issubclass(thing, OllamaError) and name not in abstract
    }

    assert known == {type(error).__name__ for error, *_ in TABLE}


@pytest.mark.parametrize(
    ("error", "blame"),
    [
        (HostUnreachable("m"), "host"),
        (ConnectionLost("m"), "doubt"),
        (ConnectTimeout("m"), "host"),
        (ServerBusy("m", status=503), "model"),
        (GatewayError("m", status=504), "doubt"),
        (RunnerDied("m", status=500), "doubt"),
        (StreamCut("m"), "doubt"),
        (ServerFault("m", status=500), ""),
        (NoSuchPath("m", status=404), "fault"),
        (Forbidden("m", status=401), "fault"),
        (StreamError("m"), "fault"),
        (ModelNotFound("m", status=404), "fault"),
        (UntrustedCertificate("m"), "host"),
        (RegistryUnreachable("m", status=500), ""),
        (BadRequest("m", status=400), ""),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_failure_speaks_against_the_host_or_not(error: OllamaError, blame: str) -> None:
    """Surely where no job can have caused it; perhaps, or as a fault of its model, where one can; else not at all."""
    outcome = outcome_of_error(error, JOB)

    assert outcome.blame == blame


@pytest.mark.parametrize("error", [RunnerDied("m", status=500), NoSuchPath("m", status=404)])
def test_a_failure_in_the_last_try_speaks_against_the_host_too(error: OllamaError) -> None:
    """Else a worker whose jobs have one try would see no failing host."""
    outcome = outcome_of_error(error, JOB)
    last = limit_tries(outcome, replace(JOB, tries=JOB.max_attempts, attempt=FREE_ATTEMPTS + 1))

    assert isinstance(last, Failed)
    assert last == Failed(outcome.error, outcome.blame)
    assert last.blame


def test_a_failure_of_the_host_speaks_against_nobody_only_where_a_job_may_cause_it() -> None:
    """A host that ends each job by another one would fail all that wait."""
    by_error = {kind: meaning for kind, meaning in FAILURES.items() if isinstance(kind, type)}
    of_host = {kind for kind, meaning in by_error.items() if meaning.code in OF_THE_HOST and not meaning.blame}

    assert of_host == {RegistryUnreachable, UnknownModel, ServerFault, RequestTimeout, UnknownShape}


def test_what_the_host_alone_did_is_never_a_try() -> None:
    """Refused and busy are free without end; a cut that the job may have caused is so a few times."""
    refused, cut = outcome_of_error(HostUnreachable("m"), JOB), outcome_of_error(ConnectionLost("m"), JOB)
    died = outcome_of_error(RunnerDied("m", status=500), JOB)
    assert isinstance(refused, Retry)
    assert isinstance(cut, Retry)
    assert isinstance(died, Retry)

    def at(attempt: int) -> ClaimedJob:
        return replace(JOB, attempt=attempt)

    assert not counts_as_try(refused, at(1000))
    assert [counts_as_try(cut, at(attempt)) for attempt in (1, FREE_ATTEMPTS, FREE_ATTEMPTS + 1)] == [
        False,
        False,
        True,
    ]
    assert counts_as_try(died, at(1))
    assert host_pause_seconds(1000, 1.0) == LONGEST_HOST_PAUSE_SECONDS


def test_a_refusal_counts_where_others_are_not_refused() -> None:
    """429 and 503 are free while the whole model is refused; the host's `Retry-After` is the least pause."""
    busy = outcome_of_error(ServerBusy("m", status=429, retry_after_seconds=40.0), JOB)
    assert isinstance(busy, Retry)
    alone = replace(JOB, refusal_counts=True)

    assert (counts_as_try(busy, JOB), counts_as_try(busy, alone)) == (False, True)
    assert not counts_as_try(busy, replace(JOB, attempt=FREE_ATTEMPTS))
    assert counts_as_try(busy, replace(JOB, attempt=FREE_ATTEMPTS + 1))
    assert pause_of(busy, JOB, 1.0) == pause_of(busy, alone, 1.0) == 40.0
    soon = replace(busy, wait_seconds=0.0)
    assert pause_of(soon, replace(JOB, attempt=1000), 1.0) == LONGEST_REFUSAL_PAUSE_SECONDS
    assert pause_of(soon, alone, 1.0) == pause_seconds(JOB.tries, 1.0)


def test_a_clock_that_ran_out_says_which_and_how_long() -> None:
    """The producer's own figure, in seconds."""
    assert timeout_outcome(FAILURES[WorkerEvent.DEADLINE], 0.5).error.message == "deadline ran out after 0.5 s"
    outcome = outcome_of_error(StallTimeout("m"), JOB)
    assert isinstance(outcome, Failed)
    assert outcome.error.message == "stall_after ran out after 7 s"
    stalled = StallTimeout("m")
    stalled.seconds = 600.0  # a default, which depends on what was asked
    outcome = outcome_of_error(stalled, claimed("generate", make_request_json()))
    assert isinstance(outcome, Failed)
    assert outcome.error.message == "stall_after ran out after 600 s"


@pytest.mark.parametrize("tries", [1, 2, 3, 10, 100, 1000])
def test_pauses_grow_and_are_capped_and_spread(tries: int) -> None:
    """Doubling from one second, at most thirty; the jitter takes off up to half."""
    low, high = pause_seconds(tries, 0.0), pause_seconds(tries, 1.0)

    assert 0.5 <= low <= high <= LONGEST_PAUSE_SECONDS
    assert low == high / 2
    assert high == min(2.0 ** (tries - 1), LONGEST_PAUSE_SECONDS)
