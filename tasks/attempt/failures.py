"""The meaning of each failure for a job, as one table. `docs/failures.md` is rendered from it.

The attempt reads it for errors of `api_client` and for its own faults, the reaper for lost workers, and the intake and
the inbox for refused requests.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Literal

import api_client
from llamaq.store.worker.claimed_job import ClaimedJob, UnreadableRequest
from llamaq.store.worker.outcome import Blame, Counts, Error, Failed, Outcome, Retry
from llamaq.vocabulary.errors import ConversationBusy, InvalidRequest, QueueFull, SubmitError, UnknownModel
from tasks.attempt.context import ImageGone

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
LONGEST_HOST_PAUSE_SECONDS = 2.0
"""The longest pause after a failure of the host, because its circuit breaker delays the job anyway."""
LONGEST_REFUSAL_PAUSE_SECONDS = 8.0
"""The longest pause after a refusal without a `Retry-After`: a host that is busy has room again within seconds."""
LONGEST_WAIT_SECONDS = 3600.0
"""The longest pause that a `Retry-After` can ask for. The reaper shortens every other, as one of a clock set back."""
OF_THE_HOST = frozenset({"ollama_error", "ollama_unavailable", "model_not_found"})
"""The codes of failures that a request does not cause."""
FREE_ATTEMPTS = 8
"""So many attempts may be refused, or fail with a lost connection, before they count. Later ones count: it may be the
job that crashes the host, or that the host refuses while no other job shows that it takes others."""


class WorkerEvent(StrEnum):
    """Failures that are no exceptions, with the text that the documentation shows."""

    DEADLINE = "`deadline` ran out"
    BAD_VECTORS = "the vectors do not fit the inputs: their number or lengths, an empty one, NaN, beyond 32-bit floats"
    UNREADABLE_RESULT = "the answer of the host makes a result that readers refuse, such as JSON nested too deep"
    INVALID_OUTPUT = "an extraction is still invalid after its repairs, or has no time left for one"
    OUTPUT_TOO_LONG = "an extraction is cut at the same length with more room for its answer"
    DRAINED = "the worker stopped in order"
    LEASE_LAPSED = "the worker died or froze past its lease"
    LEASE_LAPSED_LAST = "the same in the last try"
    MODEL_GONE = "a waiting job: for `LLAMAQ_ORPHAN_SECONDS` no known host had its model"
    OWN_FAULT = "an unexpected exception in the worker"


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row of the table.

    Attributes:
        code: the code of the producer's error.
        then: `retry` after a pause, `again` at once, or `fail`.
        blame: whether the failure counts against the host, as `outcome.Blame`.
        counts: whether the attempt counts as a try, as `outcome.Counts`.
        retryable: whether the same request may succeed later, for the producer.
        limit: the field of the request whose time ran out.
        text: the description in the documentation, where the cause is a class.
        message: the producer's message, where the failure has none of its own.
    """

    code: str
    then: Literal["retry", "again", "fail"]
    blame: Blame = ""
    counts: Counts = "always"
    retryable: bool = False
    limit: str = ""
    text: str = ""
    message: str = ""


def _retry(code: str, text: str = "", blame: Blame = "", counts: Counts = "always", message: str = "") -> Meaning:
    return Meaning(code, "retry", blame, counts, retryable=True, text=text, message=message)


def _fail(code: str, text: str = "", blame: Blame = "", *, retryable: bool = False, message: str = "") -> Meaning:
    return Meaning(code, "fail", blame, retryable=retryable, text=text, message=message)


def _again(message: str, counts: Counts) -> Meaning:
    return Meaning("internal", "again", counts=counts, retryable=True, message=message)


def _timed_out(limit: str, text: str = "") -> Meaning:
    # Never retried: another attempt would discard a slow load and start it again.
    return Meaning("timed_out", "fail", retryable=True, limit=limit, text=text)


Cause = type[Exception] | WorkerEvent
FAILURES: Mapping[Cause, Meaning] = {
    api_client.HostUnreachable: _retry("ollama_unavailable", "no connection to the host", "host", "never"),
    api_client.ConnectTimeout: _retry("ollama_unavailable", "no connection in time", "host", "never"),
    api_client.ServerBusy: _retry("ollama_unavailable", "503 or 429: busy, or a quota is used up", "model", "alone"),
    api_client.ConnectionLost: _retry("ollama_unavailable", "cut before the headers", "doubt", "later"),
    api_client.GatewayError: _retry(
        "ollama_unavailable", "499, 502, 504, 520 to 527 or 530 of a proxy", "doubt", "later"
    ),
    api_client.WrongProtocol: _fail("ollama_unavailable", "what answers does not speak HTTP, or breaks TLS", "host"),
    api_client.UntrustedCertificate: _fail("ollama_unavailable", "the certificate is not trusted", "host"),
    api_client.RunnerDied: _retry("ollama_error", "the process that holds the model died", "doubt"),
    api_client.StreamCut: _retry("ollama_error", "the stream was cut, or ended without its last line", "doubt"),
    api_client.ServerFault: _retry("ollama_error", "any other 5xx"),
    api_client.RequestTimeout: _retry("ollama_error", "408"),
    api_client.NoSuchPath: _retry("ollama_error", "404 without Ollama's words, as of Traefik", "fault", "later"),
    WorkerEvent.BAD_VECTORS: _retry("ollama_error"),
    WorkerEvent.UNREADABLE_RESULT: _retry("ollama_error"),
    api_client.RegistryUnreachable: _retry("ollama_error", "a pull: the host does not reach the registry"),
    api_client.StreamError: _fail("ollama_error", "not what Ollama sends, such as a page", "fault"),
    api_client.UnknownShape: _fail("ollama_error", "a field of an answer has another type than Ollama's"),
    api_client.Forbidden: _fail("ollama_error", "401 or 403", "fault"),
    api_client.OllamaError: _fail("ollama_error", "any other answer of the host, such as a redirect", "fault"),
    api_client.BadRequest: _fail("invalid_request", "a wrong request, also a 500 for a wrong option or `format`"),
    InvalidRequest: _fail("invalid_request", "a wrong request, or one that this worker does not allow"),
    UnreadableRequest: _retry("internal", "a stored request that this worker cannot read: the producer is newer"),
    ImageGone: _fail("invalid_request", "an image of the request is no longer stored"),
    api_client.ContextOverflow: _fail("context_overflow", "the prompt is longer than the context"),
    WorkerEvent.OUTPUT_TOO_LONG: _fail("context_overflow"),
    api_client.ModelNotFound: _fail("model_not_found", "the host does not have the model", "fault"),
    WorkerEvent.MODEL_GONE: _fail(
        "model_not_found",
        message="no host has the job's model any longer: pull it and submit again, or submit with wait_for_model",
    ),
    UnknownModel: _fail("model_not_found", "intake: no host has the model"),
    api_client.Unsupported: _fail("unsupported", "the model lacks vision, tools, thinking or embeddings"),
    WorkerEvent.INVALID_OUTPUT: _fail("invalid_output", retryable=True),
    api_client.FirstByteTimeout: _timed_out("first_token_within", "`first_token_within` ran out"),
    api_client.StallTimeout: _timed_out("stall_after", "`stall_after` ran out"),
    WorkerEvent.DEADLINE: _timed_out("deadline"),
    WorkerEvent.DRAINED: _again("the worker is stopping; the job goes back to its queue", "never"),
    WorkerEvent.LEASE_LAPSED: _again("the worker that ran this attempt stopped renewing its lease", "always"),
    WorkerEvent.LEASE_LAPSED_LAST: _fail(
        "attempts_exhausted", message="each attempt ended with the loss of its worker; the job is not tried again"
    ),
    WorkerEvent.OWN_FAULT: _retry("internal"),
    QueueFull: _fail("internal", "intake: the queue is full", retryable=True),
    ConversationBusy: _fail("internal", "intake: another turn of the conversation runs or waits", retryable=True),
}


def meaning_of(error: Exception) -> Meaning:
    """The row of an exception's class, or of its nearest base class that has one.

    Raises:
        KeyError: there is none.
    """
    for kind in type(error).__mro__:
        if kind in FAILURES:
            return FAILURES[kind]
    raise KeyError(type(error).__name__)


def error_of(cause: WorkerEvent, message: str = "", details: Mapping[str, Any] | None = None) -> Error:
    """The producer's error for an event."""
    return _error(FAILURES[cause], message, details)


def outcome_of(cause: WorkerEvent, message: str = "", details: Mapping[str, Any] | None = None) -> Failed | Retry:
    """The outcome of an attempt for an event."""
    return _outcome(FAILURES[cause], message, details)


def outcome_of_error(error: Exception, job: ClaimedJob) -> Failed | Retry:
    """The outcome of an attempt for an exception that has a row; raises as `meaning_of`.

    Its message is for the job's producer, who may be a tenant, so the host's address is left out.
    """
    meaning = meaning_of(error)
    if meaning.limit:
        # The limit in force: a default depends on what was asked.
        return timeout_outcome(meaning, getattr(error, "seconds", None) or getattr(job.request, meaning.limit))
    details = {
        name: getattr(error, name, None) for name in ("status", "said", "capability", "n_prompt_tokens", "n_ctx")
    }
    wait = min(getattr(error, "retry_after_seconds", None) or 0, LONGEST_WAIT_SECONDS)
    message = error.without_address if isinstance(error, api_client.OllamaError) else str(error)
    return _outcome(meaning, message, details, wait)


def timeout_outcome(meaning: Meaning, seconds: float) -> Failed:
    """The outcome of an attempt whose limit ran out after `seconds`."""
    message = f"{meaning.limit} ran out after {seconds:g} s"
    return Failed(_error(meaning, message, {"clock": meaning.limit}))


def refusal(error: SubmitError) -> Error:
    """The error of a request that the intake or the inbox refuses.

    Raises:
        KeyError: the error is no refusal: Redis does not answer.
    """
    meaning = meaning_of(error)
    code = error.code if isinstance(error, InvalidRequest) else meaning.code
    return Error(code, str(error), meaning.retryable)


def excuse_remote_model(outcome: Outcome) -> Outcome:
    """Clear the blame where the model runs elsewhere: what may have failed there does not speak against the host."""
    return replace(outcome, blame="") if isinstance(outcome, Failed | Retry) and outcome.blame == "doubt" else outcome


def excuse_begun_answer(outcome: Outcome) -> Outcome:
    """Clear the blame where a part of the answer had come: the failure does not speak against the model there."""
    if isinstance(outcome, Failed | Retry) and outcome.blame == "fault":
        return replace(outcome, blame="")
    return outcome


def is_host_failure(outcome: Outcome) -> bool:
    """Whether the attempt failed by the state of the host, which may not be what was reported last."""
    return isinstance(outcome, Failed | Retry) and outcome.error.code in OF_THE_HOST


def counts_as_try(outcome: Retry, job: ClaimedJob) -> bool:
    """Whether this attempt at the job counts as a try."""
    match outcome.counts:
        case "later":
            return job.attempt > FREE_ATTEMPTS
        case "alone":
            return job.refusal_counts or job.attempt > FREE_ATTEMPTS
        case _:
            return outcome.counts == "always"


def limit_tries(outcome: Outcome, job: ClaimedJob) -> Outcome:
    """Make a failure of a retry when the job has no try left.

    For a job that lost its worker `reap.lua` decides the same.
    """
    if isinstance(outcome, Retry) and counts_as_try(outcome, job):
        last = job.tries >= job.max_attempts
        return Failed(outcome.error, outcome.blame, outcome.wait_seconds) if last else outcome
    return outcome


def pause_of(outcome: Retry, job: ClaimedJob, jitter: float) -> float:
    """The pause before another attempt at the job, in seconds."""
    if outcome.blame == "model" and not job.refusal_counts:
        pause = min(pause_seconds(job.attempt, jitter), LONGEST_REFUSAL_PAUSE_SECONDS)
    elif counts_as_try(outcome, job):
        pause = pause_seconds(job.tries, jitter)
    else:
        pause = host_pause_seconds(job.attempt, jitter)
    return max(pause, outcome.wait_seconds)


def pause_seconds(tries: int, jitter: float) -> float:
    """The pause after `tries` tries. It doubles up to a limit, and `jitter` (0 to 1) takes off up to half."""
    longest = min(FIRST_PAUSE_SECONDS * 2.0 ** (tries - 1), LONGEST_PAUSE_SECONDS)
    return longest * (0.5 + jitter / 2)


def host_pause_seconds(attempt: int, jitter: float) -> float:
    """The pause after a failure of the host, where no other host takes the job at once."""
    return min(pause_seconds(attempt, jitter), LONGEST_HOST_PAUSE_SECONDS)


def log_message(error: Error) -> str:
    """The message for a log. That of an error about a request or an answer may quote it, so it is left to `status`."""
    if error.code in {"invalid_request", "invalid_output"}:
        return "see `llamaq status` of the job: the message may quote it"
    return error.message


def _outcome(
    meaning: Meaning, message: str, details: Mapping[str, Any] | None = None, wait_seconds: float = 0
) -> Failed | Retry:
    error = _error(meaning, message, details)
    if meaning.then == "fail":
        return Failed(error, meaning.blame)
    return Retry(error, meaning.blame, meaning.counts, wait_seconds)


def _error(meaning: Meaning, message: str, details: Mapping[str, Any] | None = None) -> Error:
    return Error(meaning.code, message or meaning.message, meaning.retryable, dict(details or {}))
